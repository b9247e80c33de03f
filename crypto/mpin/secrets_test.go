package mpin

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/big"
	"testing"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/secret/secrettest"
)

func TestSecretsDoNotLeak(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		id := r.id("alice")
		cs, token := r.clientSecret(id), r.token(id, 1234)
		secrettest.DoesNotLeak(t, cs, cs.Bytes().Open())
		secrettest.DoesNotLeak(t, *cs, cs.Point().Bytes())
		secrettest.DoesNotLeak(t, token, token.Bytes().Open())
		secrettest.DoesNotLeak(t, r.secret, r.secret.Bytes().Open())
		secrettest.DoesNotLeak(t, r.server, r.secret.Bytes().Open())
		key := r.NewDVSKey()
		secrettest.DoesNotLeak(t, key, key.Bytes().Open())
		p, s, err := r.login(Login{Identity: id, Token: token, PIN: 1234}, Claim{Identity: id})
		r.must(err)
		secrettest.DoesNotLeak(t, p, cs.Point().Bytes())
		secrettest.DoesNotLeak(t, p, p.x.Bytes().Open())
		if bytes.Contains(fmtAll(s), r.secret.Bytes().Open()) {
			t.Error("a session prints its server's secret")
		}
	})
}

func TestALoginThatDoesNotBeginLeavesNothing(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		id, other := r.id("alice"), r.Suite
		if other.Name == V1.Name {
			other = AMCL
		} else {
			other = V1
		}
		for name, l := range map[string]Login{
			"no PIN":                  {Identity: id, Token: r.token(id, 1), PIN: -1},
			"no token":                {Identity: id, PIN: 1},
			"no identity":             {Token: r.token(id, 1), PIN: 1},
			"a token of another kind": {Identity: id, Token: &Token{hide(other, r.token(id, 1).Point())}, PIN: 1},
		} {
			x := bls.RandomScalar()
			if _, err := r.newProver(l, 0, nil, x); err == nil || !x.IsZero() {
				t.Errorf("%s: expected an error and nothing left of x; found %v", name, err)
			}
		}
	})
}

func TestClearedSecretsAreGone(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		id := r.id("alice")
		cs, token := r.clientSecret(id), r.token(id, 1234)
		for range 2 {
			cs.Clear()
			token.Clear()
			r.secret.Clear()
		}
		(*ClientSecret)(nil).Clear()
		(*Token)(nil).Clear()
		(*ServerSecret)(nil).Clear()
		(*Server)(nil).Clear()
		new(ClientSecret).Clear()
		if !cs.Point().IsIdentity() || !token.Point().IsIdentity() || !r.secret.Point().IsIdentity() {
			t.Error("something is left")
		}
		if _, _, err := r.login(Login{Identity: id, Token: r.token(id, 1), PIN: 1}, Claim{Identity: id}); err != nil {
			t.Errorf("the server had no copy of its own: %v", err)
		}
		r.server.Clear()
		if _, _, err := r.login(Login{Identity: id, Token: r.token(id, 1), PIN: 1}, Claim{Identity: id}); !errors.Is(err, ErrRejected) {
			t.Errorf("a cleared server: %v", err)
		}
		if _, err := r.NewServer(r.secret); !errors.Is(err, ErrPoint) {
			t.Errorf("a server of a cleared secret: %v", err)
		}
	})
}

func TestSecretsSurviveTheirEncodings(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		id := r.id("alice")
		cs, token, permit := r.clientSecret(id), r.token(id, 1234), r.permit(id, today)
		againCS, err := r.ParseClientSecret(cs.Bytes())
		r.must(err)
		againToken, err := r.ParseToken(token.Bytes())
		r.must(err)
		againSS, err := r.ParseServerSecret(r.secret.Bytes())
		r.must(err)
		againTP, err := r.ParsePermit(today, r.PointBytes(permit.Point))
		r.must(err)
		key := r.NewDVSKey()
		againKey, err := r.ParseDVSKey(key.Bytes())
		r.must(err)
		pa, err := r.ParsePublicKey(r.PublicKeyBytes(key.Public()))
		r.must(err)
		if !againCS.Point().Equal(cs.Point()) || !againToken.Point().Equal(token.Point()) || !againSS.Point().Equal(r.secret.Point()) ||
			!againTP.Point.Equal(permit.Point) || againTP.Day != today || !againKey.z.Equal(key.z) || !againKey.Public().Equal(pa) {
			t.Error("something changed")
		}
		sizes := map[Suite][4]int{V1: {48, 48, 96, 32}, AMCL: {97, 97, 192, 48}}[r.Suite]
		if got := [4]int{cs.Bytes().Len(), token.Bytes().Len(), r.secret.Bytes().Len(), key.Bytes().Len()}; got != sizes {
			t.Errorf("expected sizes of %v, found %v", sizes, got)
		}
	})
}

