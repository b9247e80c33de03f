package issue

import (
	"bytes"
	"crypto/sha256"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/dleq"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

// The tags under which things are sealed or proved for a request. What follows a
// tag has a fixed length.
const (
	tagGrant = "dta/grant/v1"
	tagProof = "dta/grant/proof/v1"
)

// Share is what one D-TA issues for a request: s_i times each base, and the proof
// of it. It does not print; clear it after use.
type Share struct {
	secret.Hidden
	box secret.Box[share]
}

// share is a Share's content.
type share struct {
	G1    []*bls.G1 // client-secret: one for each subject; time-permit: subject by subject, day by day
	G2    *bls.G2   // server-secret
	Proof []byte    // in G1

	// For which request, custody identity and commitment it was made or checked.
	checked [sha256.Size]byte
}

func newShare(s share) *Share { return &Share{box: secret.NewBox(&s)} }

// empty tells a share that nobody made, or that is cleared.
func (s *Share) empty() bool {
	return s == nil || s.box.Open() == nil || len(s.box.Open().G1) == 0 && s.box.Open().G2 == nil
}

// Clear overwrites the points. It may be called again, and on nil.
func (s *Share) Clear() {
	if s.empty() {
		return
	}
	c := s.box.Open()
	for _, p := range c.G1 {
		p.Clear()
	}
	c.G2.Clear()
	secret.Clear(c.Proof)
	*c = share{} // nor does it pass for checked
}

// marshal is the wire form, which the caller clears.
func (s *Share) marshal() *secret.Bytes {
	c := s.box.Open()
	points := bls.EncodeG1(c.G1)
	if c.G2 != nil {
		points = append(points, c.G2.Bytes())
	}
	defer func() {
		for _, p := range points {
			secret.Clear(p)
		}
	}()
	return encodeWire(points, c.Proof)
}

// parseShare reads the wire form of an answer to r.
func parseShare(r *VerifiedRequest, b *secret.Bytes) (*Share, error) {
	size, proofSize := bls.G1Size, dleq.Size
	if r.Request().Kind == order.ServerSecret {
		size, proofSize = bls.G2Size, 0
	}
	points, proof, err := decodeWire(b.Open(), r.points(), size, proofSize)
	if err != nil {
		return nil, err
	}
	return shareOf(r, points, proof)
}

// shareOf reads the encodings of an answer to r, which stay the caller's: as many
// points as were asked for, each canonical, on the curve, in the subgroup and not
// the identity.
func shareOf(r *VerifiedRequest, points [][]byte, proof []byte) (_ *Share, err error) {
	if len(points) != r.points() {
		return nil, fault.New(fault.Invalid, "expected %d points, found %d", r.points(), len(points))
	}
	var c share
	defer func() {
		if err != nil {
			newShare(c).Clear()
		}
	}()
	if r.Request().Kind == order.ServerSecret {
		if len(proof) != 0 {
			return nil, fault.New(fault.Invalid, "expected no proof beside a share of a server secret, found %d bytes", len(proof))
		}
		if c.G2, err = bls.ParseG2(points[0]); err != nil {
			return nil, fault.New(fault.Invalid, "%w", err)
		}
		return newShare(c), nil
	}
	if len(proof) != dleq.Size {
		return nil, fault.New(fault.Invalid, "expected a proof of %d bytes, found %d", dleq.Size, len(proof))
	}
	c.Proof = bytes.Clone(proof)
	for i, b := range points {
		p, err := bls.ParseG1(b)
		if err != nil {
			return nil, fault.New(fault.Invalid, "point %d: %w", i, err)
		}
		c.G1 = append(c.G1, p)
	}
	return newShare(c), nil
}

// points says how many the answer has.
func (r *VerifiedRequest) points() int {
	q := r.Request()
	return len(q.Subjects) * int(max(q.Days, 1))
}

// Bases are the points of G1 that a D-TA multiplies by its share, in the order of
// the answer: it hashes the identities itself. For a server secret there are
// none: the base is the generator of G2.
func (r *VerifiedRequest) Bases() ([]*bls.G1, error) {
	if err := r.rolled(); err != nil {
		return nil, err
	}
	q := r.Request()
	if q.Kind == order.ServerSecret {
		return nil, nil
	}
	n, err := networkOf(r.order)
	if err != nil {
		return nil, err
	}
	suite, err := mpin.ByName(n.Suite)
	if err != nil {
		return nil, fault.New(fault.Unsupported, "%w", err)
	}
	bases := make([]*bls.G1, 0, r.points())
	for _, s := range q.Subjects {
		id, err := suite.IdentityOf(r.order.NetworkID(), s.Name, s.Enrolment)
		if err != nil {
			return nil, fault.New(fault.Invalid, "%w", err)
		}
		if q.Kind == order.ClientSecret {
			base, err := suite.HashIdentity(id)
			if err != nil {
				return nil, fault.New(fault.Invalid, "%w", err)
			}
			bases = append(bases, base)
			continue
		}
		for day := q.First; day < q.First+q.Days; day++ {
			base, err := suite.HashPermit(id, uint32(day))
			if err != nil {
				return nil, fault.New(fault.Invalid, "%w", err)
			}
			bases = append(bases, base)
		}
	}
	return bases, nil
}

// ProofContext is what the proof of a custody identity's answer is bound to:
// "dta/grant/proof/v1" ‖ CID(terms) ‖ CID(request's envelope) ‖ custody name.
func (r *VerifiedRequest) ProofContext(custody dag.CID) []byte { return r.bind(tagProof, custody) }

func (r *VerifiedRequest) bind(tag string, custody dag.CID) []byte {
	b := append([]byte(tag), r.order.TermsCID().Bytes()...)
	return append(append(b, r.CID().Bytes()...), custody.Bytes()...)
}

// mark names what a share was made or checked for.
func (r *VerifiedRequest) mark(custody dag.CID, commitment []byte) [sha256.Size]byte {
	return sha256.Sum256(append(r.ProofContext(custody), commitment...))
}

// Issue computes what custody identity custody answers with the share s_i behind
// its commitment (48 bytes), and proves it. The caller has checked that s_i is
// the one committed to, and clears it.
func Issue(r *VerifiedRequest, custody dag.CID, commitment []byte, s *bls.Scalar) (*Share, error) {
	if err := r.rolled(); err != nil {
		return nil, err
	}
	point, err := bls.ParseG1(commitment)
	if err != nil {
		return nil, fault.New(fault.Invalid, "commitment: %w", err)
	}
	c := share{checked: r.mark(custody, commitment)}
	if r.Request().Kind == order.ServerSecret {
		c.G2 = bls.G2Generator().Mul(s)
		return newShare(c), nil
	}
	bases, err := r.Bases()
	if err != nil {
		return nil, err
	}
	for _, b := range bases {
		c.G1 = append(c.G1, b.Mul(s))
	}
	if c.Proof, err = dleq.Prove(s, point, bases, c.G1, r.ProofContext(custody)); err != nil {
		newShare(c).Clear()
		return nil, err
	}
	return newShare(c), nil
}

// Issued takes what was computed elsewhere, by hardware that holds s_i, and
// checks it: points of G1 in the order of Bases with the proof made under
// ProofContext, or the one point of G2 (compressed encodings).
func Issued(r *VerifiedRequest, custody dag.CID, commitment []byte, points [][]byte, proof []byte) (*Share, error) {
	if err := r.rolled(); err != nil {
		return nil, err
	}
	s, err := shareOf(r, points, proof)
	if err != nil {
		return nil, err
	}
	if err := s.check(r, custody, commitment); err != nil {
		s.Clear()
		return nil, err
	}
	return s, nil
}

// check holds a share to the commitment: dleq.Verify in G1, in G2
//
//	e(s_i·P, Q) = e(P, s_i·Q)
func (s *Share) check(r *VerifiedRequest, custody dag.CID, commitment []byte) error {
	if s.empty() {
		return fault.New(fault.Internal, "the share was not made, or is cleared")
	}
	c, mark := s.box.Open(), r.mark(custody, commitment)
	if c.checked == mark {
		return nil
	}
	point, err := bls.ParseG1(commitment)
	if err != nil {
		return fault.New(fault.Invalid, "commitment: %w", err)
	}
	if r.Request().Kind == order.ServerSecret {
		if c.G2 == nil || !fits(point, c.G2) {
			return fault.New(fault.Invalid, "the share of the server secret is not that of the commitment")
		}
		c.checked = mark
		return nil
	}
	bases, err := r.Bases()
	if err != nil {
		return err
	}
	if err := dleq.Verify(point, bases, c.G1, r.ProofContext(custody), c.Proof); err != nil {
		return fault.New(fault.Invalid, "%w", err)
	}
	c.checked = mark
	return nil
}

// fits tells whether e(commitment, Q)·e(−P, share) = 1.
func fits(commitment *bls.G1, share *bls.G2) bool {
	minus := new(bls.G1).Sub(bls.G1Generator())
	return bls.PairsToOne([]*bls.G1{commitment, minus}, []*bls.G2{bls.G2Generator(), share})
}

// grantInfo binds what is sealed to terms, request and custody identity.
func (r *VerifiedRequest) grantInfo(custody dag.CID) []byte { return r.bind(tagGrant, custody) }
