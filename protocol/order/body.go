package order

import (
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Order is the body of the first part. Shares holds one link per fiduciary, in
// the order of the terms, and Ciphertext the link to the encrypted secret; for
// anything but a secret there are none.
type Order struct {
	Version    uint64     `cbor:"version"`
	Terms      Terms      `cbor:"terms"`
	Shares     []dag.CID  `cbor:"shares"`
	Ciphertext dag.CID    `cbor:"ciphertext"`
	Critical   dag.Values `cbor:"critical"`
	Extra      dag.Values `cbor:"extra"`
}

// Acceptance is the body by which a custody identity takes its share.
type Acceptance struct {
	Version    uint64     `cbor:"version"`
	Order      dag.CID    `cbor:"order"`
	Terms      []byte     `cbor:"terms"`      // CID(terms), not a link
	Index      uint64     `cbor:"index"`      // its place in terms.fiduciaries, from 0
	Commitment []byte     `cbor:"commitment"` // secret: the first of terms.commitments; key: public key of the type; network: s_i·P, 48
	Proof      []byte     `cbor:"proof"`      // secret: empty; key, network: proof of possession, 64 bytes (see ProveKey, ProveShare)
	Receipt    Receipt    `cbor:"receipt"`
	Checkpoint []byte     `cbor:"checkpoint"` // the node's newest audit checkpoint, or empty
	Critical   dag.Values `cbor:"critical"`
	Extra      dag.Values `cbor:"extra"`
}

// How a plugin runs; a closed list.
type Mode string

const (
	Supervised Mode = "supervised" // started by the host, under its uid
	Enrolled   Mode = "enrolled"   // started by another service manager
)

// Receipt says how the share is kept.
type Receipt struct {
	Deposit      dag.CID `cbor:"deposit"` // link to the detached block, which opens only where it was made
	Mode         Mode    `cbor:"mode"`
	Type         string  `cbor:"type"`   // of the plugin: a label of printable ASCII, as the next
	Scheme       string  `cbor:"scheme"` // how the plugin keeps it, e.g. an HSM's rung; may be empty
	HostEnforced bool    `cbor:"host_enforced"`
	OwnKey       bool    `cbor:"own_key,omitempty"` // a key of its own keeps it, as the terms ask: see Terms
	KeyForm              // as the terms say; Accept fills it in
}

// Redemption is the body by which a redeemer asks for a release.
type Redemption struct {
	Version  uint64  `cbor:"version"`
	Order    dag.CID `cbor:"order"`
	Terms    []byte  `cbor:"terms"`
	Receiver dag.CID `cbor:"receiver"` // a name
	// Asked are the places in the terms of the fiduciaries that are asked, rising: one
	// for each acceptance that the header links, in their order.
	Asked []uint64 `cbor:"asked"`
	// ReplyKeys are fresh sealing keys for this redemption alone (1216 bytes each),
	// one for each of those asked and in their order, or none. Only a
	// redeemer who is itself the receiver may send them: from any other they would
	// redirect the secret.
	ReplyKeys [][]byte   `cbor:"reply_keys"`
	Nonce     []byte     `cbor:"nonce"` // NonceSize random bytes
	Critical  dag.Values `cbor:"critical"`
	Extra     dag.Values `cbor:"extra"`
}

// Release is the body by which a custody identity lets its share go.
type Release struct {
	Version    uint64     `cbor:"version"`
	Order      dag.CID    `cbor:"order"`
	Terms      []byte     `cbor:"terms"`
	Redemption dag.CID    `cbor:"redemption"`
	Acceptance dag.CID    `cbor:"acceptance"`
	Index      uint64     `cbor:"index"`
	Receiver   dag.CID    `cbor:"receiver"`
	Share      dag.CID    `cbor:"share"` // link to the detached block, sealed to the receiver
	Checkpoint []byte     `cbor:"checkpoint"`
	KeyForm               // of the key that the block holds, as the terms say
	Critical   dag.Values `cbor:"critical"`
	Extra      dag.Values `cbor:"extra"`
}

// checkBody refuses a body of another version, or with an unknown critical name.
func checkBody(version uint64, critical dag.Values) error {
	if version != Version {
		return fault.New(fault.Unsupported, "body: expected version %d, found %d", Version, version)
	}
	return refuseUnknown("body", critical)
}

// check holds the links to what the terms ask for.
func (b *Order) check() error {
	if err := checkBody(b.Version, b.Critical); err != nil {
		return err
	}
	if err := b.Terms.Check(); err != nil {
		return err
	}
	if b.Terms.What != Secret {
		if len(b.Shares) != 0 || b.Ciphertext.Defined() {
			return fault.New(fault.Invalid, "order: a %s has neither shares nor a ciphertext", b.Terms.What)
		}
		return nil
	}
	if uint64(len(b.Shares)) != b.Terms.N {
		return fault.New(fault.Invalid, "order: expected %d shares, found %d", b.Terms.N, len(b.Shares))
	}
	seen := make(map[dag.CID]bool, len(b.Shares)+1)
	for i, c := range append(b.Shares[:len(b.Shares):len(b.Shares)], b.Ciphertext) {
		if !c.Defined() || c.Raw() {
			return fault.New(fault.Invalid, "order: expected link %d to be that of a detached block, found %q", i, c)
		}
		if seen[c] {
			return fault.New(fault.Invalid, "order: two links to the detached block %s", c)
		}
		seen[c] = true
	}
	return nil
}

// check holds a receipt to its lists and bounds, and to the terms' policy.
func (r *Receipt) check(t *Terms) error {
	if !r.Deposit.Defined() || r.Deposit.Raw() {
		return fault.New(fault.Invalid, "receipt: expected a link to the detached block of the deposit, found %q", r.Deposit)
	}
	if r.Mode != Supervised && r.Mode != Enrolled {
		return fault.New(fault.Unsupported, "receipt: unknown mode %.40q", r.Mode)
	}
	if len(r.Type) < 1 || !IsLabel(r.Type) || !IsLabel(r.Scheme) {
		return fault.New(fault.Invalid, "receipt: expected a type, and it and a scheme of at most %d printable characters, found %.40q and %.40q", MaxLabel, r.Type, r.Scheme)
	}
	if r.OwnKey != t.OwnKey {
		return fault.New(fault.Invalid, "receipt: expected own_key %t as the terms say, found %t", t.OwnKey, r.OwnKey)
	}
	if want := t.Policy.Enforcement == HostEnforced; r.HostEnforced != want {
		return fault.New(fault.Invalid, "receipt: expected host_enforced %t as the terms say, found %t", want, r.HostEnforced)
	}
	return nil
}

// IsLabel tells whether a terminal shows s as it is: at most MaxLabel characters
// of printable ASCII.
func IsLabel(s string) bool {
	for _, r := range s {
		if r < ' ' || r > '~' {
			return false
		}
	}
	return len(s) <= MaxLabel
}

func checkCheckpoint(c []byte) error {
	if len(c) > MaxCheckpoint {
		return fault.New(fault.Invalid, "expected a checkpoint of at most %d bytes, found %d", MaxCheckpoint, len(c))
	}
	return nil
}
