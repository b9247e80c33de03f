package audit

import (
	"bytes"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Suspicion is evidence against a peer: two checkpoints of its log, both signed by
// it, that cannot both be true. It is a fault.Conflict.
type Suspicion struct {
	Peer   string `cbor:"peer"`
	Reason string `cbor:"reason"`
	Kept   []byte `cbor:"kept"`  // as seen before
	Shown  []byte `cbor:"shown"` // as seen now
}

func suspect(peer, reason string, kept, shown []byte) error {
	return &Suspicion{peer, reason, kept, shown}
}

func (s *Suspicion) Error() string { return s.Unwrap().Error() }

// Unwrap gives it its kind.
func (s *Suspicion) Unwrap() error {
	return fault.New(fault.Conflict, "audit log of %s: %s", s.Peer, s.Reason)
}

// suspected is the store's name for the newest evidence against a peer; the peer's
// name follows.
const suspected = "audit-suspected/"

// Known tells whether evidence is kept already about the same checkpoint seen before:
// a log that was put back contradicts that again with every step.
func (s *Suspicion) Known(tx *store.Tx) (bool, error) {
	last, err := Evidence(tx, s.Peer)
	if fault.Of(err) == fault.NotFound {
		return false, nil
	}
	return err == nil && bytes.Equal(last.Kept, s.Kept), err
}

// Keep keeps the evidence, in place of what there was against the peer.
func (s *Suspicion) Keep(tx *store.Tx) error {
	block, err := dag.Encode(s)
	if err != nil {
		return err
	}
	return tx.SetMeta(suspected+s.Peer, block)
}

// Evidence is the newest against a peer; fault.NotFound where there is none.
func Evidence(tx *store.Tx, peer string) (*Suspicion, error) {
	block, err := tx.Meta(suspected + peer)
	if fault.Of(err) == fault.NotFound {
		return nil, fault.New(fault.NotFound, "nothing is known against the audit log of %s", peer)
	}
	if err != nil {
		return nil, err
	}
	s := new(Suspicion)
	if err := dag.Decode(block, s); err != nil {
		return nil, fault.New(fault.Unavailable, "evidence against %s is damaged: %w", peer, err)
	}
	return s, nil
}