func TestSharesOfNothingAndOfTwoSuitesDoNotCombine(t *testing.T) {
	v, a := newRealm(t, V1), newRealm(t, AMCL)
	id := v.id("alice")
	share, err := v.ClientShare(v.shares[0], id)
	v.must(err)
	negative, err := v.ClientSecretOf(new(bls.G1).Sub(share.Point()))
	v.must(err)
	ss, err := v.ServerShare(v.shares[0])
	v.must(err)
	negativeSS, err := v.ServerSecretOf(new(bls.G2).Sub(ss.Point()))
	v.must(err)
	permit := v.permit(id, today)
	failed := func(_ any, err error) error { return err }
	for name, test := range map[string]struct{ got, want error }{
		"no client shares":                {failed(v.CombineClient()), ErrPoint},
		"client shares that cancel":       {failed(v.CombineClient(share, negative)), ErrPoint},
		"a client share of another suite": {failed(v.CombineClient(share, a.clientSecret(a.id("alice")))), ErrMixed},
		"no server shares":                {failed(v.CombineServer()), ErrPoint},
		"server shares that cancel":       {failed(v.CombineServer(ss, negativeSS)), ErrPoint},
		"a server share of another suite": {failed(v.CombineServer(ss, a.secret)), ErrMixed},
		"permits of two days":             {failed(v.CombinePermit(permit, v.permit(id, today+1))), ErrDay},
		"permits that cancel":             {failed(v.CombinePermit(permit, &Permit{today, new(bls.G1).Sub(permit.Point)})), ErrPoint},
		"a permit without a point":        {failed(v.CombinePermit(permit, &Permit{Day: today})), ErrPoint},
		"a share of zero":                 {failed(v.ClientShare(bls.NewScalar(0), id)), ErrPoint},
		"a server share of zero":          {failed(v.ServerShare(bls.NewScalar(0))), ErrPoint},
		"a permit share of zero":          {failed(v.PermitShare(bls.NewScalar(0), id, today)), ErrPoint},
		"no point":                        {failed(v.ClientSecretOf(nil)), ErrPoint},
		"no point for a server":           {failed(v.ServerSecretOf(nil)), ErrPoint},
		"a server of another suite":       {failed(v.NewServer(a.secret)), ErrMixed},
		"a PIN of another suite":          {failed(v.ExtractPIN(a.clientSecret(a.id("alice")), id, 1)), ErrMixed},
		"a login of another suite":        {failed(v.NewProver(Login{Identity: id, Token: a.token(a.id("alice"), 1), PIN: 1})), ErrMixed},
		"a login without a token":         {failed(v.NewProver(Login{Identity: id, PIN: 1})), ErrPoint},
		"a login of nobody":               {failed(v.NewProver(Login{Token: v.token(id, 1), PIN: 1})), ErrSubject},
	} {
		if !errors.Is(test.got, test.want) {
			t.Errorf("%s: expected %v, found %v", name, test.want, test.got)
		}
	}
	if _, err := v.CombinePermit(); err == nil {
		t.Error("no permits combine")
	}
}

// malformed are encodings that no parser of the suite takes, for G1 or for G2.
func malformed(tb testing.TB, s Suite, g2 bool) map[string][]byte {
	p, _ := new(big.Int).SetString("1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab", 16)
	good := s.PointBytes(bls.G1Generator())
	if g2 {
		good = s.PublicKeyBytes(bls.G2Generator())
	}
	changed := func(at int, v byte) []byte {
		b := bytes.Clone(good)
		b[at] = v
		return b
	}
	// unreduced adds p to the last coordinate.
	unreduced := bytes.Clone(good)
	last := unreduced[len(unreduced)-48:]
	new(big.Int).Add(new(big.Int).SetBytes(last), p).FillBytes(last)
	out := map[string][]byte{
		"nothing":          nil,
		"a byte too few":   good[:len(good)-1],
		"a byte too many":  append(bytes.Clone(good), 0),
		"zeros":            make([]byte, len(good)),
		"ones":             ones(len(good)),
		"off the curve":    changed(len(good)-1, good[len(good)-1]^1),
		"off the subgroup": offSubgroup(tb, s, g2),
	}
	if s == V1 {
		out["the identity"] = append([]byte{0xc0}, make([]byte, len(good)-1)...)
		out["the other suite's"] = AMCL.PointBytes(bls.G1Generator())
		// Whether 47 has a point is no matter: it is far from the generator.
		out["off the curve"] = notACoordinate(tb, len(good))
		return out
	}
	out["the last coordinate not reduced"] = unreduced
	out["the other suite's"] = V1.PointBytes(bls.G1Generator())
	out["marked as compressed"] = changed(0, good[0]|0x80)
	out["marked as the identity"] = changed(0, good[0]|0x40)
	if !g2 {
		out["another first byte"] = changed(0, 2)
		out["the identity"] = append([]byte{4}, make([]byte, 96)...)
		out["a coordinate marked as compressed"] = changed(1, good[1]|0x80)
		out["a coordinate marked as the identity"] = changed(1, good[1]|0x40)
		infinity := append([]byte{4, 0x40}, make([]byte, 95)...)
		out["zcash's identity"] = infinity
	}
	return out
}

