package audit

import (
	"time"

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
// stays. An older checkpoint in an older envelope is no news and no fault. Whether
// a larger log extends the one before needs a proof ([CheckExtension]).
func (l *Log) TrackPeer(tx *store.Tx, peer *identity.Identity, signed []byte, at int64) error {
	shown, err := l.Open(signed, peer)
	if err != nil {
		return err
	}
	name := peer.Name.String()
	row, err := tx.Checkpoint(name)
	if err != nil && fault.Of(err) != fault.NotFound {
		return err
	}
	if err == nil {
		kept, err := parseSigned(row.Note)
		if err != nil {
			return fault.New(fault.Unavailable, "checkpoint kept of %s is damaged: %w", name, err)
		}
		switch {
		case shown.Size == kept.Size && shown.Root != kept.Root:
			return suspect(name, "two different logs of the same size", row.Note, signed)
		case shown.Size < kept.Size && at > row.Time+Late.Milliseconds():
			return suspect(name, "it has become shorter", row.Note, signed)
		case shown.Size < kept.Size || shown.Size == kept.Size && at <= row.Time:
			return nil
		}
	}
	return tx.PutCheckpoint(store.PeerCheckpoint{Peer: name, Size: shown.Size, Time: at, Note: signed})
}
