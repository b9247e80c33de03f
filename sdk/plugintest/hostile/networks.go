package hostile

import (
	"bytes"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/plugintest"
	"github.com/milagro-dta/dta/sdk/plugintest/internal/scene"
)

// networks are a cast with two networks beside its orders, of different registrars, authorities and suites; of the
// first the plugin made a share twice.
type networks struct {
	*cast
	n, n2, m *scene.Founded

	clients, server, permits *scene.Inquiry // of n, and good for n2 as well
	others                   *scene.Inquiry // client secrets of m

	desk    *identity.Keyring // to which n's registrar may delegate; no party of any network
	retired *identity.Keyring // an authority over n's permits, at the document it had before it rotated
	rotated *identity.Keyring // and at the document it has now

	said []byte // all that the plugin answered to attacks and to the truth
}

func newNetworks(t *testing.T, c plugintest.Config) *networks {
	t.Helper()
	x := &networks{cast: newCast(t, c)}
	x.desk = x.Party(t, "service desk")
	retired, next, err := identity.Create(identity.Node, "retired", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	x.retired = retired
	x.Know(retired.Identity())

	n := x.Network(t, mpin.V1, func(terms *order.NetworkTerms) {
		terms.MaxDays = 7
		permits := &terms.Authority[2]
		*permits = scene.Rule(order.TimePermit, 1, retired)
		// Of all names but the registrar's the scene knows who they are.
		permits.Names = append(permits.Names, terms.Authority[0].Names...)
		sortNames(permits.Names)
	})
	x.n, x.n2 = x.Found(t, n), x.Found(t, n)
	x.m = x.Found(t, x.Network(t, mpin.AMCL))
	x.clients, x.server, x.permits = x.n.Clients(t, "alice"), x.n.Server(t, "login.example"), x.n.Permits(t, 2, "alice")
	x.others = x.m.Clients(t, "alice")

	for name, q := range map[string]*scene.Inquiry{"client secret": x.clients, "server secret": x.server, "permits": x.permits, "client secret of m": x.others} {
		got, err := x.Issuing.Issue(t.Context(), q.Ask())
		if err != nil {
			t.Fatalf("the honest past: %v", err)
		}
		for _, point := range q.Own(t, got) {
			x.canaries["share of a "+name] = point
		}
	}
	rotated, after, err := retired.Rotate(next, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	after.Clear()
	next.Clear()
	x.rotated = rotated
	x.Know(rotated.Identity())
	return x
}

// of gives an inquiry to the network as it was founded once more.
func of(f *scene.Founded, q *scene.Inquiry) *scene.Inquiry {
	again := *q
	again.Founded = f
	return &again
}

// issue makes one attempt. honest is whose receiver may have the answer; nil for a lie.
func (x *networks) issue(t testing.TB, what string, req *contract.IssueRequest, honest *scene.Inquiry, kinds ...fault.Kind) {
	t.Helper()
	got, err := x.Issuing.Issue(t.Context(), req)
	if honest == nil {
		x.refused(t, what, got, err, kinds...)
		if err != nil {
			x.said = append(x.said, err.Error()...)
		}
		return
	}
	if err != nil {
		t.Errorf("%s: the truth was refused: %v", what, err)
		return
	}
	x.hear(t, what, got)
	honest.Open(t, got).Clear()
}

// hear searches an answer, part by part.
func (x *networks) hear(t testing.TB, what string, got *contract.IssueResponse) {
	t.Helper()
	raw, err := proto.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	x.said = append(x.said, raw...)
	for name, part := range map[string][]byte{"envelope": got.GetGrant().GetEnvelope(), "plaintext": got.GetGrant().GetPlain(), "share": got.GetShare()} {
		x.search(t, what+": the grant's "+name, part)
	}
}

// end looks into the deposits and searches for the shares themselves, now that all has been said.
func (x *networks) end(t testing.TB) {
	t.Helper()
	materials, ok := x.Look(t, x.n.Deposit, x.n2.Deposit, x.m.Deposit)
	if !ok {
		t.Log("neither Config.Plugin nor Config.Twin is set: the shares themselves are not searched for")
	}
	for i, m := range materials {
		x.canaries[[]string{"share of n", "second share of n", "share of m"}[i]] = bytes.Clone(m[1:])
	}
	x.search(t, "an answer", x.said)
	x.Kill()
	x.search(t, "the log", []byte(x.Log()))
}

// anyRefusal are the kinds of a request that contradicts itself in more than one way.
var anyRefusal = []fault.Kind{fault.Invalid, fault.Denied, fault.NotFound, fault.Unsupported}
