package mpin

import (
	"fmt"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/secret"
)

// Exchange begins the client's part of M-Pin Full's key agreement: Z = r·A for a
// random r, to be sent along with V. It works once.
func (p *Prover) Exchange() (*bls.G1, error) {
	if p.r != nil || p.keyed {
		return nil, fmt.Errorf("exchange keys: %w", ErrUsed)
	}
	return p.exchange(bls.RandomScalar()), nil
}

// exchange owns r.
func (p *Prover) exchange(r *bls.Scalar) *bls.G1 {
	p.r, p.transcript.z = r, p.a.Mul(r)
	return p.transcript.z
}

// Key derives the session's key from the server's W, which came after V and Z
// (AMCL's CLIENT_KEY): 32 bytes in dta-v1, 16 in amcl-bls381. Both sides have the
// same key if the PIN was right and the server is the one that has s·Q; to find
// out, confirm it. It works once, after Respond or Sign and Exchange.
//
// The key is a hash, over the transcript with its digest H, of x·W and of
// e((r + H)·(token + PIN·A), Q), which AMCL computes as (g1·g2^PIN)^(r + H).
func (p *Prover) Key(w *bls.G1) (*secret.Bytes, error) {
	if p.keyed || p.r == nil || p.transcript.v == nil {
		return nil, fmt.Errorf("derive key: %w", ErrUsed)
	}
	p.keyed = true
	if err := given("W", w); err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	p.transcript.w = w
	sum := p.r.Add(p.suite.scheme.exponent(&p.transcript))
	defer sum.Clear()
	raised := p.own.Open().Mul(sum)
	defer raised.Clear()
	g := bls.Pair(raised, bls.G2Generator())
	defer g.Clear()
	shared := w.Mul(p.x)
	defer shared.Clear()
	return p.suite.scheme.sessionKey(&p.transcript, g, shared), nil
}

// Exchange takes the client's Z and returns W for it and the session's key
// (AMCL's SERVER_KEY): W = w·A for a random w, or w·(A + A_T). It works once, and
// only after Verify has accepted.
func (s *Session) Exchange(z *bls.G1) (w *bls.G1, key *secret.Bytes, err error) {
	if s.keyed || s.verdict != nil {
		return nil, nil, fmt.Errorf("exchange keys: %w", ErrUsed)
	}
	s.keyed = true
	return s.exchange(z, bls.RandomScalar())
}

func (s *Session) exchange(z *bls.G1, w *bls.Scalar) (*bls.G1, *secret.Bytes, error) {
	defer w.Clear()
	if err := given("Z", z); err != nil {
		return nil, nil, fmt.Errorf("exchange keys: %w", err)
	}
	t := &s.transcript
	t.z, t.w = z, s.base.Mul(w)

	h := s.server.suite.scheme.exponent(t)
	sum := z.Add(s.a.Mul(h))
	if err := given("Z + H·A", sum); err != nil {
		return nil, nil, fmt.Errorf("exchange keys: %w", err)
	}
	g := bls.Pair(sum, s.server.box.Open())
	defer g.Clear()
	u := t.commitment.U
	if t.commitment.UT != nil {
		u = t.commitment.UT
	}
	shared := u.Mul(w)
	defer shared.Clear()
	return t.w, s.server.suite.scheme.sessionKey(t, g, shared), nil
}
