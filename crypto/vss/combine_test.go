package vss

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/secret"
)

func deal(tb testing.TB, t, n int) (*secret.Bytes, Commitments, []*Share) {
	tb.Helper()
	seed := NewSeed()
	c, shares, err := Deal(seed, t, n)
	if err != nil {
		tb.Fatal(err)
	}
	return seed, c, shares
}

// spoil returns the share with something added to one of its scalars.
func spoil(s *Share, first bool) *Share {
	one := bls.NewScalar(1)
	if first {
		return &Share{index: s.index, s: s.s.Add(one), r: s.r}
	}
	return &Share{index: s.index, s: s.s, r: s.r.Add(one)}
}

func TestAnyThresholdOfSharesRestoresTheSeed(t *testing.T) {
	for _, size := range []struct{ t, n int }{{1, 1}, {1, 3}, {2, 2}, {2, 3}, {3, 5}, {5, 8}, {16, 32}, {32, 32}} {
		t.Run(fmt.Sprintf("%d of %d", size.t, size.n), func(t *testing.T) {
			seed, c, shares := deal(t, size.t, size.n)
			if err := CheckCommitments(c, size.t); err != nil {
				t.Fatal(err)
			}
			for first := 0; first+size.t <= size.n; first += max(1, size.n/4) {
				got, err := Combine(c, shares[first:first+size.t])
				if err != nil {
					t.Fatal(err)
				}
				if !got.Equal(seed.Open()) {
					t.Errorf("shares from %d on restore another seed", first+1)
				}
			}
		})
	}
}

func TestEveryPairAndOrderOfThreeSharesRestoresTheSeed(t *testing.T) {
	seed, c, shares := deal(t, 2, 3)
	for i := range shares {
		for j := range shares {
			if i == j {
				continue
			}
			got, err := Combine(c, []*Share{shares[i], shares[j]})
			if err != nil {
				t.Fatal(err)
			}
			if !got.Equal(seed.Open()) {
				t.Errorf("shares %d and %d restore another seed", i+1, j+1)
			}
		}
	}
}

func TestMoreSharesThanTheThresholdRestoreTheSeedToo(t *testing.T) {
	seed, c, shares := deal(t, 2, 5)
	got, err := Combine(c, shares)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Equal(seed.Open()) {
		t.Error("another seed")
	}
}

func TestOneShareTooFewDoesNotCombine(t *testing.T) {
	for _, size := range []struct{ t, n int }{{1, 1}, {2, 3}, {3, 3}, {8, 9}} {
		_, c, shares := deal(t, size.t, size.n)
		if _, err := Combine(c, shares[:size.t-1]); !errors.Is(err, ErrTooFew) {
			t.Errorf("%d of %d: expected %v, found %v", size.t, size.n, ErrTooFew, err)
		}
	}
}

// One share less than the threshold is consistent with every seed: for another
// seed there is a share that completes the others to it.
func TestOneShareTooFewSaysNothingAboutTheSeed(t *testing.T) {
	_, _, shares := deal(t, 3, 3)
	other := bls.RandomScalar()
	indices := []int{1, 2, 3}
	rest := other.Sub(shares[0].s.Mul(lagrange(indices, 0))).Sub(shares[1].s.Mul(lagrange(indices, 1)))
	third := &Share{index: 3, s: rest.Mul(lagrange(indices, 2).Inverse())}
	if !interpolate([]*Share{shares[0], shares[1], third}, indices).Equal(other.Bytes().Open()) {
		t.Error("the two shares exclude a seed")
	}
}

