package order

import (
	"testing"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/vss"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

func TestShareOpensInItsOwnPlaceOnly(t *testing.T) {
	r := newRealm(t, 2)
	plan := r.plan(Secret, 2)
	h := r.run(t, plan, secret.Random(32), r.beneficiary, r.beneficiary)

	// transplant orders anew, with a's share 0 in the place given.
	transplant := func(t *testing.T, as *identity.Keyring, p Plan, place int) (*VerifiedOrder, []byte) {
		t.Helper()
		placed, err := Place(as, p, secret.Random(32), now)
		if err != nil {
			t.Fatal(err)
		}
		o, err := VerifyOrder(placed.Envelope.Block, placed.Envelope.Plain, r.who)
		if err != nil {
			t.Fatal(err)
		}
		body := o.body
		body.Shares = o.Shares()
		body.Shares[place] = h.order.Shares()[0]
		sealed := h.reseal(t, as, &o.Part, body)
		o, err = VerifyOrder(sealed.Block, sealed.Plain, r.who)
		if err != nil {
			t.Fatal(err)
		}
		return o, h.placed.Detached[0].Bytes
	}

	t.Run("not in another order of the same principal", func(t *testing.T) {
		o, block := transplant(t, r.principal, plan, 0)
		_, err := OpenShare(r.custody[0], o, 0, block)
		wantKind(t, err, fault.Invalid)
	})
	t.Run("not in an order of another principal", func(t *testing.T) {
		o, block := transplant(t, r.stranger, plan, 0)
		_, err := OpenShare(r.custody[0], o, 0, block)
		wantKind(t, err, fault.Invalid)
	})
	t.Run("not for another fiduciary of its order", func(t *testing.T) {
		body := h.order.body
		body.Shares = []dag.CID{h.order.Shares()[1], h.order.Shares()[0]}
		sealed := h.reseal(t, r.principal, &h.order.Part, body)
		o, err := VerifyOrder(sealed.Block, sealed.Plain, r.who)
		if err != nil {
			t.Fatal(err)
		}
		_, err = OpenShare(r.custody[1], o, 1, h.placed.Detached[0].Bytes)
		wantKind(t, err, fault.Invalid)
	})
	t.Run("not by a custody identity that the terms do not name there", func(t *testing.T) {
		_, err := OpenShare(r.custody[1], h.order, 0, h.placed.Detached[0].Bytes)
		wantKind(t, err, fault.Denied)
		_, err = OpenShare(r.nodes[0], h.order, 0, h.placed.Detached[0].Bytes)
		wantKind(t, err, fault.Denied)
	})
	t.Run("not at an index that the order lacks", func(t *testing.T) {
		for _, index := range []int{-1, 2, 1 << 40} {
			_, err := OpenShare(r.custody[0], h.order, index, h.placed.Detached[0].Bytes)
			wantKind(t, err, fault.Invalid)
		}
	})
	t.Run("not where the principal committed to something else", func(t *testing.T) {
		block, err := sealShare(mustSuite(t, h.order), h.order.termsCID, h.order.Terms().Principal, r.custody[0].Identity(), 0, mustShare(t, h.material[1], 2))
		if err != nil {
			t.Fatal(err)
		}
		body := h.order.body
		body.Shares = []dag.CID{block.CID, h.order.Shares()[1]}
		sealed := h.reseal(t, r.principal, &h.order.Part, body)
		o, err := VerifyOrder(sealed.Block, sealed.Plain, r.who)
		if err != nil {
			t.Fatal(err)
		}
		_, err = OpenShare(r.custody[0], o, 0, block.Bytes)
		wantKind(t, err, fault.Invalid)
	})
}

func TestCiphertextOpensInItsOwnOrderOnly(t *testing.T) {
	r := newRealm(t, 1)
	h := r.run(t, r.plan(Secret, 1), secret.Random(32), r.beneficiary, r.beneficiary)
	other := r.run(t, r.plan(Secret, 1), secret.Random(32), r.beneficiary, r.beneficiary)

	t.Run("not instead of the block linked", func(t *testing.T) {
		_, err := Combine(h.order, h.shares(t, 0), other.ciphertext())
		wantKind(t, err, fault.Invalid)
	})
	t.Run("not where the principal links it", func(t *testing.T) {
		body := h.order.body
		body.Ciphertext = other.order.Ciphertext()
		sealed := h.reseal(t, r.principal, &h.order.Part, body)
		o, err := VerifyOrder(sealed.Block, sealed.Plain, r.who)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Combine(o, h.shares(t, 0), other.ciphertext())
		wantKind(t, err, fault.Invalid)
	})
}

func TestSecretOfAnotherSizeThanTheTermsSayIsRefused(t *testing.T) {
	r := newRealm(t, 1)
	h := r.run(t, r.plan(Secret, 1), secret.Random(32), r.beneficiary, r.beneficiary)
	seed, err := vss.Combine(h.order.Terms().Commitments, h.shares(t, 0))
	if err != nil {
		t.Fatal(err)
	}
	block, err := encryptSecret(mustSuite(t, h.order), h.order.termsCID, seed, secret.Random(33))
	if err != nil {
		t.Fatal(err)
	}
	body := h.order.body
	body.Ciphertext = block.CID
	sealed := h.reseal(t, r.principal, &h.order.Part, body)
	o, err := VerifyOrder(sealed.Block, sealed.Plain, r.who)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Combine(o, h.shares(t, 0), block.Bytes)
	wantKind(t, err, fault.Invalid)
}
