package records

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/peer"
)

// proveEvery is how often a peer is asked at most to prove that its audit log only
// grew: one proof does for all that came since the last.
const proveEvery = 10 * time.Second

// prove has a peer asked, in a while, for a proof of what its log has become.
func (w *Writer) prove(name dag.CID) error {
	if p, ok := w.records.Directory.PeerOf(name); !ok || p.Prove == nil {
		return nil // there is nobody to ask
	}
	return w.LaterTo(name.String(), JobProve, name.String(), "", proveEvery)
}

// ProvePeer asks a peer to prove that its audit log extends what was seen of it; it
// is what the courier calls. A log that does not is written into this node's own, as
// in Track, and is fault.Conflict. A peer that gives no proof is accused of nothing.
func (r *Records) ProvePeer(ctx context.Context, name string) error {
	p, err := r.Directory.Peer(name)
	if err != nil {
		return err
	}
	now, err := r.Clock.Now()
	if err != nil {
		return err
	}
	var g *audit.Growth
	err = r.Store.View(ctx, func(tx *store.Tx) error {
		g, err = r.Audit.Unproved(tx, name)
		return err
	})
	if err != nil || g == nil {
		return err
	}
	said, err := p.Prove(ctx, peer.Consistency{Checkpoint: g.Note, Older: g.Older.Size})
	if err != nil {
		return fmt.Errorf("audit log of peer %q: %w", p.Alias, err)
	}
	proof, err := hashes(said)
	if err != nil {
		return fmt.Errorf("audit log of peer %q: %w", p.Alias, err)
	}
	if err := g.Check(proof); err != nil {
		return r.accuse(ctx, p.Name, err)
	}
	return r.Store.Update(ctx, func(tx *store.Tx) error {
		if err := g.Proved(tx); err != nil {
			return err
		}
		more, err := r.Audit.Unproved(tx, name)
		if err != nil || more == nil {
			return err
		}
		// It has grown since. The job in hand is taken off as soon as this succeeds.
		if err := courier.Cancel(tx, JobProve, name); err != nil {
			return err
		}
		return courier.Enqueue(tx, courier.Job{Kind: JobProve, Key: name, Place: name, Due: now.Add(proveEvery).UnixMilli()})
	})
}

// accuse writes down that a peer's log is not what it was, and returns why.
func (r *Records) accuse(ctx context.Context, name dag.CID, why error) error {
	suspicion, ok := errors.AsType[*audit.Suspicion](why)
	if !ok {
		return why
	}
	newest, err := r.Newest(ctx, name)
	if err != nil {
		return err
	}
	node, err := r.Directory.Identity(ctx, name, newest, peer.Bag{})
	if err != nil {
		return err
	}
	if err := r.Write(ctx, func(w *Writer) error { return w.suspect(node, "", suspicion) }); err != nil {
		return err
	}
	return why
}

// hashes reads a proof of consistency.
func hashes(p peer.ConsistencyProof) (tlog.TreeProof, error) {
	if len(p.Hashes) > peer.MaxProof {
		return nil, fault.New(fault.Unavailable, "expected a proof of at most %d hashes, found %d", peer.MaxProof, len(p.Hashes))
	}
	proof := make(tlog.TreeProof, len(p.Hashes))
	for i, h := range p.Hashes {
		if len(h) != sha256.Size {
			return nil, fault.New(fault.Unavailable, "proof: expected hashes of %d bytes, found one of %d", sha256.Size, len(h))
		}
		proof[i] = tlog.Hash(h)
	}
	return proof, nil
}

// Consistency proves that this node's audit log only grew, to whoever has a
// checkpoint of it.
func (r *Records) Consistency(ctx context.Context, q peer.Consistency) (out peer.ConsistencyProof, err error) {
	out.Hashes = [][]byte{}
	c, err := r.Audit.Open(q.Checkpoint, r.Self())
	if err != nil {
		return out, err
	}
	err = r.Store.View(ctx, func(tx *store.Tx) error {
		proof, err := r.Audit.Consistency(tx, c.Size, q.Older)
		for _, h := range proof {
			out.Hashes = append(out.Hashes, h[:])
		}
		return err
	})
	return out, err
}
