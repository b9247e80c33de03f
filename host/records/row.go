package records

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

// Row is an order as one role of this node sees it.
type Row struct {
	store.Order
	Data
}

// Data is what a role remembers of an order beside its envelopes.
type Data struct {
	What       string  `cbor:"what"`
	KeyType    string  `cbor:"key_type,omitempty"` // its type's name; of a key alone
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

// Reply is the root of a redemption's reply keys, sealed under the node's state key.
type Reply struct {
	Redemption dag.CID `cbor:"redemption"`
	Sealed     []byte  `cbor:"sealed"`
}

// Keep adds the root of reply keys and forgets the oldest beyond MaxReplies.
func (d *Data) Keep(r Reply) {
	d.Replies = append(d.Replies, r)
	if n := len(d.Replies); n > MaxReplies {
		d.Replies = d.Replies[n-MaxReplies:]
	}
}

// ReplyOf finds the sealed root of a redemption's reply keys; nil when there is none.
func (d *Data) ReplyOf(redemption dag.CID) []byte {
	for _, r := range d.Replies {
		if r.Redemption == redemption {
			return r.Sealed
		}
	}
	return nil
}

// Key is how the records know an order: the text of its CID. A reference is a name for
// people, and its principal's choice: another's order may have the same.
func Key(o *order.VerifiedOrder) string { return o.CID().String() }

// Key is how the records know the row's order.
func (row *Row) Key() string { return row.CID.String() }

// Find reads an order by its key or, for people, by its reference, in the first of
// the roles that has it. Where several orders have the reference it is fault.Conflict,
// with their keys.
func (r *Records) Find(ctx context.Context, name string, roles ...string) (row Row, err error) {
	var found []store.Order
	c, notKey := dag.Parse(name)
	err = r.Store.View(ctx, func(tx *store.Tx) error {
		if notKey != nil {
			found, err = tx.OrdersNamed(name, roles)
			return err
		}
		for _, role := range roles {
			o, err := tx.Order(role, c)
			if err == nil {
				found = append(found, o)
			} else if fault.Of(err) != fault.NotFound {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return row, err
	}
	if len(found) == 0 {
		by := "reference"
		if notKey == nil {
			by = "CID"
		}
		return row, fault.New(fault.NotFound, "order %s: this node knows none of that %s", name, by)
	}
	var keys []string
	for _, o := range found {
		if key := o.CID.String(); !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	if len(keys) > 1 {
		return row, fault.New(fault.Conflict, "order %s: several orders have this reference; expected the CID of one of %s", name, strings.Join(keys, ", "))
	}
	slices.SortStableFunc(found, func(a, b store.Order) int { return slices.Index(roles, a.Role) - slices.Index(roles, b.Role) })
	rows, err := readRows(found[:1])
	if err != nil {
		return row, err
	}
	return rows[0], nil
}

// Row reads an order by its key.
func (r *Records) Row(ctx context.Context, role, key string) (row Row, err error) {
	err = r.Store.View(ctx, func(tx *store.Tx) error {
		row, err = ReadRow(tx, role, key)
		return err
	})
	return row, err
}

// ReadRow reads an order within a transaction.
func ReadRow(tx *store.Tx, role, key string) (Row, error) {
	c, err := dag.Parse(key)
	if err != nil {
		return Row{}, fault.New(fault.Internal, "order: expected the text of a CID; found %.80q", key)
	}
	o, err := tx.Order(role, c)
	if err != nil {
		return Row{}, err
	}
	rows, err := readRows([]store.Order{o})
	if err != nil {
		return Row{}, err
	}
	return rows[0], nil
}

// Insert adds an order; fault.Conflict when the role has it already.
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
func (w *Writer) Change(role, key string, edit func(*Row) error) error {
	row, err := ReadRow(w.Tx, role, key)
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
			return fmt.Errorf("order %s: %w", row.CID, err)
		}
		row.State = string(next)
	}
	return nil
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
			return nil, fault.New(fault.Internal, "order %s: %w", o.CID, err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}
