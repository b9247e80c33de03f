package order

import (
	"slices"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

func TestPartsByTheWrongSignerAreDenied(t *testing.T) {
	r := newRealm(t, 2)
	h := r.run(t, r.plan(Secret, 1), secret.Random(32), r.beneficiary, r.beneficiary)
	for _, tt := range []struct {
		name, part string
		signer     *identity.Keyring
	}{
		{"an order that a stranger signs for the principal", "order", r.stranger},
		{"an order that its fiduciary signs for the principal", "order", r.nodes[0]},
		{"an acceptance by another fiduciary", "acceptance", r.custody[1]},
		{"an acceptance by the fiduciary's node", "acceptance", r.nodes[0]},
		{"an acceptance by the principal", "acceptance", r.principal},
		{"a redemption by a stranger", "redemption", r.stranger},
		{"a redemption by a fiduciary", "redemption", r.custody[0]},
		{"a redemption by a fiduciary's node", "redemption", r.nodes[0]},
		{"a release by another fiduciary", "release", r.custody[1]},
		{"a release by the fiduciary's node", "release", r.nodes[0]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := deepCopy(t, h.body(tt.part, 0))
			sealed := h.reseal(t, tt.signer, h.part(tt.part, 0), body)
			wantKind(t, h.verify(tt.part, 0, sealed.Block, sealed.Plain), fault.Denied)
		})
	}
	t.Run("no acceptance is made for another fiduciary", func(t *testing.T) {
		_, err := Accept(r.custody[1], h.order, 0, h.commitments[0], receipt(0), nil, r.who, now)
		wantKind(t, err, fault.Denied)
	})
	t.Run("no release is made for another fiduciary", func(t *testing.T) {
		_, _, err := ReleaseTo(r.custody[1], h.redemption, h.acceptances[0], h.material[0], nil, r.who, now)
		wantKind(t, err, fault.Denied)
	})
	t.Run("no redemption is made by a stranger", func(t *testing.T) {
		_, reply, err := Redeem(r.stranger, h.order, h.acceptances, r.beneficiary.Identity().Name, r.who, now)
		wantKind(t, err, fault.Denied)
		if reply != nil {
			t.Fatal("a refused redemption left a reply key")
		}
	})
	t.Run("no redemption is made for a stranger", func(t *testing.T) {
		_, _, err := Redeem(r.principal, h.order, h.acceptances, r.stranger.Identity().Name, r.who, now)
		wantKind(t, err, fault.Denied)
	})
}

func TestSomeoneElsesKeyringOpensNothing(t *testing.T) {
	r := newRealm(t, 1)
	h := r.run(t, r.plan(Secret, 1), secret.Random(32), r.principal, r.beneficiary)
	_, err := OpenOrder(r.stranger, h.order.Block(), r.who)
	wantKind(t, err, fault.Denied)
	_, err = OpenOrder(r.custody[0], h.order.Block(), r.who)
	wantKind(t, err, fault.Denied)
	_, err = OpenReleasedMaterial(h.releases[0], h.released[0].Bytes, ReceiverKey{Keyring: r.principal})
	wantKind(t, err, fault.Denied)
	_, err = OpenReleasedMaterial(h.releases[0], h.released[0].Bytes, ReceiverKey{})
	wantKind(t, err, fault.Denied)
}

