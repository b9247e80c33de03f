// Package records is the one way in which a role service changes what its node
// remembers: the state of an order, the envelopes and blocks that caused it,
// the audit entry and the work that must follow are written together or not at
// all, and are on disk before the caller goes on. Promises P1 (acknowledged is
// durable), P2 (recorded before revealed) and P4 (fail closed) rest on it.
//
// It is also where a service reads an order back. What is read is verified
// again — signatures, chain rules, hashes — unless this process has verified
// the same block before.
package records

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/cache"
	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/host/directory"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
)

// Kinds of work that are left to the courier.
const (
	JobFulfil  = "fulfil"  // a principal has an order that is not accepted yet
	JobRedeem  = "redeem"  // a redemption has no release yet
	JobNotice  = "notice"  // a recipient has not been told of an envelope
	JobPublish = "publish" // blocks are not yet with the IPFS node
)

// Clock tells the time, or refuses when it is in doubt.
type Clock interface {
	Now() (time.Time, error)
}

// Options says what records are made of.
type Options struct {
	Store   *store.Store
	Audit   *audit.Log
	Courier *courier.Courier
	Keys    *identity.Keyring
	Clock   Clock
	Network directory.Getter // where a block is looked for that the store has not; nil: nowhere
	Publish bool             // blocks are handed on to an IPFS node
	Peers   []*directory.Peer
	Log     hclog.Logger
}

// Records reads and writes what a node remembers. It is safe for concurrent use.
type Records struct {
	Options
	Directory *directory.Directory
	// Parts of orders that this process has verified. Their CIDs fix every byte,
	// and a chain rule once shown to hold for those bytes holds for ever.
	verified *cache.Map[place, any]
	// Blocks, which never change under their CIDs. Only small ones are kept.
	blocks *cache.Map[dag.CID, []byte]
	// Documents whose chains are in the store.
	chains *cache.Map[dag.CID, struct{}]
}

// cachedBlock is the largest block that is remembered, in bytes.
const cachedBlock = 16 << 10

// New opens the records of a node.
func New(o Options) *Records {
	r := &Records{Options: o, verified: cache.New[place, any](1024), blocks: cache.New[dag.CID, []byte](2048), chains: cache.New[dag.CID, struct{}](2048)}
	r.Directory = directory.New(r, r, o.Peers...)
	return r
}

// Self is the node's own identity.
func (r *Records) Self() *identity.Identity { return r.Keys.Identity() }

// Get finds a block in the store or on the network; it implements
// [directory.Getter].
func (r *Records) Get(ctx context.Context, c dag.CID) (block []byte, err error) {
	if block, ok := r.blocks.Get(c); ok {
		return block, nil
	}
	err = r.Store.View(ctx, func(tx *store.Tx) error {
		block, _, _, err = tx.Block(c)
		return err
	})
	if fault.Of(err) == fault.NotFound && r.Network != nil {
		return r.Network.Get(ctx, c)
	}
	if err != nil {
		return nil, err
	}
	if err := dag.Check(c, block); err != nil {
		return nil, fault.New(fault.Internal, "block %s is damaged in the store: %w", c, err)
	}
	r.remember(c, block)
	return block, nil
}

func (r *Records) remember(c dag.CID, block []byte) {
	if len(block) <= cachedBlock {
		r.blocks.Put(c, block)
	}
}

// Pending lists the orders that a role has in the given states.
func (r *Records) Pending(ctx context.Context, role string, states ...order.State) (rows []Row, err error) {
	names := make([]string, 0, len(states))
	for _, s := range states {
		names = append(names, string(s))
	}
	err = r.Store.View(ctx, func(tx *store.Tx) error {
		found, err := tx.OrdersInState(role, names...)
		if err != nil {
			return err
		}
		rows, err = readRows(found)
		return err
	})
	return rows, err
}

// Newest implements [directory.Newest].
func (r *Records) Newest(ctx context.Context, name dag.CID) (newest dag.CID, err error) {
	if self := r.Self(); name == self.Name {
		return self.Document, nil
	}
	err = r.Store.View(ctx, func(tx *store.Tx) error {
		documents, err := tx.Identity(name)
		if err != nil {
			return fmt.Errorf("identity %s: %w", name, err)
		}
		newest = documents[len(documents)-1]
		return nil
	})
	return newest, err
}

// List reads a page of the orders of several roles, sorted by when they were
// made, and counts them all.
func (r *Records) List(ctx context.Context, roles []string, offset, limit int, descending bool) (rows []Row, total int, err error) {
	err = r.Store.View(ctx, func(tx *store.Tx) error {
		for _, role := range roles {
			n, err := tx.CountOrders(role, "")
			if err != nil {
				return err
			}
			total += n
		}
		page, err := tx.Orders(roles, offset, limit, descending)
		if err != nil {
			return err
		}
		rows, err = readRows(page)
		return err
	})
	return rows, total, err
}

