package guard

import (
	"context"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
)

// Restore seals what a deposit holds to the receiver that a redemption names.
func (g *Guard) Restore(ctx context.Context, req *contract.RestoreRequest) (*contract.RestoreResponse, error) {
	if err := boundRelease(req, "redemption", req.GetRedemption()); err != nil {
		return nil, err
	}
	k, err := g.keyring()
	if err != nil {
		return nil, err
	}
	return g.released.do(ctx, releaseKey(req, req.GetRedemption()), func(ctx context.Context) (*contract.RestoreResponse, error) {
		return g.restore(ctx, k, req)
	})
}

func (g *Guard) restore(ctx context.Context, k *identity.Keyring, req *contract.RestoreRequest) (*contract.RestoreResponse, error) {
	who, err := g.parties(k, req.GetDocuments())
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
	if err := g.checkOperation(req.GetOperationId(), r.HeaderCID(), purpose); err != nil {
		return nil, err
	}
	if err := ownDeposit(a, req.GetDeposit()); err != nil {
		return nil, err
	}
	about := About{Operation: req.GetOperationId(), Principal: o.Terms().Principal, Receiver: r.Receiver(), OwnKey: o.Terms().OwnKey}
	b := binding{Purpose: purpose, Terms: o.TermsCID(), Custody: k.Identity().Name}

	material, err := g.openOwn(ctx, b, about, req.GetDeposit())
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
	o, a, err := verifyAcceptance(k, req, who)
	if err != nil {
		return nil, nil, err
	}
	r, err := order.VerifyRedemption(o, req.GetRedemption().GetEnvelope(), req.GetRedemption().GetPlain(), who)
	if err != nil {
		return nil, nil, err
	}
	if err := r.ReliesOn(a); err != nil {
		return nil, nil, err
	}
	if err := r.InForce(who); err != nil {
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
