package mpin

import (
	"errors"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/bls"
)

func TestBothSidesOfAnAcceptedLoginHaveOneKey(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		size := map[Suite]int{V1: 32, AMCL: 16}[r.Suite]
		id := r.id("alice")
		seen := map[string]bool{}
		for _, day := range []uint32{0, today} {
			l := Login{Identity: id, Token: r.token(id, 42), PIN: 42}
			if day != 0 {
				l.Permit = r.permit(id, day)
			}
			p, s, err := r.login(l, Claim{Identity: id, Day: day})
			r.must(err)
			z, err := p.Exchange()
			r.must(err)
			w, theirs, err := s.Exchange(z)
			r.must(err)
			ours, err := p.Key(w)
			r.must(err)
			if ours.Len() != size || !ours.Equal(theirs.Open()) {
				t.Errorf("day %d: keys %x and %x", day, ours.Open(), theirs.Open())
			}
			if seen[string(ours.Open())] {
				t.Error("two logins have one key")
			}
			seen[string(ours.Open())] = true
		}
	})
}

func TestALoginInOnePassAgreesOnAKeyToo(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		id, m := r.id("alice"), Message{Time: 1795375000}
		p := r.prover(Login{Identity: id, Token: r.token(id, 42), PIN: 42})
		v, err := p.Sign(m)
		r.must(err)
		z, err := p.Exchange()
		r.must(err)
		s, err := r.server.BeginOnePass(Claim{Identity: id, Commitment: p.Commitment()}, m, time.Unix(m.Time, 0), 0)
		r.must(err)
		r.must(s.Verify(v))
		w, theirs, err := s.Exchange(z)
		r.must(err)
		ours, err := p.Key(w)
		r.must(err)
		if !ours.Equal(theirs.Open()) {
			t.Error("keys differ")
		}
	})
}

func TestOnlyAnAcceptedLoginHasAKey(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		id := r.id("alice")
		p, s, err := r.login(Login{Identity: id, Token: r.token(id, 42), PIN: 43}, Claim{Identity: id})
		if !errors.Is(err, ErrRejected) {
			t.Fatal(err)
		}
		z, err := p.Exchange()
		r.must(err)
		if _, _, err := s.Exchange(z); !errors.Is(err, ErrUsed) {
			t.Errorf("a rejected session exchanges keys: %v", err)
		}
		// Even a server that went on would have another key.
		random := bls.RandomScalar()
		w := s.exchange(z, random)
		theirs, err := s.key(r.scheme.exponent(&s.transcript), random)
		r.must(err)
		ours, err := p.Key(w)
		r.must(err)
		if ours.Equal(theirs.Open()) {
			t.Error("a wrong PIN gives the key")
		}
		begun, err := r.server.Begin(Claim{Identity: id, Commitment: p.Commitment()})
		r.must(err)
		if _, _, err := begun.Exchange(z); !errors.Is(err, ErrUsed) {
			t.Errorf("an unverified session exchanges keys: %v", err)
		}
	})
}

// A server is authenticated by the key: without s·Q it has another.
func TestAnotherServerHasAnotherKey(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		id, impostor := r.id("alice"), newRealm(t, r.Suite)
		p := r.prover(Login{Identity: id, Token: r.token(id, 42), PIN: 42})
		s, err := impostor.server.Begin(Claim{Identity: id, Commitment: p.Commitment()})
		r.must(err)
		v, err := p.Respond(s.Challenge())
		r.must(err)
		if err := s.Verify(v); !errors.Is(err, ErrRejected) {
			t.Fatal(err)
		}
		z, err := p.Exchange()
		r.must(err)
		random := bls.RandomScalar()
		w := s.exchange(z, random)
		theirs, err := s.key(r.scheme.exponent(&s.transcript), random)
		r.must(err)
		ours, err := p.Key(w)
		r.must(err)
		if ours.Equal(theirs.Open()) {
			t.Error("an impostor has the key")
		}
	})
}

func TestWhoeverChangesAMessageLeavesTwoKeys(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		id := r.id("alice")
		same := func(p *bls.G1) *bls.G1 { return p }
		moved := func(p *bls.G1) *bls.G1 { return p.Add(bls.G1Generator()) }
		for name, change := range map[string]struct{ z, w func(*bls.G1) *bls.G1 }{
			"Z": {moved, same}, "W": {same, moved}, "both": {moved, moved},
		} {
			p, s, err := r.login(Login{Identity: id, Token: r.token(id, 42), PIN: 42}, Claim{Identity: id})
			r.must(err)
			z, err := p.Exchange()
			r.must(err)
			w, theirs, err := s.Exchange(change.z(z))
			r.must(err)
			ours, err := p.Key(change.w(w))
			r.must(err)
			if ours.Equal(theirs.Open()) {
				t.Errorf("%s changed: one key", name)
			}
		}
	})
}

func TestKeysComeInTheirOrderAndOnce(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		id := r.id("alice")
		l := Login{Identity: id, Token: r.token(id, 42), PIN: 42}
		if _, err := r.prover(l).Key(bls.G1Generator()); !errors.Is(err, ErrUsed) {
			t.Errorf("a key before anything: %v", err)
		}
		early := r.prover(l)
		if _, err := early.Exchange(); err != nil {
			t.Fatal(err)
		}
		if _, err := early.Key(bls.G1Generator()); !errors.Is(err, ErrUsed) {
			t.Errorf("a key before the answer: %v", err)
		}
		p, s, err := r.login(l, Claim{Identity: id})
		r.must(err)
		z, err := p.Exchange()
		r.must(err)
		if _, err := p.Exchange(); !errors.Is(err, ErrUsed) {
			t.Errorf("a second Z: %v", err)
		}
		w, _, err := s.Exchange(z)
		r.must(err)
		if _, _, err := s.Exchange(z); !errors.Is(err, ErrUsed) {
			t.Errorf("a second W: %v", err)
		}
		if _, err := p.Key(w); err != nil {
			t.Error(err)
		}
		if _, err := p.Key(w); !errors.Is(err, ErrUsed) {
			t.Errorf("a second key: %v", err)
		}
	})
}

func TestClearedProversDoNothing(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		id := r.id("alice")
		p := r.prover(Login{Identity: id, Token: r.token(id, 42), PIN: 42})
		p.Clear()
		p.Clear()
		(*Prover)(nil).Clear()
		if _, err := p.Respond(r.scheme.scalar(bls.NewScalar(5))); !errors.Is(err, ErrUsed) {
			t.Errorf("answers: %v", err)
		}
		if _, err := p.Exchange(); !errors.Is(err, ErrUsed) {
			t.Errorf("exchanges: %v", err)
		}
		if !p.x.IsZero() || !p.own.Open().IsIdentity() || !p.total.Open().IsIdentity() {
			t.Error("something is left")
		}
	})
}
