package scrub

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/milagro-dta/dta/host/beneficiary"
	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/host/principal"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
)

// roles are those under which an order has a row.
var roles = []string{principal.Role, fiduciary.Role, beneficiary.Role, records.NetworkIndex}

// row checks what a row says against what is on record beside it. An error is one
// of the database; a block that is damaged has a finding of its own.
func (c *Checker) row(tx *store.Tx, table string, row store.Row) ([]Finding, error) {
	switch table {
	case "blocks":
		return c.block(row), nil
	case "orders":
		return c.order(tx, row)
	case "envelopes":
		return c.envelope(tx, row)
	case "answers":
		return c.answer(tx, row)
	case "identities":
		return c.identity(tx, row)
	case "jobs":
		return c.job(row), nil
	}
	return nil, nil
}

func (c *Checker) block(row store.Row) []Finding {
	id, err := dag.FromBytes(row.Bytes("cid"))
	if err == nil {
		err = dag.Check(id, row.Bytes("block"))
	}
	if err == nil {
		return nil
	}
	return []Finding{{Kind: Block, Key: text(row.Key...)}}
}

// lookup tells what a read has found: missing, or an error of the database. What is
// damaged is there, and found elsewhere.
func lookup(tx *store.Tx, err error) (missing bool, _ error) {
	switch {
	case err == nil:
		return false, nil
	case fault.Of(err) == fault.NotFound:
		return true, nil
	case errors.Is(err, store.ErrDamaged) && tx.Broken() == nil:
		return false, nil
	}
	return false, err
}

func (c *Checker) order(tx *store.Tx, row store.Row) (found []Finding, err error) {
	role, state := row.Text("role"), order.State(row.Text("state"))
	id, notCID := dag.FromBytes(row.Bytes("cid"))
	key := id.String()
	wrong := func(expected, is string) {
		found = append(found, Finding{Kind: Order, Key: role + " " + key, Order: key, Expected: expected, Found: is})
	}
	if !slices.Contains(roles, role) {
		wrong(fmt.Sprintf("a role among %q", roles), fmt.Sprintf("%.40q", role))
	}
	if !slices.Contains(states, state) {
		wrong(fmt.Sprintf("a state among %q", states), fmt.Sprintf("%.40q", state))
	}
	var data records.Data
	if err := dag.Decode(row.Bytes("data"), &data); err != nil {
		wrong("readable data", err.Error())
	}
	if notCID != nil {
		wrong("the CID of its order", notCID.Error())
		return found, nil
	}
	links, err := tx.Envelopes(key)
	if _, err := lookup(tx, err); err != nil {
		return found, err
	}
	has := make(map[envelope.Kind]bool)
	named := false
	for _, l := range links {
		has[envelope.Kind(l.Kind)] = true
		named = named || l.CID == id && envelope.Kind(l.Kind) == envelope.Order
	}
	if !named {
		wrong("its order "+id.String()+" among its envelopes", "none")
	}
	for _, needs := range needed[state] {
		if role != records.NetworkIndex && !has[needs] {
			wrong(fmt.Sprintf("an envelope of kind %s, since the order is %s", needs, state), "none")
		}
	}
	if data.Redemption.Defined() && !slices.ContainsFunc(links, func(l store.Link) bool { return l.CID == data.Redemption }) {
		wrong("its redemption "+data.Redemption.String()+" among its envelopes", "none")
	}
	if role != fiduciary.Role {
		return found, nil
	}
	if has[envelope.Acceptance] && (state == order.Ordered || state == order.Failed) {
		wrong("a state after "+string(order.Accepted)+", since the order was accepted", string(state))
	}
	_, _, err = tx.Answer(id)
	missing, err := lookup(tx, err)
	if err != nil {
		return found, err
	}
	if missing {
		wrong("the answer that it was given", "none")
	}
	return found, nil
}

// needed is what an order must have on record to be in a state.
var needed = map[order.State][]envelope.Kind{
	order.Accepted:  {envelope.Acceptance},
	order.Redeeming: {envelope.Acceptance, envelope.Redemption},
	order.Released:  {envelope.Acceptance, envelope.Redemption, envelope.Release},
}

var states = []order.State{order.Ordered, order.Accepted, order.Redeeming, order.Released, order.Failed}

func (c *Checker) envelope(tx *store.Tx, row store.Row) (found []Finding, err error) {
	ref, kind, sequence := row.Text("chain"), row.Text("kind"), row.Int("sequence")
	wrong := func(k Kind, expected, is string) {
		found = append(found, Finding{Kind: k, Key: text(row.Key...), Order: orderOf(ref), Expected: expected, Found: is})
	}
	id, err := dag.FromBytes(row.Bytes("cid"))
	if err != nil {
		wrong(Envelope, "a CID", err.Error())
		return found, nil
	}
	block, _, _, err := tx.Block(id)
	missing, err := lookup(tx, err)
	if err != nil {
		return nil, err
	}
	if missing {
		public, err := published(tx, ref)
		if err != nil {
			return nil, err
		}
		wrong(Block, "the block of a "+kind, "none")
		found[0].lost = &lost{id, ref, public}
	}
	if block != nil {
		e, err := envelope.Parse(block)
		switch {
		case err != nil:
			wrong(Envelope, "an envelope", err.Error())
		case string(e.Header.Kind) != kind:
			wrong(Envelope, fmt.Sprintf("kind %s, as its block says", e.Header.Kind), fmt.Sprintf("%.40q", kind))
		}
	}
	if sequence > 1 {
		before, err := tx.EnvelopeAt(ref, sequence-1)
		if err != nil {
			return found, err
		}
		if !before {
			wrong(Envelope, fmt.Sprintf("number %d of its order before it", sequence-1), "none")
		}
	}
	if kind == string(envelope.Order) {
		have, err := tx.OrderRoles(id, roles...)
		if err != nil {
			return found, err
		}
		if len(have) == 0 {
			wrong(Order, "a row of this order", "none")
		}
	}
	return found, nil
}

