package guard

import (
	"context"
	"slices"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
)

// Issue computes with this plugin's share of a network's master secret what a request asks for, and seals it to the
// receiver that the request names.
func (g *Guard) Issue(ctx context.Context, req *contract.IssueRequest) (*contract.IssueResponse, error) {
	if err := boundRelease(req, "request", req.GetRequest()); err != nil {
		return nil, err
	}
	if n := len(req.GetRoll()); n == 0 || n > contract.MaxEnvelope {
		return nil, fault.New(fault.Invalid, "expected the request's subjects in 1 to %d bytes, found %d", contract.MaxEnvelope, n)
	}
	k, err := g.keyring()
	if err != nil {
		return nil, err
	}
	return g.issued.do(ctx, releaseKey(req, req.GetRequest(), req.GetRoll()), func(ctx context.Context) (*contract.IssueResponse, error) {
		return g.issue(ctx, k, req)
	})
}

func (g *Guard) issue(ctx context.Context, k *identity.Keyring, req *contract.IssueRequest) (*contract.IssueResponse, error) {
	who, err := g.parties(k, req.GetDocuments())
	if err != nil {
		return nil, err
	}
	r, a, err := g.verifyRequest(k, req, who)
	if err != nil {
		return nil, err
	}
	if err := g.checkOperation(req.GetOperationId(), r.HeaderCID(), NetworkShare); err != nil {
		return nil, err
	}
	if err := ownDeposit(a, req.GetDeposit()); err != nil {
		return nil, err
	}
	// By this process's own clock, which an enrolled plugin's host cannot set.
	if err := r.Current(g.Now()); err != nil {
		return nil, err
	}
	o, custody := r.Order(), k.Identity().Name
	about := About{Operation: req.GetOperationId(), Principal: o.Terms().Principal, Receiver: r.Signer().Name}
	b := binding{Purpose: NetworkShare, Terms: o.TermsCID(), Custody: custody, Epoch: r.Request().Epoch}

	material, err := g.openShare(ctx, b, about, req.GetDeposit())
	if err != nil {
		return nil, err
	}
	defer material.Clear()
	// A batch is a second's work: not for nobody.
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	share, err := g.compute(ctx, r, custody, a.Commitment(), material, g.complete(about, b))
	if err != nil {
		return nil, err
	}
	defer share.Clear()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	grant, block, err := issue.GrantTo(k, r, a, share, req.GetCheckpoint(), who, g.Now())
	if err != nil {
		return nil, err
	}
	return &contract.IssueResponse{
		Grant: &contract.Shown{Envelope: grant.Block, Plain: grant.Plain},
		Share: block.Bytes,
	}, nil
}

// openShare opens a network-share deposit, or finds it in the cache.
func (g *Guard) openShare(ctx context.Context, b binding, about About, deposit []byte) (*secret.Bytes, error) {
	key := cacheKey(b, deposit)
	if material := g.shares.get(key); material != nil {
		return material, nil
	}
	material, err := g.openOwn(ctx, b, about, deposit)
	if err != nil {
		return nil, err
	}
	g.shares.put(key, material)
	return material, nil
}

// verifyRequest holds order, acceptance and request together before anything is opened.
func (g *Guard) verifyRequest(k *identity.Keyring, req *contract.IssueRequest, who order.Parties) (*issue.VerifiedRequest, *order.VerifiedAcceptance, error) {
	o, a, err := verifyAcceptance(k, req, who)
	if err != nil {
		return nil, nil, err
	}
	r, err := issue.VerifyRequest(o, req.GetRequest().GetEnvelope(), req.GetRequest().GetPlain(), who)
	if err != nil {
		return nil, nil, err
	}
	if r, err = r.With(req.GetRoll()); err != nil {
		return nil, nil, err
	}
	if !slices.Contains(r.Request().Quorum, uint64(a.Index())) {
		return nil, nil, fault.New(fault.Denied, "D-TA %d is not among those asked", a.Index())
	}
	if err := r.InForce(who); err != nil {
		return nil, nil, err
	}
	return r, a, nil
}
