package records

import (
	"context"
	"slices"

	"github.com/milagro-dta/dta/host/directory"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// Lacks refuses a call of another node that names documents which it does not
// bring and which are not known here: those in its list, and what the header of
// its envelope says of its signer.
func (r *Records) Lacks(ctx context.Context, bag peer.Bag, documents []string, signers ...identity.Party) error {
	named, err := peer.ParseDocuments(documents)
	if err != nil {
		return err
	}
	for _, p := range signers {
		named = append(named, p.Document)
	}
	return r.Directory.Lacks(ctx, bag, named...)
}

// Answered learns the documents of the signer of a peer's answer, from that peer.
func (r *Records) Answered(ctx context.Context, by *directory.Peer, answer dag.CID, bag peer.Bag) error {
	block, ok := bag.Get(answer)
	if !ok {
		return nil // it is known here, or not an answer
	}
	e, err := envelope.Parse(block)
	if err != nil {
		return nil // its verification says what it is instead
	}
	return r.Directory.Meet(ctx, by, e.Header.Signer, bag)
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
