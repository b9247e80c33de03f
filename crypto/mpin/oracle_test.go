package mpin

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/big"
	"testing"

	curve "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fp"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
	"github.com/consensys/gnark-crypto/field/hash"
	"github.com/milagro-dta/dta/crypto/bls"
)

// oracle computes all of M-Pin on another library, from the documentation.
type oracle struct {
	*realm
	s        *big.Int
	id       []byte
	day      uint32
	a, at, t curve.G1Affine // A, A + A_T and A_T
}

func newOracle(r *realm, id []byte, day uint32) *oracle {
	o := &oracle{realm: r, s: integer(r.masterSecret()), id: id, day: day}
	switch r.Suite {
	case V1:
		var err error
		o.a, err = curve.HashToG1(id, []byte("DTA-V1-MPIN-ID_BLS12381G1_XMD:SHA-256_SSWU_RO_"))
		r.must(err)
		preimage := prefixed(id, binary.BigEndian.AppendUint32(nil, day))
		o.t, err = curve.HashToG1(preimage, []byte("DTA-V1-MPIN-PERMIT_BLS12381G1_XMD:SHA-256_SSWU_RO_"))
		r.must(err)
	case AMCL:
		o.a = theirMapit(octet(id))
		o.t = theirMapit(octet(binary.BigEndian.AppendUint32(nil, day), octet(id)))
	}
	o.at = add1(o.a, o.t)
	return o
}

// octet is SHA-256, 48 bytes long.
func octet(list ...[]byte) []byte {
	sum := sha256.Sum256(bytes.Join(list, nil))
	return append(make([]byte, 16), sum[:]...)
}

func prefixed(list ...[]byte) (out []byte) {
	for _, b := range list {
		out = append(out, byte(len(b)>>8), byte(len(b)))
		out = append(out, b...)
	}
	return out
}

func (o *oracle) equal(what string, got, want []byte) {
	o.Helper()
	if !bytes.Equal(got, want) {
		o.Errorf("%s: expected %x, found %x", what, want, got)
	}
}

func (o *oracle) scalar(x *big.Int) []byte {
	return x.FillBytes(make([]byte, map[Suite]int{V1: 32, AMCL: 48}[o.Suite]))
}

func (o *oracle) hashToScalar(msg []byte, dst string) *big.Int {
	wide, err := hash.ExpandMsgXmd(msg, []byte(dst), 48)
	o.must(err)
	return new(big.Int).Mod(new(big.Int).SetBytes(wide), fr.Modulus())
}

func TestEveryOperationAgreesWithASecondLibrary(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		for i := range 8 {
			id, pin, day := r.id(fmt.Sprintf("user%d@example.org", i)), i*1111, uint32(today+i)
			o := newOracle(r, id, day)
			o.issues()
			o.logsIn(pin, i%2 == 1)
		}
	})
}

func (o *oracle) issues() {
	_, _, _, q := curve.Generators()
	o.equal("client secret", o.clientSecret(o.id).Bytes().Open(), theirs(o.Suite, mul1(o.s, o.a)))
	o.equal("server secret", o.secret.Bytes().Open(), theirs2(o.Suite, mul2(o.s, q)))
	o.equal("permit", o.PointBytes(o.permit(o.id, o.day).Point), theirs(o.Suite, mul1(o.s, o.t)))
	for _, share := range o.shares {
		cs, err := o.ClientShare(share, o.id)
		o.must(err)
		o.equal("client share", cs.Bytes().Open(), theirs(o.Suite, mul1(integer(share), o.a)))
		ss, err := o.ServerShare(share)
		o.must(err)
		o.equal("server share", ss.Bytes().Open(), theirs2(o.Suite, mul2(integer(share), q)))
	}
}