// notACoordinate finds an x that the curve does not have.
func notACoordinate(tb testing.TB, size int) []byte {
	for x := byte(1); x < 255; x++ {
		b := make([]byte, size)
		b[0], b[size-1] = 0x80, x
		if !onCurve(b) {
			return b
		}
	}
	tb.Fatal("none found")
	return nil
}

func TestMalformedPointsAreRefusedEverywhere(t *testing.T) {
	for _, s := range suites {
		for name, bad := range malformed(t, s, false) {
			_, err1 := s.ParsePoint(bad)
			_, err2 := s.ParseClientSecret(secret.Copy(bad))
			_, err3 := s.ParseToken(secret.Copy(bad))
			_, err4 := s.ParsePermit(today, bad)
			_, err5 := s.ParseCommitment(append(bytes.Clone(bad), make([]byte, s.scheme.bindingSize())...))
			for i, err := range []error{err1, err2, err3, err4, err5} {
				if !errors.Is(err, ErrPoint) {
					t.Errorf("%s, %s, parser %d: %v", s, name, i, err)
				}
			}
			good := s.PointBytes(bls.G1Generator())
			if len(bad) == len(good) {
				for _, b := range [][]byte{
					append(append(bytes.Clone(good), bad...), make([]byte, s.scheme.bindingSize())...),
					append(append(bytes.Clone(bad), good...), make([]byte, s.scheme.bindingSize())...),
				} {
					if _, err := s.ParseCommitment(b); !errors.Is(err, ErrPoint) {
						t.Errorf("%s, %s in a commitment with a permit: %v", s, name, err)
					}
				}
			}
		}
		for name, bad := range malformed(t, s, true) {
			_, err1 := s.ParseServerSecret(secret.Copy(bad))
			_, err2 := s.ParsePublicKey(bad)
			for i, err := range []error{err1, err2} {
				if !errors.Is(err, ErrPoint) {
					t.Errorf("%s, %s of G2, parser %d: %v", s, name, i, err)
				}
			}
		}
		order, _ := hex.DecodeString("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001")
		for _, bad := range [][]byte{nil, make([]byte, 32), make([]byte, 48), order, append(make([]byte, 16), order...), ones(48), append([]byte{1}, make([]byte, 47)...)} {
			if _, err := s.ParseDVSKey(secret.Copy(bad)); err == nil {
				t.Errorf("%s: %x is a key", s, bad)
			}
		}
	}
}

// Points need not come through a parser.
func TestTheIdentityIsRefusedWhereverAPointGoes(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		id, zero := r.id("alice"), new(bls.G1)
		g := bls.G1Generator()
		l := Login{Identity: id, Token: r.token(id, 1), PIN: 1}
		begin := func(c Claim) error {
			c.Identity = id
			_, err := r.server.Begin(c)
			return err
		}
		_, s, _ := r.login(l, Claim{Identity: id})
		_, _, exchanged := s.Exchange(zero)
		_, s, _ = r.login(l, Claim{Identity: id})
		_, _, missing := s.Exchange(nil)
		p := r.prover(l)
		again, err := r.server.Begin(Claim{Identity: id, Commitment: p.Commitment()})
		r.must(err)
		verified := again.Verify(zero)
		again, err = r.server.Begin(Claim{Identity: id, Commitment: p.Commitment()})
		r.must(err)
		verifiedNil := again.Verify(nil)
		_, err = p.Respond(again.Challenge())
		r.must(err)
		_, err = p.Exchange()
		r.must(err)
		_, key := p.Key(zero)
		withPermit := l
		withPermit.Permit = &Permit{Day: today, Point: zero}
		_, permitted := r.NewProver(withPermit)
		withPermit.Permit = &Permit{Day: today}
		_, permittedNil := r.NewProver(withPermit)
		_, designated := r.DesignatedIdentity(id, new(bls.G2))
		for name, err := range map[string]error{
			"no commitment":      begin(Claim{}),
			"U":                  begin(Claim{Commitment: &Commitment{U: zero}}),
			"no U":               begin(Claim{Commitment: &Commitment{}}),
			"UT":                 begin(Claim{Day: today, Commitment: &Commitment{U: g, UT: zero}}),
			"U beside UT":        begin(Claim{Day: today, Commitment: &Commitment{U: zero, UT: g}}),
			"a designated key":   begin(Claim{Commitment: &Commitment{U: g}, Designated: new(bls.G2)}),
			"V":                  verified,
			"no V":               verifiedNil,
			"Z":                  exchanged,
			"no Z":               missing,
			"W":                  key,
			"a permit":           permitted,
			"a permit's nothing": permittedNil,
			"a key's identity":   designated,
		} {
			if !errors.Is(err, ErrPoint) {
				t.Errorf("%s: expected %v, found %v", name, ErrPoint, err)
			}
		}
	})
}
