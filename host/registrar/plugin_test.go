//go:build linux

package registrar_test

import (
	"context"
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/dleq"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
)

// plugin is a custody plugin in this process. Its deposits are the shares themselves.
type plugin struct {
	keys *identity.Keyring
	now  func() time.Time

	kept, issued atomic.Int64 // how often it was asked

	mu     sync.Mutex
	refuse error       // what it says to orders, or nil
	same   *bls.Scalar // the share that it makes, or nil: a random one
	lies   bool        // it issues with another share than it committed to
}

var _ fiduciary.Custodian = (*plugin)(nil)

func (p *plugin) Name() string                 { return "vault" }
func (p *plugin) Identity() *identity.Identity { return p.keys.Identity() }

// set changes how the plugin behaves.
func (p *plugin) set(change func(*plugin)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

func (p *plugin) manner() (refuse error, same *bls.Scalar, lies bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refuse, p.same, p.lies
}

func (p *plugin) parties(shown []*identity.Identity) (order.Parties, error) {
	return order.PartiesOf(append(shown, p.Identity())...)
}

func (p *plugin) Safeguard(_ context.Context, req fiduciary.Safeguard) (out fiduciary.Kept, err error) {
	refuse, s, _ := p.manner()
	if refuse != nil {
		return out, refuse
	}
	p.kept.Add(1)
	who, err := p.parties(req.Parties)
	if err != nil {
		return out, err
	}
	o, err := order.VerifyOrder(req.Order.Block, req.Order.Plain, who)
	if err != nil {
		return out, err
	}
	index, ok := o.Terms().IndexOf(p.Identity().Name)
	if !ok {
		return out, fault.New(fault.Denied, "it is another's")
	}
	if s == nil {
		s = bls.RandomScalar()
	}
	c, err := order.ProveShare(o, p.Identity().Name, s)
	if err != nil {
		return out, err
	}
	bytes := s.Bytes()
	deposit, err := order.PutDeposit(bytes.Open())
	if err != nil {
		return out, err
	}
	out.Deposit = bytes.Open()
	accepted, err := order.Accept(p.keys, o, index, c, order.Receipt{
		Deposit: deposit.CID, Mode: order.Supervised, Type: "test", HostEnforced: o.Terms().Policy.Enforcement == order.HostEnforced,
	}, req.Checkpoint, who, p.now())
	if err != nil {
		return out, err
	}
	out.Acceptance = fiduciary.Shown{Block: accepted.Block, Plain: accepted.Plain}
	return out, nil
}

func (p *plugin) Restore(context.Context, fiduciary.Restore) (fiduciary.Restored, error) {
	return fiduciary.Restored{}, fault.New(fault.Unsupported, "it keeps no secrets")
}

func (p *plugin) Issue(_ context.Context, req fiduciary.Issue) (out fiduciary.Issued, err error) {
	_, _, lies := p.manner()
	p.issued.Add(1)
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
	var grant *envelope.Sealed
	var block order.Block
	if lies {
		grant, block, err = p.lie(q, a, who)
	} else {
		grant, block, err = p.grant(q, a, req, who)
	}
	if err != nil {
		return out, err
	}
	return fiduciary.Issued{Grant: fiduciary.Shown{Block: grant.Block, Plain: grant.Plain}, Share: block.Bytes}, nil
}

func (p *plugin) grant(q *issue.VerifiedRequest, a *order.VerifiedAcceptance, req fiduciary.Issue, who order.Parties) (*envelope.Sealed, order.Block, error) {
	s, err := bls.ParseScalar(req.Deposit)
	if err != nil {
		return nil, order.Block{}, err
	}
	share, err := issue.Issue(q, p.Identity().Name, a.Commitment(), s)
	if err != nil {
		return nil, order.Block{}, err
	}
	defer share.Clear()
	return issue.GrantTo(p.keys, q, a, share, req.Checkpoint, who, p.now())
}

// lie signs and seals an answer that is well formed and made with another share, as
// no honest plugin's SDK would.
func (p *plugin) lie(q *issue.VerifiedRequest, a *order.VerifiedAcceptance, who order.Parties) (*envelope.Sealed, order.Block, error) {
	s, custody, o, r := bls.RandomScalar(), p.Identity().Name, q.Order(), q.Request()
	bases, err := q.Bases()
	if err != nil {
		return nil, order.Block{}, err
	}
	var products []*bls.G1
	for _, b := range bases {
		products = append(products, b.Mul(s))
	}
	proof, err := dleq.Prove(s, bls.G1Generator().Mul(s), bases, products, q.ProofContext(custody))
	if err != nil {
		return nil, order.Block{}, err
	}
	plain, err := dag.Encode(struct {
		Points [][]byte `cbor:"points"`
		Proof  []byte   `cbor:"proof"`
	}{bls.EncodeG1(products), proof})
	if err != nil {
		return nil, order.Block{}, err
	}
	info := append([]byte("dta/grant/v1"), o.TermsCID().Bytes()...)
	info = append(append(info, q.CID().Bytes()...), custody.Bytes()...)
	sealed, err := seal.V2.SealTo(r.Receiver, info, []byte{0, 0, 0, byte(a.Index())}, plain)
	if err != nil {
		return nil, order.Block{}, err
	}
	block, err := order.PutGrant(sealed)
	if err != nil {
		return nil, order.Block{}, err
	}
	receiver := sha256.Sum256(r.Receiver)
	body := issue.Grant{
		Version: issue.Version, Request: q.CID(), Order: r.Order, Terms: r.Terms, Acceptance: a.CID(), Kind: r.Kind, Epoch: r.Epoch,
		Quorum: r.Quorum, Index: uint64(a.Index()), Receiver: receiver[:], Nonce: r.Nonce, Share: block.CID,
	}
	names := []dag.CID{q.Signer().Name, o.Principal().Name, o.Terms().Fiduciaries[a.Index()].Node.Name}
	e, err := o.SealBeside(p.keys, order.Writing{
		Kind: envelope.Grant, After: &q.Part, For: names, Previous: []dag.CID{q.CID(), a.CID()}, Body: body, Expires: p.now().Add(order.AnswerLife),
	}, who, p.now())
	return e, block, err
}
