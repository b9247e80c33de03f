package registrar

import (
	"context"
	"fmt"
	"time"

	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/issue"
)

// Approve signs another's request with this node's authority, or under a mandate.
// Whoever calls has decided that what it asks is right.
func (s *Service) Approve(ctx context.Context, ref string, request, mandate []byte) (approval []byte, r *issue.Asked, err error) {
	if err := s.records.TakesNew(); err != nil {
		return nil, nil, err
	}
	n, d, err := s.known(ctx, ref, mandate)
	if err != nil {
		return nil, nil, err
	}
	ref = records.Key(n.Order)
	if r, err = issue.ParseAsked(request); err != nil {
		return nil, nil, err
	}
	now, err := s.records.Clock.Now()
	if err != nil {
		return nil, nil, err
	}
	if err := timely(r, now); err != nil {
		return nil, nil, err
	}
	if err := s.records.Store.View(ctx, func(tx *store.Tx) error { return records.RefuseRevoked(tx, Role, n.Order, r) }); err != nil {
		return nil, nil, err
	}
	bag, err := s.bag(n)
	if err != nil {
		return nil, nil, err
	}
	a, err := issue.Approve(s.records.Keys, n.Order, r, d, s.parties(ctx, n, bag))
	if err != nil {
		return nil, nil, err
	}
	if approval, err = a.Marshal(); err != nil {
		return nil, nil, err
	}
	err = s.records.Write(ctx, func(w *records.Writer) error {
		return w.Audit("network.approved", s.records.Self().Name, ref, dag.Sum(request), fmt.Sprintf("%s for %d subjects", r.Kind, len(r.Subjects)))
	})
	return approval, r, err
}

// Delegate hands this node's authority on, for a while from now.
func (s *Service) Delegate(ctx context.Context, ref string, d issue.Delegation, life time.Duration) (mandate []byte, made *issue.Delegation, err error) {
	if err := s.records.TakesNew(); err != nil {
		return nil, nil, err
	}
	n, _, err := s.known(ctx, ref, nil)
	if err != nil {
		return nil, nil, err
	}
	ref = records.Key(n.Order)
	now, err := s.records.Clock.Now()
	if err != nil {
		return nil, nil, err
	}
	d.NotBefore, d.Expires = now.UnixMilli(), now.Add(life).UnixMilli()
	if made, err = issue.Delegate(s.records.Keys, n.Order, d); err != nil {
		return nil, nil, err
	}
	if mandate, err = n.Mandate(made); err != nil {
		return nil, nil, err
	}
	err = s.records.Write(ctx, func(w *records.Writer) error {
		return w.Audit("network.delegated", d.To, ref, dag.Sum(mandate), fmt.Sprint(d.Kinds))
	})
	return mandate, made, err
}