func TestCombineNamesEveryBadShare(t *testing.T) {
	_, c, shares := deal(t, 2, 5)
	for _, test := range []struct {
		name   string
		shares []*Share
		want   []int
	}{
		{"one with a false seed part", []*Share{shares[0], spoil(shares[1], true)}, []int{2}},
		{"one with a false blinding part", []*Share{spoil(shares[0], false), shares[1]}, []int{1}},
		{"two, given in descending order", []*Share{spoil(shares[4], true), shares[1], spoil(shares[2], true)}, []int{3, 5}},
		{"one although enough good ones remain", []*Share{shares[0], shares[1], spoil(shares[2], true)}, []int{3}},
		{"one share under another's index", []*Share{{index: 4, s: shares[0].s, r: shares[0].r}, shares[1]}, []int{4}},
		{"a bad one among too few", []*Share{spoil(shares[3], true)}, []int{4}},
	} {
		t.Run(test.name, func(t *testing.T) {
			seed, err := Combine(c, test.shares)
			var bad *BadShareError
			if !errors.As(err, &bad) || !errors.Is(err, ErrBadShare) {
				t.Fatalf("expected a *BadShareError, found %v", err)
			}
			if diff := cmp.Diff(test.want, bad.Indices); diff != "" {
				t.Error(diff)
			}
			if seed != nil {
				t.Error("a seed came with the error")
			}
		})
	}
}

func TestAShareCountsOnce(t *testing.T) {
	_, c, shares := deal(t, 2, 3)
	if _, err := Combine(c, []*Share{shares[0], shares[0]}); err == nil {
		t.Error("one share given twice combined")
	}
}

func TestSharesOfAnotherDealAreBad(t *testing.T) {
	seed := NewSeed()
	c, _, _ := Deal(seed, 2, 3)
	_, others, _ := Deal(seed, 2, 3)
	for _, s := range others {
		if err := Verify(c, s); !errors.Is(err, ErrBadShare) {
			t.Errorf("share %d: expected %v, found %v", s.index, ErrBadShare, err)
		}
	}
}

func open(t *testing.T, c Commitments, shares ...*Share) (opened []*Share) {
	t.Helper()
	for _, s := range shares {
		o, err := Open(c, s.index, s.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		opened = append(opened, o)
	}
	return opened
}

func TestOpenedSharesRestoreTheSeedAmongOthers(t *testing.T) {
	seed, c, shares := deal(t, 2, 3)
	for _, some := range [][]*Share{open(t, c, shares[:2]...), {open(t, c, shares[2])[0], shares[0]}} {
		got, err := Combine(c, some)
		if err != nil {
			t.Fatal(err)
		}
		if !got.Equal(seed.Open()) {
			t.Error("another seed")
		}
	}
	if _, err := Combine(c, append(open(t, c, shares[0]), spoil(shares[1], true))); !errors.Is(err, ErrBadShare) {
		t.Errorf("beside an opened share: expected %v, found %v", ErrBadShare, err)
	}
	if _, err := Combine(c, open(t, c, shares[0])); !errors.Is(err, ErrTooFew) {
		t.Errorf("expected %v, found %v", ErrTooFew, err)
	}
}

func TestOpenedSharesAreKnownForTheirOwnCommitmentsAlone(t *testing.T) {
	_, c, shares := deal(t, 2, 3)
	_, others, _ := deal(t, 2, 3)
	opened := open(t, c, shares[:2]...)
	if _, err := Combine(others, opened); !errors.Is(err, ErrBadShare) {
		t.Errorf("under another deal's commitments: expected %v, found %v", ErrBadShare, err)
	}
	if _, err := Combine(Commitments{c[1], c[0]}, opened); !errors.Is(err, ErrBadShare) {
		t.Errorf("under the commitments in another order: expected %v, found %v", ErrBadShare, err)
	}
	for _, s := range opened {
		s.Clear()
	}
	if _, err := Combine(c, opened); !errors.Is(err, ErrBadShare) {
		t.Errorf("once cleared: expected %v, found %v", ErrBadShare, err)
	}
}

func TestOpenRefusesABadShare(t *testing.T) {
	_, c, shares := deal(t, 2, 3)
	_, err := Open(c, 1, spoil(shares[0], false).Bytes())
	if !errors.Is(err, ErrBadShare) {
		t.Errorf("expected %v, found %v", ErrBadShare, err)
	}
	if _, err := Open(c, 2, shares[0].Bytes()); !errors.Is(err, ErrBadShare) {
		t.Errorf("another's share: expected %v, found %v", ErrBadShare, err)
	}
}
