package mpin

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/dleq"
)

// With a candidate c = token + PIN·A, e(c, Q) = e(A, s·Q) holds for one PIN.
func TestATokenAndTheServerSecretGiveThePINAway(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		id := r.id("alice")
		a, err := r.HashIdentity(id)
		r.must(err)
		q, f := bls.G2Generator(), bls.Pair(a, bls.G2Generator())
		for _, pin := range []int{1, 1234, 9999} {
			token := r.token(id, pin)
			e := bls.PairProduct([]*bls.G1{token.Point(), new(bls.G1).Sub(a)}, []*bls.G2{q, r.secret.Point()})
			if found, ok := logarithm(e, f, PINs-1); !ok || found != pin {
				t.Errorf("expected to find %d, found %d, %v", pin, found, ok)
			}
		}
	})
}

// thief has a token and everything else that does not verify logins: all but one
// of the authorities, their public commitments, permits, other clients' secrets,
// and what the wire and logs have of a login that was accepted.
type thief struct {
	*realm
	a, at       *bls.G1
	token       *bls.G1
	commitments []*bls.G1 // s_i·G
	known       []*bls.Scalar
	permit      *bls.G1
	bobA, bobCS *bls.G1
	session     *transcript
}

func newThief(r *realm, pin int) *thief {
	id, bob := r.id("alice"), r.id("bob")
	a, at, err := r.bases(id, today)
	r.must(err)
	bobA, err := r.HashIdentity(bob)
	r.must(err)
	th := &thief{realm: r, a: a, at: at, token: r.token(id, pin).Point(), known: r.shares[1:], permit: r.permit(id, today).Point, bobA: bobA, bobCS: r.clientSecret(bob).Point()}
	for _, s := range r.shares {
		th.commitments = append(th.commitments, bls.G1Generator().Mul(s))
	}
	p, s, err := r.login(Login{Identity: id, Token: r.token(id, pin), PIN: pin, Permit: r.permit(id, today)}, Claim{Identity: id, Day: today})
	r.must(err)
	z, err := p.Exchange()
	r.must(err)
	_, _, err = s.Exchange(z)
	r.must(err)
	th.session = &s.transcript
	return th
}

func equalPairings(p *bls.G1, q *bls.G2, p2 *bls.G1, q2 *bls.G2) bool {
	return bls.PairsToOne([]*bls.G1{p, new(bls.G1).Sub(p2)}, []*bls.G2{q, q2})
}

// tests are what the thief can try on a candidate for s·A. What is known of s is
// in G1, where telling (G, A, s·G, s·A) from noise is the decisional Diffie-Hellman
// problem; the pairing would help with a multiple of Q by s, or with a map from
// G1 to G2, which this curve does not have.
func (th *thief) tests() map[string]func(candidate *bls.G1) bool {
	q := bls.G2Generator()
	own := bls.NewScalar(0)
	for _, s := range th.known {
		own = own.Add(s)
	}
	all := new(bls.G1)
	for _, c := range th.commitments {
		all = all.Add(c)
	}
	// rest is the missing authority's s_1·A, if the candidate is right.
	rest := func(c *bls.G1) *bls.G1 { return c.Sub(th.a.Mul(own)) }
	s := th.session
	return map[string]func(*bls.G1) bool{
		"the commitments' sum":           func(c *bls.G1) bool { return equalPairings(c, q, all, q) },
		"the missing one's commitment":   func(c *bls.G1) bool { return equalPairings(rest(c), q, th.commitments[0], q) },
		"the known shares in G2":         func(c *bls.G1) bool { return equalPairings(c, q, th.a, q.Mul(own)) },
		"the known shares and the rest":  func(c *bls.G1) bool { return equalPairings(rest(c), q.Mul(own), c, q) },
		"the permit":                     func(c *bls.G1) bool { return equalPairings(c, q, th.permit, q) },
		"another client's secret":        func(c *bls.G1) bool { return equalPairings(c, q, th.bobCS, q) },
		"V, as if x were nothing":        func(c *bls.G1) bool { return new(bls.G1).Sub(c.Add(th.permit).Mul(s.y)).Equal(s.v) },
		"V and U, with the known shares": func(c *bls.G1) bool { return equalPairings(s.v, q, s.commitment.UT.Add(th.at.Mul(s.y)), q.Mul(own)) },
		"V and the candidate as U's":     func(c *bls.G1) bool { return equalPairings(s.v.Add(c.Add(th.permit).Mul(s.y)), q, s.commitment.UT, q) },
		"Z, which hides another scalar":  func(c *bls.G1) bool { return equalPairings(c, q, s.z, q) },
	}
}

