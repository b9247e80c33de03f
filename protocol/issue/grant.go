package issue

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
)

// Grant is the body by which a custody identity answers a request. It repeats
// what was asked, so that an answer to anything else is no answer.
type Grant struct {
	Version    uint64          `cbor:"version"`
	Request    dag.CID         `cbor:"request"`
	Order      dag.CID         `cbor:"order"`
	Terms      []byte          `cbor:"terms"`
	Acceptance dag.CID         `cbor:"acceptance"` // its own
	Kind       order.IssueKind `cbor:"kind"`
	Epoch      uint64          `cbor:"epoch"`
	Quorum     []uint64        `cbor:"quorum"`
	Index      uint64          `cbor:"index"`
	Receiver   []byte          `cbor:"receiver"` // SHA-256 of the receiver's sealing key
	Nonce      []byte          `cbor:"nonce"`
	Share      dag.CID         `cbor:"share"` // link to the detached block, sealed to the receiver
	Checkpoint []byte          `cbor:"checkpoint"`
	Critical   dag.Values      `cbor:"critical"`
	Extra      dag.Values      `cbor:"extra"`
}

// VerifiedGrant is a grant that answers a verified request.
type VerifiedGrant struct {
	order.Part
	body       Grant
	request    *VerifiedRequest
	acceptance *order.VerifiedAcceptance
}

// GrantTo is the custody identity's: it seals its share to the receiver that the
// request names, and signs that it did. The share was made by Issue or checked by
// Issued for this request, and the acceptance is the identity's own.
//
//	SealTo(receiver, "dta/grant/v1" ‖ CID(terms) ‖ CID(request) ‖ custody name, index, share)
//
// Nothing is issued for a request that a replaced key signed: fault.Denied.
func GrantTo(k *identity.Keyring, r *VerifiedRequest, a *order.VerifiedAcceptance, s *Share, checkpoint []byte, who order.Parties, now time.Time) (_ *envelope.Sealed, _ order.Block, err error) {
	defer fault.Explain("grant", &err)
	if err := belong(r, a); err != nil {
		return nil, order.Block{}, err
	}
	if err := r.InForce(who); err != nil {
		return nil, order.Block{}, err
	}
	custody := k.Identity().Name
	if err := s.check(r, custody, a.Commitment()); err != nil {
		return nil, order.Block{}, err
	}
	plain := s.marshal()
	defer plain.Clear()
	suite, err := seal.ByName(r.order.Terms().Suite)
	if err != nil {
		return nil, order.Block{}, err
	}
	q := r.Request()
	sealed, err := suite.SealTo(q.Receiver, r.grantInfo(custody), order.IndexAAD(a.Index()), plain.Open())
	if err != nil {
		return nil, order.Block{}, err
	}
	block, err := order.PutGrant(sealed)
	if err != nil {
		return nil, order.Block{}, err
	}
	receiver := sha256.Sum256(q.Receiver)
	body := Grant{
		Version: Version, Request: r.CID(), Order: q.Order, Terms: q.Terms, Acceptance: a.CID(), Kind: q.Kind, Epoch: q.Epoch,
		Quorum: q.Quorum, Index: uint64(a.Index()), Receiver: receiver[:], Nonce: q.Nonce, Share: block.CID, Checkpoint: checkpoint,
	}
	if err := body.check(r, a, k.Identity()); err != nil {
		return nil, order.Block{}, err
	}
	e, err := r.order.SealBeside(k, order.Writing{
		Kind: envelope.Grant, After: &r.Part, For: grantParties(r, a), Previous: []dag.CID{r.CID(), a.CID()},
		Body: body, Expires: now.Add(order.AnswerLife),
	}, who, now)
	return e, block, err
}

// VerifyGrant checks a grant of which the plaintext is shown, against the request
// that it answers and its signer's own acceptance. What is no answer of that
// signer's is a *BadAnswer.
func VerifyGrant(r *VerifiedRequest, a *order.VerifiedAcceptance, block, plain []byte, who order.Parties) (*VerifiedGrant, error) {
	return readGrant(r, a, block, order.FromPlain(plain), who)
}

// OpenGrant is VerifyGrant for a recipient, who decrypts it itself.
func OpenGrant(k *identity.Keyring, r *VerifiedRequest, a *order.VerifiedAcceptance, block []byte, who order.Parties) (*VerifiedGrant, error) {
	return readGrant(r, a, block, order.FromKeyring(k), who)
}

