package records

import (
	"context"
	"time"

	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
)

// Write commits one change. It returns after the change is on disk.
func (r *Records) Write(ctx context.Context, change func(*Writer) error) error {
	now, err := r.Clock.Now()
	if err != nil {
		return err
	}
	// A change that was begun is finished even when its caller has gone.
	ctx = context.WithoutCancel(ctx)
	urgent := false
	err = r.Store.Update(ctx, func(tx *store.Tx) error {
		w := &Writer{Tx: tx, Now: now, records: r}
		if err := change(w); err != nil {
			return err
		}
		err := w.finish()
		urgent = w.urgent
		return err
	})
	if err == nil && urgent {
		r.Courier.Kick()
	}
	return err
}

// Writer is one change under way.
type Writer struct {
	*store.Tx
	Now     time.Time
	records *Records
	publish []dag.CID
	audited bool
	urgent  bool   // work was left that is due at once
	how     string // a damaged block was repaired; "" for by the way
}

// Envelope keeps a signed envelope of an order, in the order's chain or a chapter of
// it. One that is on record under another signature is fault.Conflict.
func (w *Writer) Envelope(ref string, kind envelope.Kind, c dag.CID, block []byte, publish order.Publish) error {
	header, err := envelope.HeaderCID(block)
	if err != nil {
		return err
	}
	public := publish != order.PublishNone
	if err := w.PutBlock(c, block, public, ref); err != nil {
		return err
	}
	if public {
		w.publish = append(w.publish, c)
	}
	w.AfterCommit(func() { w.records.remember(c, block) })
	return w.AddEnvelope(store.Link{Chain: ref, Kind: string(kind), CID: c, Time: w.Now.UnixMilli(), Header: header})
}

// Received is Envelope for what another party sent. Where it is on record under
// another signature, that one stays.
func (w *Writer) Received(ref string, p *order.Part, publish order.Publish) error {
	switch link, err := w.Seen(p.HeaderCID()); {
	case err == nil && link.CID != p.CID():
		return nil
	case err != nil && fault.Of(err) != fault.NotFound:
		return err
	}
	return w.Envelope(ref, p.Header().Kind, p.CID(), p.Block(), publish)
}

// Detached keeps a block that carries secrets, for the parties of the order.
func (w *Writer) Detached(ref string, c dag.CID, block []byte, publish order.Publish) error {
	public := publish == order.PublishAll
	if public {
		w.publish = append(w.publish, c)
	}
	// Whoever put it there will soon be asked for it.
	w.AfterCommit(func() { w.records.remember(c, block) })
	return w.PutBlock(c, block, public, ref)
}

// Chain keeps the documents of an identity, which are public.
func (w *Writer) Chain(id *identity.Identity) error {
	if _, ok := w.records.chains.Get(id.Document); ok {
		return nil
	}
	w.AfterCommit(func() { w.records.chains.Put(id.Document, struct{}{}) })
	known, err := w.Tx.Identity(id.Name)
	if err != nil && fault.Of(err) != fault.NotFound {
		return err
	}
	blocks := id.Blocks()
	for n, c := range known[:min(len(known), len(blocks))] {
		if c != dag.Sum(blocks[n]) {
			return fault.New(fault.Denied, "identity %s: document %d contradicts the one on record", id.Name, n)
		}
	}
	if len(known) >= len(blocks) {
		return nil
	}
	documents := make([]dag.CID, 0, len(blocks))
	for _, block := range blocks {
		c := dag.Sum(block)
		if err := w.PutBlock(c, block, true, ""); err != nil {
			return err
		}
		documents = append(documents, c)
		w.publish = append(w.publish, c)
	}
	return w.PutIdentity(id.Name, documents)
}

// Audit records who did what to which order.
func (w *Writer) Audit(kind string, actor dag.CID, ref string, object dag.CID, detail string) error {
	w.audited = true
	_, err := w.records.Audit.Append(w.Tx, audit.Entry{
		Time: w.Now.UnixMilli(), Kind: kind, Actor: actor, Order: ref, Object: object, Detail: detail,
	})
	return err
}

// Later leaves work to the courier, due after a while. The key names the work:
// the same work is not queued twice.
func (w *Writer) Later(kind, key string, payload any, after time.Duration) error {
	return w.LaterTo("", kind, key, payload, after)
}

// LaterTo is Later for work that goes to a place: while that place does not
// answer, the rest of what goes there waits too.
func (w *Writer) LaterTo(place, kind, key string, payload any, after time.Duration) error {
	text, err := dag.Encode(payload)
	if err != nil {
		return err
	}
	w.urgent = w.urgent || after == 0
	return courier.Enqueue(w.Tx, courier.Job{Kind: kind, Key: key, Place: place, Payload: text, Due: w.Now.Add(after).UnixMilli()})
}

// Hasten has the courier take over at once what an attempt has failed to do, not
// only when that attempt's time is over. While the node stops it does nothing.
func (r *Records) Hasten(ctx context.Context, kind, key string) {
	if ctx.Err() != nil {
		return
	}
	if err := r.Courier.Hasten(ctx, kind, key); err != nil {
		r.Log.Warn("cannot hasten a job", "kind", kind, "key", key, "error", err)
	}
}

// Done takes work off the courier's list.
func (w *Writer) Done(kind, key string) error {
	return courier.Cancel(w.Tx, kind, key)
}

// finish refuses a change that no audit entry tells of, and queues what is to
// be published.
func (w *Writer) finish() error {
	if err := w.repaired(); err != nil {
		return err
	}
	if !w.audited {
		return fault.New(fault.Internal, "a change without an audit entry")
	}
	if !w.records.Publish || len(w.publish) == 0 {
		return nil
	}
	return w.LaterTo(PlaceIPFS, JobPublish, w.published(), Published{Blocks: w.publish}, 0)
}

// published names the list of blocks to be published.
func (w *Writer) published() string {
	var list []byte
	for _, c := range w.publish {
		list = append(list, c.Bytes()...)
	}
	return dag.Sum(list).String()
}

// Published is the payload of [JobPublish].
type Published struct {
	Blocks []dag.CID `cbor:"blocks"`
}
