package store

import (
	"strconv"
	"strings"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Order is one order as one of this node's roles sees it.
type Order struct {
	Role      string  // principal, fiduciary or beneficiary
	CID       dag.CID // of the order's envelope, by which the order is known
	Reference string  // 64 hexadecimal digits, for people: its principal's choice
	State     string  // as the role names it
	Created   int64   // unix milliseconds
	Updated   int64   // unix milliseconds
	Data      []byte  // the role's own; never a secret
}

// InsertOrder adds an order; fault.Conflict when this role has it already.
func (tx *Tx) InsertOrder(o Order) error {
	n, err := tx.exec("insert order", `
		insert into orders (role, cid, reference, state, created, updated, data, checksum)
		values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (role, cid) do nothing`,
		o.Role, link(o.CID), o.Reference, o.State, o.Created, o.Updated, blob(o.Data), o.checksum())
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "%s order %s exists already", o.Role, o.CID)
	}
	return err
}

func (o Order) checksum() []byte {
	return rowSum(o.Role, link(o.CID), o.Reference, o.State, o.Created, o.Updated, blob(o.Data))
}

// SaveOrder replaces an order's state, times and data if its state is still from; fault.Conflict when it is not, or the order does not exist.
func (tx *Tx) SaveOrder(o Order, from string) error {
	n, err := tx.exec("save order", `
		update orders set state = $1, created = $2, updated = $3, data = $4, checksum = $5
		where role = $6 and cid = $7 and state = $8`,
		o.State, o.Created, o.Updated, blob(o.Data), o.checksum(), o.Role, link(o.CID), from)
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "%s order %s is no longer %s", o.Role, o.CID, from)
	}
	return err
}

const orderColumns = `role, cid, reference, state, created, updated, data, checksum`

// Order returns one order of a role.
func (tx *Tx) Order(role string, c dag.CID) (Order, error) {
	found, err := tx.orders(`select `+orderColumns+` from orders where role = $1 and cid = $2`, role, link(c))
	if err != nil {
		return Order{}, err
	}
	if len(found) == 0 {
		return Order{}, fault.New(fault.NotFound, "order %s: this node has none of that CID", c)
	}
	return found[0], nil
}

// OrdersNamed returns the orders of a reference that some roles have: several, where
// principals chose the same.
func (tx *Tx) OrdersNamed(reference string, roles []string) ([]Order, error) {
	args := []any{reference}
	list := placeholders(&args, roles)
	return tx.orders(`select `+orderColumns+` from orders where reference = $1 and role in (`+list+`) order by created, cid`, args...)
}

// Orders returns a page of some roles' orders by time of creation, then CID.
func (tx *Tx) Orders(roles []string, offset, limit int, descending bool) ([]Order, error) {
	by := `order by created, cid`
	if descending {
		by = `order by created desc, cid desc`
	}
	args := []any{limit, offset}
	list := placeholders(&args, roles)
	return tx.orders(`select `+orderColumns+` from orders where role in (`+list+`) `+by+` limit $1 offset $2`, args...)
}

// placeholders appends values to args and returns their numbers: "$3, $4".
func placeholders(args *[]any, values []string) string {
	var list []string
	for _, v := range values {
		*args = append(*args, v)
		list = append(list, "$"+strconv.Itoa(len(*args)))
	}
	return strings.Join(list, ", ")
}

// OrdersInState returns a role's orders in any of the states, oldest first.
func (tx *Tx) OrdersInState(role string, states ...string) ([]Order, error) {
	if len(states) == 0 {
		return nil, nil
	}
	args := []any{role}
	list := placeholders(&args, states)
	return tx.orders(`select `+orderColumns+` from orders where role = $1 and state in (`+list+`)
		order by created, cid`, args...)
}

// CountOrders counts a role's orders in a state, or in all states for "".
func (tx *Tx) CountOrders(role, state string) (int, error) {
	query, args := `select count(*) from orders where role = $1`, []any{role}
	if state != "" {
		query, args = query+` and state = $2`, append(args, state)
	}
	var n int
	err := tx.row("count orders", query, args, &n)
	return n, err
}

func (tx *Tx) orders(query string, args ...any) ([]Order, error) {
	var found []Order
	err := tx.rows("read orders", query, args, func(scan func(...any) error) error {
		var o Order
		var c, sum []byte
		if err := scan(&o.Role, &c, &o.Reference, &o.State, &o.Created, &o.Updated, &o.Data, &sum); err != nil {
			return err
		}
		var err error
		o.CID, err = cid(c)
		if bad := checked("order "+o.CID.String(), sum, o.Role, c, o.Reference, o.State, o.Created, o.Updated, o.Data); bad != nil {
			return bad
		}
		found = append(found, o)
		return err
	})
	return found, err
}
