// Package peer is how nodes talk to one another: the JSON bodies of the nodes'
// API, the bag of blocks that travels inside a call, and a client.
//
// The three role services of a node meet only here. A principal calls a
// [Fiduciary]; whether that is a service of the same process or a [Client] of a
// node on the other side of the world makes no difference to it.
//
// Nothing in a body is trusted. Authority comes from the signed envelopes whose
// blocks a call carries; names in the JSON only say where in the bag to begin.
// Paths and member names are those of the original D-TA, so that its clients
// and tools keep working; "blocks" and "documents" are new.
//
// Documents travel once per peer. A call names in "documents" the newest document
// of each party that its receiver must know, and brings none of them. A receiver
// that lacks some does nothing and answers not_found with the list of them
// ([fault.Missing]); the caller shows their chains ([Client.Show]) and repeats the
// call. Who asks finds the signer of an answer in the same way, by its name
// ([Client.Document]).
package peer

import (
	"context"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Paths of the nodes' API.
const (
	PathFulfillOrder      = "/v1/fulfill/order"
	PathFulfillSecret     = "/v1/fulfill/order/secret"
	PathFulfillRequest    = "/v1/fulfill/request"
	PathFulfillRevocation = "/v1/fulfill/revocation"
	PathNotice            = "/v1/notice"
	PathConsistency       = "/v1/audit/consistency"
	PathCustody           = "/v1/custody"
	PathIdentity          = "/v1/identity"
)

// MaxBody is the largest body of a call between nodes, in bytes: a secret at
// the published limit with its envelopes, or a chain of documents at theirs, all
// in base64.
const MaxBody = 8 << 20

// MaxDocuments bounds the documents that a call names.
const MaxDocuments = fault.MaxMissing

// FulfillOrder asks a fiduciary to keep what an order says. OrderPart1CID names
// the order's envelope, DocumentCID the principal's newest identity document.
type FulfillOrder struct {
	OrderPart1CID string   `json:"orderPart1CID"`
	DocumentCID   string   `json:"documentCID"`
	Documents     []string `json:"documents,omitempty"`
	Blocks        Bag      `json:"blocks,omitempty"`
}

// FulfilledOrder answers with the CID of the acceptance.
type FulfilledOrder struct {
	OrderPart2CID string `json:"orderPart2CID"`
	Blocks        Bag    `json:"blocks,omitempty"`
}

// FulfillSecret asks a fiduciary for the release that a redemption authorises.
// OrderPart3CID names the redemption's envelope, DocumentCID the redeemer's
// newest identity document.
type FulfillSecret struct {
	OrderPart3CID string   `json:"orderPart3CID"`
	DocumentCID   string   `json:"documentCID"`
	Documents     []string `json:"documents,omitempty"`
	Blocks        Bag      `json:"blocks,omitempty"`
}

// FulfilledSecret answers with the CID of the release.
type FulfilledSecret struct {
	OrderPart4CID string `json:"orderPart4CID"`
	Blocks        Bag    `json:"blocks,omitempty"`
}

// FulfillRequest asks a D-TA of a network to issue what a request says. RequestCID
// names the request's envelope.
type FulfillRequest struct {
	RequestCID string   `json:"requestCID"`
	Documents  []string `json:"documents,omitempty"`
	Blocks     Bag      `json:"blocks,omitempty"`
}

// FulfilledRequest answers with the CID of the grant.
type FulfilledRequest struct {
	GrantCID string `json:"grantCID"`
	Blocks   Bag    `json:"blocks,omitempty"`
}

// FulfillRevocation has a D-TA of a network issue nothing more to a subject.
// RevocationCID names the revocation's envelope.
type FulfillRevocation struct {
	RevocationCID string   `json:"revocationCID"`
	Documents     []string `json:"documents,omitempty"`
	Blocks        Bag      `json:"blocks,omitempty"`
}

// Consistency asks a node to prove that its audit log, as the checkpoint attests
// it, begins with what the log was when it had as many entries as Older says, for
// each of 1 to MaxOlder sizes.
type Consistency struct {
	Checkpoint []byte  `json:"checkpoint"` // signed by that node
	Older      []int64 `json:"older"`
}

const (
	// MaxOlder is how many sizes are asked for at most in one question.
	MaxOlder = 64
	// MaxProof is how many hashes a proof of consistency has at most.
	MaxProof = 64
)

// ConsistencyProof answers with a proof of RFC 6962 section 2.1.2 for each of the
// sizes, in their order: hashes of 32 bytes, at most MaxProof.
type ConsistencyProof struct {
	Proofs [][][]byte `json:"proofs"`
}

// Notice tells a recipient of envelopes about them: the newest first, then
// those it rests upon.
type Notice struct {
	Envelopes []string `json:"envelopes"`
	Documents []string `json:"documents,omitempty"`
	Blocks    Bag      `json:"blocks,omitempty"`
}

// Custody lists a node's signed offers.
type Custody struct {
	Offers []Offer `json:"offers"`
	Blocks Bag     `json:"blocks,omitempty"`
}

// Offer names one custody instance and the envelope in which the node offers it.
type Offer struct {
	Instance string `json:"instance"`
	Custody  string `json:"custody"`  // name of the custody identity
	Document string `json:"document"` // its newest document
	OfferCID string `json:"offerCID"`
}

// Identity is a node's or a custody identity's chain of documents.
type Identity struct {
	IDDocumentCID           string   `json:"idDocumentCID"` // the name: the CID of the first document
	Document                string   `json:"documentCID"`   // the newest document
	AuthenticationReference string   `json:"authenticationReference"`
	Kind                    string   `json:"kind"`
	Documents               []string `json:"documents"` // first to newest
	Blocks                  Bag      `json:"blocks,omitempty"`
}

// ShowDocuments brings whole chains of documents, so that a call which names them
// can follow.
type ShowDocuments struct {
	Blocks Bag `json:"blocks"`
}

// ParseDocuments reads the documents that a call names.
func ParseDocuments(documents []string) ([]dag.CID, error) {
	if n := len(documents); n > MaxDocuments {
		return nil, fault.New(fault.Invalid, "documents: expected at most %d; found %d", MaxDocuments, n)
	}
	out := make([]dag.CID, 0, len(documents))
	for i, text := range documents {
		c, err := dag.Parse(text)
		if err != nil {
			return nil, fault.New(fault.Invalid, "documents[%d]: %w", i, err)
		}
		out = append(out, c)
	}
	return out, nil
}

// Fiduciary is what a principal, a beneficiary or a network's authority needs of a
// node that keeps secrets. Errors are of the kinds of package fault.
type Fiduciary interface {
	FulfillOrder(ctx context.Context, req FulfillOrder) (FulfilledOrder, error)
	FulfillSecret(ctx context.Context, req FulfillSecret) (FulfilledSecret, error)
	FulfillRequest(ctx context.Context, req FulfillRequest) (FulfilledRequest, error)
	FulfillRevocation(ctx context.Context, req FulfillRevocation) error
	Custody(ctx context.Context) (Custody, error)
}
