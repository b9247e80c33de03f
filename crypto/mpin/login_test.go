package mpin

import (
	"errors"
	"testing"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/secret"
)

const today = 20779

func TestTheRightPINIsAccepted(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		id := r.id("alice@example.org")
		for _, pin := range []int{0, 1, 1234, 9999} {
			for _, day := range []uint32{0, today} {
				l := Login{Identity: id, Token: r.token(id, pin), PIN: pin}
				if day != 0 {
					l.Permit = r.permit(id, day)
				}
				_, s, err := r.login(l, Claim{Identity: id, Day: day})
				if err != nil {
					t.Errorf("PIN %d, day %d: %v", pin, day, err)
				}
				if _, found := s.PINError(); found {
					t.Errorf("PIN %d, day %d: a PIN error", pin, day)
				}
			}
		}
	})
}

func TestAWrongPINIsRejectedAndItsDistanceFound(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		id := r.id("alice@example.org")
		permit := r.permit(id, today)
		for _, test := range []struct{ right, entered int }{
			{0, 1}, {1, 0}, {0, 9999}, {9999, 0}, {9999, 9998}, {1234, 1247}, {1234, 4321}, {5000, 142}, {142, 284}, {0, 141}, {7, 5007},
		} {
			for _, p := range []*Permit{nil, permit} {
				claim := Claim{Identity: id}
				if p != nil {
					claim.Day = today
				}
				_, s, err := r.login(Login{Identity: id, Token: r.token(id, test.right), PIN: test.entered, Permit: p}, claim)
				if !errors.Is(err, ErrRejected) {
					t.Errorf("%d for %d: %v", test.entered, test.right, err)
					continue
				}
				if d, found := s.PINError(); !found || d != test.entered-test.right {
					t.Errorf("%d for %d: expected a distance of %d, found %d, %v", test.entered, test.right, test.entered-test.right, d, found)
				}
			}
		}
	})
}

func TestWhatIsNotAWrongPINHasNoDistance(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		alice, bob, stranger := r.id("alice@example.org"), r.id("bob@example.org"), newRealm(t, r.Suite)
		yesterday, passedOff := r.permit(alice, today-1), r.permit(alice, today-1)
		passedOff.Day = today
		bobs := r.permit(bob, today)
		token := r.token(alice, 1234)
		other, err := r.ExtractFactor(token, alice, secret.New([]byte{0, 1, 2, 3}))
		r.must(err)
		short, err := r.ClientShare(r.shares[0], alice)
		r.must(err)
		partial, err := r.ExtractPIN(short, alice, 1234)
		r.must(err)
		for name, test := range map[string]struct {
			login Login
			claim Claim
		}{
			"another network's token":       {Login{Identity: alice, Token: stranger.token(alice, 1234), PIN: 1234}, Claim{Identity: alice}},
			"another identity's token":      {Login{Identity: alice, Token: r.token(bob, 1234), PIN: 1234}, Claim{Identity: alice}},
			"another identity claimed":      {Login{Identity: alice, Token: token, PIN: 1234}, Claim{Identity: bob}},
			"a token that lacks a factor":   {Login{Identity: alice, Token: other, PIN: 1234}, Claim{Identity: alice}},
			"a token of one authority only": {Login{Identity: alice, Token: partial, PIN: 1234}, Claim{Identity: alice}},
			"an expired permit":             {Login{Identity: alice, Token: token, PIN: 1234, Permit: yesterday}, Claim{Identity: alice, Day: today}},
			"an expired permit passed off":  {Login{Identity: alice, Token: token, PIN: 1234, Permit: passedOff}, Claim{Identity: alice, Day: today}},
			"another identity's permit":     {Login{Identity: alice, Token: token, PIN: 1234, Permit: bobs}, Claim{Identity: alice, Day: today}},
			"another network's permit":      {Login{Identity: alice, Token: token, PIN: 1234, Permit: stranger.permit(alice, today)}, Claim{Identity: alice, Day: today}},
		} {
			_, s, err := r.login(test.login, test.claim)
			if !errors.Is(err, ErrRejected) {
				t.Errorf("%s: expected %v, found %v", name, ErrRejected, err)
			}
			if s != nil {
				if d, found := s.PINError(); found {
					t.Errorf("%s: a distance of %d", name, d)
				}
			}
		}
	})
}

