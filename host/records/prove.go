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
const proveEvery = 2 * time.Second

// prove has a peer asked, in a while, for a proof that its log began as a checkpoint
// of it says.
func (w *Writer) prove(name dag.CID, smaller *audit.Seen) error {
	if p, ok := w.records.Directory.PeerOf(name); !ok || p.Prove == nil {
		return nil // there is nobody to ask
	}
	w.Tx.AfterCommit(func() { w.records.Options.Audit.Remember(name.String(), smaller) })
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
	question := peer.Consistency{Checkpoint: g.Newer.Note}
	for _, older := range g.Older {
		question.Older = append(question.Older, older.Size)
	}
	said, err := p.Prove(ctx, question)
	if err != nil {
		return fmt.Errorf("audit log of peer %q: %w", p.Alias, err)
	}
	proofs, err := hashes(said)
	if err != nil {
		return fmt.Errorf("audit log of peer %q: %w", p.Alias, err)
	}
	if err := g.Check(proofs); err != nil {
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

// accuse writes down that a peer's log is not what it was, where that is news, and
// returns why.
func (r *Records) accuse(ctx context.Context, name dag.CID, why error) error {
	suspicion, ok := errors.AsType[*audit.Suspicion](why)
	if !ok {
		return why
	}
	known := false
	err := r.Store.View(ctx, func(tx *store.Tx) (err error) {
		known, err = suspicion.Known(tx)
		return err
	})
	if err != nil {
		return err
	}
	if known {
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

// hashes reads proofs of consistency.
func hashes(p peer.ConsistencyProof) ([]tlog.TreeProof, error) {
	if len(p.Proofs) > peer.MaxOlder {
		return nil, fault.New(fault.Unavailable, "expected at most %d proofs, found %d", peer.MaxOlder, len(p.Proofs))
	}
	out := make([]tlog.TreeProof, len(p.Proofs))
	for i, proof := range p.Proofs {
		if len(proof) > peer.MaxProof {
			return nil, fault.New(fault.Unavailable, "expected a proof of at most %d hashes, found %d", peer.MaxProof, len(proof))
		}
		for _, h := range proof {
			if len(h) != sha256.Size {
				return nil, fault.New(fault.Unavailable, "proof: expected hashes of %d bytes, found one of %d", sha256.Size, len(h))
			}
			out[i] = append(out[i], tlog.Hash(h))
		}
	}
	return out, nil
}

// Consistency proves that this node's audit log only grew, to whoever has a
// checkpoint of it.
func (r *Records) Consistency(ctx context.Context, q peer.Consistency) (out peer.ConsistencyProof, err error) {
	if n := len(q.Older); n < 1 || n > peer.MaxOlder {
		return out, fault.New(fault.Invalid, "older: expected 1 to %d sizes, found %d", peer.MaxOlder, n)
	}
	c, err := audit.OpenCheckpoint(q.Checkpoint, r.Self())
	if err != nil {
		return out, err
	}
	err = r.Store.View(ctx, func(tx *store.Tx) error {
		for _, older := range q.Older {
			proof, err := r.Audit.Consistency(tx, c.Size, older)
			if err != nil {
				return err
			}
			hashes := make([][]byte, len(proof))
			for i, h := range proof {
				hashes[i] = h[:]
			}
			out.Proofs = append(out.Proofs, hashes)
		}
		return nil
	})
	return out, err
}
