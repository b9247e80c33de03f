package issue

import (
	"bytes"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

// Delivery is everything that a receiver is given, by somebody it need not trust.
type Delivery struct {
	Charter []byte
	Request OpenedPart
	Roll    []byte      // of the request
	Grants  []Delivered // in any order
}

// Delivered is one D-TA's grant with the block that it links.
type Delivered struct {
	OpenedPart
	Share []byte
}

// Received is a delivery that holds: of the network that the receiver meant, asked
// for the receiver's own key, and every D-TA's share as committed to.
type Received struct {
	Network *Network
	Request *VerifiedRequest
	*Secrets
}

// Receive verifies a delivery, every signature and proof in it, opens it and adds it
// up. network is the CID of the order that the receiver means (not the NetworkID,
// which is CID(terms)), undefined to believe whatever network the charter proves.
// A D-TA whose share is bad is named by a *BadShare; a grant that is missing is
// fault.Unavailable. What was asked, for whom and for which days, is in the request:
// the caller compares.
func Receive(d Delivery, network dag.CID, receiver *seal.PrivateKey) (_ *Received, err error) {
	n, err := ReadCharter(d.Charter)
	if err != nil {
		return nil, err
	}
	if network.Defined() && n.Order.CID() != network {
		return nil, fault.New(fault.Denied, "charter: expected that of network order %s, found %s", network, n.Order.CID())
	}
	r, err := VerifyRequest(n.Order, d.Request.Envelope, d.Request.Plain, n.Who)
	if err != nil {
		return nil, err
	}
	if r, err = r.With(d.Roll); err != nil {
		return nil, err
	}
	if !bytes.Equal(r.Request().Receiver, receiver.Public()) {
		return nil, fault.New(fault.Denied, "request: expected one for this receiver's key, found another's")
	}
	if len(d.Grants) > len(n.Acceptances) {
		return nil, fault.New(fault.Invalid, "expected at most %d grants, found %d", len(n.Acceptances), len(d.Grants))
	}
	var answers []Answer
	defer func() {
		for _, a := range answers {
			a.Share.Clear()
		}
	}()
	for i, g := range d.Grants {
		a, err := n.open(r, g, receiver)
		if err != nil {
			return nil, fault.New(fault.Of(err), "grant %d: %w", i, err)
		}
		answers = append(answers, a)
	}
	secrets, err := Combine(r, answers)
	if err != nil {
		return nil, err
	}
	return &Received{Network: n, Request: r, Secrets: secrets}, nil
}

// open verifies one grant against the acceptance of whoever signed it.
func (n *Network) open(r *VerifiedRequest, d Delivered, receiver *seal.PrivateKey) (Answer, error) {
	a, err := n.signer(d.Envelope)
	if err != nil {
		return Answer{}, err
	}
	g, err := VerifyGrant(r, a, d.Envelope, d.Plain, n.Who)
	if err != nil {
		return Answer{}, err
	}
	s, err := OpenShare(g, d.Share, receiver)
	return Answer{g, s}, err
}

func (n *Network) signer(block []byte) (*order.VerifiedAcceptance, error) {
	e, err := envelope.Parse(block)
	if err != nil {
		return nil, err
	}
	for _, a := range n.Acceptances {
		if a.Custody() == e.Header.Signer.Name {
			return a, nil
		}
	}
	return nil, fault.New(fault.Denied, "%s is no D-TA of this network", e.Header.Signer.Name)
}
