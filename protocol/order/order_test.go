package order

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/vss"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

func TestSecretComesBack(t *testing.T) {
	for _, tt := range []struct {
		name string
		t, n int
		from []int
		size int
	}{
		{"from the only fiduciary", 1, 1, []int{0}, 32},
		{"of a single byte", 1, 1, []int{0}, 1},
		{"of the largest size", 1, 1, []int{0}, MaxSecret},
		{"from the first two of three", 2, 3, []int{0, 1}, 32},
		{"from the last two of three, in any order", 2, 3, []int{2, 1}, 32},
		{"from all three where two would do", 2, 3, []int{0, 1, 2}, 32},
		{"from all of thirty-two", 32, 32, upTo(32), 32},
		{"from seventeen of thirty-two", 17, 32, upTo(32)[15:], 32},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if testing.Short() && tt.n > 3 {
				t.Skip("thirty-two fiduciaries are a second's work")
			}
			r := newRealm(t, tt.n)
			what := secret.Random(tt.size)
			h := r.run(t, r.plan(Secret, tt.t), what, r.beneficiary, r.beneficiary)
			got, err := Combine(h.order, h.shares(t, tt.from...), h.ciphertext())
			if err != nil {
				t.Fatal(err)
			}
			if !got.Equal(what.Open()) {
				t.Fatal("the secret that came back is another")
			}
		})
	}
}

