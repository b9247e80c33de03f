package order

import (
	"encoding/hex"
	"slices"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/identity"
)

// What is ordered; a closed list.
type What string

const (
	Secret What = "secret" // a given secret is kept
	Key    What = "key"    // the plugin makes a key and keeps it; see KeyForm
	// Network has every plugin make a share of a master secret, with which it
	// issues from then on; see NetworkTerms.
	Network What = "network"
)

// AbilityOwnKey is the ability, in offers, of a plugin that can keep an order under a
// key made for it alone.
const AbilityOwnKey = "own-key"

// Publish says which blocks of an order go to the log; a closed list.
type Publish string

const (
	PublishNone  Publish = "none"
	PublishChain Publish = "chain" // the four parts, the default
	PublishAll   Publish = "all"   // the detached blocks too
)

// HostEnforced is the word of a policy that only the fiduciaries' hosts, not
// their plugins, uphold. Receipts repeat it.
const HostEnforced = "host-enforced"

// Policy is what beyond the redeemers' signatures a release needs.
type Policy struct {
	Enforcement string     `cbor:"enforcement"` // "" or HostEnforced
	Critical    dag.Values `cbor:"critical"`
	Extra       dag.Values `cbor:"extra"`
}

// Fiduciary is one keeper: the custody identity that holds the share, the node
// it is reached through, and the offer that the principal accepted (null where
// none was relied upon).
type Fiduciary struct {
	Custody identity.Party `cbor:"custody"`
	Node    identity.Party `cbor:"node"`
	Offer   dag.CID        `cbor:"offer"`
}

// Terms are the heart of an order: whatever is sealed for it is bound to their
// CID. Redeemers may ask for a release, receivers may get one; both are names,
// sorted by their bytes and unique. The place of a fiduciary in the list is its
// index i; its share is the point i+1.
//
// The link to the secret's ciphertext stands beside the terms, in the order's
// body: the ciphertext is itself bound to CID(terms).
type Terms struct {
	Version     uint64      `cbor:"version"`
	Suite       string      `cbor:"suite"`
	Reference   []byte      `cbor:"reference"` // ReferenceSize random bytes
	What        What        `cbor:"what"`
	Principal   dag.CID     `cbor:"principal"`
	Redeemers   []dag.CID   `cbor:"redeemers"`
	Receivers   []dag.CID   `cbor:"receivers"`
	Policy      Policy      `cbor:"policy"`
	T           uint64      `cbor:"threshold"`
	N           uint64      `cbor:"total"`
	Fiduciaries []Fiduciary `cbor:"fiduciaries"` // exactly N
	Commitments [][]byte    `cbor:"commitments"` // T points of G1 for a secret, else none
	Publish     Publish     `cbor:"publish"`
	Size        uint64      `cbor:"size"` // bytes of the secret, else 0
	// OwnKey asks that a key made for this order alone keeps it, so that the order's
	// end can destroy that key and not only a deposit. A network has none.
	OwnKey   bool       `cbor:"own_key,omitempty"`
	KeyForm             // of a key, else absent
	Critical dag.Values `cbor:"critical"` // "network": NetworkTerms, of a network and nothing else
	Extra    dag.Values `cbor:"extra"`
}

// CID is the name of these terms. It fails only on terms that cannot be
// encoded, which Check refuses too.
func (t *Terms) CID() (dag.CID, error) {
	c, _, err := dag.Put(t)
	return c, err
}

// ReferenceHex is the reference as principals know it: 64 hex digits.
func (t *Terms) ReferenceHex() string { return hex.EncodeToString(t.Reference) }

// IndexOf finds a fiduciary by its custody identity's name.
func (t *Terms) IndexOf(custody dag.CID) (index int, found bool) {
	for i, f := range t.Fiduciaries {
		if f.Custody.Name == custody {
			return i, true
		}
	}
	return 0, false
}

// uniqueNames sorts names by their bytes and drops repeats.
func uniqueNames(names []dag.CID) []dag.CID {
	out := slices.Clone(names)
	slices.SortFunc(out, dag.CID.Compare)
	return slices.Compact(out)
}

// Parties are the names for which the order is encrypted: the principal, the
// fiduciaries' nodes, the redeemers, the receivers; each once.
func (t *Terms) Parties() []dag.CID { return t.readers(t.Fiduciaries...) }

// ReadersOf are the names for which what concerns some of the fiduciaries, by
// their places, is encrypted: the principal, those fiduciaries' nodes, the
// redeemers, the receivers; each once. The other fiduciaries have no use for it.
func (t *Terms) ReadersOf(places ...int) []dag.CID {
	of := make([]Fiduciary, 0, len(places))
	for _, i := range places {
		of = append(of, t.Fiduciaries[i])
	}
	return t.readers(of...)
}

func (t *Terms) readers(of ...Fiduciary) []dag.CID {
	names := make([]dag.CID, 0, MaxRecipients)
	names = append(names, t.Principal)
	for _, f := range of {
		names = append(names, f.Node.Name)
	}
	return uniqueInOrder(slices.Concat(names, t.Redeemers, t.Receivers))
}
