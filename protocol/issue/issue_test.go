package issue

import (
	"testing"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
)

func subjects(suite mpin.Suite, names ...string) (out []Subject) {
	for _, n := range names {
		s := Subject{Name: n}
		if suite == mpin.V1 {
			s.Enrolment = 1
		}
		out = append(out, s)
	}
	return out
}

// TestWhatAllIssueAddsUp: the receiver has what the whole master secret, which
// exists nowhere but in this test, would have issued.
func TestWhatAllIssueAddsUp(t *testing.T) {
	r := newRealm(t, 3)
	for _, suite := range []mpin.Suite{mpin.V1, mpin.AMCL} {
		t.Run(suite.Name, func(t *testing.T) {
			n := r.found(t, r.terms(suite))
			s := n.master()
			people := subjects(suite, "alice@example.com", "bob@example.com")
			id := func(i int) []byte {
				return must(suite.IdentityOf(n.Order.NetworkID(), people[i].Name, people[i].Enrolment))(t)
			}
			t.Run("client secrets", func(t *testing.T) {
				q := n.ask(t, Wish{Kind: order.ClientSecret, Subjects: people}, r.registrar)
				got := must(Combine(q.request, q.answers(t)))(t)
				defer got.Clear()
				for i := range people {
					if want := must(suite.HashIdentity(id(i)))(t).Mul(s); !got.Clients[i].Point().Equal(want) {
						t.Errorf("subject %d: the client secret is another", i)
					}
				}
			})
			t.Run("server secret", func(t *testing.T) {
				q := n.ask(t, Wish{Kind: order.ServerSecret, Subjects: []Subject{{Name: "login.example.com"}}}, r.cosigner, r.registrar)
				got := must(Combine(q.request, q.answers(t)))(t)
				defer got.Clear()
				if want := bls.G2Generator().Mul(s); !got.Server.Point().Equal(want) {
					t.Error("the server secret is another")
				}
			})
			t.Run("permits", func(t *testing.T) {
				today := Day(now)
				q := n.ask(t, Wish{Kind: order.TimePermit, Subjects: people, First: today, Days: 3}, r.registrar)
				got := must(Combine(q.request, q.answers(t)))(t)
				for i := range people {
					for d, p := range got.Permits[i] {
						want := must(suite.HashPermit(id(i), uint32(today)+uint32(d)))(t).Mul(s)
						if p.Day != uint32(today)+uint32(d) || !p.Point.Equal(want) {
							t.Errorf("subject %d, day %d: the permit is another", i, d)
						}
					}
				}
			})
		})
	}
}

func TestACharterProvesTheNetworkToAStranger(t *testing.T) {
	r := newRealm(t, 3)
	n := r.found(t, r.terms(mpin.V1))
	block := must(n.Charter(r.delegate.Identity()))(t)
	got := must(ReadCharter(block))(t)
	if got.Order.CID() != n.Order.CID() || len(got.Acceptances) != 3 || got.Terms.Name != "lab" {
		t.Errorf("expected network %s; found %s of %d", n.Order.CID(), got.Order.CID(), len(got.Acceptances))
	}
	if _, err := got.Who.Identity(r.delegate.Identity().Name, r.delegate.Identity().Document); err != nil {
		t.Errorf("the delegate: %v", err)
	}
}

func TestADelegateSignsWithinItsScope(t *testing.T) {
	r := newRealm(t, 1)
	n := r.found(t, r.terms(mpin.V1))
	d := must(Delegate(r.registrar, n.Order, Delegation{
		To: r.delegate.Identity().Name, Kinds: []order.IssueKind{order.ClientSecret}, Suffix: "@example.com",
		NotBefore: now.UnixMilli(), Expires: now.Add(MaxDelegation).UnixMilli(),
	}))(t)
	within, receiver := n.draft(t, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "carol@example.com")})
	a := must(Approve(r.delegate, n.Order, within, d, n.who))(t)
	sealed := must(Ask(r.delegate, n.Order, within, []Approval{*a}, n.who, now))(t)
	q := &inquiry{network: n, request: must(must(OpenRequest(r.nodes[0], n.Order, sealed.Block, n.who))(t).Unseal(sealed.Subjects.Bytes))(t), receiver: receiver}
	must(Combine(q.request, q.answers(t)))(t).Clear()

	outside, _ := n.draft(t, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "carol@example.org")})
	_, err := Approve(r.delegate, n.Order, outside, d, n.who)
	wantKind(t, err, "denied")
}

func TestARevocationCoversEarlierEnrolments(t *testing.T) {
	r := newRealm(t, 2)
	n := r.found(t, r.terms(mpin.V1))
	sealed := must(Revoke(r.registrar, n.Order, Subject{"alice@example.com", 2}, n.who, now))(t)
	for _, k := range []*identity.Keyring{r.nodes[0], r.nodes[1], r.registrar} {
		v := must(OpenRevocation(k, n.Order, sealed.Block, n.who))(t)
		for enrolment, want := range map[uint64]bool{1: true, 2: true, 3: false} {
			if got := v.Covers(Subject{"alice@example.com", enrolment}); got != want {
				t.Errorf("enrolment %d: expected %t; found %t", enrolment, want, got)
			}
		}
	}
	_, err := Revoke(r.stranger, n.Order, Subject{"alice@example.com", 2}, n.who, now)
	wantKind(t, err, "denied")
}

// TestABadShareNamesItsDTA: the receiver says who, before anything is added.
func TestABadShareNamesItsDTA(t *testing.T) {
	r := newRealm(t, 3)
	n := r.found(t, r.terms(mpin.V1))
	q := n.ask(t, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "alice@example.com")}, r.registrar)
	sealed, block := q.grant(t, 1, bls.RandomScalar())
	g := must(VerifyGrant(q.request, q.Acceptances[1], sealed.Block, sealed.Plain, n.who))(t)
	_, err := OpenShare(g, block.Bytes, q.receiver)
	var bad *BadShare
	if !asBad(err, &bad) || bad.Index != 1 || bad.Custody != r.custody[1].Identity().Name || bad.Reason != order.NotAsAccepted {
		t.Errorf("expected D-TA 1 named; found %v", err)
	}
}

func TestAReceiverWhoTrustsNobodyChecksADelivery(t *testing.T) {
	r := newRealm(t, 3)
	n := r.found(t, r.terms(mpin.V1))
	q := n.ask(t, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "alice@example.com")}, r.registrar)
	d := Delivery{Charter: must(n.Charter())(t), Request: OpenedPart{q.sealed.Block, q.sealed.Plain}, Roll: q.sealed.roll}
	for i := range q.custody {
		sealed, block := q.grant(t, i, q.shares[i])
		d.Grants = append(d.Grants, Delivered{OpenedPart{sealed.Block, sealed.Plain}, block.Bytes})
	}
	got := must(Receive(d, n.Order.CID(), q.receiver))(t)
	defer got.Clear()
	id := must(mpin.V1.IdentityOf(n.Order.NetworkID(), "alice@example.com", 1))(t)
	if want := must(mpin.V1.HashIdentity(id))(t).Mul(n.master()); !got.Clients[0].Point().Equal(want) {
		t.Error("the client secret is another")
	}
	other := r.found(t, r.terms(mpin.V1))
	_, err := Receive(d, other.Order.CID(), q.receiver)
	wantKind(t, err, "denied")
}
