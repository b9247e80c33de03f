package mpin

import (
	"fmt"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/secret"
)

// Login is what a client logs in with. The Prover takes copies.
type Login struct {
	// Identity is what IdentityOf or DesignatedIdentity returned.
	Identity []byte
	Token    *Token
	PIN      int
	// Permit is the day's, nil in networks without permits.
	Permit *Permit
}

// Prover is the client's side of one login. It answers one challenge: two
// answers with the same x give the client secret away. It is for one goroutine.
type Prover struct {
	secret.Hidden
	suite      Suite
	a          *bls.G1
	x, r       *bls.Scalar
	own, total secret.Box[bls.G1] // s·A, and with the permit s·(A + A_T)
	transcript transcript
	answered   bool
	keyed      bool
}

// NewProver begins a login. The errors are ErrSubject, ErrPIN, ErrDay, ErrPoint
// and ErrMixed; whether the PIN is right shows at the server only.
func (s Suite) NewProver(l Login) (*Prover, error) {
	day, permit := uint32(0), (*bls.G1)(nil)
	if l.Permit != nil {
		day, permit = l.Permit.Day, l.Permit.Point
		if err := given("permit", permit); err != nil {
			return nil, fmt.Errorf("begin login: %w", err)
		}
		if err := checkDay(day); err != nil {
			return nil, fmt.Errorf("begin login: %w", err)
		}
	}
	p, err := s.newProver(l, day, permit, bls.RandomScalar())
	if err != nil {
		return nil, fmt.Errorf("begin login: %w", err)
	}
	return p, nil
}

// newProver is AMCL's CLIENT_1 for a given x, which it owns from then on. As
// there, the day and the permit need not fit.
func (s Suite) newProver(l Login, day uint32, permit *bls.G1, x *bls.Scalar) (_ *Prover, err error) {
	var own, total *bls.G1
	defer func() {
		if err != nil {
			x.Clear()
			own.Clear()
			total.Clear()
		}
	}()
	alpha, err := pinScalar(l.PIN)
	if err != nil {
		return nil, err
	}
	defer alpha.Clear()
	if l.Token == nil {
		return nil, fmt.Errorf("%w: the token is missing", ErrPoint)
	}
	a, at, err := s.bases(l.Identity, day)
	if err != nil {
		return nil, err
	}
	if own, err = s.addMultipleOf(a, &l.Token.hiddenG1, alpha, (*bls.G1).Add); err != nil {
		return nil, err
	}
	if permit != nil {
		total = own.Add(permit)
	} else {
		total = own.Clone()
	}
	c := &Commitment{U: a.Mul(x)}
	if at != nil {
		c.UT = at.Mul(x)
	}
	if c.Proof, err = s.scheme.bind(x, c, [2]*bls.G1{a, at}, l.Identity, day); err != nil {
		return nil, err
	}
	return &Prover{
		suite: s, a: a, x: x, own: secret.NewBox(own), total: secret.NewBox(total),
		transcript: transcript{id: append([]byte(nil), l.Identity...), day: day, commitment: c},
	}, nil
}

// Commitment is the first message to the server.
func (p *Prover) Commitment() *Commitment { return p.transcript.commitment }

// Day is the permit's, which the server must be told; 0 without permits.
func (p *Prover) Day() uint32 { return p.transcript.day }

// Respond answers the server's challenge, in the suite's encoding, with V (AMCL's
// CLIENT_2). It does so once; then the error is ErrUsed.
func (p *Prover) Respond(challenge []byte) (*bls.G1, error) {
	y, err := p.suite.scheme.parseScalar(challenge)
	if err != nil {
		return nil, fmt.Errorf("answer challenge: %w", err)
	}
	v, err := p.respond(y)
	if err != nil {
		return nil, fmt.Errorf("answer challenge: %w", err)
	}
	return v, nil
}

// respond returns V = −(x + y)·total.
func (p *Prover) respond(y *bls.Scalar) (*bls.G1, error) {
	if p.answered {
		return nil, ErrUsed
	}
	p.answered = true
	sum := p.x.Add(y)
	defer sum.Clear()
	product := p.total.Open().Mul(sum)
	v := new(bls.G1).Sub(product)
	if err := given("the answer", v); err != nil {
		return nil, err
	}
	p.transcript.y, p.transcript.v = y, v
	return v, nil
}

// Clear overwrites what is secret. It may be called again, and on nil.
func (p *Prover) Clear() {
	if p == nil {
		return
	}
	p.answered, p.keyed = true, true
	p.x.Clear()
	p.r.Clear()
	p.own.Open().Clear()
	p.total.Open().Clear()
}
