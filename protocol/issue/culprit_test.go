package issue

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
)

// TestWhatAnyoneMayHaveChangedAccusesNobody, yet says which D-TA's answer is
// lacking.
func TestWhatAnyoneMayHaveChangedAccusesNobody(t *testing.T) {
	r := newRealm(t, 3)
	n := r.found(t, r.terms(mpin.V1))
	ask := Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "alice")}
	q, again := n.ask(t, ask, r.registrar), n.ask(t, ask, r.registrar)
	delivery := func(q *inquiry) Delivery {
		d := Delivery{Charter: must(n.Charter())(t), Request: OpenedPart{q.sealed.Block, q.sealed.Plain}, Roll: q.sealed.roll}
		for i := range q.custody {
			sealed, block := q.grant(t, i, q.shares[i])
			d.Grants = append(d.Grants, Delivered{OpenedPart{sealed.Block, sealed.Plain}, block.Bytes})
		}
		slices.Reverse(d.Grants) // D-TA 2 is first
		return d
	}
	genuine, other := delivery(q), delivery(again)
	for name, edit := range map[string]func(*Delivered){
		"a changed envelope":             func(g *Delivered) { g.Envelope = slices.Clone(g.Envelope); g.Envelope[len(g.Envelope)-1] ^= 1 },
		"another plaintext":              func(g *Delivered) { g.Plain = other.Grants[0].Plain },
		"an answer to another request":   func(g *Delivered) { *g = other.Grants[0] },
		"another answer's sealed share":  func(g *Delivered) { g.Share = other.Grants[0].Share },
		"another D-TA's sealed share":    func(g *Delivered) { g.Share = genuine.Grants[1].Share },
		"a sealed share cut short":       func(g *Delivered) { g.Share = g.Share[:100] },
		"no sealed share":                func(g *Delivered) { g.Share = nil },
		"a plaintext that is cut short":  func(g *Delivered) { g.Plain = g.Plain[:40] },
		"a sealed share with a byte set": func(g *Delivered) { g.Share = slices.Clone(g.Share); g.Share[60] ^= 1 },
	} {
		t.Run(name, func(t *testing.T) {
			d := genuine
			d.Grants = slices.Clone(d.Grants)
			edit(&d.Grants[0])
			_, err := Receive(d, n.Order.CID(), q.receiver)
			var bad *BadShare
			if errors.As(err, &bad) {
				t.Errorf("D-TA %d is accused", bad.Index)
			}
			var lacking *BadAnswer
			if !errors.As(err, &lacking) || lacking.Index != 2 || lacking.Custody != r.custody[2].Identity().Name {
				t.Errorf("expected the answer of D-TA 2 to be lacking; found %v", err)
			}
			wantKind(t, err, fault.Invalid)
		})
	}
	t.Run("an answer of nobody", func(t *testing.T) {
		d := genuine
		d.Grants = slices.Clone(d.Grants)
		d.Grants[0].Envelope = d.Request.Envelope
		_, err := Receive(d, n.Order.CID(), q.receiver)
		wantKind(t, err, fault.Denied)
	})
	t.Run("no answer", func(t *testing.T) {
		d := genuine
		d.Grants = d.Grants[1:]
		_, err := Receive(d, n.Order.CID(), q.receiver)
		wantKind(t, err, fault.Unavailable)
	})
	t.Run("an answer twice", func(t *testing.T) {
		d := genuine
		d.Grants = append(slices.Clone(d.Grants[1:]), d.Grants[1])
		_, err := Receive(d, n.Order.CID(), q.receiver)
		wantKind(t, err, fault.Invalid)
	})
	t.Run("an answer too many", func(t *testing.T) {
		d := genuine
		d.Grants = append(slices.Clone(d.Grants), d.Grants[1])
		_, err := Receive(d, n.Order.CID(), q.receiver)
		wantKind(t, err, fault.Invalid)
	})
	t.Run("opened with another's key", func(t *testing.T) {
		g := must(VerifyGrant(q.request, n.Acceptances[2], genuine.Grants[0].Envelope, genuine.Grants[0].Plain, n.who))(t)
		_, err := OpenShare(g, genuine.Grants[0].Share, must(seal.V2.NewPrivateKey())(t))
		wantKind(t, err, fault.Denied)
		var bad *BadShare
		if errors.As(err, &bad) {
			t.Errorf("D-TA %d is accused", bad.Index)
		}
	})
	t.Run("as it was", func(t *testing.T) { must(Receive(genuine, n.Order.CID(), q.receiver))(t).Clear() })
}

