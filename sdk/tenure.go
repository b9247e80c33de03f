package sdk

import (
	"context"
	"time"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk/contract"
)

func (s *server) Claim(ctx context.Context, req *contract.ClaimRequest) (*contract.ClaimResponse, error) {
	i, keeper, err := s.tenureKeeper()
	if err != nil {
		return nil, err
	}
	claim := req.GetClaim()
	node, err := dag.FromBytes(claim.GetNode())
	if err != nil {
		return nil, fault.New(fault.Invalid, "claim: the node's name: %w", err)
	}
	if n := len(claim.GetMark()); n != contract.TenureMark {
		return nil, fault.New(fault.Invalid, "claim: expected a mark of %d bytes, found %d", contract.TenureMark, n)
	}
	if n := len(req.GetAfter()); n != 0 && n != contract.TenureMark {
		return nil, fault.New(fault.Invalid, "claim: expected the mark before to have %d bytes, found %d", contract.TenureMark, n)
	}
	if n := len(claim.GetHost()); n > contract.MaxHostName {
		return nil, fault.New(fault.Invalid, "claim: expected a host name of at most %d bytes, found %d", contract.MaxHostName, n)
	}
	if claim.GetNumber() > contract.MaxTenure {
		return nil, fault.New(fault.Invalid, "claim: expected a number of at most %d, found %d", uint64(contract.MaxTenure), claim.GetNumber())
	}
	made, err := keeper.Claim(ctx, Tenure{
		Node: node, Instance: i.name, Number: claim.GetNumber(), Mark: claim.GetMark(), Host: claim.GetHost(), Since: time.Unix(claim.GetTime(), 0),
	}, req.GetAfter())
	if err != nil {
		return nil, fault.New(fault.Of(err), "%s", i.scrub(err.Error()))
	}
	return &contract.ClaimResponse{Claim: onWire(made)}, nil
}

func (s *server) Holder(ctx context.Context, _ *contract.HolderRequest) (*contract.HolderResponse, error) {
	i, keeper, err := s.tenureKeeper()
	if err != nil {
		return nil, err
	}
	t, err := keeper.Holder(ctx)
	if err != nil {
		return nil, fault.New(fault.Of(err), "%s", i.scrub(err.Error()))
	}
	return &contract.HolderResponse{Claim: onWire(t)}, nil
}

func (s *server) tenureKeeper() (*instance, TenureKeeper, error) {
	i, err := s.configured()
	if err != nil {
		return nil, nil, err
	}
	keeper, ok := i.custodian.(TenureKeeper)
	if !ok {
		return nil, nil, fault.New(fault.Unsupported, "plugins of type %q keep no record of whose realm it is", s.plugin.typ)
	}
	return i, keeper, nil
}

func onWire(t Tenure) *contract.TenureRecord {
	return &contract.TenureRecord{Node: t.Node.Bytes(), Instance: t.Instance, Number: t.Number, Mark: t.Mark, Host: t.Host, Time: t.Since.Unix()}
}