func TestAnAbsentPermitIsNoticedBeforeAnythingIsComputed(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		id := r.id("alice@example.org")
		token := r.token(id, 1)
		if _, _, err := r.login(Login{Identity: id, Token: token, PIN: 1}, Claim{Identity: id, Day: today}); !errors.Is(err, ErrDay) {
			t.Errorf("no permit where one is demanded: %v", err)
		}
		if _, _, err := r.login(Login{Identity: id, Token: token, PIN: 1, Permit: r.permit(id, today)}, Claim{Identity: id}); !errors.Is(err, ErrDay) {
			t.Errorf("a permit where there are none: %v", err)
		}
		// Whoever commits to the day all the same, as AMCL's client does without
		// its permit, is rejected.
		p, err := r.newProver(Login{Identity: id, Token: token, PIN: 1}, today, nil, bls.RandomScalar())
		r.must(err)
		s, err := r.server.Begin(Claim{Identity: id, Day: today, Commitment: p.Commitment()})
		r.must(err)
		v, err := p.Respond(s.Challenge())
		r.must(err)
		if err := s.Verify(v); !errors.Is(err, ErrRejected) {
			t.Errorf("a commitment without its permit: %v", err)
		}
	})
}

func TestAChangedPINIsTheOneThatCounts(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		id := r.id("alice@example.org")
		for _, test := range []struct{ old, new int }{{1234, 4321}, {4321, 1234}, {0, 9999}, {9999, 0}, {5, 5}} {
			token, err := r.ChangePIN(r.token(id, test.old), id, test.old, test.new)
			r.must(err)
			if _, _, err := r.login(Login{Identity: id, Token: token, PIN: test.new}, Claim{Identity: id}); err != nil {
				t.Errorf("%d to %d: %v", test.old, test.new, err)
			}
		}
		token, err := r.ChangePIN(r.token(id, 10), id, 13, 20)
		r.must(err)
		if _, _, err := r.login(Login{Identity: id, Token: token, PIN: 17}, Claim{Identity: id}); err != nil {
			t.Errorf("the old PIN was 3 too large, and so is not the new one: %v", err)
		}
	})
}

func TestFurtherFactorsGoOutAndComeBackInAnyOrder(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		id := r.id("alice@example.org")
		a, b := secret.New([]byte{0x7f, 0xff, 0xff, 0xff}), secret.New([]byte{5})
		token := r.token(id, 1234)
		for _, f := range []*secret.Bytes{a, b} {
			var err error
			token, err = r.ExtractFactor(token, id, f)
			r.must(err)
			if _, _, err := r.login(Login{Identity: id, Token: token, PIN: 1234}, Claim{Identity: id}); !errors.Is(err, ErrRejected) {
				t.Errorf("without a factor: %v", err)
			}
		}
		token, err := r.ChangePIN(token, id, 1234, 1)
		r.must(err)
		for _, f := range []*secret.Bytes{a, b} {
			token, err = r.RestoreFactor(token, id, f)
			r.must(err)
		}
		if _, _, err := r.login(Login{Identity: id, Token: token, PIN: 1}, Claim{Identity: id}); err != nil {
			t.Errorf("with all factors: %v", err)
		}
	})
}