// TestAnAnswerWithAReplacedKeyIsNone: its thief could only get the D-TA blamed.
func TestAnAnswerWithAReplacedKeyIsNone(t *testing.T) {
	r := newRealm(t, 1)
	first, next, err := identity.Create(identity.Custody, "custody", now)
	if err != nil {
		t.Fatal(err)
	}
	r.custody[0] = first
	known := []*identity.Identity{r.registrar.Identity(), r.cosigner.Identity(), r.nodes[0].Identity(), first.Identity()}
	r.who = must(order.PartiesOf(known...))(t)
	placed := must(order.Place(r.registrar, r.plan(r.terms(mpin.V1)), nil, now))(t)

	second, nextAfter, err := first.Rotate(next, now.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	nextAfter.Clear()
	r.who = must(order.PartiesOf(append(known, second.Identity())...))(t)
	o := must(order.VerifyOrder(placed.Envelope.Block, placed.Envelope.Plain, r.who))(t)
	share := bls.RandomScalar()
	c := must(order.ProveShare(o, second.Identity().Name, share))(t)
	receipt := order.Receipt{Deposit: dag.Sum([]byte("a deposit")), Mode: order.Supervised, Type: "test", HostEnforced: true}
	sealed := must(order.Accept(second, o, 0, c, receipt, nil, r.who, now.Add(2*time.Minute)))(t)
	a := must(order.VerifyAcceptance(o, sealed.Block, sealed.Plain, r.who))(t)
	n := &network{realm: r, Network: must(NewNetwork(o, []*order.VerifiedAcceptance{a}, r.who))(t), suite: mpin.V1, shares: []*bls.Scalar{share}}
	q := n.ask(t, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "alice")}, r.registrar)
	answer := func(k *identity.Keyring, at time.Time) (*envelope.Sealed, error) {
		s := must(Issue(q.request, a.Custody(), a.Commitment(), share))(t)
		defer s.Clear()
		e, _, err := GrantTo(k, q.request, a, s, nil, r.who, at)
		return e, err
	}
	_, err = answer(first, now)
	wantKind(t, err, fault.Denied)

	genuine := must(answer(second, now.Add(3*time.Minute)))(t)
	var body Grant
	if err := envelope.DecodePlain(genuine.Plain, &body); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		by   *identity.Keyring
		at   time.Time
		want fault.Kind
	}{
		"the key with which it accepted":        {second, now.Add(3 * time.Minute), ""},
		"the key before, as if still its":       {first, now, fault.Denied},
		"the key before, after it was replaced": {first, now.Add(time.Hour), fault.Invalid},
		"an answer older than its request":      {second, now.Add(-envelope.MaxSkew - time.Second), fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			e := must(o.SealBeside(c.by, order.Writing{
				Kind: envelope.Grant, After: &q.request.Part, For: grantParties(q.request, a), Previous: []dag.CID{q.request.CID(), a.CID()},
				Body: body, Expires: c.at.Add(time.Hour),
			}, r.who, c.at))(t)
			_, err := VerifyGrant(q.request, a, e.Block, e.Plain, r.who)
			if fault.Of(err) != c.want {
				t.Errorf("expected %q; found %v", c.want, err)
			}
		})
	}
}

// TestAClearedShareIsNone: nothing of it is left, and nothing takes it for what it
// was checked to be.
func TestAClearedShareIsNone(t *testing.T) {
	q := smallInquiry(t)
	a := q.Acceptances[0]
	issued := must(Issue(q.request, a.Custody(), a.Commitment(), q.shares[0]))(t)
	point, proof := issued.box.Open().G1[0], issued.box.Open().Proof
	issued.Clear()
	issued.Clear()
	if !point.IsIdentity() || slices.ContainsFunc(proof, func(b byte) bool { return b != 0 }) {
		t.Error("point or proof is left")
	}
	_, _, err := GrantTo(q.custody[0], q.request, a, issued, nil, q.who, now)
	wantKind(t, err, fault.Internal)
	answers := q.answers(t)
	answers[0].Share.Clear()
	_, err = Combine(q.request, answers)
	wantKind(t, err, fault.Internal)
}

// TestWhatNobodyVerifiedIsTurnedDown, and no panic.
func TestWhatNobodyVerifiedIsTurnedDown(t *testing.T) {
	q := smallInquiry(t)
	a := q.Acceptances[0]
	sealed, block := q.grant(t, 0, q.shares[0])
	share := must(Issue(q.request, a.Custody(), a.Commitment(), q.shares[0]))(t)
	for _, r := range []*VerifiedRequest{nil, {}} {
		_, err := r.Bases()
		wantKind(t, err, fault.Internal)
		wantKind(t, r.Current(now), fault.Internal)
		wantKind(t, r.InForce(q.who), fault.Internal)
		_, err = Issue(r, a.Custody(), a.Commitment(), q.shares[0])
		wantKind(t, err, fault.Internal)
		_, err = Issued(r, a.Custody(), a.Commitment(), nil, nil)
		wantKind(t, err, fault.Internal)
		_, _, err = GrantTo(q.custody[0], r, a, share, nil, q.who, now)
		wantKind(t, err, fault.Internal)
		_, err = VerifyGrant(r, a, sealed.Block, sealed.Plain, q.who)
		wantKind(t, err, fault.Internal)
		_, err = Combine(r, nil)
		wantKind(t, err, fault.Internal)
	}
	for _, a := range []*order.VerifiedAcceptance{nil, {}} {
		_, err := VerifyGrant(q.request, a, sealed.Block, sealed.Plain, q.who)
		wantKind(t, err, fault.Internal)
	}
	for _, s := range []*Share{nil, {}} {
		s.Clear()
		_, _, err := GrantTo(q.custody[0], q.request, a, s, nil, q.who, now)
		wantKind(t, err, fault.Internal)
	}
	for _, g := range []*VerifiedGrant{nil, {}} {
		_, err := OpenShare(g, block.Bytes, q.receiver)
		wantKind(t, err, fault.Internal)
	}
	for _, o := range []*order.VerifiedOrder{nil, {}} {
		_, err := VerifyRequest(o, q.sealed.Block, q.sealed.Plain, q.who)
		wantKind(t, err, fault.Internal)
		_, err = VerifyRevocation(o, q.sealed.Block, q.sealed.Plain, q.who)
		wantKind(t, err, fault.Internal)
		_, err = Draft(o, Wish{}, now)
		wantKind(t, err, fault.Internal)
		_, err = Delegate(q.registrar, o, Delegation{})
		wantKind(t, err, fault.Internal)
		_, err = Revoke(q.registrar, o, Subject{"alice", 1}, q.who, now)
		wantKind(t, err, fault.Internal)
		_, err = NewNetwork(o, nil, nil)
		wantKind(t, err, fault.Internal)
	}
}
