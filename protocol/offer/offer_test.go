package offer

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/identity/identitytest"
	"github.com/milagro-dta/dta/protocol/order"
)

var now = time.UnixMilli(1_800_000_000_000)

func sound(t testing.TB) Body {
	return Body{
		Version: Version, Instance: "vault-a", Type: "pkcs11", Custody: identitytest.Keyring(t, identity.Custody, "custody", now).Identity().Party(),
		Abilities: []string{"secret", "key"}, KeyTypes: []string{"secp256k1", "ed25519", "other"}, Mode: order.Enrolled, Limits: Limits{Secret: 4096, Fiduciaries: 32},
		Versions: []uint64{1}, Suites: []string{seal.V2.Name}, Text: "kept in an HSM", Fees: "none",
	}
}

func wantKind(t testing.TB, err error, want fault.Kind) {
	t.Helper()
	if err == nil {
		t.Fatalf("expected a refusal of kind %s, found none", want)
	}
	if got := fault.Of(err); got != want {
		t.Fatalf("expected a refusal of kind %s, found %s: %v", want, got, err)
	}
}

func TestOfferIsReadAsItWasMade(t *testing.T) {
	node, body := identitytest.Keyring(t, identity.Node, "node", now), sound(t)
	sealed, err := Make(node, body, now)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Verify(sealed.Block, node.Identity(), now)
	if err != nil {
		t.Fatal(err)
	}
	same := cmp.Comparer(func(a, b dag.CID) bool { return a == b })
	empty := cmp.Comparer(func(a, b dag.Values) bool { return len(a) == 0 && len(b) == 0 })
	if diff := cmp.Diff(&body, got, same, empty); diff != "" {
		t.Fatalf("the offer differs (-made +read):\n%s", diff)
	}
}

func TestOffersThatDoNotStandAreRefused(t *testing.T) {
	node, custody := identitytest.Keyring(t, identity.Node, "node", now), identitytest.Keyring(t, identity.Custody, "custody", now)
	body := sound(t)
	sealed, err := Make(node, body, now)
	if err != nil {
		t.Fatal(err)
	}
	draft := func(d envelope.Draft) []byte {
		t.Helper()
		d.Time, d.Expires = now, now.Add(time.Hour)
		s, err := envelope.Seal(node, d)
		if err != nil {
			t.Fatal(err)
		}
		return s.Block
	}
	byCustody, err := Make(custody, body, now)
	if err != nil {
		t.Fatal(err)
	}
	unsound := body
	unsound.Instance = ""
	for _, tt := range []struct {
		name  string
		block []byte
		node  *identity.Identity
		now   time.Time
		want  fault.Kind
	}{
		{"another node's", sealed.Block, identitytest.Keyring(t, identity.Node, "node", now).Identity(), now, fault.Invalid},
		{"one that a custody identity signed", byCustody.Block, custody.Identity(), now, fault.Denied},
		{"one that ran out", sealed.Block, node.Identity(), now.Add(Life + time.Second), fault.Invalid},
		{"one from the future", sealed.Block, node.Identity(), now.Add(-time.Hour), fault.Invalid},
		{"one that follows something", draft(envelope.Draft{Kind: envelope.Offer, Previous: []dag.CID{sealed.CID}, Body: body}), node.Identity(), now, fault.Invalid},
		{"an envelope of another kind", draft(envelope.Draft{Kind: envelope.Notice, Recipients: []*identity.Identity{node.Identity()}, Body: body}), node.Identity(), now, fault.Invalid},
		{"an unsound body", draft(envelope.Draft{Kind: envelope.Offer, Body: unsound}), node.Identity(), now, fault.Invalid},
		{"nothing", nil, node.Identity(), now, fault.Invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Verify(tt.block, tt.node, tt.now)
			wantKind(t, err, tt.want)
		})
	}
}

func TestEveryChangedByteOfAnOfferIsDetected(t *testing.T) {
	node := identitytest.Keyring(t, identity.Node, "node", now)
	sealed, err := Make(node, sound(t), now)
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed.Block {
		flipped := bytes.Clone(sealed.Block)
		flipped[i] ^= 1 << (i % 8)
		if _, err := Verify(flipped, node.Identity(), now); err == nil {
			t.Errorf("byte %d: nobody notices", i)
		}
	}
}