func TestHeadersOfAnotherShapeAreRefused(t *testing.T) {
	r := newRealm(t, 2)
	h := r.run(t, r.plan(Secret, 1), secret.Random(32), r.beneficiary, r.beneficiary)
	foreign := dag.Sum([]byte("foreign"))
	reversed := func(ids []*identity.Identity) []*identity.Identity {
		ids = slices.Clone(ids)
		slices.Reverse(ids)
		return ids
	}
	for _, part := range parts {
		p := h.part(part, 0)
		for _, tt := range []struct {
			name string
			edit func(*envelope.Draft)
		}{
			{"a link too many at the end", func(d *envelope.Draft) { d.Previous = append(slices.Clone(d.Previous), foreign) }},
			{"a link too many in front", func(d *envelope.Draft) {
				// In a redemption it could be an acceptance; two there are enough.
				d.Previous = append([]dag.CID{foreign}, d.Previous...)
			}},
			{"its links in another order", func(d *envelope.Draft) {
				if len(d.Previous) < 2 {
					d.Previous = []dag.CID{foreign}
					return
				}
				d.Previous = slices.Clone(d.Previous)
				slices.Reverse(d.Previous)
			}},
			{"no links, or one where none belongs", func(d *envelope.Draft) {
				if d.Previous = nil; part == "order" {
					d.Previous = []dag.CID{foreign}
				}
			}},
			{"a recipient too few", func(d *envelope.Draft) { d.Recipients = d.Recipients[:len(d.Recipients)-1] }},
			{"a stranger as a recipient too many", func(d *envelope.Draft) {
				d.Recipients = append(slices.Clone(d.Recipients), r.stranger.Identity())
			}},
			{"a custody identity as a recipient too many", func(d *envelope.Draft) {
				d.Recipients = append(slices.Clone(d.Recipients), r.custody[0].Identity())
			}},
			{"a stranger in a recipient's place", func(d *envelope.Draft) {
				d.Recipients = append(slices.Clone(d.Recipients[:len(d.Recipients)-1]), r.stranger.Identity())
			}},
			{"its recipients in another order", func(d *envelope.Draft) { d.Recipients = reversed(d.Recipients) }},
			{"another kind", func(d *envelope.Draft) { d.Kind = envelope.Notice }},
		} {
			t.Run("a part with "+tt.name+": "+part, func(t *testing.T) {
				d := envelope.Draft{Kind: p.header.Kind, Recipients: h.readers(t, p), Previous: p.header.Previous, Body: h.body(part, 0)}
				tt.edit(&d)
				sealed := h.sealAs(t, h.signer(part, 0), d)
				wantKind(t, h.verify(part, 0, sealed.Block, sealed.Plain), fault.Invalid)
			})
		}
	}
}

func TestRedemptionReliesOnEnoughAcceptances(t *testing.T) {
	r := newRealm(t, 3)
	h := r.run(t, r.plan(Secret, 2), secret.Random(32), r.beneficiary, r.beneficiary)
	receiver := r.beneficiary.Identity().Name
	a := h.acceptances

	t.Run("t of them are enough, and those left out release nothing", func(t *testing.T) {
		sealed, _, err := Redeem(r.beneficiary, h.order, a[:2], receiver, r.who, now)
		if err != nil {
			t.Fatal(err)
		}
		red, err := VerifyRedemption(h.order, sealed.Block, sealed.Plain, r.who)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := ReleaseTo(r.custody[1], red, a[1], h.material[1], nil, r.who, now); err != nil {
			t.Fatal(err)
		}
		_, _, err = ReleaseTo(r.custody[2], red, a[2], h.material[2], nil, r.who, now)
		wantKind(t, err, fault.Invalid)
	})
	for name, relied := range map[string][]*VerifiedAcceptance{
		"fewer are not":      a[:1],
		"none are not":       nil,
		"one twice is not":   {a[0], a[0]},
		"an empty one fails": {a[0], {}},
		"a nil one fails":    {a[0], nil},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := Redeem(r.beneficiary, h.order, relied, receiver, r.who, now); err == nil {
				t.Fatal("expected a refusal, found none")
			}
		})
	}
}

func TestReplyKeyIsTheReceiversOwn(t *testing.T) {
	r := newRealm(t, 1)
	h := r.run(t, r.plan(Secret, 1), secret.Random(32), r.beneficiary, r.beneficiary)
	thief, err := seal.V2.NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		signer *identity.Keyring
		edit   func(*Redemption)
		want   fault.Kind // "": sound
	}{
		{"one from the receiver", r.beneficiary, func(*Redemption) {}, ""},
		{"none from the receiver", r.beneficiary, func(b *Redemption) { b.ReplyKeys = nil }, ""},
		{"none from another redeemer", r.principal, func(b *Redemption) { b.ReplyKeys = nil }, ""},
		{"one from another redeemer", r.principal, func(b *Redemption) { b.ReplyKeys = [][]byte{thief.Public()} }, fault.Denied},
		{"one cut short", r.beneficiary, func(b *Redemption) { b.ReplyKeys = [][]byte{b.ReplyKeys[0][1:]} }, fault.Invalid},
		{"one that is no key", r.beneficiary, func(b *Redemption) { b.ReplyKeys = [][]byte{slices.Repeat([]byte{0xff}, seal.PublicKeySize)} }, fault.Invalid},
		{"the same for two fiduciaries", r.beneficiary, func(b *Redemption) { b.ReplyKeys = [][]byte{b.ReplyKeys[0], b.ReplyKeys[0]} }, fault.Invalid},
		{"one of zeros", r.beneficiary, func(b *Redemption) { b.ReplyKeys = [][]byte{make([]byte, seal.PublicKeySize)} }, fault.Invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := h.redemption.body
			tt.edit(&body)
			sealed := h.reseal(t, tt.signer, &h.redemption.Part, body)
			_, err := VerifyRedemption(h.order, sealed.Block, sealed.Plain, r.who)
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantKind(t, err, tt.want)
		})
	}
}

