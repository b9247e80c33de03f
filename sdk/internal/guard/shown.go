package guard

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
)

// parties verifies the chains shown. This plugin's own is always among them, as it is known here: a host that shows
// another of the same name contradicts it and is refused.
func (g *Guard) parties(k *identity.Keyring, shown []*contract.Chain) (order.Parties, error) {
	ids := make([]*identity.Identity, 0, len(shown)+1)
	for i, c := range shown {
		id, err := g.cache.Verify(c.GetDocuments())
		if err != nil {
			return nil, fault.New(fault.Invalid, "document chain %d: %w", i, err)
		}
		ids = append(ids, id)
	}
	who, err := order.PartiesOf(append(ids, k.Identity())...)
	if err != nil {
		return nil, err
	}
	return order.Remembering(who, g.memory), nil
}

// The bounds are checked before anything is hashed or verified.

func boundSafeguard(req *contract.SafeguardRequest) error {
	if err := boundShown("order", req.GetOrder()); err != nil {
		return err
	}
	if n := len(req.GetShare()); n > contract.MaxDeposit {
		return fault.New(fault.Invalid, "expected a share block of at most %d bytes, found %d", contract.MaxDeposit, n)
	}
	return boundRest(req.GetOperationId(), req.GetChains(), req.GetCheckpoint())
}

func boundRestore(req *contract.RestoreRequest) error {
	if err := boundShown("order", req.GetOrder()); err != nil {
		return err
	}
	if err := boundShown("acceptance", req.GetAcceptance()); err != nil {
		return err
	}
	if err := boundShown("redemption", req.GetRedemption()); err != nil {
		return err
	}
	if n := len(req.GetDeposit()); n == 0 || n > contract.MaxDeposit {
		return fault.New(fault.Invalid, "expected a deposit of 1 to %d bytes, found %d", contract.MaxDeposit, n)
	}
	return boundRest(req.GetOperationId(), req.GetChains(), req.GetCheckpoint())
}

func boundIssue(req *contract.IssueRequest) error {
	if err := boundShown("order", req.GetOrder()); err != nil {
		return err
	}
	if err := boundShown("acceptance", req.GetAcceptance()); err != nil {
		return err
	}
	if err := boundShown("request", req.GetRequest()); err != nil {
		return err
	}
	if n := len(req.GetDeposit()); n == 0 || n > contract.MaxDeposit {
		return fault.New(fault.Invalid, "expected a deposit of 1 to %d bytes, found %d", contract.MaxDeposit, n)
	}
	return boundRest(req.GetOperationId(), req.GetChains(), req.GetCheckpoint())
}

func boundShown(name string, s *contract.Shown) error {
	if len(s.GetEnvelope()) == 0 || len(s.GetPlain()) == 0 {
		return fault.New(fault.Invalid, "the %s is not shown with its plaintext", name)
	}
	if n := max(len(s.GetEnvelope()), len(s.GetPlain())); n > contract.MaxEnvelope {
		return fault.New(fault.Invalid, "expected the %s in at most %d bytes, found %d", name, contract.MaxEnvelope, n)
	}
	return nil
}

func boundRest(operation string, chains []*contract.Chain, checkpoint []byte) error {
	if len(operation) != 2*sha256.Size {
		return fault.New(fault.Invalid, "expected an operation id of %d hex digits, found %d", 2*sha256.Size, len(operation))
	}
	if n := len(chains); n > contract.MaxChains {
		return fault.New(fault.Invalid, "expected at most %d document chains, found %d", contract.MaxChains, n)
	}
	for i, c := range chains {
		if n := len(c.GetDocuments()); n == 0 || n > contract.MaxDocuments {
			return fault.New(fault.Invalid, "chain %d: expected 1 to %d documents, found %d", i, contract.MaxDocuments, n)
		}
	}
	if n := len(checkpoint); n > contract.MaxCheckpoint {
		return fault.New(fault.Invalid, "expected a checkpoint of at most %d bytes, found %d", contract.MaxCheckpoint, n)
	}
	return nil
}

// safeguardKey names a call together with everything it shows but the checkpoint, which may have grown: only a true
// repeat joins.
func safeguardKey(req *contract.SafeguardRequest) string {
	return callKey(req.GetChains(), []byte(req.GetOperationId()), req.GetOrder().GetEnvelope(), req.GetOrder().GetPlain(), req.GetShare())
}

func restoreKey(req *contract.RestoreRequest) string {
	return callKey(req.GetChains(), []byte(req.GetOperationId()), req.GetOrder().GetEnvelope(), req.GetOrder().GetPlain(),
		req.GetAcceptance().GetEnvelope(), req.GetAcceptance().GetPlain(),
		req.GetRedemption().GetEnvelope(), req.GetRedemption().GetPlain(), req.GetDeposit())
}

func issueKey(req *contract.IssueRequest) string {
	return callKey(req.GetChains(), []byte(req.GetOperationId()), req.GetOrder().GetEnvelope(), req.GetOrder().GetPlain(),
		req.GetAcceptance().GetEnvelope(), req.GetAcceptance().GetPlain(),
		req.GetRequest().GetEnvelope(), req.GetRequest().GetPlain(), req.GetDeposit())
}

func callKey(chains []*contract.Chain, parts ...[]byte) string {
	h := sha256.New()
	write := func(p []byte) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		h.Write(p)
	}
	for _, p := range parts {
		write(p)
	}
	for _, c := range chains {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(c.GetDocuments()))))
		for _, d := range c.GetDocuments() {
			write(d)
		}
	}
	return string(h.Sum(nil))
}
