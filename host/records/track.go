package records

import (
	"context"
	"errors"

	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/peer"
)

// Track keeps the newest checkpoint of a peer's audit log, which came in an
// envelope of the given time (unix milliseconds). A log that contradicts what
// was seen before is written into this node's own log with the evidence kept;
// it does not undo what the peer has signed here.
func (w *Writer) Track(ctx context.Context, node identity.Party, ref string, checkpoint []byte, at int64) error {
	if len(checkpoint) == 0 || node.Name == w.records.Self().Name {
		return nil
	}
	id, err := w.records.Directory.Identity(ctx, node.Name, node.Document, peer.Bag{})
	if err != nil {
		return err
	}
	err = w.records.Options.Audit.TrackPeer(w.Tx, id, checkpoint, at)
	var suspicion *audit.Suspicion
	if errors.As(err, &suspicion) {
		w.records.Log.Error("a peer's audit log contradicts itself", "peer", node.Name, "reason", suspicion.Reason)
		return w.Audit("peer.suspicious", node.Name, ref, node.Document, suspicion.Reason)
	}
	if err != nil {
		// A checkpoint is the host's own word: one that does not read accuses
		// nobody, and takes nothing from the signed part that it came in.
		w.records.Log.Warn("a peer's checkpoint is not readable", "peer", node.Name, "error", err)
		return nil
	}
	return nil
}