func readRows(found []store.Order) ([]Row, error) {
	rows := make([]Row, 0, len(found))
	for _, o := range found {
		row := Row{Order: o}
		if err := dag.Decode(o.Data, &row.Data); err != nil {
			return nil, fault.New(fault.Internal, "order %s: %w", o.Reference, err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

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
	urgent  bool // work was left that is due at once
}

// Envelope keeps a signed envelope of an order. A reference belongs to one order
// for ever: another under the same is fault.Conflict.
func (w *Writer) Envelope(ref string, kind envelope.Kind, c dag.CID, block []byte, publish order.Publish) error {
	if kind == envelope.Order {
		links, err := w.Envelopes(ref)
		if err != nil {
			return err
		}
		if len(links) > 0 && links[0].CID != c {
			return fault.New(fault.Conflict, "order %s: another order has this reference", ref)
		}
	}
	public := publish != order.PublishNone
	if err := w.PutBlock(c, block, public, ref); err != nil {
		return err
	}
	if public {
		w.publish = append(w.publish, c)
	}
	w.AfterCommit(func() { w.records.remember(c, block) })
	return w.AddEnvelope(ref, string(kind), c, w.Now.UnixMilli())
}

// Detached keeps a block that carries secrets, for the parties of the order.
func (w *Writer) Detached(ref string, c dag.CID, block []byte, publish order.Publish) error {
	public := publish == order.PublishAll
	if public {
		w.publish = append(w.publish, c)
	}
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

// Done takes work off the courier's list.
func (w *Writer) Done(kind, key string) error {
	return courier.Cancel(w.Tx, kind, key)
}

// finish refuses a change that no audit entry tells of, and queues what is to
// be published.
func (w *Writer) finish() error {
	if !w.audited {
		return fault.New(fault.Internal, "a change without an audit entry")
	}
	if !w.records.Publish || len(w.publish) == 0 {
		return nil
	}
	return w.Later(JobPublish, w.published(), Published{Blocks: w.publish}, 0)
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

// Row is an order as one role of this node sees it.
type Row struct {
	store.Order
	Data
}

// Data is what a role remembers of an order beside its envelopes.
type Data struct {
	What       string  `cbor:"what"`
	Commitment []byte  `cbor:"commitment"`
	Receiver   dag.CID `cbor:"receiver"`
	Publish    string  `cbor:"publish"`
	Reason     string  `cbor:"reason"`     // why it failed
	Kind       string  `cbor:"kind"`       // the fault's kind
	Redemption dag.CID `cbor:"redemption"` // the newest that this node signed
	Replies    []Reply `cbor:"replies"`    // of the newest redemptions, oldest first
}

// MaxReplies is how many redemptions of an order can still be opened.
const MaxReplies = 16

// Reply is the reply key of a redemption, sealed under the node's state key.
type Reply struct {
	Redemption dag.CID `cbor:"redemption"`
	Sealed     []byte  `cbor:"sealed"`
}

// Keep adds a reply key and forgets the oldest beyond MaxReplies.
func (d *Data) Keep(r Reply) {
	d.Replies = append(d.Replies, r)
	if n := len(d.Replies); n > MaxReplies {
		d.Replies = d.Replies[n-MaxReplies:]
	}
}

// ReplyOf finds the sealed reply key of a redemption; nil when there is none.
func (d *Data) ReplyOf(redemption dag.CID) []byte {
	for _, r := range d.Replies {
		if r.Redemption == redemption {
			return r.Sealed
		}
	}
	return nil
}

// Row reads an order.
func (r *Records) Row(ctx context.Context, role, ref string) (row Row, err error) {
	err = r.Store.View(ctx, func(tx *store.Tx) error {
		row, err = ReadRow(tx, role, ref)
		return err
	})
	return row, err
}

// ReadRow reads an order within a transaction.
func ReadRow(tx *store.Tx, role, ref string) (Row, error) {
	o, err := tx.Order(role, ref)
	if err != nil {
		return Row{}, err
	}
	rows, err := readRows([]store.Order{o})
	if err != nil {
		return Row{}, err
	}
	return rows[0], nil
}

// Insert adds an order; fault.Conflict when the role has one of that reference.
func (w *Writer) Insert(row Row) error {
	data, err := dag.Encode(row.Data)
	if err != nil {
		return err
	}
	row.Order.Data = data
	row.Created, row.Updated = w.Now.UnixMilli(), w.Now.UnixMilli()
	return w.InsertOrder(row.Order)
}

// Change reads an order, lets edit change its data and advance its state, and
// saves it.
func (w *Writer) Change(role, ref string, edit func(*Row) error) error {
	row, err := ReadRow(w.Tx, role, ref)
	if err != nil {
		return err
	}
	from := row.State
	if err := edit(&row); err != nil {
		return err
	}
	if row.Order.Data, err = dag.Encode(row.Data); err != nil {
		return err
	}
	row.Updated = w.Now.UnixMilli()
	return w.SaveOrder(row.Order, from)
}

// Advance moves the order through events; fault.Conflict where its state
// forbids one.
func (row *Row) Advance(events ...order.Event) error {
	for _, e := range events {
		next, err := order.State(row.State).Next(e)
		if err != nil {
			return fmt.Errorf("order %s: %w", row.Reference, err)
		}
		row.State = string(next)
	}
	return nil
}

// Envelopes lists the envelopes of an order that this node holds, in the order
// in which it got them.
func (r *Records) Envelopes(ctx context.Context, ref string, kinds ...envelope.Kind) (found []store.Link, err error) {
	err = r.Store.View(ctx, func(tx *store.Tx) error {
		all, err := tx.Envelopes(ref)
		if err != nil {
			return err
		}
		for _, l := range all {
			for _, k := range kinds {
				if l.Kind == string(k) {
					found = append(found, l)
				}
			}
			if len(kinds) == 0 {
				found = append(found, l)
			}
		}
		return nil
	})
	return found, err
}

// Blocks reads several blocks.
func (r *Records) Blocks(ctx context.Context, cids ...dag.CID) ([][]byte, error) {
	out := make([][]byte, 0, len(cids))
	for _, c := range cids {
		block, err := r.Get(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("block %s: %w", c, err)
		}
		out = append(out, block)
	}
	return out, nil
}
