package scrub

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/host/principal"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// opened checks an order by what only the node's own key opens: its envelopes
// verify, and its detached blocks are there, deposits included. Damaged blocks have
// findings of their own.
func (c *Checker) opened(ctx context.Context, row store.Row) (found []Finding) {
	role := row.Text("role")
	if c.Records == nil || role == records.NetworkIndex {
		return nil
	}
	id, err := dag.FromBytes(row.Bytes("cid"))
	if err != nil {
		return nil
	}
	ref := id.String()
	wrong := func(k Kind, expected string, is any) {
		found = append(found, Finding{Kind: k, Key: role + " " + ref, Order: ref, Expected: expected, Found: fmt.Sprint(is)})
	}
	o, err := c.Records.Order(ctx, id, peer.Bag{})
	if err != nil {
		if conclusive(err) {
			wrong(Order, "an order that verifies", err)
		}
		return found
	}
	wanted := o.Shares()
	if o.Ciphertext().Defined() {
		wanted = append(wanted[:len(wanted):len(wanted)], o.Ciphertext())
	}
	var own *order.VerifiedAcceptance
	var deposits []dag.CID
	links, err := c.Records.Envelopes(ctx, ref)
	if err != nil {
		return found
	}
	for _, l := range records.Links(links).Of(envelope.Acceptance) {
		a, err := c.Records.Acceptance(ctx, o, l.CID, peer.Bag{})
		if err != nil {
			if conclusive(err) {
				wrong(Envelope, "acceptance "+l.CID.String()+" of this order to verify", err)
			}
			continue
		}
		if o.Terms().Fiduciaries[a.Index()].Node.Name == c.Records.Self().Name {
			own = a
		}
		deposits = append(deposits, a.Receipt().Deposit)
	}
	switch role {
	case principal.Role:
		wanted = append(wanted, deposits...)
	case fiduciary.Role:
		if own == nil {
			return found
		}
		if len(o.Shares()) > 0 {
			wanted = []dag.CID{o.Shares()[own.Index()], o.Ciphertext()}
		}
		wanted = append(wanted, own.Receipt().Deposit)
	default:
		return found // a beneficiary has what came with a release
	}
	for _, w := range wanted {
		has := false
		err := c.Store.View(ctx, func(tx *store.Tx) (err error) { has, err = tx.HasBlock(w); return err })
		if err == nil && !has {
			found = append(found, Finding{Kind: Block, Key: w.String(), Order: ref, Expected: "a block of the order", Found: "none",
				lost: &lost{w, ref, o.Terms().Publish == order.PublishAll && !slices.Contains(deposits, w)}})
		}
	}
	return found
}

// conclusive tells whether an error says that something is wrong for good which no
// other finding tells of.
func conclusive(err error) bool {
	return fault.Of(err).Final() && !errors.Is(err, store.ErrDamaged)
}