// published tells whether the envelopes of an order are public: all are, or none.
func published(tx *store.Tx, ref string) (bool, error) {
	links, err := tx.Envelopes(ref)
	if _, err := lookup(tx, err); err != nil {
		return false, err
	}
	for _, l := range links {
		_, public, _, err := tx.Block(l.CID)
		if _, err := lookup(tx, err); err != nil {
			return false, err
		}
		if public {
			return true, nil
		}
	}
	return false, nil
}

func (c *Checker) answer(tx *store.Tx, row store.Row) (found []Finding, err error) {
	wrong := func(expected, is string) {
		found = append(found, Finding{Kind: Answer, Key: text(row.Key...), Expected: expected, Found: is})
	}
	var answered store.Link
	ref := ""
	for _, column := range []string{"request", "answer"} {
		id, err := dag.FromBytes(row.Bytes(column))
		if err != nil {
			wrong("the CID of the "+column, err.Error())
			continue
		}
		answered, err = tx.OrderOf(id)
		missing, err := lookup(tx, err)
		if err != nil {
			return nil, err
		}
		if missing {
			wrong("the "+column+" "+id.String()+" on record", "none")
		}
		if ref == "" {
			ref = orderOf(answered.Chain)
		}
	}
	defer func() {
		for i := range found {
			found[i].Order = ref
		}
	}()
	b := row.Bytes("detached")
	if len(b) == 0 || envelope.Kind(answered.Kind) != envelope.Release {
		return found, nil // a grant's share is forgotten in time
	}
	id, err := dag.FromBytes(b)
	if err != nil {
		wrong("the CID of a share", err.Error())
		return found, nil
	}
	has, err := tx.HasBlock(id)
	if err == nil && !has {
		wrong("the share "+id.String()+" that was released", "none")
	}
	return found, err
}

func (c *Checker) identity(tx *store.Tx, row store.Row) (found []Finding, err error) {
	sequence := row.Int("sequence")
	wrong := func(k Kind, expected, is string) {
		found = append(found, Finding{Kind: k, Key: text(row.Key...), Expected: expected, Found: is})
	}
	name, err := dag.FromBytes(row.Bytes("name"))
	if err != nil {
		wrong(Identity, "a name", err.Error())
		return found, nil
	}
	id, err := dag.FromBytes(row.Bytes("document"))
	if err != nil {
		wrong(Identity, "the CID of a document", err.Error())
		return found, nil
	}
	chain, err := tx.Identity(name)
	if _, err := lookup(tx, err); err != nil {
		return nil, err
	}
	if sequence > 0 && int64(len(chain)) <= sequence {
		wrong(Identity, fmt.Sprintf("%d documents before it", sequence), "fewer")
	}
	if sequence == 0 && id != name {
		wrong(Identity, "the name as the first document", id.String())
	}
	block, _, _, err := tx.Block(id)
	missing, err := lookup(tx, err)
	if err != nil {
		return found, err
	}
	if missing {
		found = append(found, Finding{
			Kind: Block, Key: id.String(), Expected: "the block of an identity document", Found: "none", lost: &lost{id, "", true},
		})
	}
	if block == nil {
		return found, nil
	}
	doc, err := identity.ParseDocument(block)
	switch {
	case err != nil:
		wrong(Identity, "an identity document", err.Error())
	case sequence > 0 && sequence < int64(len(chain)) && doc.Previous != chain[sequence-1]:
		wrong(Identity, "a document that follows "+chain[sequence-1].String(), doc.Previous.String())
	}
	return found, nil
}

// maxDelay is how far ahead the time of a job may be: what expires does so within a
// month.
const maxDelay = 62 * 24 * time.Hour

func (c *Checker) job(row store.Row) (found []Finding) {
	wrong := func(expected, is string) {
		found = append(found, Finding{Kind: Job, Key: text(row.Key...), Expected: expected, Found: is})
	}
	var payload any
	if err := dag.Decode(row.Bytes("payload"), &payload); err != nil {
		wrong("a readable payload", err.Error())
	}
	if kind := row.Text("kind"); c.Jobs != nil && !slices.Contains(c.Jobs, kind) {
		wrong(fmt.Sprintf("a kind among %q", c.Jobs), fmt.Sprintf("%.40q", kind))
	}
	if state := row.Text("state"); state != "pending" && state != "failed" {
		wrong("pending or failed", fmt.Sprintf("%.40q", state))
	}
	latest := time.Now().Add(maxDelay).UnixMilli()
	for _, column := range []string{"due", "lease"} {
		if at := row.Int(column); at < 0 || at > latest {
			wrong("a time within two months for "+column, fmt.Sprint(at))
		}
	}
	if place := row.Text("place"); place != "" && place != records.PlaceIPFS {
		if _, err := dag.Parse(place); err != nil {
			wrong("a place", fmt.Sprintf("%.80q", place))
		}
	}
	return found
}
