package mpin

import (
	"testing"

	"github.com/milagro-dta/dta/crypto/bls"
)

func eachSuiteBench(b *testing.B, bench func(b *testing.B, r *realm)) {
	for _, s := range suites {
		b.Run(s.Name, func(b *testing.B) { bench(b, newRealm(b, s)) })
	}
}

// What issuing cannot do without.
func BenchmarkBareHashAndMultiplication(b *testing.B) {
	eachSuiteBench(b, func(b *testing.B, r *realm) {
		id := r.id("alice")
		for b.Loop() {
			r.scheme.hashIdentity(id).Mul(r.shares[0])
		}
	})
}

func BenchmarkClientShare(b *testing.B) {
	eachSuiteBench(b, func(b *testing.B, r *realm) {
		id := r.id("alice")
		for b.Loop() {
			if _, err := r.ClientShare(r.shares[0], id); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkPermitShare(b *testing.B) {
	eachSuiteBench(b, func(b *testing.B, r *realm) {
		id := r.id("alice")
		for b.Loop() {
			if _, err := r.PermitShare(r.shares[0], id, today); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// logins calls with a login without a permit and one with.
func logins(b *testing.B, r *realm, pin int, bench func(b *testing.B, l Login, c Claim)) {
	id := r.id("alice")
	l := Login{Identity: id, Token: r.token(id, 1234), PIN: pin}
	b.Run("plain", func(b *testing.B) { bench(b, l, Claim{Identity: id}) })
	l.Permit = r.permit(id, today)
	b.Run("permit", func(b *testing.B) { bench(b, l, Claim{Identity: id, Day: today}) })
}

func BenchmarkLoginAtTheClient(b *testing.B) {
	eachSuiteBench(b, func(b *testing.B, r *realm) {
		y := r.scheme.scalar(bls.RandomScalar())
		logins(b, r, 1234, func(b *testing.B, l Login, _ Claim) {
			for b.Loop() {
				if _, err := r.prover(l).Respond(y); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

func BenchmarkLoginAtTheServer(b *testing.B) {
	eachSuiteBench(b, func(b *testing.B, r *realm) {
		logins(b, r, 1234, func(b *testing.B, l Login, c Claim) {
			v := bls.G1Generator()
			wire := r.CommitmentBytes(r.prover(l).Commitment())
			for b.Loop() {
				var err error
				if c.Commitment, err = r.ParseCommitment(wire); err != nil {
					b.Fatal(err)
				}
				s, err := r.server.Begin(c)
				if err != nil {
					b.Fatal(err)
				}
				if s.Verify(v) == nil { // A rejection costs what an acceptance does.
					b.Fatal("accepted")
				}
			}
		})
	})
}

func BenchmarkFullAtTheClient(b *testing.B) {
	eachSuiteBench(b, func(b *testing.B, r *realm) {
		y := r.scheme.scalar(bls.RandomScalar())
		logins(b, r, 1234, func(b *testing.B, l Login, _ Claim) {
			for b.Loop() {
				p := r.prover(l)
				if _, err := p.Respond(y); err != nil {
					b.Fatal(err)
				}
				if _, err := p.Exchange(); err != nil {
					b.Fatal(err)
				}
				if _, err := p.Key(bls.G1Generator()); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

func BenchmarkKeyAtTheServer(b *testing.B) {
	eachSuiteBench(b, func(b *testing.B, r *realm) {
		logins(b, r, 1234, func(b *testing.B, l Login, c Claim) {
			_, s, err := r.login(l, c)
			r.must(err)
			for b.Loop() {
				s.keyed = false
				if _, _, err := s.Exchange(bls.G1Generator()); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

func BenchmarkPINError(b *testing.B) {
	eachSuiteBench(b, func(b *testing.B, r *realm) {
		logins(b, r, 9999, func(b *testing.B, l Login, c Claim) {
			_, s, _ := r.login(l, c)
			for b.Loop() {
				if _, found := s.PINError(); !found {
					b.Fatal("not found")
				}
			}
		})
	})
}

func BenchmarkTriedPIN(b *testing.B) {
	eachSuiteBench(b, func(b *testing.B, r *realm) {
		logins(b, r, 9999, func(b *testing.B, l Login, c Claim) {
			_, s, _ := r.login(l, c)
			for b.Loop() {
				if !s.TriedPIN() {
					b.Fatal("not a try")
				}
			}
		})
	})
}
