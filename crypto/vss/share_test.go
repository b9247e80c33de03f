package vss

import (
	"bytes"
	"testing"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/secret/secrettest"
)

var groupOrder = new(bls.Scalar).Sub(bls.NewScalar(1)).Bytes() // r − 1, made r below

func init() { groupOrder.Open()[31]++ }

func TestASeedIsARandomScalar(t *testing.T) {
	a, b := NewSeed(), NewSeed()
	if _, err := bls.ParseScalar(a.Open()); err != nil || a.Len() != bls.ScalarSize {
		t.Errorf("%d bytes, %v", a.Len(), err)
	}
	if a.Equal(b.Open()) {
		t.Error("two seeds are equal")
	}
}

func TestDealRefusesWhatCannotBeShared(t *testing.T) {
	for _, size := range []struct{ t, n int }{{0, 0}, {0, 1}, {-1, 3}, {2, 1}, {1, 0}, {1, MaxShares + 1}, {MaxShares + 1, MaxShares + 1}} {
		if _, _, err := Deal(NewSeed(), size.t, size.n); err == nil {
			t.Errorf("%d of %d", size.t, size.n)
		}
	}
	for name, seed := range map[string]*secret.Bytes{
		"no seed":             nil,
		"a seed of 31 bytes":  secret.Random(31),
		"a seed of 33 bytes":  secret.Random(33),
		"a zero seed":         secret.New(make([]byte, 32)),
		"the group order":     groupOrder,
		"more than the order": secret.New(bytes.Repeat([]byte{0xff}, 32)),
	} {
		if _, _, err := Deal(seed, 2, 3); err == nil {
			t.Error(name)
		}
	}
}

func TestDealLeavesTheSeedAlone(t *testing.T) {
	seed := NewSeed()
	before := bytes.Clone(seed.Open())
	if _, _, err := Deal(seed, 2, 3); err != nil {
		t.Fatal(err)
	}
	if !seed.Equal(before) {
		t.Error("the seed changed")
	}
}

func TestSharesAreNumberedFromOne(t *testing.T) {
	_, _, shares := deal(t, 2, 5)
	for i, s := range shares {
		if s.index != i+1 {
			t.Errorf("share %d has index %d", i+1, s.index)
		}
	}
}

func TestAShareSurvivesItsEncoding(t *testing.T) {
	_, c, shares := deal(t, 2, 3)
	for _, s := range shares {
		b := s.Bytes()
		if b.Len() != ShareSize {
			t.Fatalf("expected %d bytes, found %d", ShareSize, b.Len())
		}
		again, err := ParseShare(s.index, b)
		if err != nil {
			t.Fatal(err)
		}
		b.Clear()
		if err := Verify(c, again); err != nil {
			t.Error(err)
		}
	}
}

func malformedShares() map[string][]byte {
	good := bls.NewScalar(7).Bytes().Open()
	order := groupOrder.Open()
	return map[string][]byte{
		"nothing":                   nil,
		"one scalar":                good,
		"a byte too few":            make([]byte, ShareSize-1),
		"a byte too many":           make([]byte, ShareSize+1),
		"the first is the order":    append(bytes.Clone(order), good...),
		"the second is the order":   append(bytes.Clone(good), order...),
		"both are beyond the order": bytes.Repeat([]byte{0xff}, ShareSize),
	}
}

func TestMalformedSharesAreRefused(t *testing.T) {
	for name, bad := range malformedShares() {
		if _, err := ParseShare(1, secret.New(bad)); err == nil {
			t.Error(name)
		}
	}
	for _, index := range []int{-1, 0, MaxShares + 1, 1 << 40} {
		if _, err := ParseShare(index, secret.New(make([]byte, ShareSize))); err == nil {
			t.Errorf("index %d", index)
		}
	}
	// Zero is as likely a value of a polynomial as any other.
	if _, err := ParseShare(MaxShares, secret.New(make([]byte, ShareSize))); err != nil {
		t.Error(err)
	}
}

func TestAShareDoesNotLeak(t *testing.T) {
	_, _, shares := deal(t, 1, 1)
	b := shares[0].Bytes().Open()
	secrettest.DoesNotLeak(t, shares[0], b[:32], b[32:])
	secrettest.DoesNotLeak(t, *shares[0], b[:32], b[32:])
	shares[0].Clear()
	shares[0].Clear()
	(*Share)(nil).Clear()
	if !shares[0].Bytes().Equal(make([]byte, ShareSize)) {
		t.Error("the share is left")
	}
}

func FuzzParseShare(f *testing.F) {
	_, c, shares := deal(f, 1, 1)
	f.Add(1, shares[0].Bytes().Open())
	for _, seed := range malformedShares() {
		f.Add(1, seed)
	}
	f.Fuzz(func(t *testing.T, index int, b []byte) {
		s, err := ParseShare(index, secret.Copy(b))
		if err != nil {
			return
		}
		if !s.Bytes().Equal(b) || s.index != index {
			t.Error("read and written differently")
		}
		if Verify(c, s) == nil && !bytes.Equal(b, shares[0].Bytes().Open()) {
			t.Error("a second opening of the commitment")
		}
	})
}
