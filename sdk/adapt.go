package sdk

import (
	"context"

	"github.com/milagro-dta/dta/sdk/internal/guard"
	"github.com/milagro-dta/dta/sdk/internal/lent"
)

// keeper shows a Custodian to the guard.
type keeper struct {
	Custodian
	lent lent.Listener // nil outside of tests
}

func (k keeper) Safeguard(ctx context.Context, key []byte, about guard.About) ([]byte, error) {
	if k.lent != nil {
		k.lent(key)
	}
	return k.Custodian.Safeguard(ctx, key, aboutOf(about))
}

func (k keeper) Restore(ctx context.Context, deposit []byte, about guard.About) ([]byte, error) {
	return k.Custodian.Restore(ctx, deposit, aboutOf(about))
}

// maker shows a KeyMaker.
type maker struct{ KeyMaker }

func (m maker) MakeKey(ctx context.Context, keyType string, about guard.About) ([]byte, error) {
	return m.KeyMaker.MakeKey(ctx, keyType, aboutOf(about))
}

// issuer shows an Issuer.
type issuer struct{ Issuer }

func (i issuer) MakeShare(ctx context.Context, about guard.About) ([]byte, error) {
	return i.Issuer.MakeShare(ctx, aboutOf(about))
}

func (i issuer) CommitShare(ctx context.Context, handle, proofContext []byte, about guard.About) (commitment, proof []byte, err error) {
	return i.Issuer.CommitShare(ctx, handle, proofContext, aboutOf(about))
}

func (i issuer) IssueG1(ctx context.Context, handle []byte, bases [][]byte, proofContext []byte, about guard.About) (points [][]byte, proof []byte, err error) {
	return i.Issuer.IssueG1(ctx, handle, bases, proofContext, aboutOf(about))
}

func (i issuer) IssueG2(ctx context.Context, handle []byte, about guard.About) ([]byte, error) {
	return i.Issuer.IssueG2(ctx, handle, aboutOf(about))
}

func aboutOf(a guard.About) Context {
	return Context{
		Operation: a.Operation,
		Purpose:   Purpose(a.Purpose),
		Terms:     a.Terms,
		Custody:   a.Custody,
		Epoch:     a.Epoch,
		Principal: a.Principal,
		Receiver:  a.Receiver,
		Instance:  a.Instance,
		OwnKey:    a.OwnKey,
	}
}

func schemeOf(c Custodian) string {
	if s, ok := c.(Schemer); ok {
		return s.Scheme()
	}
	return ""
}
