package plugintest_test

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/internal/guard"
	"github.com/milagro-dta/dta/sdk/plugintest"
	"github.com/milagro-dta/dta/sdk/plugintest/internal/scene"
)

// counted counts how often keys are asked for.
type counted struct {
	box
	opened *atomic.Int64
}

func (c counted) Restore(ctx context.Context, deposit []byte, about guard.About) ([]byte, error) {
	c.opened.Add(1)
	return c.box.Restore(ctx, deposit, about)
}

func issueWith(t *testing.T, g *guard.Guard, q *scene.Inquiry) {
	t.Helper()
	got, err := g.Issue(t.Context(), q.Ask())
	if err != nil {
		t.Fatal(err)
	}
	q.Open(t, got)
}

func TestACacheSparesTheCustodianAndOnlyIfAskedFor(t *testing.T) {
	for cached, want := range map[int]int64{0: 6, 1: 1} {
		var opened atomic.Int64
		g, f := founded(t, func(s *guard.Settings) {
			s.Custodian, s.Cached = counted{box{secret.Random(32)}, &opened}, cached
		})
		for range 2 {
			for _, q := range []*scene.Inquiry{f.Clients(t, "alice"), f.Server(t, "login.example"), f.Permits(t, 2, "alice")} {
				issueWith(t, g, q)
			}
		}
		if got := opened.Load(); got != want {
			t.Errorf("%d cached: expected the custodian to be asked %d times; it was %d times", cached, want, got)
		}
		// Once closed, the guard asks again.
		g.Close()
		issueWith(t, g, f.Clients(t, "bob"))
		if got := opened.Load(); got != want+1 {
			t.Errorf("%d cached, closed: expected the custodian to be asked %d times; it was %d times", cached, want+1, got)
		}
	}
}

func TestAnIssuersShareIsNotCached(t *testing.T) {
	var opened atomic.Int64
	g, f := founded(t, func(s *guard.Settings) {
		s.Custodian, s.Cached = counted{box{secret.Random(32)}, &opened}, 8
		s.Issuer = device{plugintest.NewHardware()}
	})
	for range 2 {
		issueWith(t, g, f.Clients(t, "alice"))
	}
	if opened.Load() != 2 {
		t.Errorf("expected the custodian to be asked twice; it was %d times", opened.Load())
	}
}

func TestWithoutItsHardwareAPluginSaysSo(t *testing.T) {
	g, f := founded(t, func(s *guard.Settings) { s.Issuer = device{plugintest.NewHardware()} })
	q := f.Clients(t, "alice")
	issueWith(t, g, q)
	g.Issuer = nil
	if _, err := g.Issue(t.Context(), q.Ask()); fault.Of(err) != fault.Unsupported {
		t.Errorf("expected unsupported; got %v", err)
	}
	g.Issuer = device{plugintest.NewHardware()}
	if _, err := g.Issue(t.Context(), q.Ask()); fault.Of(err) != fault.NotFound {
		t.Errorf("expected what the other device says; got %v", err)
	}
}

func TestARequestIsHeldToThePluginsOwnClock(t *testing.T) {
	g, f := founded(t)
	now := time.Now()
	for name, q := range map[string]*scene.Inquiry{"client secrets": f.Clients(t, "alice"), "permits": f.Permits(t, 31, "alice")} {
		for at, want := range map[time.Duration]fault.Kind{
			-3 * time.Minute: fault.Denied, -time.Minute: "", 0: "", issue.Life - time.Minute: "", issue.Life + time.Minute: fault.Denied, -48 * time.Hour: fault.Denied,
		} {
			g.Now = func() time.Time { return now.Add(at) }
			if _, err := g.Issue(t.Context(), q.Ask()); fault.Of(err) != want {
				t.Errorf("%s, the clock at %s: expected %q; got %v", name, at, want, err)
			}
		}
	}
}

// slowBox keeps a key once it may.
type slowBox struct {
	box
	asked *atomic.Int64
	may   chan struct{}
}

func (s slowBox) Safeguard(ctx context.Context, key []byte, about guard.About) ([]byte, error) {
	s.asked.Add(1)
	<-s.may
	return s.box.Safeguard(ctx, key, about)
}

// TestAnotherSignatureJoinsTheCallInFlight: an order of a key would otherwise have two keys at once.
func TestAnotherSignatureJoinsTheCallInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slowBox{box{secret.Random(32)}, new(atomic.Int64), make(chan struct{}, 4)}
		g, err := guard.New(guard.Settings{
			Custodian: s, Instance: plugintest.Instance, Type: "box",
			Scheme: func() string { return "" }, Mode: order.Supervised, Now: time.Now,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.may <- struct{}{}
		s.may <- struct{}{}
		if _, err := g.Enrol(t.Context(), "", "box"); err != nil {
			t.Fatal(err)
		}
		before := s.asked.Load()
		o := scene.New(t, plugintest.Instance, order.Supervised, g.Chain()).Order(t, nil)
		show := func(ctx context.Context, req *contract.ShowRequest) error {
			_, err := g.Show(ctx, req)
			return err
		}
		other, forged := o.Resigned(t), o.Resigned(t).Ask()
		forged.Order.Envelope[len(forged.Order.Envelope)-8] ^= 1
		answers := make([]*contract.SafeguardResponse, 3)
		var wg sync.WaitGroup
		for i, ask := range []*contract.SafeguardRequest{o.Ask(), other.Ask(), o.Ask()} {
			wg.Go(func() {
				got, err := scene.Showing(t.Context(), o.Scene, show, func() (*contract.SafeguardResponse, error) {
					return g.Safeguard(t.Context(), ask)
				})
				if err != nil {
					t.Error(err)
				}
				answers[i] = got
			})
			synctest.Wait()
		}
		if _, err := g.Safeguard(t.Context(), forged); fault.Of(err) != fault.Invalid && fault.Of(err) != fault.Denied {
			t.Errorf("expected a signature that does not verify to join nothing; got %v", err)
		}
		if n := s.asked.Load() - before; n != 1 {
			t.Errorf("expected the custodian to be asked once; it was %d times", n)
		}
		for range 3 {
			s.may <- struct{}{}
			synctest.Wait()
		}
		wg.Wait()
		for _, got := range answers[1:] {
			if !bytes.Equal(got.GetDeposit(), answers[0].GetDeposit()) || !bytes.Equal(got.GetAcceptance().GetEnvelope(), answers[0].GetAcceptance().GetEnvelope()) {
				t.Error("expected the answer to the first call")
			}
		}
		o.Accept(t, answers[1])
	})
}

var none sdk.Context

// device shows the hardware to a guard.
type device struct{ *plugintest.Hardware }

func (d device) MakeShare(ctx context.Context, _ guard.About) ([]byte, error) {
	return d.Hardware.MakeShare(ctx, none)
}

func (d device) CommitShare(ctx context.Context, handle, proofContext []byte, _ guard.About) ([]byte, []byte, error) {
	return d.Hardware.CommitShare(ctx, handle, proofContext, none)
}

func (d device) IssueG1(ctx context.Context, handle []byte, bases [][]byte, proofContext []byte, _ guard.About) ([][]byte, []byte, error) {
	return d.Hardware.IssueG1(ctx, handle, bases, proofContext, none)
}

func (d device) IssueG2(ctx context.Context, handle []byte, _ guard.About) ([]byte, error) {
	return d.Hardware.IssueG2(ctx, handle, none)
}