func (o *oracle) logsIn(pin int, permits bool) {
	_, _, _, q := curve.Generators()
	cs, alpha := mul1(o.s, o.a), big.NewInt(int64(pin))
	token := o.token(o.id, pin)
	o.equal("token", token.Bytes().Open(), theirs(o.Suite, sub1(cs, mul1(alpha, o.a))))

	l, claim, total, base := Login{Identity: o.id, Token: token, PIN: pin}, Claim{Identity: o.id}, cs, o.a
	if permits {
		l.Permit, claim.Day = o.permit(o.id, o.day), o.day
		total, base = add1(cs, mul1(o.s, o.t)), o.at
	}
	p, s, err := o.login(l, claim)
	o.must(err)
	x, y := integer(p.x), new(big.Int).SetBytes(s.Challenge())
	o.equal("challenge", s.Challenge(), o.scalar(y))
	u := mul1(x, o.a)
	o.equal("U", o.PointBytes(p.Commitment().U), theirs(o.Suite, u))
	if permits {
		o.equal("UT", o.PointBytes(p.Commitment().UT), theirs(o.Suite, mul1(x, o.at)))
	}
	sum := new(big.Int).Add(x, y)
	v := mul1(sum.Neg(sum).Mod(sum, fr.Modulus()), total)
	o.equal("V", o.PointBytes(s.transcript.v), theirs(o.Suite, v))
	left := add1(mul1(x, base), mul1(y, base))
	if ok, err := curve.PairingCheck([]curve.G1Affine{v, left}, []curve.G2Affine{q, mul2(o.s, q)}); err != nil || !ok {
		o.Errorf("the pairings disagree: %v", err)
	}

	z, err := p.Exchange()
	o.must(err)
	w, theirKey, err := s.Exchange(z)
	o.must(err)
	ourKey, err := p.Key(w)
	o.must(err)
	o.equal("Z", o.PointBytes(z), theirs(o.Suite, mul1(integer(p.r), o.a)))
	// AMCL's way: g1·g2^PIN to the power of r + H.
	h := o.exponent(p, s)
	e := new(big.Int).Add(integer(p.r), h)
	g1, g2 := pair(o.TB, theirG1(o.TB, token.Point()), q), pair(o.TB, o.a, q)
	var g curve.GT
	g.Exp(g2, alpha).Mul(&g, &g1).Exp(g, e.Mod(e, fr.Modulus()))
	key := o.key(g, mul1(x, theirG1(o.TB, w)), s)
	o.equal("client's key", ourKey.Open(), key)
	o.equal("server's key", theirKey.Open(), key)
}

// seen is what the hash of all covers.
func (o *oracle) seen(s *Session) []byte {
	t := &s.transcript
	if o.Suite == V1 {
		var ut []byte
		if t.commitment.UT != nil {
			ut = t.commitment.UT.Bytes()
		}
		return prefixed([]byte("dta-v1"), o.id, binary.BigEndian.AppendUint32(nil, t.day), t.commitment.U.Bytes(), ut, t.commitment.Proof,
			s.Challenge(), t.v.Bytes(), t.z.Bytes(), t.w.Bytes())
	}
	u := t.commitment.U
	if t.commitment.UT != nil {
		u = t.commitment.UT
	}
	return bytes.Join([][]byte{octet(o.id), o.PointBytes(u), o.PointBytes(t.v), s.Challenge(), o.PointBytes(t.z), o.PointBytes(t.w)}, nil)
}

func (o *oracle) exponent(_ *Prover, s *Session) *big.Int {
	if o.Suite == V1 {
		return o.hashToScalar(o.seen(s), "DTA-V1-MPIN-FULL_BLS12381SCALAR_XMD:SHA-256_")
	}
	return new(big.Int).SetBytes(octet(o.seen(s)))
}

func (o *oracle) key(g curve.GT, shared curve.G1Affine, s *Session) []byte {
	if o.Suite == V1 {
		point := shared.Bytes()
		salt := sha256.Sum256(o.seen(s))
		key, err := hkdf.Key(sha256.New, append(coordinates(g), point[:]...), salt[:], "dta-v1/mpin/full/key", 32)
		o.must(err)
		return key
	}
	var in []byte
	for _, c := range []fp.Element{g.C0.B0.A0, g.C0.B0.A1, g.C1.B1.A0, g.C1.B1.A1} {
		var tripled fp.Element
		tripled.Double(&c).Add(&tripled, &c)
		b := tripled.Bytes()
		in = append(in, b[:]...)
	}
	sum := sha256.Sum256(append(in, encode(shared.X.Bytes(), shared.Y.Bytes())...))
	return sum[:16]
}

