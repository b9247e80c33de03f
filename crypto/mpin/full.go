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
	return p.key(p.suite.scheme.exponent(&p.transcript)), nil
}

// key derives the key for the transcript's digest H.
func (p *Prover) key(h *bls.Scalar) *secret.Bytes {
	sum := p.r.Add(h)
	defer sum.Clear()
	raised := p.own.Open().Mul(sum)
	defer raised.Clear()
	g := bls.Pair(raised, bls.G2Generator())
	defer g.Clear()
	shared := p.transcript.w.Mul(p.x)
	defer shared.Clear()
	return p.suite.scheme.sessionKey(&p.transcript, g, shared)
}

// Exchange takes the client's Z and returns W for it and the session's key
// (AMCL's SERVER_KEY): W = w·A for a random w, or w·(A + A_T). It works once, and
// only after Verify has accepted.
func (s *Session) Exchange(z *bls.G1) (w *bls.G1, key *secret.Bytes, err error) {
	if s.keyed || s.verdict != nil {
		return nil, nil, fmt.Errorf("exchange keys: %w", ErrUsed)
	}
	s.keyed = true
	if err := given("Z", z); err != nil {
		return nil, nil, fmt.Errorf("exchange keys: %w", err)
	}
	random := bls.RandomScalar()
	defer random.Clear()
	w = s.exchange(z, random)
	key, err = s.key(s.server.suite.scheme.exponent(&s.transcript), random)
	if err != nil {
		return nil, nil, fmt.Errorf("exchange keys: %w", err)
	}
	return w, key, nil
}

func (s *Session) exchange(z *bls.G1, w *bls.Scalar) *bls.G1 {
	s.transcript.z, s.transcript.w = z, s.base.Mul(w)
	return s.transcript.w
}

// key derives the key for the transcript's digest H.
func (s *Session) key(h, w *bls.Scalar) (*secret.Bytes, error) {
	t := &s.transcript
	sum := t.z.Add(s.a.Mul(h))
	if err := given("Z + H·A", sum); err != nil {
		return nil, err
	}
	g := bls.Pair(sum, s.server.box.Open())
	defer g.Clear()
	shared := t.commitment.counting().Mul(w)
	defer shared.Clear()
	return s.server.suite.scheme.sessionKey(t, g, shared), nil
}
