package guard

import (
	"bytes"
	"context"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/dleq"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
)

// Issuer is sdk.Issuer.
type Issuer interface {
	MakeShare(ctx context.Context, about About) (handle []byte, err error)
	CommitShare(ctx context.Context, handle, proofContext []byte, about About) (commitment, proof []byte, err error)
	IssueG1(ctx context.Context, handle []byte, bases [][]byte, proofContext []byte, about About) (points [][]byte, proof []byte, err error)
	IssueG2(ctx context.Context, handle []byte, about About) (point []byte, err error)
}

// The material of a network-share deposit is one byte that says who computes with it, then the share or the issuer's
// handle.
const (
	asScalar = 0 // s_i, 32 bytes big-endian
	asHandle = 1 // of an Issuer's hardware, which alone has s_i

	maxHandle = 4 << 10
)

// makeShare makes this plugin's share of a network's master secret, and commits to it.
func (g *Guard) makeShare(ctx context.Context, k *identity.Keyring, o *order.VerifiedOrder, about About) (*secret.Bytes, order.Commitment, error) {
	if g.Issuer != nil {
		return g.makeHandle(ctx, k, o, about)
	}
	s := bls.RandomScalar()
	defer s.Clear()
	c, err := order.ProveShare(o, k.Identity().Name, s)
	if err != nil {
		return nil, order.Commitment{}, err
	}
	b := s.Bytes()
	defer b.Clear()
	return shareMaterial(asScalar, b.Open()), c, nil
}

// makeHandle has the author's hardware make the share. What it says of the commitment is verified before anything is
// kept or signed.
func (g *Guard) makeHandle(ctx context.Context, k *identity.Keyring, o *order.VerifiedOrder, about About) (*secret.Bytes, order.Commitment, error) {
	handle, err := g.Issuer.MakeShare(ctx, about)
	defer secret.Clear(handle)
	if err != nil {
		return nil, order.Commitment{}, explain(err, "making a network's share")
	}
	if len(handle) < 1 || len(handle) > maxHandle {
		return nil, order.Commitment{}, fault.New(fault.Internal, "the issuer answered with a handle of %d bytes; expected 1 to %d", len(handle), maxHandle)
	}
	// An issuer may scribble on what it is lent, and use its buffers again.
	made := shareMaterial(asHandle, handle)
	c, err := g.commit(ctx, order.ShareContext(o, k.Identity().Name), handle, about)
	if err != nil {
		made.Clear()
		return nil, order.Commitment{}, err
	}
	return made, c, nil
}

func (g *Guard) commit(ctx context.Context, proofContext, handle []byte, about About) (order.Commitment, error) {
	value, proof, err := g.Issuer.CommitShare(ctx, handle, bytes.Clone(proofContext), about)
	if err != nil {
		return order.Commitment{}, explain(err, "committing to a network's share")
	}
	c := order.Commitment{Value: bytes.Clone(value), Proof: bytes.Clone(proof)}
	point, err := bls.ParseG1(c.Value)
	if err == nil {
		err = dleq.VerifyPossession(point, proofContext, c.Proof)
	}
	if err != nil {
		return order.Commitment{}, fault.New(fault.Internal, "the issuer's commitment to a network's share does not hold: %w", err)
	}
	return c, nil
}

func shareMaterial(how byte, what []byte) *secret.Bytes {
	b := make([]byte, 0, 1+len(what))
	return secret.New(append(append(b, how), what...))
}

// compute answers a request with what a network-share deposit held.
func (g *Guard) compute(ctx context.Context, r *issue.VerifiedRequest, custody dag.CID, commitment []byte, material *secret.Bytes, about About) (*issue.Share, error) {
	if material.Len() < 2 {
		return nil, fault.New(fault.Internal, "the deposit holds no network's share")
	}
	switch how, what := material.Open()[0], material.Open()[1:]; how {
	case asScalar:
		s, err := bls.ParseScalar(what)
		if err != nil {
			return nil, fault.New(fault.Internal, "the deposit holds no network's share: %w", err)
		}
		defer s.Clear()
		if !bytes.Equal(bls.G1Generator().Mul(s).Bytes(), commitment) {
			return nil, fault.New(fault.Internal, "the deposit holds another network's share than was committed to")
		}
		return issue.Issue(r, custody, commitment, s)
	case asHandle:
		if g.Issuer == nil {
			return nil, fault.New(fault.Unsupported, "this network's share is in hardware that the plugin no longer has")
		}
		return g.computeOutside(ctx, r, custody, commitment, what, about)
	default:
		return nil, fault.New(fault.Unsupported, "the deposit holds a network's share in an unknown way, %d", how)
	}
}

// computeOutside has the author's hardware compute. What it answers is checked before anything is signed.
func (g *Guard) computeOutside(ctx context.Context, r *issue.VerifiedRequest, custody dag.CID, commitment, handle []byte, about About) (*issue.Share, error) {
	bases, err := r.Bases()
	if err != nil {
		return nil, err
	}
	points, proof, err := g.ask(ctx, bases, r.ProofContext(custody), handle, about)
	// Of a client secret the proof is worth hiding too: with the token it tells the PIN.
	defer func() {
		secret.Clear(proof)
		for _, p := range points {
			secret.Clear(p)
		}
	}()
	if err != nil {
		return nil, explain(err, "issuing a %s", r.Request().Kind)
	}
	if want := max(1, len(bases)); len(points) != want {
		return nil, fault.New(fault.Internal, "the issuer answered with %d points; expected %d", len(points), want)
	}
	s, err := issue.Issued(r, custody, commitment, points, proof)
	if err != nil {
		return nil, fault.New(fault.Internal, "what the issuer computed does not fit its commitment: %w", err)
	}
	return s, nil
}

// ask is for the multiples of bases, or of the generator of G2 where there are none.
func (g *Guard) ask(ctx context.Context, bases []*bls.G1, proofContext, handle []byte, about About) (points [][]byte, proof []byte, err error) {
	if len(bases) > 0 {
		return g.Issuer.IssueG1(ctx, handle, bls.EncodeG1(bases), proofContext, about)
	}
	point, err := g.Issuer.IssueG2(ctx, handle, about)
	return [][]byte{point}, nil, err
}
