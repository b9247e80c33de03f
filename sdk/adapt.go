package sdk

import (
	"context"

	"github.com/milagro-dta/dta/sdk/internal/guard"
)

// keeper shows a Custodian to the guard.
type keeper struct{ Custodian }

func (k keeper) Safeguard(ctx context.Context, key []byte, about guard.About) ([]byte, error) {
	return k.Custodian.Safeguard(ctx, key, contextOf(about))
}

func (k keeper) Restore(ctx context.Context, deposit []byte, about guard.About) ([]byte, error) {
	return k.Custodian.Restore(ctx, deposit, contextOf(about))
}

// maker shows a KeyMaker.
type maker struct{ KeyMaker }

func (m maker) MakeKey(ctx context.Context, about guard.About) ([]byte, error) {
	return m.KeyMaker.MakeKey(ctx, contextOf(about))
}

func contextOf(a guard.About) Context {
	return Context{
		Operation: a.Operation,
		Purpose:   Purpose(a.Purpose),
		Terms:     a.Terms,
		Custody:   a.Custody,
		Epoch:     a.Epoch,
		Principal: a.Principal,
		Receiver:  a.Receiver,
		Instance:  a.Instance,
	}
}

func schemeOf(c Custodian) string {
	if s, ok := c.(Schemer); ok {
		return s.Scheme()
	}
	return ""
}