func upTo(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

func TestSecretComesBackToReceiverWhomThePrincipalNames(t *testing.T) {
	r := newRealm(t, 1)
	what := secret.New([]byte("for the beneficiary"))
	h := r.run(t, r.plan(Secret, 1), what, r.principal, r.beneficiary)
	if h.reply != nil || h.redemption.HasReplyKeys() {
		t.Fatal("a redeemer for another has a reply key")
	}
	got, err := Combine(h.order, h.shares(t, 0), h.ciphertext())
	if err != nil {
		t.Fatal(err)
	}
	if !got.Equal(what.Open()) {
		t.Fatal("the secret that came back is another")
	}
}

func TestOneNodePlaysAllRoles(t *testing.T) {
	r := newRealm(t, 1)
	r.principal = r.nodes[0]
	r.beneficiary = r.nodes[0]
	what := secret.New([]byte("to myself"))
	h := r.run(t, r.plan(Secret, 1), what, r.principal, r.beneficiary)
	if n := len(h.order.Recipients()); n != 1 {
		t.Fatalf("expected one recipient, found %d", n)
	}
	got, err := Combine(h.order, h.shares(t, 0), h.ciphertext())
	if err != nil {
		t.Fatal(err)
	}
	if !got.Equal(what.Open()) {
		t.Fatal("the secret that came back is another")
	}
}

func TestKeyOfEveryTypeComesBack(t *testing.T) {
	for _, typ := range keytype.All {
		t.Run(typ.Name(), func(t *testing.T) {
			r := newRealm(t, 1)
			p := r.plan(Key, 1)
			p.KeyType = typ
			h := r.run(t, p, nil, r.beneficiary, r.beneficiary)
			if h.order.Algorithm() != typ {
				t.Fatalf("expected a %s key, found %v", typ.Name(), h.order.Algorithm())
			}
			material, err := OpenReleasedMaterial(h.releases[0], h.released[0].Bytes, h.key())
			if err != nil {
				t.Fatal(err)
			}
			if err := keytype.Belongs(typ, material, h.acceptances[0].Commitment()); err != nil {
				t.Fatal(err)
			}
			want := h.order.Terms().KeyForm
			if got := h.acceptances[0].Receipt().KeyForm; got != want {
				t.Errorf("receipt: expected %+v, found %+v", want, got)
			}
			if got := h.releases[0].body.KeyForm; got != want {
				t.Errorf("release: expected %+v, found %+v", want, got)
			}
		})
	}
}

func TestChainIsWalkedFromReleaseToOrder(t *testing.T) {
	r := newRealm(t, 3)
	h := r.run(t, r.plan(Secret, 2), secret.Random(32), r.beneficiary, r.beneficiary)
	a := h.acceptances
	want := map[string][]dag.CID{
		"order":      nil,
		"acceptance": {h.order.CID()},
		"redemption": {a[0].CID(), a[1].CID(), a[2].CID(), h.order.CID()},
		"release":    {h.redemption.CID(), a[1].CID()},
	}
	got := map[string][]dag.CID{
		"order":      h.order.Header().Previous,
		"acceptance": a[1].Header().Previous,
		"redemption": h.redemption.Header().Previous,
		"release":    h.releases[1].Header().Previous,
	}
	for part := range want {
		if len(got[part]) != len(want[part]) {
			t.Fatalf("%s: expected %d links, found %d", part, len(want[part]), len(got[part]))
		}
		for i := range want[part] {
			if got[part][i] != want[part][i] {
				t.Errorf("%s: link %d is another", part, i)
			}
		}
	}
}

// What one fiduciary signs, the others cannot read: it would grow with their
// number, and is none of their business.
func TestEveryPartIsForItsReaders(t *testing.T) {
	r := newRealm(t, 2)
	h := r.run(t, r.plan(Secret, 1), secret.Random(32), r.beneficiary, r.beneficiary)
	p := h.order.Terms()
	nodes := []dag.CID{r.nodes[0].Identity().Name, r.nodes[1].Identity().Name}
	for part, test := range map[string]struct {
		*Part
		nodes []dag.CID
	}{
		"order": {&h.order.Part, nodes}, "acceptance": {&h.acceptances[1].Part, nodes[1:]},
		"redemption": {&h.redemption.Part, nodes}, "release": {&h.releases[0].Part, nodes[:1]},
	} {
		var names []dag.CID
		for _, id := range test.Recipients() {
			names = append(names, id.Name)
		}
		want := slices.Concat([]dag.CID{p.Principal}, test.nodes, []dag.CID{r.beneficiary.Identity().Name})
		if diff := cmp.Diff(want, names, cmp.Comparer(func(a, b dag.CID) bool { return a == b })); diff != "" {
			t.Errorf("%s: recipients differ (-want +got):\n%s", part, diff)
		}
	}
}

func TestTooFewSharesGiveNothing(t *testing.T) {
	r := newRealm(t, 3)
	h := r.run(t, r.plan(Secret, 2), secret.Random(32), r.beneficiary, r.beneficiary)
	_, err := Combine(h.order, h.shares(t, 1), h.ciphertext())
	wantKind(t, err, fault.Invalid)
	twice := h.shares(t, 1, 1)
	_, err = Combine(h.order, twice, h.ciphertext())
	wantKind(t, err, fault.Invalid)
}

func TestBadShareNamesItsFiduciary(t *testing.T) {
	r := newRealm(t, 3)
	h := r.run(t, r.plan(Secret, 2), secret.Random(32), r.beneficiary, r.beneficiary)
	other := r.run(t, r.plan(Secret, 2), secret.Random(32), r.beneficiary, r.beneficiary)
	shares := h.shares(t, 0, 1, 2)
	shares[1], shares[2] = other.shares(t, 1)[0], other.shares(t, 2)[0]
	_, err := Combine(h.order, shares, h.ciphertext())
	wantKind(t, err, fault.Invalid)
	var bad *BadFiduciaries
	if !errors.As(err, &bad) {
		t.Fatalf("expected the culprits, found %v", err)
	}
	if bad.Order != h.order.CID() || len(bad.Bad) != 2 {
		t.Fatalf("expected two culprits of this order, found %d", len(bad.Bad))
	}
	for i, b := range bad.Bad {
		if b.Index != i+1 || b.Custody != r.custody[i+1].Identity().Name {
			t.Errorf("expected fiduciary %d as culprit, found %d, %s", i+1, b.Index, b.Custody)
		}
	}
	if _, err := Combine(h.order, []*vss.Share{shares[0], h.shares(t, 2)[0]}, h.ciphertext()); err != nil {
		t.Fatalf("with t good shares: %v", err)
	}
}

// A custody identity that lies signs for a block that anyone with the reply key
// can open.
func TestLyingFiduciaryIsNamedWithEvidence(t *testing.T) {
	r := newRealm(t, 2)
	h := r.run(t, r.plan(Secret, 1), secret.Random(32), r.beneficiary, r.beneficiary)
	other := r.run(t, r.plan(Secret, 1), secret.Random(32), r.beneficiary, r.beneficiary)
	o := h.order

	wrong, err := sealRelease(h.redemption, h.acceptances[1], h.readers(t, &h.redemption.Part), other.material[1])
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := sealRelease(other.redemption, other.acceptances[1], h.readers(t, &h.redemption.Part), h.material[1])
	if err != nil {
		t.Fatal(err)
	}
	garbage, err := putDetached(detachedShare, []byte("?"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		block Block
		want  Reason
	}{
		{"a share of another order", wrong, NotAsAccepted},
		{"a share sealed for another redemption", elsewhere, DoesNotOpen},
		{"a block of another kind", garbage, NotWellFormed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := h.releases[1].body
			body.Share = tt.block.CID
			sealed := h.reseal(t, r.custody[1], &h.releases[1].Part, body)
			rel, err := OpenRelease(r.beneficiary, h.redemption, h.acceptances[1], sealed.Block, r.who)
			if err != nil {
				t.Fatal(err)
			}
			_, err = OpenReleasedMaterial(rel, tt.block.Bytes, h.key())
			wantKind(t, err, fault.Invalid)
			var bad *BadFiduciaries
			if !errors.As(err, &bad) {
				t.Fatalf("expected the culprit, found %v", err)
			}
			want := BadFiduciary{
				Index: 1, Custody: r.custody[1].Identity().Name, Redemption: h.redemption.CID(),
				Release: sealed.CID, Share: tt.block.CID, Reason: tt.want,
			}
			if bad.Order != o.CID() || len(bad.Bad) != 1 || bad.Bad[0] != want {
				t.Fatalf("expected %+v, found %+v", want, bad.Bad)
			}
		})
	}

	t.Run("a block that is not the one linked accuses nobody", func(t *testing.T) {
		_, err := OpenReleasedMaterial(h.releases[1], wrong.Bytes, h.key())
		wantKind(t, err, fault.Invalid)
		var bad *BadFiduciaries
		if errors.As(err, &bad) {
			t.Fatalf("accused %v", bad)
		}
	})
}
