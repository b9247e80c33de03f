package records

import (
	"context"
	"errors"

	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/peer"
)

// PeerCheckpoint is a checkpoint of a peer's audit log, ready to be compared
// with what was seen before.
type PeerCheckpoint struct {
	node *identity.Identity
	note []byte
	at   int64
}

// PeerCheckpoint reads the checkpoint that came in an envelope of the given time
// (unix milliseconds): nil when there is none, or none that reads. It is the
// host's own word, and one that does not read takes nothing from the signed part
// that it came in.
func (r *Records) PeerCheckpoint(ctx context.Context, node identity.Party, note []byte, at int64) *PeerCheckpoint {
	if len(note) == 0 || node.Name == r.Self().Name {
		return nil
	}
	id, err := r.Directory.Identity(ctx, node.Name, node.Document, peer.Bag{})
	if err == nil {
		_, err = audit.OpenCheckpoint(note, id)
	}
	if err != nil {
		r.Log.Warn("a peer's checkpoint is not readable", "peer", node.Name, "error", err)
		return nil
	}
	return &PeerCheckpoint{node: id, note: note, at: at}
}

// Track keeps the newest checkpoint of a peer's audit log. A log that
// contradicts what was seen before is written into this node's own log; it does
// not undo what the peer has signed here. One that has grown is to be
// proved.
func (w *Writer) Track(c *PeerCheckpoint, ref string) error {
	if c == nil {
		return nil
	}
	smaller, err := w.records.Options.Audit.TrackPeer(w.Tx, c.node, c.note, c.at)
	if suspicion, ok := errors.AsType[*audit.Suspicion](err); ok {
		return w.suspect(c.node, ref, suspicion)
	}
	if err != nil || smaller == nil {
		return err
	}
	return w.prove(c.node.Name, smaller)
}

// suspect keeps the evidence against a peer, and writes down what is news.
func (w *Writer) suspect(node *identity.Identity, ref string, why *audit.Suspicion) error {
	if known, err := why.Known(w.Tx); known || err != nil {
		return err
	}
	if err := why.Keep(w.Tx); err != nil {
		return err
	}
	name := node.Name.String()
	if p, ok := w.records.Directory.PeerOf(node.Name); ok {
		name = p.Alias
	}
	w.records.Log.Error("a peer's audit log contradicts itself", "peer", name, "reason", why.Reason)
	return w.Audit("peer.suspicious", node.Name, ref, node.Document, name+": "+why.Reason)
}
