package host

import (
	"context"

	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/clock"
	"github.com/milagro-dta/dta/host/custody"
	"github.com/milagro-dta/dta/host/state"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// book keeps the custody roots of the node's plugins in its store.
type book struct {
	store *store.Store
	audit *audit.Log
	clock *clock.Clock
}

var _ custody.Book = book{}

func metaRoot(instance string) string { return "custody-root/" + instance }

// Root implements [custody.Book].
func (b book) Root(ctx context.Context, instance string) (root custody.Root, err error) {
	err = b.store.View(ctx, func(tx *store.Tx) error {
		block, err := tx.Meta(metaRoot(instance))
		if err != nil {
			return err
		}
		if block == nil {
			return fault.New(fault.NotFound, "plugin %q: never enrolled", instance)
		}
		return dag.Decode(block, &root)
	})
	return root, err
}

// KeepRoot implements [custody.Book].
func (b book) KeepRoot(ctx context.Context, instance string, root custody.Root, automatic bool) error {
	id, err := identity.Verify(root.Chain)
	if err != nil {
		return err
	}
	block, err := dag.Encode(root)
	if err != nil {
		return err
	}
	now, err := b.clock.Now()
	if err != nil {
		return err
	}
	detail := instance
	if automatic {
		detail += ", by itself at its first start (self_enrol)"
	}
	return b.store.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		was, err := tx.Meta(metaRoot(instance))
		if err != nil && fault.Of(err) != fault.NotFound {
			return err
		}
		if len(was) > 0 {
			return fault.New(fault.Conflict, "plugin %q: it was enrolled before", instance)
		}
		if err := tx.SetMeta(metaRoot(instance), block); err != nil {
			return err
		}
		var documents []dag.CID
		for _, block := range root.Chain {
			c := dag.Sum(block)
			if err := tx.PutBlock(c, block, true, ""); err != nil {
				return err
			}
			documents = append(documents, c)
		}
		if err := tx.PutIdentity(id.Name, documents); err != nil {
			return err
		}
		_, err = b.audit.Append(tx, audit.Entry{Time: now.UnixMilli(), Kind: "custody.enrolled", Actor: id.Name, Object: id.Document, Detail: detail})
		return err
	})
}

func metaTenure(instance string) string { return "custody-tenure/" + instance }

// Tenure implements [custody.Book].
func (b book) Tenure(ctx context.Context, instance string) (t custody.Tenure, err error) {
	err = b.store.View(ctx, func(tx *store.Tx) error {
		t, err = readTenure(tx, instance)
		return err
	})
	return t, err
}

// KeepTenure implements [custody.Book].
func (b book) KeepTenure(ctx context.Context, instance string, change func(custody.Tenure) custody.Tenure) error {
	return b.store.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error { return changeTenure(tx, instance, change) })
}

// TakeOver implements [custody.Book].
func (b book) TakeOver(ctx context.Context, instance, from string, change func(custody.Tenure) custody.Tenure) error {
	now, err := b.clock.Now()
	if err != nil {
		return err
	}
	return b.store.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		if err := changeTenure(tx, instance, change); err != nil {
			return err
		}
		_, err := b.audit.Append(tx, audit.Entry{Time: now.UnixMilli(), Kind: "custody.taken-over", Detail: instance + ", from " + from})
		return err
	})
}

func changeTenure(tx *store.Tx, instance string, change func(custody.Tenure) custody.Tenure) error {
	was, err := readTenure(tx, instance)
	if err != nil {
		return err
	}
	block, err := dag.Encode(change(was))
	if err != nil {
		return err
	}
	return tx.SetMeta(metaTenure(instance), block)
}

func readTenure(tx *store.Tx, instance string) (t custody.Tenure, err error) {
	block, err := tx.Meta(metaTenure(instance))
	if err == nil && len(block) > 0 {
		err = dag.Decode(block, &t)
	}
	if err != nil && fault.Of(err) != fault.NotFound {
		return t, err
	}
	if t.Loss, err = tx.Meta(state.MetaLoss); fault.Of(err) == fault.NotFound {
		err = nil
	}
	return t, err
}
