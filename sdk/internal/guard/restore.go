package guard

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
)

// Restore seals what a deposit holds to the receiver that a redemption names.
func (g *Guard) Restore(ctx context.Context, req *contract.RestoreRequest) (*contract.RestoreResponse, error) {
	if err := boundRestore(req); err != nil {
		return nil, err
	}
	k, err := g.keyring()
	if err != nil {
		return nil, err
	}
	return g.released.do(ctx, restoreKey(req), func(ctx context.Context) (*contract.RestoreResponse, error) {
		return g.restore(ctx, k, req)
	})
}

func (g *Guard) restore(ctx context.Context, k *identity.Keyring, req *contract.RestoreRequest) (*contract.RestoreResponse, error) {
	who, err := g.parties(k, req.GetChains())
	if err != nil {
		return nil, err
	}
	r, a, err := g.verifyRedemption(k, req, who)
	if err != nil {
		return nil, err
	}
	o := r.Order()
	purpose, err := purposeOf(o)
	if err != nil {
		return nil, err
	}
	if purpose == NetworkShare {
		return nil, fault.New(fault.Denied, "a network's share is never released")
	}
	if err := g.checkOperation(req.GetOperationId(), r.CID(), purpose); err != nil {
		return nil, err
	}
	if hash := sha256.Sum256(req.GetDeposit()); subtle.ConstantTimeCompare(hash[:], a.Receipt().Deposit) != 1 {
		return nil, fault.New(fault.Denied, "the acceptance shown was given for another deposit")
	}
	about := About{Operation: req.GetOperationId(), Principal: o.Terms().Principal, Receiver: r.Receiver()}
	b := binding{Purpose: purpose, Terms: o.TermsCID(), Custody: k.Identity().Name}

	material, err := g.open(ctx, b, about, req.GetDeposit())
	if err != nil {
		return nil, err
	}
	defer material.Clear()
	release, share, err := order.ReleaseTo(k, r, a, material, req.GetCheckpoint(), who, g.Now())
	if err != nil {
		return nil, err
	}
	return &contract.RestoreResponse{
		Release: &contract.Shown{Envelope: release.Block, Plain: release.Plain},
		Share:   share.Bytes,
	}, nil
}

// verifyRedemption holds the chain of three parts together before anything is opened. That the acceptance is this
// identity's own, that the redemption relies on it and was signed with a key still in force, ReleaseTo would find
// too, but only after the custodian was asked.
func (g *Guard) verifyRedemption(k *identity.Keyring, req *contract.RestoreRequest, who order.Parties) (*order.VerifiedRedemption, *order.VerifiedAcceptance, error) {
	o, err := order.VerifyOrder(req.GetOrder().GetEnvelope(), req.GetOrder().GetPlain(), who)
	if err != nil {
		return nil, nil, err
	}
	a, err := order.VerifyAcceptance(o, req.GetAcceptance().GetEnvelope(), req.GetAcceptance().GetPlain(), who)
	if err != nil {
		return nil, nil, err
	}
	if a.Custody() != k.Identity().Name {
		return nil, nil, fault.New(fault.Denied, "the acceptance shown is of custody identity %s, not of %s", a.Custody(), k.Identity().Name)
	}
	r, err := order.VerifyRedemption(o, req.GetRedemption().GetEnvelope(), req.GetRedemption().GetPlain(), who)
	if err != nil {
		return nil, nil, err
	}
	if err := r.ReliesOn(a); err != nil {
		return nil, nil, err
	}
	if err := r.Current(who); err != nil {
		return nil, nil, err
	}
	return r, a, notBefore(o, r)
}

// notBefore refuses a redemption that had expired before its order was made: it was signed with false times, and a
// host that calls it fresh lies.
func notBefore(o *order.VerifiedOrder, r *order.VerifiedRedemption) error {
	if r.Header().Expires < o.Header().Time {
		return fault.New(fault.Denied, "the redemption had expired before its order was made")
	}
	return nil
}

func purposeOf(o *order.VerifiedOrder) (Purpose, error) {
	switch what := o.Terms().What; what {
	case order.Secret:
		return Share, nil
	case order.Key:
		return Key, nil
	case order.Network:
		return NetworkShare, nil
	default:
		return "", fault.New(fault.Unsupported, "cannot keep a %s", what)
	}
}

// checkOperation refuses an id that names another act: a log that says one thing was done must not mean another.
func (g *Guard) checkOperation(id string, cause dag.CID, purpose Purpose) error {
	if want := contract.OperationID(cause, g.Instance, string(purpose)); id != want {
		return fault.New(fault.Invalid, "expected operation id %s, found %q", want, id)
	}
	return nil
}