func TestASignaturesChallengeAgreesWithASecondLibrary(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		o := newOracle(r, r.id("alice"), today)
		m := Message{Time: 1795375000, Text: []byte("text")}
		for _, permit := range []*Permit{nil, r.permit(o.id, today)} {
			p := r.prover(Login{Identity: o.id, Token: r.token(o.id, 5), PIN: 5, Permit: permit})
			_, err := p.Sign(m)
			r.must(err)
			c, day, want := p.Commitment(), uint32(0), new(big.Int)
			u, ut := c.U, []byte(nil)
			if permit != nil {
				u, ut, day = c.UT, c.UT.Bytes(), today
			}
			if r.Suite == V1 {
				want = o.hashToScalar(prefixed([]byte("dta-v1"), o.id, binary.BigEndian.AppendUint32(nil, day), c.U.Bytes(), ut, c.Proof,
					binary.BigEndian.AppendUint64(nil, uint64(m.Time)), m.Text), "DTA-V1-MPIN-ONEPASS_BLS12381SCALAR_XMD:SHA-256_")
			} else {
				want.SetBytes(octet(binary.BigEndian.AppendUint32(nil, uint32(m.Time)), r.PointBytes(u), m.Text)).Mod(want, fr.Modulus())
			}
			if got := integer(p.transcript.y); got.Cmp(want) != 0 {
				t.Errorf("expected %x, found %x", want, got)
			}
		}
	})
}

func TestMapitAgreesWithASecondLibrary(t *testing.T) {
	for i := range 50 {
		o := octet(fmt.Appendf(nil, "octet %d", i))
		p := mapit(o)
		if want := theirMapit(o); !bytes.Equal(AMCL.PointBytes(p), theirs(AMCL, want)) || !want.IsInSubGroup() {
			t.Errorf("octet %d: expected %v, found %s", i, want, p)
		}
	}
}

func TestTriplingAgreesWithASecondLibrary(t *testing.T) {
	var cases []fp.Element
	for i := range 200 {
		var c fp.Element
		c.MustSetRandom()
		if i < 3 {
			c.SetUint64(uint64(i))
		}
		var negative fp.Element
		negative.Neg(&c)
		cases = append(cases, c, negative)
	}
	third := new(big.Int).Div(fp.Modulus(), big.NewInt(3))
	for _, k := range []int64{1, 2} {
		for _, d := range []int64{-1, 0, 1, 2} {
			var c fp.Element
			c.SetBigInt(new(big.Int).Add(new(big.Int).Mul(third, big.NewInt(k)), big.NewInt(d)))
			cases = append(cases, c)
		}
	}
	for _, c := range cases {
		var tripled fp.Element
		tripled.Double(&c).Add(&tripled, &c)
		in, want := c.Bytes(), tripled.Bytes()
		if got := appendTripled(nil, in[:]); !bytes.Equal(got, want[:]) {
			t.Errorf("3·%x: expected %x, found %x", in, want, got)
		}
	}
}

func TestDesignatedKeysAgreeWithASecondLibrary(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		_, _, _, q := curve.Generators()
		z := bls.RandomScalar()
		key := r.newDVSKey(z)
		inverse := new(big.Int).ModInverse(integer(z), fr.Modulus())
		if got, want := r.PublicKeyBytes(key.Public()), theirs2(r.Suite, mul2(inverse, q)); !bytes.Equal(got, want) {
			t.Errorf("expected %x, found %x", want, got)
		}
		id := r.id("alice")
		cs := r.clientSecret(id)
		applied, err := key.Apply(cs)
		r.must(err)
		if got, want := applied.Bytes().Open(), theirs(r.Suite, mul1(integer(z), theirG1(t, cs.Point()))); !bytes.Equal(got, want) {
			t.Errorf("expected %x, found %x", want, got)
		}
	})
}