func TestFactorsAreWhatTheSuiteTakes(t *testing.T) {
	for _, test := range []struct {
		suite  Suite
		factor []byte
		ok     bool
	}{
		{V1, nil, false}, {V1, []byte("a fingerprint's template of some length"), true}, {V1, []byte{0}, true},
		{AMCL, nil, false}, {AMCL, []byte{0}, false}, {AMCL, []byte{1}, true}, {AMCL, []byte{0x7f, 0xff, 0xff, 0xff}, true},
		{AMCL, []byte{0x80, 0, 0, 0}, false}, {AMCL, []byte{0, 0, 0, 0, 1}, false},
	} {
		r := newRealm(t, test.suite)
		id := r.id("alice")
		_, err := r.ExtractFactor(r.token(id, 0), id, secret.New(test.factor))
		if zero := test.suite == AMCL && len(test.factor) == 1 && test.factor[0] == 0; zero {
			// Nothing is taken out, which AMCL allows.
			if err != nil {
				t.Errorf("%s, a factor of zero: %v", test.suite, err)
			}
			continue
		}
		if (err == nil) != test.ok || err != nil && !errors.Is(err, ErrFactor) {
			t.Errorf("%s, factor %x: %v", test.suite, test.factor, err)
		}
	}
}

func TestPINsAreInRange(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		id := r.id("alice")
		cs, token := r.clientSecret(id), r.token(id, 1)
		for _, pin := range []int{-1, PINs, 1 << 40} {
			if _, err := r.ExtractPIN(cs, id, pin); !errors.Is(err, ErrPIN) {
				t.Errorf("extracted %d: %v", pin, err)
			}
			if _, err := r.ChangePIN(token, id, pin, 1); !errors.Is(err, ErrPIN) {
				t.Errorf("changed from %d: %v", pin, err)
			}
			if _, err := r.ChangePIN(token, id, 1, pin); !errors.Is(err, ErrPIN) {
				t.Errorf("changed to %d: %v", pin, err)
			}
			if _, err := r.NewProver(Login{Identity: id, Token: token, PIN: pin}); !errors.Is(err, ErrPIN) {
				t.Errorf("logged in with %d: %v", pin, err)
			}
		}
	})
}

func TestOneCommitmentAnswersOnceAndOneSessionVerifiesOnce(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		id := r.id("alice")
		p, s, err := r.login(Login{Identity: id, Token: r.token(id, 1), PIN: 1}, Claim{Identity: id})
		r.must(err)
		if _, err := p.Respond(s.Challenge()); !errors.Is(err, ErrUsed) {
			t.Errorf("a second answer: %v", err)
		}
		if _, err := p.Sign(Message{Time: 1}); !errors.Is(err, ErrUsed) {
			t.Errorf("a signature after the answer: %v", err)
		}
		if err := s.Verify(s.transcript.v); !errors.Is(err, ErrUsed) {
			t.Errorf("a second verification: %v", err)
		}
	})
}

func TestAChallengeIsFreshAndItsAnswerFitsNoOther(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		id := r.id("alice")
		p := r.prover(Login{Identity: id, Token: r.token(id, 1), PIN: 1})
		claim := Claim{Identity: id, Commitment: p.Commitment()}
		first, err := r.server.Begin(claim)
		r.must(err)
		second, err := r.server.Begin(claim)
		r.must(err)
		if string(first.Challenge()) == string(second.Challenge()) {
			t.Error("the same challenge twice")
		}
		v, err := p.Respond(first.Challenge())
		r.must(err)
		if err := second.Verify(v); !errors.Is(err, ErrRejected) {
			t.Errorf("an answer played to another challenge: %v", err)
		}
		r.must(first.Verify(v))
	})
}

func TestMalformedChallengesAreNotAnswered(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		id := r.id("alice")
		l := Login{Identity: id, Token: r.token(id, 1), PIN: 1}
		s, err := r.server.Begin(Claim{Identity: id, Commitment: r.prover(l).Commitment()})
		r.must(err)
		over := s.Challenge()
		over[0] |= 0x80 // above the group's order, in either suite
		for _, y := range [][]byte{over, nil, make([]byte, 31), make([]byte, 33), make([]byte, 47), make([]byte, 49), ones(32), ones(48)} {
			p := r.prover(l)
			if _, err := p.Respond(y); err == nil {
				t.Errorf("%x is answered", y)
			}
		}
	})
}

func ones(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = 0xff
	}
	return b
}
