package identity

import (
	"crypto/sha256"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

var (
	monday  = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	tuesday = monday.Add(24 * time.Hour)
	friday  = monday.Add(96 * time.Hour)
)

func create(t testing.TB, kind Kind, reference string) (*Keyring, *sign.PrivateKey) {
	t.Helper()
	k, next, err := Create(kind, reference, monday)
	if err != nil {
		t.Fatal(err)
	}
	return k, next
}

func rotate(t testing.TB, k *Keyring, next *sign.PrivateKey, now time.Time) (*Keyring, *sign.PrivateKey) {
	t.Helper()
	rotated, announced, err := k.Rotate(next, now)
	if err != nil {
		t.Fatal(err)
	}
	return rotated, announced
}

// maker builds documents that may break rules, each signed by its own key.
type maker struct {
	t       testing.TB
	signing *sign.PrivateKey
	next    *sign.PrivateKey
}

func newKey(t testing.TB) *sign.PrivateKey {
	t.Helper()
	return sign.V2.NewPrivateKey()
}

func newMaker(t testing.TB) *maker {
	return &maker{t: t, signing: newKey(t), next: newKey(t)}
}

// first returns a good first document.
func (m *maker) first() *Document {
	m.t.Helper()
	sealing, err := seal.V2.NewPrivateKey()
	if err != nil {
		m.t.Fatal(err)
	}
	return &Document{
		Version: Version, Suite: seal.V2.Name, Kind: Node, Reference: "acme", Time: monday.UnixMilli(),
		Signing: m.signing.Public().Bytes(), Log: logPublic(secret.Random(32)),
		Sealing: sealing.Public(), Next: hash(m.next),
	}
}

// after returns a good document that follows previous, and moves on to the keys
// of that document.
func (m *maker) after(previous []byte) *Document {
	m.t.Helper()
	before, err := ParseDocument(previous)
	if err != nil {
		m.t.Fatal(err)
	}
	m.signing, m.next = m.next, newKey(m.t)
	d := m.first()
	d.Sequence, d.Previous, d.Time, d.Kind = before.Sequence+1, dag.Sum(previous), before.Time+1, before.Kind
	return d
}

// block signs d as it stands.
func (m *maker) block(d *Document) []byte {
	m.t.Helper()
	return m.blockBy(d)
}

// blockBy signs d by its own key and by others.
func (m *maker) blockBy(d *Document, others ...*Keyring) []byte {
	m.t.Helper()
	d.Signatures = nil
	msg, err := dag.Encode(d)
	if err != nil {
		m.t.Fatal(err)
	}
	d.Signatures = []Signature{{Algorithm: sign.V2.Algorithm, Signature: m.signing.Sign(sign.Document, msg)}}
	for _, k := range others {
		d.Signatures = append(d.Signatures, Signature{
			Signer: k.Identity().Name, Document: k.Identity().Document,
			Algorithm: sign.V2.Algorithm, Signature: k.Sign(sign.Document, msg),
		})
	}
	block, err := dag.Encode(d)
	if err != nil {
		m.t.Fatal(err)
	}
	return block
}

func hash(k *sign.PrivateKey) []byte {
	h := sha256.Sum256(k.Public().Bytes())
	return h[:]
}

func names(ks ...*Keyring) []dag.CID {
	var n []dag.CID
	for _, k := range ks {
		n = append(n, k.Identity().Name)
	}
	slices.SortFunc(n, dag.CID.Compare)
	return n
}

// sortedByName returns ks in the order of their names.
func sortedByName(ks ...*Keyring) []*Keyring {
	slices.SortFunc(ks, func(a, b *Keyring) int { return a.identity.Name.Compare(b.identity.Name) })
	return ks
}

// known resolves the signers of recoveries among ks.
func known(ks ...*Keyring) Resolver {
	return func(name, document dag.CID) (*Identity, error) {
		for _, k := range ks {
			if k.identity.Name == name {
				return k.identity.At(document)
			}
		}
		return nil, fault.New(fault.NotFound, "no %s", name)
	}
}

func refused(t *testing.T, err error, says string) {
	t.Helper()
	if fault.Of(err) != fault.Invalid {
		t.Fatalf("expected an invalid, found %v", err)
	}
	if !strings.Contains(err.Error(), says) {
		t.Fatalf("expected an error that says %q, found %q", says, err)
	}
}
