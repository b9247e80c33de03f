package issue

import (
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Mandate is what a delegate is handed: the delegation, and the charter of the
// network in which it counts.
type Mandate struct {
	Version    uint64     `cbor:"version"`
	Delegation Delegation `cbor:"delegation"`
	Charter    []byte     `cbor:"charter"`
}

// Mandate writes a delegation down for its delegate.
func (n *Network) Mandate(d *Delegation) ([]byte, error) {
	charter, err := n.Charter()
	if err != nil {
		return nil, err
	}
	return dag.Encode(Mandate{Version: Version, Delegation: *d, Charter: charter})
}

// ReadMandate verifies a mandate, every signature in it.
func ReadMandate(block []byte) (_ *Network, _ *Delegation, err error) {
	defer fault.Explain("mandate", &err)
	var m Mandate
	if err := dag.Decode(block, &m); err != nil {
		return nil, nil, fault.New(fault.Invalid, "%w", err)
	}
	if m.Version != Version {
		return nil, nil, fault.New(fault.Unsupported, "expected version %d, found %d", Version, m.Version)
	}
	n, err := ReadCharter(m.Charter)
	if err != nil {
		return nil, nil, err
	}
	if err := m.Delegation.Verify(n.Order, n.Who); err != nil {
		return nil, nil, err
	}
	return n, &m.Delegation, nil
}
