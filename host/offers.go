package host

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/custody"
	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/offer"
	"github.com/milagro-dta/dta/protocol/order"
)

// offerRenewal is how long before its end an offer is made anew.
const offerRenewal = 24 * time.Hour

// offers signs an offer for every custody instance that is served and enrolled,
// or finds the one that still stands. An instance that has never been ready has
// no offer until it is.
type offers struct {
	node *Node
	made map[string]fiduciary.Standing // by instance
	life map[string]time.Time
}

// Standing lists the offers that stand.
func (n *Node) Standing() []fiduciary.Standing {
	n.offers.refresh()
	n.offersMu.Lock()
	defer n.offersMu.Unlock()
	var out []fiduciary.Standing
	for _, name := range n.served() {
		if s, ok := n.offers.made[name]; ok {
			out = append(out, s)
		}
	}
	return out
}

// served names the instances that keep secrets for principals.
func (n *Node) served() []string {
	if n.config.Fiduciary == nil {
		return nil
	}
	return n.config.Fiduciary.Custody
}

func (o *offers) refresh() {
	n := o.node
	n.offersMu.Lock()
	defer n.offersMu.Unlock()
	now, err := n.clock.Now()
	if err != nil {
		return
	}
	for _, name := range n.served() {
		i, err := n.custody.Instance(name)
		if err != nil || i.Identity() == nil {
			continue
		}
		made, ok := o.made[name]
		if i.About() == nil {
			// It has not been ready since this process began. Its offer stands:
			// whoever orders waits for it. o.life says nothing of it, so that it
			// is compared with what the plugin will say.
			if !ok {
				if stored, _, _, err := o.stored(i, now); err == nil {
					o.made[name] = stored
				}
			}
			continue
		}
		if ok && made.Custody.Document == i.Identity().Document && now.Before(o.life[name].Add(-offerRenewal)) {
			continue
		}
		if made, err = o.make(i, now); err != nil {
			n.log.Error("cannot make an offer", "custody", name, "error", err)
			continue
		}
		o.made[name] = made
	}
}

// make finds the newest offer in the store if it still says what is so, or
// signs another.
func (o *offers) make(i *custody.Instance, now time.Time) (fiduciary.Standing, error) {
	n, ctx := o.node, context.Background()
	id, about := i.Identity(), i.About()
	body := offer.Body{
		Instance: i.Name(), Type: i.Type(), Custody: id.Party(),
		Abilities: about.GetAbilities(), KeyTypes: offer.NameKeyTypes(about.GetKeyTypes()), Mode: order.Supervised,
		Limits: offer.Limits{Secret: order.MaxSecret, Fiduciaries: order.MaxFiduciaries},
		Suites: about.GetSuites(),
	}
	for _, v := range about.GetVersions() {
		body.Versions = append(body.Versions, uint64(v))
	}
	if standing, said, end, err := o.stored(i, now); err == nil {
		if body.Version = said.Version; same(*said, body) {
			o.life[i.Name()] = end
			return standing, nil
		}
	}
	sealed, err := offer.Make(n.keys, body, now)
	if err != nil {
		return fiduciary.Standing{}, err
	}
	err = n.store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.PutBlock(sealed.CID, sealed.Block, true, ""); err != nil {
			return err
		}
		if err := tx.SetMeta(metaOffer(i.Name()), sealed.CID.Bytes()); err != nil {
			return err
		}
		if err := n.publish(tx, now, sealed.CID); err != nil {
			return err
		}
		_, err := n.audit.Append(tx, audit.Entry{Time: now.UnixMilli(), Kind: "custody.offered", Actor: n.keys.Identity().Name, Object: sealed.CID, Detail: i.Name()})
		return err
	})
	if err != nil {
		return fiduciary.Standing{}, err
	}
	o.life[i.Name()] = time.UnixMilli(sealed.Envelope.Header.Expires)
	return fiduciary.Standing{Instance: i.Name(), Custody: id, Offer: sealed.CID, Block: sealed.Block}, nil
}

func metaOffer(instance string) string { return "offer/" + instance }

var errStale = errors.New("the stored offer is about to end, or for another identity")

// stored finds the newest offer in the store, what it says, and its end.
func (o *offers) stored(i *custody.Instance, now time.Time) (standing fiduciary.Standing, body *offer.Body, end time.Time, err error) {
	n := o.node
	var c dag.CID
	var block []byte
	err = n.store.View(context.Background(), func(tx *store.Tx) error {
		raw, err := tx.Meta(metaOffer(i.Name()))
		if err != nil {
			return err
		}
		if raw == nil {
			return fault.New(fault.NotFound, "no offer yet")
		}
		if c, err = dag.FromBytes(raw); err != nil {
			return err
		}
		block, _, _, err = tx.Block(c)
		return err
	})
	if err != nil {
		return standing, nil, end, err
	}
	if body, err = offer.Verify(block, n.keys.Identity(), now); err != nil {
		return standing, nil, end, err
	}
	e, err := envelope.Parse(block)
	if err != nil {
		return standing, nil, end, err
	}
	end = time.UnixMilli(e.Header.Expires)
	if body.Custody != i.Identity().Party() || now.After(end.Add(-offerRenewal)) {
		return standing, nil, end, errStale
	}
	return fiduciary.Standing{Instance: i.Name(), Custody: i.Identity(), Offer: c, Block: block}, body, end, nil
}

// same tells whether two offers say the same.
func same(a, b offer.Body) bool {
	x, errX := dag.Encode(a)
	y, errY := dag.Encode(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
