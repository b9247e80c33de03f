// Package beneficiary takes in the orders that others have placed for this node
// and gets their secrets.
package beneficiary

import (
	"context"
	"slices"

	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/redemption"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
)

// Role is the role under which the records hold this service's orders.
const Role = "beneficiary"

// Service is a node in the role of beneficiary.
type Service struct {
	*redemption.Service
	records *records.Records
}

// New takes in orders and redeems them.
func New(r *records.Records) *Service {
	return &Service{Service: redemption.New(r, Role), records: r}
}

// Notice takes in the news of an order whose receiver is this node. News of an
// order that was unknown is accepted only from a principal that the operator
// has named as a peer: otherwise anybody could fill the store.
func (s *Service) Notice(ctx context.Context, ref string, news records.News) error {
	self := s.records.Self().Name
	terms := news.Order.Terms()
	// A network has nothing to be received: those who may ask in it are told.
	mine := slices.Contains(terms.Receivers, self) || (terms.What == order.Network && slices.Contains(terms.Redeemers, self))
	if !mine {
		return fault.New(fault.Denied, "order %s: this node is not among its receivers", ref)
	}
	_, err := s.records.Row(ctx, Role, ref)
	switch {
	case fault.Of(err) == fault.NotFound:
		if err := s.insert(ctx, ref, news); err != nil && fault.Of(err) != fault.Conflict {
			return err
		}
	case err != nil:
		return err
	}
	if err := s.records.Learn(ctx, Role, ref, news); err != nil {
		return err
	}
	return s.accepted(ctx, ref, news)
}

// accepted moves an order on once as many fiduciaries have accepted as its terms
// need.
func (s *Service) accepted(ctx context.Context, ref string, news records.News) error {
	row, links, err := s.records.History(ctx, Role, ref)
	if err != nil || row.State != string(order.Ordered) {
		return err
	}
	acceptances := links.Of(envelope.Acceptance)
	if len(acceptances) < int(news.Order.Terms().T) {
		return nil
	}
	by := s.records.Self().Name // news without an acceptance, of an order that has them all
	if len(news.Acceptances) > 0 {
		by = news.Acceptances[0].Custody()
	}
	return s.records.Write(ctx, func(w *records.Writer) error {
		if err := w.Audit("order.accepted", by, ref, acceptances[0].CID, ""); err != nil {
			return err
		}
		return w.Change(Role, ref, func(r *records.Row) error { return r.Advance(order.EventAccept) })
	})
}

func (s *Service) insert(ctx context.Context, ref string, news records.News) error {
	principal := news.Order.Principal().Name
	if _, ok := s.records.Directory.PeerOf(principal); !ok {
		return fault.New(fault.Denied, "order %s: its principal %s is none of this node's peers", ref, principal)
	}
	if len(news.Acceptances) == 0 {
		return fault.New(fault.Invalid, "order %s: expected an acceptance with it", ref)
	}
	terms := news.Order.Terms()
	var concerned []identity.Party
	for _, a := range news.Acceptances {
		concerned = append(concerned, records.Concerned(news.Order, a.Index())...)
	}
	parties, err := s.records.NewestOf(ctx, news.Blocks, concerned...)
	if err != nil {
		return err
	}
	return s.records.Write(ctx, func(w *records.Writer) error {
		for _, id := range parties {
			if err := w.Chain(id); err != nil {
				return err
			}
		}
		for _, a := range news.Acceptances {
			if err := w.Chain(a.Signer()); err != nil {
				return err
			}
		}
		if err := w.Envelope(ref, envelope.Order, news.Order.CID(), news.Order.Block(), terms.Publish); err != nil {
			return err
		}
		row := records.Row{
			Order: store.Order{Role: Role, Reference: terms.ReferenceHex(), State: string(order.Ordered), CID: news.Order.CID()},
			Data: records.Data{
				What: string(terms.What), KeyType: terms.AlgorithmName(), Receiver: s.records.Self().Name, Publish: string(terms.Publish),
				Commitment: news.Acceptances[0].Commitment(),
			},
		}
		if err := w.Insert(row); err != nil {
			return err
		}
		if terms.What == order.Network {
			row.Order = store.Order{Role: records.NetworkIndex, Reference: terms.ReferenceHex(), State: string(order.Ordered), CID: row.CID}
			if err := w.Insert(row); err != nil {
				return err
			}
		}
		return w.Audit("order.received", principal, ref, news.Order.CID(), string(terms.What))
	})
}
