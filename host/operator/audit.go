package operator

import (
	"context"

	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// Ledger is a node's audit log as its operator looks at it, through the running
// node or without one.
type Ledger struct {
	Store *store.Store
	Audit *audit.Log
	Node  *identity.Identity
}

// List reads a page of entries.
func (l Ledger) List(ctx context.Context, from int64, n int) (AuditPage, error) {
	page := AuditPage{Size: l.Audit.Size(), Entries: []AuditEntry{}}
	err := l.Store.View(ctx, func(tx *store.Tx) error {
		entries, err := l.Audit.List(tx, from, n)
		if err != nil {
			return err
		}
		for _, e := range entries {
			page.Entries = append(page.Entries, AuditEntry{
				Index: e.Number, Time: e.Time, Kind: e.Kind, Actor: text(e.Actor), Order: e.Order, Object: text(e.Object), Detail: e.Detail,
			})
		}
		return nil
	})
	return page, err
}

// Checkpoint signs the log as it is.
func (l Ledger) Checkpoint() (Checkpoint, error) {
	note := l.Audit.Newest()
	if note == nil {
		return Checkpoint{}, fault.New(fault.Unavailable, "the log has no signed checkpoint yet")
	}
	return Checkpoint{Note: string(note)}, nil
}

// Verify computes the whole log again.
func (l Ledger) Verify(ctx context.Context, against string) (Verified, error) {
	report, err := l.Audit.Verify(ctx, l.Store, []byte(against), l.Node)
	if err != nil {
		return Verified{}, err
	}
	return Verified{Size: report.Size, Root: report.Root.String(), Against: report.Against != nil, Warning: report.Notice}, nil
}

// Evidence is the newest against a peer's log.
func (l Ledger) Evidence(ctx context.Context, peer string) (out Evidence, err error) {
	err = l.Store.View(ctx, func(tx *store.Tx) error {
		s, err := audit.Evidence(tx, peer)
		if err != nil {
			return err
		}
		out = Evidence{Peer: s.Peer, Reason: s.Reason, Kept: string(s.Kept), Shown: string(s.Shown)}
		return nil
	})
	return out, err
}

func text(c dag.CID) string {
	if !c.Defined() {
		return ""
	}
	return c.String()
}