func TestNothingLessThanTheServerSecretTellsPINsApart(t *testing.T) {
	const pin = 1234
	eachSuite(t, func(t *testing.T, r *realm) {
		th := newThief(r, pin)
		candidates := []int{0, 1, 1233, pin, 1235, 4321, 9999}
		verdicts := func(test func(*bls.G1) bool) (accepted []int) {
			for _, guess := range candidates {
				if test(th.token.Add(th.a.MulSmall(uint32(guess)))) {
					accepted = append(accepted, guess)
				}
			}
			return accepted
		}
		for name, test := range th.tests() {
			if got := verdicts(test); len(got) != 0 && len(got) != len(candidates) {
				t.Errorf("%s tells %v from the others", name, got)
			}
		}
		// The same search with the one thing more that the server has.
		got := verdicts(func(c *bls.G1) bool { return equalPairings(c, bls.G2Generator(), th.a, r.secret.Point()) })
		if len(got) != 1 || got[0] != pin {
			t.Errorf("with the server secret: expected %d to be told, found %v", pin, got)
		}
	})
}

// This is why such proofs are checked and forgotten.
func TestAKeptProofAboutAClientSecretWouldTellPINsApart(t *testing.T) {
	const pin = 1234
	eachSuite(t, func(t *testing.T, r *realm) {
		th := newThief(r, pin)
		proof, err := dleq.Prove(r.shares[0], th.commitments[0], []*bls.G1{th.a}, []*bls.G1{th.a.Mul(r.shares[0])}, nil)
		r.must(err)
		for _, guess := range []int{0, 1233, pin, 1235} {
			rest := th.token.Add(th.a.MulSmall(uint32(guess)))
			for _, s := range th.known {
				rest = rest.Sub(th.a.Mul(s))
			}
			if err := dleq.Verify(th.commitments[0], []*bls.G1{th.a}, []*bls.G1{rest}, nil, proof); (err == nil) != (guess == pin) {
				t.Errorf("%d: %v", guess, err)
			}
		}
	})
}

// AMCL's permit for a day is its client secret for this "identity". Whoever could
// enrol it had permits for ever.
func TestAPermitIsNoIdentity(t *testing.T) {
	r := newRealm(t, AMCL)
	id := r.id("alice")
	for _, day := range []uint32{today, 1, 255, 0x20202020, 0x7a7a7a7a} {
		preimage := append(binary.BigEndian.AppendUint32(nil, day), mhashit(0, id)...)
		if !r.scheme.hashIdentity(preimage).Equal(r.permit(id, day).Point.Mul(r.masterSecret().Inverse())) {
			t.Errorf("day %d: this is not AMCL's permit", day)
		}
		r.notEnrolled(preimage)
	}

	r = newRealm(t, V1)
	id = r.id("alice")
	preimage := fields(id, binary.BigEndian.AppendUint32(nil, today))
	r.notEnrolled(preimage)
	at, err := r.HashPermit(id, today)
	r.must(err)
	if r.scheme.hashIdentity(preimage).Equal(at) {
		t.Error("identities and permits have one tag")
	}
}

func (r *realm) notEnrolled(id []byte) {
	r.Helper()
	_, err1 := r.IdentityOf(r.network, string(id), 0)
	_, err2 := r.HashIdentity(id)
	_, err3 := r.ClientShare(r.shares[0], id)
	_, err4 := r.HashPermit(id, today)
	_, err5 := r.DesignatedIdentity(id, bls.G2Generator())
	_, err6 := r.server.Begin(Claim{Identity: id, Commitment: &Commitment{U: bls.G1Generator()}})
	for i, err := range []error{err1, err2, err3, err4, err5, err6} {
		if !errors.Is(err, ErrSubject) {
			r.Errorf("%s, %x, call %d: expected %v, found %v", r.Suite, id, i, ErrSubject, err)
		}
	}
}

