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
	parties := At(o.Signer(), o.Recipients()...)
	for _, f := range o.Terms().Fiduciaries {
		parties = append(parties, f.Custody)
	}
	return parties
}

// At lists the identities as parties, each at its newest document, once.
func At(id *identity.Identity, more ...*identity.Identity) []identity.Party {
	parties := []identity.Party{id.Party()}
	for _, m := range more {
		if p := m.Party(); !slices.Contains(parties, p) {
			parties = append(parties, p)
		}
	}
	return parties
}
