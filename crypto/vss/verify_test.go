package vss

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/milagro-dta/dta/crypto/bls"
)

func TestEveryDealtShareVerifies(t *testing.T) {
	for _, size := range []struct{ t, n int }{{1, 1}, {1, 32}, {2, 3}, {7, 13}, {32, 32}} {
		_, c, shares := deal(t, size.t, size.n)
		for _, s := range shares {
			if err := Verify(c, s); err != nil {
				t.Errorf("%d of %d: %v", size.t, size.n, err)
			}
		}
	}
}

func TestAFalseShareIsNamed(t *testing.T) {
	_, c, shares := deal(t, 2, 3)
	for name, share := range map[string]*Share{
		"a false seed part":     spoil(shares[1], true),
		"a false blinding part": spoil(shares[1], false),
		"the parts exchanged":   {index: 2, s: shares[1].r, r: shares[1].s},
		"another share":         {index: 2, s: shares[0].s, r: shares[0].r},
	} {
		var bad *BadShareError
		if err := Verify(c, share); !errors.As(err, &bad) || !errors.Is(err, ErrBadShare) {
			t.Errorf("%s: expected a *BadShareError, found %v", name, err)
			continue
		}
		if diff := cmp.Diff([]int{2}, bad.Indices); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if got := bad.Error(); got != "share does not match the commitments: [2]" {
			t.Error(got)
		}
	}
}

func TestOtherCommitmentsMakeAShareFalse(t *testing.T) {
	_, c, shares := deal(t, 3, 3)
	_, other, _ := deal(t, 3, 3)
	for j := range c {
		changed := slices.Clone(c)
		changed[j] = other[j]
		if err := Verify(changed, shares[0]); !errors.Is(err, ErrBadShare) {
			t.Errorf("C_%d replaced: %v", j, err)
		}
	}
	// Shares 2 and up see an order that share 1 does not.
	changed := Commitments{c[1], c[0], c[2]}
	if err := Verify(changed, shares[1]); !errors.Is(err, ErrBadShare) {
		t.Errorf("exchanged: %v", err)
	}
	if err := Verify(c[:2], shares[0]); !errors.Is(err, ErrBadShare) {
		t.Errorf("the last left out: %v", err)
	}
}

func malformedCommitments(c Commitments) map[string]Commitments {
	replaced := func(b []byte) Commitments { return Commitments{c[0], b} }
	identity := append([]byte{0xc0}, make([]byte, 47)...)
	// The curve has a point with x = 4, not of the subgroup.
	outside := append([]byte{0x80}, make([]byte, 47)...)
	outside[47] = 4
	return map[string]Commitments{
		"none":                          {},
		"nil":                           nil,
		"the identity":                  replaced(identity),
		"a point outside the subgroup":  replaced(outside),
		"zeros":                         replaced(make([]byte, 48)),
		"a byte too few":                replaced(c[1][1:]),
		"a byte too many":               replaced(append(slices.Clone(c[1]), 0)),
		"no bytes":                      replaced(nil),
		"more than there can be shares": slices.Repeat(c, MaxShares),
	}
}

func TestMalformedCommitmentsAreRefused(t *testing.T) {
	_, c, shares := deal(t, 2, 2)
	for name, bad := range malformedCommitments(c) {
		if CheckCommitments(bad, len(bad)) == nil {
			t.Errorf("%s: pass the check", name)
		}
		if err := Verify(bad, shares[0]); err == nil || errors.Is(err, ErrBadShare) {
			t.Errorf("%s: the share is blamed: %v", name, err)
		}
		if _, err := Combine(bad, shares); err == nil || errors.Is(err, ErrBadShare) {
			t.Errorf("%s: the shares are blamed: %v", name, err)
		}
	}
	for _, threshold := range []int{-1, 0, 1, 3} {
		if CheckCommitments(c, threshold) == nil {
			t.Errorf("two points pass for a threshold of %d", threshold)
		}
	}
}

func TestTheSecondGeneratorIsIndependentAndFixed(t *testing.T) {
	h := secondGenerator()
	if h.IsIdentity() || h.Equal(bls.G1Generator()) || h != secondGenerator() {
		t.Error("not a generator of its own")
	}
	// A change of it would make every commitment ever published worthless.
	const want = "acd6b64c5e54c98c789bedadd55bf5d50cc12dc6bed0f7fdcac629d420f161b7f07bfe8c224bed5588ff0c3bb5dfbbac"
	if got := hex.EncodeToString(h.Bytes()); got != want {
		t.Errorf("expected %s, found %s", want, got)
	}
}

func TestCommittingTwiceToASeedShowsNoLink(t *testing.T) {
	seed := NewSeed()
	a, _, err := Deal(seed, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := Deal(seed, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(a[0], b[0]) {
		t.Error("the same seed has the same commitment")
	}
}

func FuzzCheckCommitments(f *testing.F) {
	_, c, shares := deal(f, 2, 2)
	f.Add(c[0], c[1])
	for _, seed := range malformedCommitments(c) {
		if len(seed) == 2 {
			f.Add(seed[0], seed[1])
		}
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		seen := Commitments{first, second}
		if CheckCommitments(seen, 2) != nil {
			if err := Verify(seen, shares[0]); err == nil || errors.Is(err, ErrBadShare) {
				t.Errorf("malformed commitments are used: %v", err)
			}
			return
		}
		if Verify(seen, shares[0]) == nil && Verify(seen, shares[1]) == nil && !cmp.Equal(seen, c) {
			t.Error("both shares open other commitments")
		}
	})
}
