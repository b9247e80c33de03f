package order

import (
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/vss"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// Check refuses terms that nobody should act on: fault.Unsupported for what
// this version does not know, fault.Invalid for the rest. It needs no identity;
// that the principal signed, and who the parties are, VerifyOrder checks.
func (t *Terms) Check() error {
	if err := t.checkNames(); err != nil {
		return err
	}
	if err := t.checkClosedLists(); err != nil {
		return err
	}
	if len(t.Reference) != ReferenceSize {
		return fault.New(fault.Invalid, "terms: expected a reference of %d bytes, found %d", ReferenceSize, len(t.Reference))
	}
	if err := t.checkFiduciaries(); err != nil {
		return err
	}
	if err := t.checkParties(); err != nil {
		return err
	}
	return t.checkMaterial()
}

// checkNames refuses a version, suite or critical name of another time.
func (t *Terms) checkNames() error {
	if t.Version != Version {
		return fault.New(fault.Unsupported, "terms: expected version %d, found %d", Version, t.Version)
	}
	if _, err := seal.ByName(t.Suite); err != nil {
		return fault.New(fault.Unsupported, "terms: %w", err)
	}
	if err := t.Critical.RefuseUnknown(criticalNetwork); err != nil {
		return fault.New(fault.Unsupported, "terms: %w", err)
	}
	return refuseUnknown("terms: policy", t.Policy.Critical)
}

func (t *Terms) checkClosedLists() error {
	switch t.What {
	case Secret, Key, Network:
	default:
		return fault.New(fault.Unsupported, "terms: cannot keep %.40q, only %q, %q or %q", t.What, Secret, Key, Network)
	}
	if _, err := t.Algorithm(); err != nil {
		return err
	}
	switch t.Publish {
	case PublishNone, PublishChain, PublishAll:
	default:
		return fault.New(fault.Unsupported, "terms: cannot publish %.40q", t.Publish)
	}
	switch t.Policy.Enforcement {
	case "", HostEnforced:
	default:
		return fault.New(fault.Unsupported, "terms: cannot enforce policy %.40q", t.Policy.Enforcement)
	}
	return nil
}

func (t *Terms) checkFiduciaries() error {
	if t.N < 1 || t.N > MaxFiduciaries {
		return fault.New(fault.Invalid, "terms: expected 1 to %d fiduciaries, found %d", MaxFiduciaries, t.N)
	}
	if t.T < 1 || t.T > t.N {
		return fault.New(fault.Invalid, "terms: expected a threshold of 1 to %d, found %d", t.N, t.T)
	}
	if uint64(len(t.Fiduciaries)) != t.N {
		return fault.New(fault.Invalid, "terms: expected a list of %d fiduciaries, found %d", t.N, len(t.Fiduciaries))
	}
	custody := make(map[dag.CID]bool, len(t.Fiduciaries))
	for i, f := range t.Fiduciaries {
		if !complete(f.Custody) || !complete(f.Node) {
			return fault.New(fault.Invalid, "terms: fiduciary %d lacks a name or a document", i)
		}
		if f.Offer.Defined() && f.Offer.Raw() {
			return fault.New(fault.Invalid, "terms: the offer of fiduciary %d is no envelope", i)
		}
		if custody[f.Custody.Name] {
			return fault.New(fault.Invalid, "terms: custody identity %s is listed twice", f.Custody.Name)
		}
		custody[f.Custody.Name] = true
	}
	return nil
}

func (t *Terms) checkParties() error {
	if !t.Principal.Defined() {
		return fault.New(fault.Invalid, "terms: no principal")
	}
	if err := checkSorted("redeemers", t.Redeemers, MaxRedeemers); err != nil {
		return err
	}
	if err := checkSorted("receivers", t.Receivers, MaxReceivers); err != nil {
		return err
	}
	parties := t.Parties()
	if len(parties) > MaxRecipients {
		return fault.New(fault.Invalid, "terms: expected at most %d parties, found %d", MaxRecipients, len(parties))
	}
	// A release is sealed to a node: one sealed to a custody identity would
	// move a share from plugin to plugin, which needs an amendment.
	for _, name := range parties {
		if i, is := t.IndexOf(name); is {
			return fault.New(fault.Invalid, "terms: custody identity %d is also a party", i)
		}
	}
	return nil
}

// checkMaterial holds commitments and size to what is kept.
func (t *Terms) checkMaterial() error {
	n, err := t.network()
	if err != nil {
		return err
	}
	if n != nil {
		return t.checkNetwork(n)
	}
	if t.What == Key {
		if t.N != 1 {
			return fault.New(fault.Unsupported, "terms: a key of %d fiduciaries needs distributed generation", t.N)
		}
		if len(t.Commitments) != 0 || t.Size != 0 {
			return fault.New(fault.Invalid, "terms: a key has neither commitments nor a size beforehand, found %d and %d", len(t.Commitments), t.Size)
		}
		return nil
	}
	if t.Size < 1 || t.Size > MaxSecret {
		return fault.New(fault.Invalid, "terms: expected a secret of 1 to %d bytes, found %d", MaxSecret, t.Size)
	}
	if uint64(len(t.Commitments)) != t.T {
		return fault.New(fault.Invalid, "terms: expected %d commitments, found %d", t.T, len(t.Commitments))
	}
	if err := vss.CheckCommitments(t.Commitments, int(t.T)); err != nil {
		return fault.New(fault.Invalid, "terms: %w", err)
	}
	return nil
}

// checkSorted wants 1…limit names in strictly rising order of their bytes, so
// that one set of names has one encoding.
func checkSorted(what string, names []dag.CID, limit int) error {
	if len(names) < 1 || len(names) > limit {
		return fault.New(fault.Invalid, "terms: expected 1 to %d %s, found %d", limit, what, len(names))
	}
	for i, name := range names {
		if !name.Defined() {
			return fault.New(fault.Invalid, "terms: name %d of the %s is empty", i, what)
		}
		if i > 0 && names[i-1].Compare(name) >= 0 {
			return fault.New(fault.Invalid, "terms: %s are not sorted and unique", what)
		}
	}
	return nil
}

func complete(p identity.Party) bool { return p.Name.Defined() && p.Document.Defined() }

// refuseUnknown refuses every critical name, where version 1 knows none.
func refuseUnknown(where string, critical dag.Values) error {
	if err := critical.RefuseUnknown(); err != nil {
		return fault.New(fault.Unsupported, "%s: %w", where, err)
	}
	return nil
}
