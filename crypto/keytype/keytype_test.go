package keytype

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/edwards"
	"github.com/milagro-dta/dta/crypto/secret"
)

// proofSize is the length of every type's proof.
const proofSize = 64

// each runs a test over every type.
func each(t *testing.T, test func(*testing.T, Type)) {
	for _, typ := range All {
		t.Run(typ.Name(), func(t *testing.T) { test(t, typ) })
	}
}

func public(tb testing.TB, typ Type, key *secret.Bytes) []byte {
	tb.Helper()
	pub, err := typ.Public(key)
	if err != nil {
		tb.Fatal(err)
	}
	return pub
}

func TestTypesAreFoundByTheirNames(t *testing.T) {
	if got := Names(); !slices.Equal(got, []string{"secp256k1", "ed25519", "bls12381"}) || Default != Secp256k1 {
		t.Errorf("found %q, default %s", got, Default.Name())
	}
	each(t, func(t *testing.T, typ Type) {
		if got, err := ByName(typ.Name()); err != nil || got != typ {
			t.Errorf("found %v, %v", got, err)
		}
	})
	for _, name := range []string{"", "Ed25519", "ed25519 ", "rsa", "p256", strings.Repeat("x", 1000)} {
		_, err := ByName(name)
		if !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "known: secp256k1, ed25519, bls12381") || len(err.Error()) > 200 {
			t.Errorf("%.20q: %v", name, err)
		}
	}
}

func TestKeysAreNewAndOfTheirSizes(t *testing.T) {
	each(t, func(t *testing.T, typ Type) {
		a, b := typ.New(), typ.New()
		pub := public(t, typ, a)
		if a.Len() != typ.PrivateSize() || len(pub) != typ.PublicSize() {
			t.Errorf("found %d and %d bytes", a.Len(), len(pub))
		}
		if a.Equal(b.Open()) {
			t.Error("the same key twice")
		}
		if err := typ.CheckPublic(pub); err != nil {
			t.Error(err)
		}
		if err := Belongs(typ, a, pub); err != nil {
			t.Error(err)
		}
		if err := Belongs(typ, b, pub); err == nil {
			t.Error("another key belongs")
		}
		if err := Belongs(typ, secret.New(make([]byte, typ.PrivateSize())), pub); err == nil {
			t.Error("zeros belong")
		}
	})
}

// groupOrders are of the groups of the types, by name.
var groupOrders = map[string]string{
	"secp256k1": "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", // SEC 2 §2.4.1
	"ed25519":   "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", // RFC 8032 §5.1
	"bls12381":  "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001", // RFC 9380 §8.8
}

// keyOf is the private key of a number, in the form of the type.
func keyOf(tb testing.TB, typ Type, n *big.Int) *secret.Bytes {
	tb.Helper()
	b := n.FillBytes(make([]byte, 32))
	if typ.Form() == Expanded {
		slices.Reverse(b)
		b = append(b, bytes.Repeat([]byte{7}, 32)...)
	}
	return secret.New(b)
}

func TestMalformedPrivateKeysAreRefused(t *testing.T) {
	each(t, func(t *testing.T, typ Type) {
		order, ok := new(big.Int).SetString(groupOrders[typ.Name()], 16)
		if !ok {
			t.Fatal("no order of this group")
		}
		good := public(t, typ, typ.New())
		for name, bad := range map[string]*secret.Bytes{
			"nil":             nil,
			"nothing":         secret.New(nil),
			"zero":            keyOf(t, typ, new(big.Int)),
			"the group order": keyOf(t, typ, order),
			"ones":            secret.New(bytes.Repeat([]byte{0xff}, typ.PrivateSize())),
			"a byte too few":  secret.New(keyOf(t, typ, big.NewInt(1)).Open()[1:]),
			"a byte too many": secret.New(append(keyOf(t, typ, big.NewInt(1)).Open(), 1)),
		} {
			if _, err := typ.Public(bad); err == nil {
				t.Errorf("%s: has a public half", name)
			}
			if _, _, err := typ.Prove(bad, nil); err == nil {
				t.Errorf("%s: proves", name)
			}
			for _, out := range Outputs {
				if _, err := Write(typ, bad, out); err == nil {
					t.Errorf("%s: written as %s", name, out)
				}
			}
			if Belongs(typ, bad, good) == nil {
				t.Errorf("%s: belongs", name)
			}
		}
		if _, err := typ.Public(keyOf(t, typ, order.Sub(order, big.NewInt(1)))); err != nil {
			t.Errorf("the order less one: %v", err)
		}
	})
}