// A thief of a token and permits may try PINs with a U that UT does not hold,
// which takes no part in the verification: the distance, by which servers count,
// is lost. dta-v1 does not let it.
func TestAThiefCannotHideTheDistanceOfItsGuesses(t *testing.T) {
	const pin = 1234
	eachSuite(t, func(t *testing.T, r *realm) {
		id := r.id("alice")
		begin := func(guess int) (*Prover, *Session, error) {
			p := r.prover(Login{Identity: id, Token: r.token(id, pin), PIN: guess, Permit: r.permit(id, today)})
			hidden := &Commitment{U: p.Commitment().U.Add(bls.G1Generator()), UT: p.Commitment().UT, Proof: p.Commitment().Proof}
			s, err := r.server.Begin(Claim{Identity: id, Day: today, Commitment: hidden})
			return p, s, err
		}
		p, s, err := begin(pin + 1)
		if r.BindsDistance() {
			if !errors.Is(err, ErrRejected) {
				t.Errorf("expected %v, found %v", ErrRejected, err)
			}
			return
		}
		r.must(err)
		v, err := p.Respond(s.Challenge())
		r.must(err)
		if err := s.Verify(v); !errors.Is(err, ErrRejected) {
			t.Errorf("a wrong guess: %v", err)
		}
		if d, found := s.PINError(); found {
			t.Errorf("the suite is better than it says: a distance of %d", d)
		}
		p, s, err = begin(pin)
		r.must(err)
		v, err = p.Respond(s.Challenge())
		r.must(err)
		if err := s.Verify(v); err != nil {
			t.Errorf("the right guess: %v", err)
		}
	})
}

// A thief of a token who is enrolled in the same network may put a multiple of his
// own identity into U, and of his own client secret into V: right guesses stay right,
// and wrong ones have no distance. dta-v1 does not let him.
func TestAnInsiderCannotHideTheDistanceOfHisGuesses(t *testing.T) {
	const pin = 1234
	eachSuite(t, func(t *testing.T, r *realm) {
		alice, mallory := r.id("alice"), r.id("mallory")
		own, err := r.HashIdentity(mallory)
		r.must(err)
		z := bls.RandomScalar()
		guess := func(pin int) (*Session, *bls.G1, error) {
			p := r.prover(Login{Identity: alice, Token: r.token(alice, 1234), PIN: pin})
			c := &Commitment{U: p.Commitment().U.Add(own.Mul(z)), Proof: p.Commitment().Proof}
			s, err := r.server.Begin(Claim{Identity: alice, Commitment: c})
			if err != nil {
				return nil, nil, err
			}
			v, err := p.Respond(s.Challenge())
			r.must(err)
			return s, v.Sub(own.Mul(r.masterSecret()).Mul(z)), nil
		}
		s, v, err := guess(pin)
		if r.BindsDistance() {
			if !errors.Is(err, ErrRejected) {
				t.Errorf("expected %v, found %v", ErrRejected, err)
			}
			return
		}
		r.must(err)
		if err := s.Verify(v); err != nil {
			t.Errorf("the right guess: %v", err)
		}
		s, v, err = guess(pin + 1)
		r.must(err)
		if err := s.Verify(v); !errors.Is(err, ErrRejected) {
			t.Errorf("a wrong guess: %v", err)
		}
		if d, found := s.PINError(); found {
			t.Errorf("the suite is better than it says: a distance of %d", d)
		}
	})
}

func TestACommitmentsProofIsForItsIdentityAndDay(t *testing.T) {
	r := newRealm(t, V1)
	alice := r.id("alice")
	p := r.prover(Login{Identity: alice, Token: r.token(alice, 1), PIN: 1, Permit: r.permit(alice, today)})
	c := p.Commitment()
	for name, claim := range map[string]Claim{
		"another identity": {Identity: r.id("bob"), Day: today, Commitment: c},
		"another day":      {Identity: alice, Day: today + 1, Commitment: c},
		"no proof":         {Identity: alice, Day: today, Commitment: &Commitment{U: c.U, UT: c.UT}},
		"another UT":       {Identity: alice, Day: today, Commitment: &Commitment{U: c.U, UT: c.U, Proof: c.Proof}},
	} {
		if _, err := r.server.Begin(claim); !errors.Is(err, ErrRejected) {
			t.Errorf("%s: expected %v, found %v", name, ErrRejected, err)
		}
	}
}

// Two answers with one x give the secret away, which is why a Prover gives one.
func TestTwoAnswersToOneCommitmentWouldGiveTheSecretAway(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		id := r.id("alice")
		l := Login{Identity: id, Token: r.token(id, 1), PIN: 1}
		x, y1, y2 := bls.RandomScalar(), bls.RandomScalar(), bls.RandomScalar()
		var v [2]*bls.G1
		for i, y := range []*bls.Scalar{y1, y2} {
			p, err := r.newProver(l, 0, nil, x.Clone())
			r.must(err)
			v[i], err = p.Respond(r.scheme.scalar(y))
			r.must(err)
		}
		if stolen := v[0].Sub(v[1]).Mul(y2.Sub(y1).Inverse()); !stolen.Equal(r.clientSecret(id).Point()) {
			t.Error("the secret is not V1 − V2 over y2 − y1")
		}
	})
}