func readGrant(r *VerifiedRequest, a *order.VerifiedAcceptance, block []byte, from order.Source, who order.Parties) (_ *VerifiedGrant, err error) {
	if err := belong(r, a); err != nil {
		return nil, fault.New(fault.Of(err), "grant: %w", err)
	}
	defer place(a, &err)
	defer fault.Explain("grant", &err)
	g := &VerifiedGrant{request: r, acceptance: a}
	head := func(h *envelope.Header) error {
		if h.Signer.Name != a.Custody() {
			return fault.New(fault.Denied, "expected custody identity %s to sign, found %s", a.Custody(), h.Signer.Name)
		}
		// Nor may the thief of a key that was replaced long ago answer as if then.
		if asked := r.body.Request.Time; h.Time < asked-envelope.MaxSkew.Milliseconds() {
			return fault.New(fault.Invalid, "expected an answer later than the request of %s, found one of %s", envelope.Stamp(asked), envelope.Stamp(h.Time))
		}
		return order.CheckPrevious(h, r.CID(), a.CID())
	}
	judge := func(p *order.Part) ([]dag.CID, error) { return grantParties(r, a), g.body.check(r, a, p.Signer()) }
	g.Part, err = r.order.Beside(order.Reading{
		Kind: envelope.Grant, After: &r.Part, Block: block, From: from, Head: head, Body: &g.body, Judge: judge,
	}, who)
	if err != nil {
		return nil, err
	}
	return g, nil
}

// grantParties are the readers of a grant: who asked, the registrar, its own node.
func grantParties(r *VerifiedRequest, a *order.VerifiedAcceptance) []dag.CID {
	return []dag.CID{r.Signer().Name, r.order.Principal().Name, r.order.Terms().Fiduciaries[a.Index()].Node.Name}
}

// belong wants an acceptance of the very network that was asked, by a member of
// the request's quorum.
func belong(r *VerifiedRequest, a *order.VerifiedAcceptance) error {
	if err := r.verified(); err != nil {
		return err
	}
	if a == nil || a.Order() == nil || a.Signer() == nil {
		return fault.New(fault.Internal, "the acceptance was not verified")
	}
	if a.Order().CID() != r.order.CID() {
		return fault.New(fault.Invalid, "acceptance %s is of another network", a.CID())
	}
	if !slices.Contains(r.body.Request.Quorum, uint64(a.Index())) {
		return fault.New(fault.Denied, "D-TA %d is not among those asked", a.Index())
	}
	return nil
}

// check holds a grant, about to be signed or just read, to its request.
func (b *Grant) check(r *VerifiedRequest, a *order.VerifiedAcceptance, signer *identity.Identity) error {
	if err := checkBody(b.Version, b.Critical); err != nil {
		return err
	}
	q := r.Request()
	if b.Request != r.CID() {
		return fault.New(fault.Invalid, "expected an answer to request %s, found one to %s", r.CID(), b.Request)
	}
	if err := r.order.CheckLink(b.Order, b.Terms); err != nil {
		return err
	}
	if b.Acceptance != a.CID() {
		return fault.New(fault.Invalid, "expected it to rely on acceptance %s, found %s", a.CID(), b.Acceptance)
	}
	if b.Index != uint64(a.Index()) {
		return fault.New(fault.Invalid, "expected the answer of D-TA %d, found %d", a.Index(), b.Index)
	}
	if err := r.order.CheckCustodian(signer, a.Index()); err != nil {
		return err
	}
	// The custody identity goes on from where it accepted, never back.
	if !signer.Extends(a.Signer()) {
		return fault.New(fault.Denied, "document %s of %s does not follow %s, with which it accepted", signer.Document, signer.Name, a.Signer().Document)
	}
	receiver := sha256.Sum256(q.Receiver)
	switch {
	case b.Kind != q.Kind:
		return fault.New(fault.Invalid, "expected a %s, found %.40q", q.Kind, b.Kind)
	case b.Epoch != q.Epoch:
		return fault.New(fault.Invalid, "expected epoch %d, found %d", q.Epoch, b.Epoch)
	case !slices.Equal(b.Quorum, q.Quorum):
		return fault.New(fault.Invalid, "expected the quorum of the request, found another")
	case !bytes.Equal(b.Receiver, receiver[:]):
		return fault.New(fault.Invalid, "expected the receiver of the request, found another")
	case !bytes.Equal(b.Nonce, q.Nonce):
		return fault.New(fault.Invalid, "expected the nonce of the request, found another")
	case !b.Share.Defined() || b.Share.Raw():
		return fault.New(fault.Invalid, "expected a link to a detached block, found %q", b.Share)
	case len(b.Checkpoint) > order.MaxCheckpoint:
		return fault.New(fault.Invalid, "expected a checkpoint of at most %d bytes, found %d", order.MaxCheckpoint, len(b.Checkpoint))
	}
	return nil
}

func (g *VerifiedGrant) verified() error {
	if g == nil || g.request == nil || g.acceptance == nil || g.Signer() == nil {
		return fault.New(fault.Internal, "the grant was not verified")
	}
	return nil
}

// Request is what was answered.
func (g *VerifiedGrant) Request() *VerifiedRequest { return g.request }

// Index is the D-TA's place in the terms.
func (g *VerifiedGrant) Index() int { return g.acceptance.Index() }

// Custody is the name of the custody identity that answered.
func (g *VerifiedGrant) Custody() dag.CID { return g.acceptance.Custody() }

// Share links the detached block.
func (g *VerifiedGrant) Share() dag.CID { return g.body.Share }

// Checkpoint is the node's audit checkpoint, or empty.
func (g *VerifiedGrant) Checkpoint() []byte { return bytes.Clone(g.body.Checkpoint) }
