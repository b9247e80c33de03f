// Package offer is what a fiduciary offers: one custody instance, its custody
// identity, what it can do and within which limits. An offer is an envelope in
// clear, signed by the node; principals find it in the log or at GET
// /v1/custody, and name the one they accept in an order's terms.
//
// An offer shows which custody identity a node speaks for. It does not make
// the identity trustworthy: principals pin that by other means.
package offer

import (
	"slices"
	"time"
	"unicode/utf8"

	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
)

// Version of the body.
const Version = 1

// Life is how long an offer may be accepted; a node makes the next in time.
const Life = 30 * 24 * time.Hour

// What an offer may hold.
const (
	MaxName  = 64      // bytes of an instance, type, ability, key type, suite
	MaxList  = 16      // abilities, key types, versions, suites
	MaxText  = 4 << 10 // bytes of terms in prose, and of fees
	MaxLimit = order.MaxSecret
)

// Body is the content of an offer.
type Body struct {
	Version   uint64         `cbor:"version"`
	Instance  string         `cbor:"instance"` // what principals call it
	Type      string         `cbor:"type"`     // of the plugin
	Custody   identity.Party `cbor:"custody"`
	Abilities []string       `cbor:"abilities"`           // "secret", "key", …: what may be ordered
	KeyTypes  []string       `cbor:"key_types,omitempty"` // of the keys that are made; absent: keytype.Default alone
	Mode      order.Mode     `cbor:"mode"`
	Limits    Limits         `cbor:"limits"`
	Versions  []uint64       `cbor:"versions"` // of terms understood
	Suites    []string       `cbor:"suites"`
	Text      string         `cbor:"text"` // terms in prose
	Fees      string         `cbor:"fees"` // in prose
	Critical  dag.Values     `cbor:"critical"`
	Extra     dag.Values     `cbor:"extra"`
}

// Limits bound the orders that the node takes.
type Limits struct {
	Secret      uint64 `cbor:"secret"`      // bytes of a secret
	Fiduciaries uint64 `cbor:"fiduciaries"` // of one order
}

// Make signs an offer with the node's keyring. The body's version is filled in.
func Make(k *identity.Keyring, b Body, now time.Time) (*envelope.Sealed, error) {
	b.Version = Version
	if err := b.Check(); err != nil {
		return nil, err
	}
	return envelope.Seal(k, envelope.Draft{Kind: envelope.Offer, Time: now, Expires: now.Add(Life), Body: b})
}

// Verify checks that a node made the offer, and that it may be accepted now.
func Verify(block []byte, node *identity.Identity, now time.Time) (*Body, error) {
	env, err := envelope.Parse(block)
	if err != nil {
		return nil, err
	}
	h := &env.Header
	if h.Kind != envelope.Offer {
		return nil, fault.New(fault.Invalid, "offer: expected an envelope of kind %s, found %s", envelope.Offer, h.Kind)
	}
	if len(h.Recipients) != 0 || len(h.Previous) != 0 {
		return nil, fault.New(fault.Invalid, "offer: expected one in clear with no predecessors, found %d recipients and %d links", len(h.Recipients), len(h.Previous))
	}
	if node.Doc.Kind != identity.Node {
		return nil, fault.New(fault.Denied, "offer: expected a node to sign it, found a %s identity", node.Doc.Kind)
	}
	if err := env.Verify(node); err != nil {
		return nil, err
	}
	if err := env.Fresh(now); err != nil {
		return nil, err
	}
	// In clear the body is the plaintext itself; the header still vouches for it.
	if err := env.CheckPlain(env.Body); err != nil {
		return nil, err
	}
	var b Body
	if err := envelope.DecodePlain(env.Body, &b); err != nil {
		return nil, err
	}
	if err := b.Check(); err != nil {
		return nil, err
	}
	return &b, nil
}

// Check refuses what no principal should rely on.
func (b *Body) Check() error {
	if b.Version != Version {
		return fault.New(fault.Unsupported, "offer: expected version %d, found %d", Version, b.Version)
	}
	if err := b.Critical.RefuseUnknown(); err != nil {
		return fault.New(fault.Unsupported, "offer: %w", err)
	}
	if err := checkName("instance", b.Instance); err != nil {
		return err
	}
	if err := checkName("type", b.Type); err != nil {
		return err
	}
	if !b.Custody.Name.Defined() || !b.Custody.Document.Defined() {
		return fault.New(fault.Invalid, "offer: the custody identity lacks its name or document")
	}
	if b.Mode != order.Supervised && b.Mode != order.Enrolled {
		return fault.New(fault.Unsupported, "offer: unknown mode %.40q", b.Mode)
	}
	if l := b.Limits; l.Secret > MaxLimit || l.Fiduciaries < 1 || l.Fiduciaries > order.MaxFiduciaries {
		return fault.New(fault.Invalid, "offer: expected limits of at most %d bytes and 1 to %d fiduciaries, found %d and %d", MaxLimit, order.MaxFiduciaries, l.Secret, l.Fiduciaries)
	}
	if len(b.Versions) < 1 || len(b.Versions) > MaxList {
		return fault.New(fault.Invalid, "offer: expected 1 to %d versions, found %d", MaxList, len(b.Versions))
	}
	if err := checkNames("abilities", b.Abilities); err != nil {
		return err
	}
	if slices.Equal(b.KeyTypes, defaultKeyTypes) {
		return fault.New(fault.Invalid, "offer: key type %q alone is the default and is not named", keytype.Default.Name())
	}
	if len(b.KeyTypes) > 0 {
		if err := checkNames("key types", b.KeyTypes); err != nil {
			return err
		}
	}
	if err := checkNames("suites", b.Suites); err != nil {
		return err
	}
	if len(b.Text) > MaxText || len(b.Fees) > MaxText || !utf8.ValidString(b.Text) || !utf8.ValidString(b.Fees) {
		return fault.New(fault.Invalid, "offer: expected text and fees of at most %d bytes of UTF-8, found %d and %d", MaxText, len(b.Text), len(b.Fees))
	}
	return nil
}

var defaultKeyTypes = []string{keytype.Default.Name()}

// NameKeyTypes is how an offer names the types that a plugin makes.
func NameKeyTypes(types []string) []string {
	if slices.Equal(types, defaultKeyTypes) {
		return nil
	}
	return types
}

// MakesKey tells whether a key of the type may be ordered.
func (b *Body) MakesKey(t keytype.Type) bool {
	if !slices.Contains(b.Abilities, string(order.Key)) {
		return false
	}
	return slices.Contains(b.KeyTypes, t.Name()) || len(b.KeyTypes) == 0 && t == keytype.Default
}

func checkNames(what string, names []string) error {
	if len(names) < 1 || len(names) > MaxList {
		return fault.New(fault.Invalid, "offer: expected 1 to %d %s, found %d", MaxList, what, len(names))
	}
	seen := make(map[string]bool, len(names))
	for _, name := range names {
		if err := checkName(what, name); err != nil {
			return err
		}
		if seen[name] {
			return fault.New(fault.Invalid, "offer: %q is listed twice in %s", name, what)
		}
		seen[name] = true
	}
	return nil
}

func checkName(what, name string) error {
	if len(name) < 1 || len(name) > MaxName {
		return fault.New(fault.Invalid, "offer: expected 1 to %d bytes in %s, found %d", MaxName, what, len(name))
	}
	// Offers are shown on terminals: printable ASCII only.
	for _, r := range name {
		if r <= ' ' || r > '~' {
			return fault.New(fault.Invalid, "offer: %s %q has characters other than printable ASCII", what, name)
		}
	}
	return nil
}