func TestKeyIsProvedForItsOrderAndItsFiduciary(t *testing.T) {
	for _, typ := range keytype.All {
		t.Run(typ.Name(), func(t *testing.T) { keyIsProved(t, typ) })
	}
}

func keyIsProved(t *testing.T, typ keytype.Type) {
	r := newRealm(t, 1)
	p := r.plan(Key, 1)
	p.KeyType = typ
	h := r.run(t, p, nil, r.beneficiary, r.beneficiary)
	other := r.run(t, p, nil, r.beneficiary, r.beneficiary)
	custody, key, another := r.custody[0], h.material[0], typ.New()
	good := mustProve(t, h.order, custody, key)
	type wrong struct {
		name string
		c    Commitment
	}
	wrongs := []wrong{
		{"a proof for another order", mustProve(t, other.order, custody, key)},
		{"a proof for another custody identity", mustProve(t, h.order, r.stranger, key)},
		{"another's proof", Commitment{good.Value, mustProve(t, h.order, custody, another).Proof}},
		{"no proof", Commitment{Value: good.Value}},
		{"no key", Commitment{Proof: good.Proof}},
		{"a key that is no point", Commitment{slices.Repeat([]byte{0xff}, len(good.Value)), good.Proof}},
		{"a key of another length", Commitment{append(slices.Clone(good.Value), 0), good.Proof}},
	}
	for _, of := range keytype.All {
		if of == typ {
			continue
		}
		theirs := of.New()
		public, proof, err := of.Prove(theirs, keyContext(h.order.TermsCID(), custody.Identity().Name))
		if err != nil {
			t.Fatal(err)
		}
		wrongs = append(wrongs, wrong{"a " + of.Name() + " key", Commitment{public, proof}})
		t.Run("a "+of.Name()+" key is not released", func(t *testing.T) {
			_, _, err := ReleaseTo(custody, h.redemption, h.acceptances[0], theirs, nil, r.who, now)
			wantKind(t, err, fault.Invalid)
		})
	}
	for _, tt := range wrongs {
		t.Run(tt.name, func(t *testing.T) {
			body := h.acceptances[0].body
			body.Commitment, body.Proof = tt.c.Value, tt.c.Proof
			sealed := h.reseal(t, custody, &h.acceptances[0].Part, body)
			_, err := VerifyAcceptance(h.order, sealed.Block, sealed.Plain, r.who)
			wantKind(t, err, fault.Invalid)
			_, err = Accept(custody, h.order, 0, tt.c, receipt(0), nil, r.who, now)
			wantKind(t, err, fault.Invalid)
		})
	}
	t.Run("another key is not released", func(t *testing.T) {
		_, _, err := ReleaseTo(custody, h.redemption, h.acceptances[0], another, nil, r.who, now)
		wantKind(t, err, fault.Invalid)
	})
	t.Run("zeros are not proved", func(t *testing.T) {
		_, err := ProveKey(h.order, custody.Identity().Name, secret.New(make([]byte, typ.PrivateSize())))
		wantKind(t, err, fault.Invalid)
	})
	t.Run("a key has no shares and is not combined", func(t *testing.T) {
		_, err := OpenShare(r.custody[0], h.order, 0, nil)
		wantKind(t, err, fault.Invalid)
		_, err = Combine(h.order, nil, nil)
		wantKind(t, err, fault.Invalid)
		if c := h.order.SecretCommitment(); c.Value != nil {
			t.Fatal("a key has the commitment of a secret")
		}
	})
}

func TestSecretHasNoProof(t *testing.T) {
	r := newRealm(t, 1)
	h := r.run(t, r.plan(Secret, 1), secret.Random(32), r.beneficiary, r.beneficiary)
	c := h.commitments[0]
	c.Proof = []byte{1}
	_, err := Accept(r.custody[0], h.order, 0, c, receipt(0), nil, r.who, now)
	wantKind(t, err, fault.Invalid)
}

