package fiduciary_test

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
)

// plugin is a custody plugin in this process, which verifies what it is shown as
// a real one does. Its deposits are the shares themselves.
type plugin struct {
	keys *identity.Keyring
	now  func() time.Time

	kept, issued atomic.Int64 // how often it was asked
	purpose      string       // of the newest Safeguard

	spoil  func(fiduciary.Kept) fiduciary.Kept                                 // what it answers instead of what it kept, or nil
	during func()                                                              // runs while it issues, or nil
	bend   func(q *issue.VerifiedRequest, i fiduciary.Issued) fiduciary.Issued // what it answers instead, or nil
}

var _ fiduciary.Custodian = (*plugin)(nil)

func (p *plugin) Name() string                 { return "vault" }
func (p *plugin) Identity() *identity.Identity { return p.keys.Identity() }

func (p *plugin) parties(shown []*identity.Identity) (order.Parties, error) {
	return order.PartiesOf(append(shown, p.Identity())...)
}

func (p *plugin) Safeguard(_ context.Context, req fiduciary.Safeguard) (fiduciary.Kept, error) {
	p.kept.Add(1)
	p.purpose = req.Purpose
	who, err := p.parties(req.Parties)
	if err != nil {
		return fiduciary.Kept{}, err
	}
	o, err := order.VerifyOrder(req.Order.Block, req.Order.Plain, who)
	if err != nil {
		return fiduciary.Kept{}, err
	}
	if len(req.Share) != 0 {
		return fiduciary.Kept{}, fault.New(fault.Invalid, "a network has no shares beforehand")
	}
	index, ok := o.Terms().IndexOf(p.Identity().Name)
	if !ok {
		return fiduciary.Kept{}, fault.New(fault.Denied, "it is another's")
	}
	s := bls.RandomScalar()
	bytes := s.Bytes()
	c, err := order.ProveShare(o, p.Identity().Name, s)
	if err != nil {
		return fiduciary.Kept{}, err
	}
	deposit, err := order.PutDeposit(bytes.Open())
	if err != nil {
		return fiduciary.Kept{}, err
	}
	accepted, err := order.Accept(p.keys, o, index, c, order.Receipt{
		Deposit: deposit.CID, Mode: order.Supervised, Type: "test", HostEnforced: o.Terms().Policy.Enforcement == order.HostEnforced,
	}, req.Checkpoint, who, p.now())
	if err != nil {
		return fiduciary.Kept{}, err
	}
	kept := fiduciary.Kept{Deposit: bytes.Open(), Acceptance: fiduciary.Shown{Block: accepted.Block, Plain: accepted.Plain}}
	if p.spoil != nil {
		kept = p.spoil(kept)
	}
	return kept, nil
}

func (p *plugin) Restore(context.Context, fiduciary.Restore) (fiduciary.Restored, error) {
	return fiduciary.Restored{}, fault.New(fault.Unsupported, "it keeps no secrets")
}

func (p *plugin) Issue(_ context.Context, req fiduciary.Issue) (out fiduciary.Issued, err error) {
	p.issued.Add(1)
	if p.during != nil {
		p.during()
	}
	who, err := p.parties(req.Parties)
	if err != nil {
		return out, err
	}
	o, err := order.VerifyOrder(req.Order.Block, req.Order.Plain, who)
	if err != nil {
		return out, err
	}
	a, err := order.VerifyAcceptance(o, req.Acceptance.Block, req.Acceptance.Plain, who)
	if err != nil {
		return out, err
	}
	q, err := issue.VerifyRequest(o, req.Request.Block, req.Request.Plain, who)
	if err != nil {
		return out, err
	}
	if q, err = q.With(req.Roll); err != nil {
		return out, err
	}
	if err := q.Current(p.now()); err != nil {
		return out, err
	}
	s, err := bls.ParseScalar(req.Deposit)
	if err != nil {
		return out, err
	}
	share, err := issue.Issue(q, p.Identity().Name, a.Commitment(), s)
	if err != nil {
		return out, err
	}
	defer share.Clear()
	grant, block, err := issue.GrantTo(p.keys, q, a, share, req.Checkpoint, who, p.now())
	if err != nil {
		return out, err
	}
	out = fiduciary.Issued{Grant: fiduciary.Shown{Block: grant.Block, Plain: grant.Plain}, Share: block.Bytes}
	if p.bend != nil {
		out = p.bend(q, out)
	}
	return out, nil
}
