package mpin

import (
	"testing"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/secret"
)

// moved is a token with a number more in it than its PIN, negative ones too: what a
// thief with a program of his own makes of it.
func (r *realm) moved(token *Token, id []byte, by int) *Token {
	r.Helper()
	a, err := r.HashIdentity(id)
	r.must(err)
	op := (*bls.G1).Add
	if by < 0 {
		op, by = (*bls.G1).Sub, -by
	}
	out, err := r.ParseToken(secret.New(r.scheme.g1(op(token.Point(), a.Mul(bls.NewScalar(uint64(by)))))))
	r.must(err)
	return out
}

// tries logs in with a number in place of the PIN and tells whether that was a try.
func (r *realm) tries(token *Token, id []byte, number int) bool {
	r.Helper()
	_, s, err := r.login(Login{Identity: id, Token: r.moved(token, id, number), Permit: r.permit(id, today)}, Claim{Identity: id, Day: today})
	if err == nil {
		r.Fatalf("%d is accepted", number)
	}
	return s.TriedPIN()
}

func TestEveryWrongPINIsATryAndNoiseIsNone(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		alice, bob := r.id("alice@example.org"), r.id("bob@example.org")
		for _, test := range []struct{ right, number int }{{0, 9999}, {9999, 0}, {1234, 1235}, {5000, -5001}, {4998, -5001}, {0, 10000}, {9999, 20000}, {9999, -20000}} {
			if !r.tries(r.token(alice, test.right), alice, test.number) {
				t.Errorf("%d for %d is no try", test.number, test.right)
			}
		}
		for name, token := range map[string]*Token{
			"another identity's token":                       r.token(bob, 1234),
			"another network's token":                        newRealm(t, r.Suite).token(alice, 1234),
			"a number further away than any that is counted": r.moved(r.token(alice, 1), alice, 2*triedLimit),
		} {
			if r.tries(token, alice, 1234) {
				t.Errorf("%s: a try", name)
			}
		}
		_, s, err := r.login(Login{Identity: alice, Token: r.token(alice, 1), PIN: 1}, Claim{Identity: alice})
		r.must(err)
		if s.TriedPIN() {
			t.Error("the right PIN is a wrong try")
		}
	})
}

func TestWhereTriesEndTellsNoPIN(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		session := func(id []byte) *Session { return &Session{server: r.server, transcript: transcript{id: id}} }
		seen := make(map[int]bool)
		for _, name := range []string{"alice", "bob", "carol", "dave"} {
			id := r.id(name)
			below, above := session(id).tried()
			for _, end := range []int{below, above} {
				if end < 2*PINs || end > triedLimit || seen[end] {
					t.Errorf("%s: tries end %d from the PIN", name, end)
				}
				seen[end] = true
			}
			if b, a := session(id).tried(); b != below || a != above {
				t.Errorf("%s: tries end elsewhere the second time", name)
			}
			token := r.token(id, 1234)
			for _, test := range []struct {
				number int
				counts bool
			}{{1234 + above, true}, {1235 + above, false}, {1234 - below, true}, {1233 - below, false}} {
				if r.tries(token, id, test.number) != test.counts {
					t.Errorf("%s, %d: expected a try: %t", name, test.number, test.counts)
				}
			}
		}
	})
}
