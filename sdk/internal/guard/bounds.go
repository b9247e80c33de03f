package guard

import (
	"crypto/sha256"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk/contract"
)

// The bounds are checked before anything is hashed or verified.

func boundSafeguard(req *contract.SafeguardRequest) error {
	if err := boundShown("order", req.GetOrder()); err != nil {
		return err
	}
	if n := len(req.GetShare()); n > contract.MaxDeposit {
		return fault.New(fault.Invalid, "expected a share block of at most %d bytes, found %d", contract.MaxDeposit, n)
	}
	return boundRest(req.GetOperationId(), req.GetDocuments(), req.GetCheckpoint())
}

// boundRelease bounds a request to restore or to issue; cause, of this name, is the redemption or the request shown.
func boundRelease(req releasing, name string, cause *contract.Shown) error {
	if err := boundShown("order", req.GetOrder()); err != nil {
		return err
	}
	if err := boundShown("acceptance", req.GetAcceptance()); err != nil {
		return err
	}
	if err := boundShown(name, cause); err != nil {
		return err
	}
	if n := len(req.GetDeposit()); n == 0 || n > contract.MaxDeposit {
		return fault.New(fault.Invalid, "expected a deposit of 1 to %d bytes, found %d", contract.MaxDeposit, n)
	}
	return boundRest(req.GetOperationId(), req.GetDocuments(), req.GetCheckpoint())
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

func boundRest(operation string, documents [][]byte, checkpoint []byte) error {
	if len(operation) != 2*sha256.Size {
		return fault.New(fault.Invalid, "expected an operation id of %d hex digits, found %d", 2*sha256.Size, len(operation))
	}
	if n := len(documents); n > contract.MaxNamed {
		return fault.New(fault.Invalid, "expected at most %d documents named, found %d", contract.MaxNamed, n)
	}
	if n := len(checkpoint); n > contract.MaxCheckpoint {
		return fault.New(fault.Invalid, "expected a checkpoint of at most %d bytes, found %d", contract.MaxCheckpoint, n)
	}
	return nil
}

func boundShow(req *contract.ShowRequest) error {
	if n := len(req.GetChain()); n == 0 || n > contract.MaxDocuments {
		return fault.New(fault.Invalid, "expected a chain of 1 to %d documents, found %d", contract.MaxDocuments, n)
	}
	for i, d := range req.GetChain() {
		if n := len(d); n == 0 || n > contract.MaxDocument {
			return fault.New(fault.Invalid, "document %d: expected 1 to %d bytes, found %d", i, contract.MaxDocument, n)
		}
	}
	return nil
}