func TestReceiptsAreHeldToTheirBounds(t *testing.T) {
	r := newRealm(t, 1)
	h := r.run(t, r.plan(Secret, 1), secret.Random(32), r.beneficiary, r.beneficiary)
	for _, tt := range []struct {
		name string
		edit func(*Receipt)
		want fault.Kind
	}{
		{"no deposit", func(r *Receipt) { r.Deposit = dag.CID{} }, fault.Invalid},
		{"a deposit that is no block of ours", func(r *Receipt) { r.Deposit = dag.SumRaw(nil) }, fault.Invalid},
		{"a key of its own that nobody asked for", func(r *Receipt) { r.OwnKey = true }, fault.Invalid},
		{"no mode", func(r *Receipt) { r.Mode = "" }, fault.Unsupported},
		{"an unknown mode", func(r *Receipt) { r.Mode = "trusted" }, fault.Unsupported},
		{"no type", func(r *Receipt) { r.Type = "" }, fault.Invalid},
		{"too long a type", func(r *Receipt) { r.Type = strings.Repeat("x", MaxLabel+1) }, fault.Invalid},
		{"too long a scheme", func(r *Receipt) { r.Scheme = strings.Repeat("x", MaxLabel+1) }, fault.Invalid},
		{"a type that moves the cursor", func(r *Receipt) { r.Type = "\x1b[2J" }, fault.Invalid},
		{"a scheme that looks like another", func(r *Receipt) { r.Scheme = "\u0430es-gcm" }, fault.Invalid},
		{"host-enforced where the terms are not", func(r *Receipt) { r.HostEnforced = true }, fault.Invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rc := receipt(0)
			tt.edit(&rc)
			_, err := Accept(r.custody[0], h.order, 0, h.commitments[0], rc, nil, r.who, now)
			wantKind(t, err, tt.want)
		})
	}
	t.Run("too long a checkpoint", func(t *testing.T) {
		long := make([]byte, MaxCheckpoint+1)
		_, err := Accept(r.custody[0], h.order, 0, h.commitments[0], receipt(0), long, r.who, now)
		wantKind(t, err, fault.Invalid)
		_, _, err = ReleaseTo(r.custody[0], h.redemption, h.acceptances[0], h.material[0], long, r.who, now)
		wantKind(t, err, fault.Invalid)
	})
}

// Whoever forgets to verify gets an error, not a panic and not an answer.
func TestNothingIsDoneWithWhatWasNotVerified(t *testing.T) {
	r := newRealm(t, 1)
	h := r.run(t, r.plan(Secret, 1), secret.Random(32), r.beneficiary, r.beneficiary)
	for _, o := range []*VerifiedOrder{nil, {}} {
		_, err := OpenShare(r.custody[0], o, 0, nil)
		wantKind(t, err, fault.Internal)
		_, err = Accept(r.custody[0], o, 0, Commitment{}, Receipt{}, nil, r.who, now)
		wantKind(t, err, fault.Internal)
		_, err = VerifyAcceptance(o, h.acceptances[0].Block(), h.acceptances[0].Plain(), r.who)
		wantKind(t, err, fault.Internal)
		_, err = VerifyRedemption(o, h.redemption.Block(), h.redemption.Plain(), r.who)
		wantKind(t, err, fault.Internal)
		_, _, err = Redeem(r.beneficiary, o, h.acceptances, r.beneficiary.Identity().Name, r.who, now)
		wantKind(t, err, fault.Internal)
		_, err = Combine(o, nil, nil)
		wantKind(t, err, fault.Internal)
	}
	for _, red := range []*VerifiedRedemption{nil, {}} {
		_, _, err := ReleaseTo(r.custody[0], red, h.acceptances[0], h.material[0], nil, r.who, now)
		wantKind(t, err, fault.Internal)
		_, err = VerifyRelease(red, h.acceptances[0], h.releases[0].Block(), h.releases[0].Plain(), r.who)
		wantKind(t, err, fault.Internal)
	}
	for _, a := range []*VerifiedAcceptance{nil, {}} {
		_, _, err := ReleaseTo(r.custody[0], h.redemption, a, h.material[0], nil, r.who, now)
		wantKind(t, err, fault.Internal)
	}
	for _, l := range []*VerifiedRelease{nil, {}} {
		_, err := OpenReleasedMaterial(l, h.released[0].Bytes, h.key())
		wantKind(t, err, fault.Internal)
	}
}