func TestProofsBelongToOneKeyContextAndType(t *testing.T) {
	each(t, func(t *testing.T, typ Type) {
		key, context := typ.New(), []byte("terms and custody")
		pub, proof, err := typ.Prove(key, context)
		if err != nil || len(proof) != proofSize || !bytes.Equal(pub, public(t, typ, key)) {
			t.Fatalf("%d bytes for %x, %v", len(proof), pub, err)
		}
		if err := typ.Verify(pub, context, proof); err != nil {
			t.Fatal(err)
		}
		if typ.Verify(pub, []byte("other terms"), proof) == nil {
			t.Error("verifies in another context")
		}
		if typ.Verify(public(t, typ, typ.New()), context, proof) == nil {
			t.Error("verifies for another key")
		}
		if typ.Verify(pub, context, nil) == nil {
			t.Error("nothing verifies")
		}
		for bit := range 8 * len(proof) {
			changed := slices.Clone(proof)
			changed[bit/8] ^= 1 << (bit % 8)
			if typ.Verify(pub, context, changed) == nil {
				t.Errorf("bit %d changed and verified", bit)
			}
		}
		for _, other := range All {
			if other == typ {
				continue
			}
			if other.Verify(pub, context, proof) == nil || other.CheckPublic(pub) == nil {
				t.Errorf("a %s key and its proof pass as %s", typ.Name(), other.Name())
			}
		}
	})
}

// malformed are public keys that no reader may take.
func malformed(tb testing.TB, typ Type) map[string][]byte {
	good := public(tb, typ, typ.New())
	bad := map[string][]byte{
		"nothing":         nil,
		"a byte too few":  good[1:],
		"a byte too many": append(slices.Clone(good), 0),
		"zeros":           make([]byte, len(good)),
		"ones":            bytes.Repeat([]byte{0xff}, len(good)),
	}
	switch typ {
	case Secp256k1:
		bad["uncompressed"] = typ.Shown(good)
	case Ed25519:
		bad["the identity"] = append([]byte{1}, make([]byte, 31)...)
	case BLS12381:
		bad["the identity"] = append([]byte{0xc0}, make([]byte, 47)...)
		// x = 4: on the curve, outside the subgroup.
		outside := append([]byte{0x80}, make([]byte, 47)...)
		outside[47] = 4
		bad["outside the subgroup"] = outside
	}
	return bad
}

func TestMalformedPublicKeysAreRefused(t *testing.T) {
	each(t, func(t *testing.T, typ Type) {
		_, proof, err := typ.Prove(typ.New(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, bad := range malformed(t, typ) {
			if typ.CheckPublic(bad) == nil {
				t.Errorf("%s: accepted", name)
			}
			if typ.Verify(bad, nil, proof) == nil {
				t.Errorf("%s: verifies", name)
			}
			typ.Shown(bad) // whatever it shows, it does not panic
		}
	})
}

type vector struct {
	Type, Source, Seed, Private, Public string
}

func vectors(tb testing.TB) (out []vector) {
	tb.Helper()
	b, err := os.ReadFile("testdata/keys.json")
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestKeysAgreeWithPublishedVectors(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range vectors(t) {
		typ, err := ByName(v.Type)
		if err != nil {
			t.Fatal(err)
		}
		seen[v.Type] = true
		key := secret.New(unhex(t, v.Private))
		if got := public(t, typ, key); hex.EncodeToString(got) != v.Public {
			t.Errorf("%s: expected %s, found %x", v.Source, v.Public, got)
		}
		if v.Seed == "" {
			continue
		}
		k, err := edwards.FromSeed(secret.New(unhex(t, v.Seed)))
		if err != nil || !k.Bytes().Equal(key.Open()) {
			t.Errorf("%s: the seed expands otherwise, %v", v.Source, err)
		}
	}
	if len(seen) != len(All) {
		t.Errorf("expected vectors of every type, found %v", seen)
	}
}

// Two makers' scalars add to a scalar, and their public keys to its public key,
// in the form that all of a type have.
func TestABLSKeyOfTwoPartsIsOneKey(t *testing.T) {
	a, b := bls.RandomScalar(), bls.RandomScalar()
	sum := bls.G1Generator().Mul(a).Add(bls.G1Generator().Mul(b)).Bytes()
	if err := Belongs(BLS12381, a.Add(b).Bytes(), sum); err != nil {
		t.Error(err)
	}
}

func FuzzPublic(f *testing.F) {
	for i, typ := range All {
		f.Add(uint8(i), public(f, typ, typ.New()))
		for _, bad := range malformed(f, typ) {
			f.Add(uint8(i), bad)
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, b []byte) {
		typ := All[int(i)%len(All)]
		if err := typ.CheckPublic(b); err == nil && len(b) != typ.PublicSize() {
			t.Errorf("%s: a public key of %d bytes", typ.Name(), len(b))
		}
		if typ.Verify(b, nil, make([]byte, proofSize)) == nil {
			t.Errorf("%s: zeros prove the possession of %x", typ.Name(), b)
		}
		typ.Shown(b)
	})
}

func FuzzPrivate(f *testing.F) {
	for i, typ := range All {
		f.Add(uint8(i), typ.New().Open())
		f.Add(uint8(i), make([]byte, typ.PrivateSize()))
	}
	f.Fuzz(func(t *testing.T, i uint8, b []byte) {
		typ, key := All[int(i)%len(All)], secret.Copy(b)
		pub, err := typ.Public(key)
		if err != nil {
			return
		}
		if err := typ.CheckPublic(pub); err != nil {
			t.Errorf("%s: %v", typ.Name(), err)
		}
		_, proof, err := typ.Prove(key, b)
		if err != nil || typ.Verify(pub, b, proof) != nil {
			t.Errorf("%s: a key without a proof, %v", typ.Name(), err)
		}
		if !key.Equal(b) {
			t.Errorf("%s: the key was changed", typ.Name())
		}
	})
}