func TestUnsoundBodiesAreNeitherMadeNorRead(t *testing.T) {
	node := identitytest.Keyring(t, identity.Node, "node", now)
	unknown, err := dag.NewRaw("x")
	if err != nil {
		t.Fatal(err)
	}
	many := strings.Split(strings.Repeat("a ", MaxList+1), " ")[:MaxList+1]
	for _, tt := range []struct {
		name string
		edit func(*Body)
		want fault.Kind
	}{
		{"an unknown critical name", func(b *Body) { b.Critical = dag.Values{"colour": unknown} }, fault.Unsupported},
		{"no instance", func(b *Body) { b.Instance = "" }, fault.Invalid},
		{"too long an instance", func(b *Body) { b.Instance = strings.Repeat("x", MaxName+1) }, fault.Invalid},
		{"an instance that moves the cursor", func(b *Body) { b.Instance = "vault\x1b[2J" }, fault.Invalid},
		{"an instance with a space", func(b *Body) { b.Instance = "vault a" }, fault.Invalid},
		{"an instance that looks like another", func(b *Body) { b.Instance = "v\u0430ult" }, fault.Invalid},
		{"no type", func(b *Body) { b.Type = "" }, fault.Invalid},
		{"no custody identity", func(b *Body) { b.Custody = identity.Party{} }, fault.Invalid},
		{"a custody identity without a document", func(b *Body) { b.Custody.Document = dag.CID{} }, fault.Invalid},
		{"no abilities", func(b *Body) { b.Abilities = nil }, fault.Invalid},
		{"too many abilities", func(b *Body) { b.Abilities = many }, fault.Invalid},
		{"an ability twice", func(b *Body) { b.Abilities = []string{"key", "key"} }, fault.Invalid},
		{"an empty ability", func(b *Body) { b.Abilities = []string{""} }, fault.Invalid},
		{"too many key types", func(b *Body) { b.KeyTypes = many }, fault.Invalid},
		{"the default key type by its name", func(b *Body) { b.KeyTypes = []string{"secp256k1"} }, fault.Invalid},
		{"a key type twice", func(b *Body) { b.KeyTypes = []string{"ed25519", "ed25519"} }, fault.Invalid},
		{"an empty key type", func(b *Body) { b.KeyTypes = []string{""} }, fault.Invalid},
		{"an unknown mode", func(b *Body) { b.Mode = "trusted" }, fault.Unsupported},
		{"a limit above what an order may hold", func(b *Body) { b.Limits.Secret = MaxLimit + 1 }, fault.Invalid},
		{"no fiduciaries", func(b *Body) { b.Limits.Fiduciaries = 0 }, fault.Invalid},
		{"too many fiduciaries", func(b *Body) { b.Limits.Fiduciaries = order.MaxFiduciaries + 1 }, fault.Invalid},
		{"no versions", func(b *Body) { b.Versions = nil }, fault.Invalid},
		{"too many versions", func(b *Body) { b.Versions = make([]uint64, MaxList+1) }, fault.Invalid},
		{"no suites", func(b *Body) { b.Suites = nil }, fault.Invalid},
		{"too long a text", func(b *Body) { b.Text = strings.Repeat("x", MaxText+1) }, fault.Invalid},
		{"fees that are no text", func(b *Body) { b.Fees = "\xff" }, fault.Invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := sound(t)
			tt.edit(&body)
			_, err := Make(node, body, now)
			wantKind(t, err, tt.want)
		})
	}
	t.Run("another version", func(t *testing.T) {
		body := sound(t)
		body.Version = 2
		wantKind(t, body.Check(), fault.Unsupported)
	})
	t.Run("only suites of another time", func(t *testing.T) {
		body := sound(t)
		body.Suites = []string{"dta-v9"}
		if _, err := Make(node, body, now); err != nil {
			t.Fatalf("it may be made: %v", err)
		}
	})
}

func TestAnOfferNamesTheKeysThatAreMade(t *testing.T) {
	for _, tt := range []struct {
		name  string
		edit  func(*Body)
		makes []keytype.Type
	}{
		{"as listed", func(*Body) {}, []keytype.Type{keytype.Secp256k1, keytype.Ed25519}},
		{"without a list", func(b *Body) { b.KeyTypes = NameKeyTypes([]string{"secp256k1"}) }, []keytype.Type{keytype.Secp256k1}},
		{"without the default", func(b *Body) { b.KeyTypes = []string{"bls12381"} }, []keytype.Type{keytype.BLS12381}},
		{"without the ability", func(b *Body) { b.Abilities = []string{"secret"} }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := sound(t)
			tt.edit(&body)
			if err := body.Check(); err != nil {
				t.Fatal(err)
			}
			for _, typ := range keytype.All {
				if got := body.MakesKey(typ); got != slices.Contains(tt.makes, typ) {
					t.Errorf("%s: found %t", typ.Name(), got)
				}
			}
		})
	}
}

func FuzzVerify(f *testing.F) {
	node := identitytest.Keyring(f, identity.Node, "node", now)
	sealed, err := Make(node, sound(f), now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed.Block)
	f.Add(sealed.Block[:100])
	f.Fuzz(func(t *testing.T, block []byte) {
		if _, err := Verify(block, node.Identity(), now); err != nil && fault.Of(err) == fault.Internal {
			t.Fatalf("a refusal without a kind: %v", err)
		}
	})
}

func FuzzBody(f *testing.F) {
	block, err := dag.Encode(sound(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(block)
	f.Fuzz(func(t *testing.T, block []byte) {
		var b Body
		if dag.Decode(block, &b) != nil {
			return
		}
		if err := b.Check(); err != nil && fault.Of(err) == fault.Internal {
			t.Fatalf("a refusal without a kind: %v", err)
		}
	})
}
