package audit

import (
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// Late is how much later than the newest one a smaller checkpoint may have been
// given: answers cross on their way, and clocks differ.
const Late = time.Minute

// Suspicion is evidence against a peer: two checkpoints of its log, both signed by
// it, that cannot both be true. It is a fault.Conflict.
type Suspicion struct {
	Peer   string
	Reason string
	Kept   []byte // as seen before
	Shown  []byte // as seen now
	err    error
}

func (s *Suspicion) Error() string { return s.err.Error() }

// Unwrap gives it its kind.
func (s *Suspicion) Unwrap() error { return s.err }

func suspect(peer, reason string, kept, shown []byte) error {
	return &Suspicion{peer, reason, kept, shown, fault.New(fault.Conflict, "audit log of %s: %s", peer, reason)}
}

// TrackPeer keeps the newest checkpoint seen of a peer's log. at is the time of
// the envelope it came in, unix milliseconds. A log that has become shorter, or
// that is another one of the same size, is reported as a *Suspicion; what was kept
// stays. An older checkpoint in an older envelope is no news and no fault. One that
// has grown has yet to be proved an extension ([Log.Unproved]).
func (l *Log) TrackPeer(tx *store.Tx, peer *identity.Identity, signed []byte, at int64) (grown bool, err error) {
	shown, err := l.Open(signed, peer)
	if err != nil {
		return false, err
	}
	name := peer.Name.String()
	newest := store.PeerCheckpoint{Peer: name, Size: shown.Size, Time: at, Note: signed}
	row, err := tx.Checkpoint(name)
	if fault.Of(err) == fault.NotFound {
		return false, tx.PutCheckpoint(newest)
	}
	if err != nil {
		return false, err
	}
	kept, err := parseKept(row.Note, name)
	if err != nil {
		return false, err
	}
	switch {
	case shown.Size == kept.Size && shown.Root != kept.Root:
		return false, suspect(name, "two different logs of the same size", row.Note, signed)
	case shown.Size < kept.Size && at > row.Time+Late.Milliseconds():
		return false, suspect(name, "it has become shorter", row.Note, signed)
	case shown.Size < kept.Size || shown.Size == kept.Size && at <= row.Time:
		return false, nil
	}
	if grown = shown.Size > kept.Size; grown {
		// What was seen first is where proofs begin.
		_, err := tx.Meta(proved + name)
		if fault.Of(err) == fault.NotFound {
			err = tx.SetMeta(proved+name, row.Note)
		}
		if err != nil {
			return false, err
		}
	}
	return grown, tx.PutCheckpoint(newest)
}

// proved is the store's name for the newest checkpoint of a peer whose log is known
// to extend all that were seen before; the peer's name follows.
const proved = "audit-proved/"

// Growth is what a peer's log has yet to prove.
type Growth struct {
	Peer         string // its name
	Older, Newer Checkpoint
	Note         []byte // Newer as it was signed
	before       []byte
}

// Unproved finds what a peer's log has yet to prove; nil where there is nothing.
func (l *Log) Unproved(tx *store.Tx, peer string) (*Growth, error) {
	before, err := tx.Meta(proved + peer)
	if fault.Of(err) == fault.NotFound {
		return nil, nil // it has not grown since it was seen first
	}
	if err != nil {
		return nil, err
	}
	row, err := tx.Checkpoint(peer)
	if err != nil {
		return nil, err
	}
	g := &Growth{Peer: peer, Note: row.Note, before: before}
	if g.Newer, err = parseKept(row.Note, peer); err != nil {
		return nil, err
	}
	if g.Older, err = parseKept(before, peer); err != nil {
		return nil, err
	}
	if g.Newer.Size <= g.Older.Size {
		return nil, nil
	}
	return g, nil
}

// Check is a *Suspicion where the proof does not hold.
func (g *Growth) Check(proof tlog.TreeProof) error {
	if CheckExtension(g.Newer, g.Older, proof) != nil {
		return suspect(g.Peer, fmt.Sprintf("its %d entries do not begin with the %d that it had", g.Newer.Size, g.Older.Size), g.before, g.Note)
	}
	return nil
}

// Proved keeps that a peer's log has grown as it should.
func (g *Growth) Proved(tx *store.Tx) error { return tx.SetMeta(proved+g.Peer, g.Note) }

// parseKept reads a checkpoint that was checked when it was kept.
func parseKept(signed []byte, peer string) (Checkpoint, error) {
	c, err := parseSigned(signed)
	if err != nil {
		return c, fault.New(fault.Unavailable, "checkpoint kept of %s is damaged: %w", peer, err)
	}
	return c, nil
}
