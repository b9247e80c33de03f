package plugintest_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/internal/guard"
	"github.com/milagro-dta/dta/sdk/plugintest"
	"github.com/milagro-dta/dta/sdk/plugintest/internal/scene"
)

// box keeps keys under one of its own.
type box struct{ key *secret.Bytes }

func (b box) Safeguard(_ context.Context, key []byte, _ guard.About) ([]byte, error) {
	return seal.V2.Encrypt(b.key, nil, key)
}

func (b box) Restore(_ context.Context, deposit []byte, _ guard.About) ([]byte, error) {
	key, err := seal.V2.Decrypt(b.key, nil, deposit)
	if err != nil {
		return nil, fault.New(fault.Denied, "no such deposit")
	}
	return key.Open(), nil
}

// guarded is an enrolled guard, and a redemption of an order that it kept.
func guarded(tb testing.TB) (*guard.Guard, []byte, *scene.Redeemed) {
	tb.Helper()
	g, err := guard.New(guard.Settings{
		Custodian: box{secret.Random(32)}, Instance: plugintest.Instance, Type: "box",
		Scheme: func() string { return "" }, Mode: order.Supervised, Now: time.Now,
	})
	if err != nil {
		tb.Fatal(err)
	}
	e, err := g.Enrol(tb.Context(), "", "box")
	if err != nil {
		tb.Fatal(err)
	}
	s := scene.New(tb, plugintest.Instance, order.Supervised, g.Chain())
	o := s.Order(tb, []byte("a secret"))
	got, err := safeguard(tb, g, s, o.Ask())
	if err != nil {
		tb.Fatal(err)
	}
	k := o.Accept(tb, got)
	return g, e.Root, k.Redeem(tb, k.Beneficiary)
}

// safeguard has a guard keep what an order says, and shows it the documents that it lacks.
func safeguard(tb testing.TB, g *guard.Guard, s *scene.Scene, req *contract.SafeguardRequest) (*contract.SafeguardResponse, error) {
	return scene.Showing(tb.Context(), s, show(g), func() (*contract.SafeguardResponse, error) { return g.Safeguard(tb.Context(), req) })
}

func show(g *guard.Guard) func(context.Context, *contract.ShowRequest) error {
	return func(ctx context.Context, req *contract.ShowRequest) error {
		_, err := g.Show(ctx, req)
		return err
	}
}

// founded is an enrolled guard, and a network of which it made a share.
func founded(tb testing.TB, change ...func(*guard.Settings)) (*guard.Guard, *scene.Founded) {
	tb.Helper()
	settings := guard.Settings{
		Custodian: box{secret.Random(32)}, Instance: plugintest.Instance, Type: "box",
		Scheme: func() string { return "" }, Mode: order.Supervised, Now: time.Now,
	}
	for _, c := range change {
		c(&settings)
	}
	g, err := guard.New(settings)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(g.Close)
	if _, err := g.Enrol(tb.Context(), "", "box"); err != nil {
		tb.Fatal(err)
	}
	n := scene.New(tb, plugintest.Instance, order.Supervised, g.Chain()).Network(tb, mpin.V1)
	got, err := safeguard(tb, g, n.Scene, n.Ask())
	if err != nil {
		tb.Fatal(err)
	}
	return g, n.Accept(tb, got)
}

// refusable fails on a refusal that blames the plugin.
func refusable(t *testing.T, err error) {
	switch fault.Of(err) {
	case fault.Internal, fault.Deadline, fault.Busy, fault.Unavailable:
		t.Errorf("expected an answer or a refusal that says what is wrong; got %s: %v", fault.Of(err), err)
	}
}

func FuzzSafeguardRequest(f *testing.F) {
	g, _, r := guarded(f)
	f.Add(marshal(f, r.Kept.Order.Ask()))
	ask := r.Kept.Order.Ask()
	ask.Documents = ask.Documents[:1]
	f.Add(marshal(f, ask))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var req contract.SafeguardRequest
		if proto.Unmarshal(raw, &req) != nil {
			return
		}
		_, err := g.Safeguard(t.Context(), &req)
		refusable(t, err)
	})
}

func FuzzRestoreRequest(f *testing.F) {
	g, _, r := guarded(f)
	f.Add(marshal(f, r.Ask()))
	ask := r.Ask()
	ask.Acceptance = ask.Order
	f.Add(marshal(f, ask))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var req contract.RestoreRequest
		if proto.Unmarshal(raw, &req) != nil {
			return
		}
		_, err := g.Restore(t.Context(), &req)
		refusable(t, err)
	})
}

func FuzzIssueRequest(f *testing.F) {
	g, n := founded(f)
	for _, q := range []*scene.Inquiry{n.Clients(f, "alice"), n.Server(f, "login.example"), n.Permits(f, 2, "alice")} {
		f.Add(marshal(f, q.Ask()))
	}
	ask := n.Clients(f, "alice").Ask()
	ask.Request = ask.Order
	f.Add(marshal(f, ask))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var req contract.IssueRequest
		if proto.Unmarshal(raw, &req) != nil {
			return
		}
		_, err := g.Issue(t.Context(), &req)
		refusable(t, err)
	})
}

func FuzzDeposit(f *testing.F) {
	g, root, r := guarded(f)
	_, node, err := g.MakeKey(f.Context(), "")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(root)
	f.Add(r.Deposit)
	f.Add(node)
	f.Fuzz(func(t *testing.T, deposit []byte) {
		key, err := g.OpenKey(t.Context(), "", deposit)
		refusable(t, err)
		if err == nil && string(deposit) != string(node) {
			t.Errorf("another deposit than the one made gave a key of %d bytes", key.Len())
		}
		refusable(t, g.Load(t.Context(), deposit, dag.CID{}))
	})
}

func marshal(f *testing.F, m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		f.Fatal(err)
	}
	return b
}
