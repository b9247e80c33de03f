package records

import (
	"context"
	"slices"

	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// AddChains puts the documents of parties into a bag, each chain up to the
// document named.
func (r *Records) AddChains(ctx context.Context, bag *peer.Bag, parties ...identity.Party) error {
	for _, p := range parties {
		chain, err := r.Directory.Chain(ctx, p.Document, *bag)
		if err != nil {
			return err
		}
		bag.Add(chain...)
	}
	return nil
}

// Named lists the parties of an order at the documents it records: those who
// can read it, and the custody identities that keep its shares.
func Named(o *order.VerifiedOrder) []identity.Party {
	parties := slices.Clone(o.Recipients())
	for _, f := range o.Terms().Fiduciaries {
		parties = append(parties, f.Custody)
	}
	return parties
}

// Concerned lists those of the parties named that what some fiduciaries sign, by
// their places, is from and for. In a network, which is proved to strangers as a
// whole, they are all.
func Concerned(o *order.VerifiedOrder, places ...int) []identity.Party {
	t := o.Terms()
	if t.What == order.Network {
		return Named(o)
	}
	readers := t.ReadersOf(places...)
	var parties []identity.Party
	for _, p := range o.Recipients() {
		if slices.Contains(readers, p.Name) {
			parties = append(parties, p)
		}
	}
	for _, i := range places {
		parties = append(parties, t.Fiduciaries[i].Custody)
	}
	return parties
}
