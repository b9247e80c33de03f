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

// Seen is a checkpoint of a peer's log, with the note that attests it.
type Seen struct {
	Checkpoint
	Note []byte
}

func (s Seen) same(other Seen) bool { return s.Size == other.Size && s.Root == other.Root }

// TrackPeer keeps the newest checkpoint seen of a peer's log. at is the time of
// the envelope it came in, unix milliseconds. A log that has become shorter, or
// that is another one of the same size, is reported as a *Suspicion; what was kept
// stays. A smaller checkpoint in an older envelope is no fault. Where what was kept
// and what is shown differ in size, the smaller has yet to be proved the beginning
// of the larger, and is returned for [Log.Remember]; otherwise nil is.
func (l *Log) TrackPeer(tx *store.Tx, peer *identity.Identity, signed []byte, at int64) (smaller *Seen, err error) {
	shown, err := OpenCheckpoint(signed, peer)
	if err != nil {
		return nil, err
	}
	name := peer.Name.String()
	newest := store.PeerCheckpoint{Peer: name, Size: shown.Size, Time: at, Note: signed}
	row, err := tx.Checkpoint(name)
	if fault.Of(err) == fault.NotFound {
		return nil, tx.PutCheckpoint(newest)
	}
	if err != nil {
		return nil, err
	}
	kept, err := parseKept(row.Note, name)
	if err != nil {
		return nil, err
	}
	switch {
	case shown.Size == kept.Size && shown.Root != kept.Root:
		return nil, suspect(name, "two different logs of the same size", row.Note, signed)
	case shown.Size < kept.Size && at > row.Time+Late.Milliseconds():
		return nil, suspect(name, "it has become shorter", row.Note, signed)
	case shown.Size < kept.Size:
		return &Seen{shown, signed}, nil
	case shown.Size == kept.Size && at <= row.Time:
		return nil, nil
	case shown.Size == kept.Size:
		return nil, tx.PutCheckpoint(newest)
	}
	// What was seen first is where proofs begin.
	if _, err := tx.Meta(proved + name); fault.Of(err) == fault.NotFound {
		err = tx.SetMeta(proved+name, row.Note)
		if err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	return &Seen{kept.Checkpoint, row.Note}, tx.PutCheckpoint(newest)
}

// parseKept reads a checkpoint that was checked when it was kept.
func parseKept(signed []byte, peer string) (Seen, error) {
	c, err := parseSigned(signed)
	if err != nil {
		return Seen{}, fault.New(fault.Unavailable, "checkpoint kept of %s is damaged: %w", peer, err)
	}
	return Seen{c, signed}, nil
}
