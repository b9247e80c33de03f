package issue

import (
	"bytes"
	"slices"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
)

// OpenedPart is an envelope with its plaintext, for one who is no recipient.
type OpenedPart struct {
	Envelope []byte `cbor:"envelope"`
	Plain    []byte `cbor:"plain"`
}

// Charter is everything by which anyone verifies a network: its order, the
// acceptance of every D-TA, and the documents of all parties. It is no secret,
// and says who serves and who governs the network.
type Charter struct {
	Version     uint64       `cbor:"version"`
	Order       OpenedPart   `cbor:"order"`
	Acceptances []OpenedPart `cbor:"acceptances"` // in the order of the terms
	Chains      [][][]byte   `cbor:"chains"`      // identity documents, each chain first to newest
}

// Network is a verified network: what a charter proves.
type Network struct {
	Order       *order.VerifiedOrder
	Terms       *order.NetworkTerms
	Acceptances []*order.VerifiedAcceptance // in the order of the terms
	Who         *order.KnownParties
}

// NewNetwork puts the order and all its acceptances together: one of each D-TA,
// and no commitment twice, which would be one D-TA's share under two names.
func NewNetwork(o *order.VerifiedOrder, acceptances []*order.VerifiedAcceptance, who *order.KnownParties) (_ *Network, err error) {
	defer fault.Explain("network", &err)
	terms, err := networkOf(o)
	if err != nil {
		return nil, err
	}
	if uint64(len(acceptances)) != o.Terms().N {
		return nil, fault.New(fault.Invalid, "expected the acceptances of %d D-TAs, found %d", o.Terms().N, len(acceptances))
	}
	for i, a := range acceptances {
		if a == nil || a.Order() == nil || a.Order().CID() != o.CID() || a.Index() != i {
			return nil, fault.New(fault.Invalid, "expected acceptance %d to be that of D-TA %d of this network", i, i)
		}
		for j, b := range acceptances[:i] {
			if bytes.Equal(a.Commitment(), b.Commitment()) {
				return nil, fault.New(fault.Invalid, "D-TAs %d and %d committed to the same share", j, i)
			}
		}
	}
	return &Network{Order: o, Terms: terms, Acceptances: acceptances, Who: who}, nil
}

// Charter writes the network down, with the chains of all its parties and of
// further names that its readers will meet, such as delegates.
func (n *Network) Charter(further ...*identity.Identity) ([]byte, error) {
	c := Charter{Version: Version, Order: OpenedPart{n.Order.Block(), n.Order.Plain()}}
	for _, a := range n.Acceptances {
		c.Acceptances = append(c.Acceptances, OpenedPart{a.Block(), a.Plain()})
	}
	members, err := n.members()
	if err != nil {
		return nil, err
	}
	ids := slices.Concat(further, members)
	known, err := order.PartiesOf(ids...)
	if err != nil {
		return nil, err
	}
	seen := make(map[dag.CID]bool)
	for _, id := range ids {
		if seen[id.Name] {
			continue
		}
		seen[id.Name] = true
		if id, err = known.Identity(id.Name, dag.CID{}); err != nil {
			return nil, err
		}
		c.Chains = append(c.Chains, id.Blocks())
	}
	return dag.Encode(c)
}

// Chains are the document chains of everybody whom the network's terms name.
func (n *Network) Chains() ([][][]byte, error) {
	members, err := n.members()
	if err != nil {
		return nil, err
	}
	chains := make([][][]byte, len(members))
	for i, id := range members {
		chains[i] = id.Blocks()
	}
	return chains, nil
}

// members are the parties and custody identities that the terms name, each at the
// newest document known.
func (n *Network) members() ([]*identity.Identity, error) {
	names := n.Order.Terms().Parties()
	for _, f := range n.Order.Terms().Fiduciaries {
		names = append(names, f.Custody.Name)
	}
	ids := make([]*identity.Identity, len(names))
	for i, name := range names {
		var err error
		if ids[i], err = order.Resolve(n.Who, name, dag.CID{}); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// ReadCharter verifies a charter, every signature in it. Whom to believe is the
// reader's to know: a charter proves that this is the network of its order's CID.
func ReadCharter(block []byte) (_ *Network, err error) {
	defer fault.Explain("charter", &err)
	var c Charter
	if err := dag.Decode(block, &c); err != nil {
		return nil, fault.New(fault.Invalid, "%w", err)
	}
	if c.Version != Version {
		return nil, fault.New(fault.Unsupported, "expected version %d, found %d", Version, c.Version)
	}
	if len(c.Acceptances) > order.MaxMembers {
		return nil, fault.New(fault.Invalid, "expected at most %d acceptances, found %d", order.MaxMembers, len(c.Acceptances))
	}
	who, err := order.NewParties(nil, c.Chains...)
	if err != nil {
		return nil, err
	}
	o, err := order.VerifyOrder(c.Order.Envelope, c.Order.Plain, who)
	if err != nil {
		return nil, err
	}
	acceptances := make([]*order.VerifiedAcceptance, len(c.Acceptances))
	for i, s := range c.Acceptances {
		if acceptances[i], err = order.VerifyAcceptance(o, s.Envelope, s.Plain, who); err != nil {
			return nil, err
		}
	}
	return NewNetwork(o, acceptances, who)
}
