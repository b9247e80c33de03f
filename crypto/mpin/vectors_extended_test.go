package mpin

import (
	"bytes"
	"time"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/secret"
)

// extended checks an entry of the extended form. Which kind of case it is
// follows from its fields: there is a permit if date is not 0, for another day if
// permit_date is another, and a wrong PIN if pin2 is not pin1.
func (v *vector) extended() {
	v.field("test")
	id, m := v.hex("id"), v.masters(false)
	v.equal("hash_id", mhashit(0, id))
	a, err := AMCL.HashIdentity(id)
	v.must(err)
	cs := m.client(v, a, "cs1", "cs2", "cs")
	c := &extendedCase{
		vector: v, masters: m, id: id, a: a,
		day: uint32(v.number("date")), permit: v.permit(m, id),
		pin1: v.number("pin1"), pin2: v.number("pin2"), x: v.scalar("x"),
		message: Message{Time: int64(v.number("time_value")), Text: v.hex("message")},
	}
	refused := v.number("server_output") != 0 || v.number("onepass_server_output") != 0
	c.token = v.tokenOf("token", cs, id, c.pin1, refused)
	c.genuine = bytes.Equal(c.token.Point().Bytes(), v.rightToken(cs, id, c.pin1))
	c.twoPass()
	c.onePass()
	c.designated()
}

func (v *vector) rightToken(cs *ClientSecret, id []byte, pin int) []byte {
	token, err := AMCL.ExtractPIN(cs, id, pin)
	v.must(err)
	return token.Point().Bytes()
}

// permit is the one in tp, nil where that is empty.
func (v *vector) permit(m *masters, id []byte) *bls.G1 {
	day := uint32(v.number("permit_date"))
	var parts []*Permit
	if len(v.hex("tp")) == 0 {
		v.equal("tp1", nil)
		v.equal("tp2", nil)
		return nil
	}
	for i, share := range m.shares {
		tp, err := AMCL.PermitShare(share, id, day)
		v.must(err)
		v.equal([]string{"tp1", "tp2"}[i], AMCL.PointBytes(tp.Point))
		parts = append(parts, tp)
	}
	tp, err := AMCL.CombinePermit(parts...)
	v.must(err)
	v.equal("tp", AMCL.PointBytes(tp.Point))
	return tp.Point
}

type extendedCase struct {
	*vector
	*masters
	id         []byte
	a          *bls.G1
	day        uint32
	permit     *bls.G1
	token      *Token
	genuine    bool // the token is
	pin1, pin2 int
	x          *bls.Scalar
	message    Message
	absent     bool    // the client had no permit
	used       *bls.G1 // the token that it used, where that is not token
}

func (c *extendedCase) prover() *Prover {
	permit := c.permit
	if c.day == 0 || c.absent {
		permit = nil
	}
	p, err := AMCL.newProver(Login{Identity: c.id, Token: c.token, PIN: c.pin2}, c.day, permit, c.x.Clone())
	c.must(err)
	if c.used != nil {
		own := c.used.Add(c.a.MulSmall(uint32(c.pin2)))
		*p.own.Open() = *own
		*p.total.Open() = *own
		if permit != nil {
			*p.total.Open() = *own.Add(permit)
		}
	}
	return p
}

// sec finds out with which token and permit the client went, where those given
// do not make its secret.
func (c *extendedCase) sec(p *Prover, refused bool) *Prover {
	sec := c.point("sec", p.total.Open(), refused)
	switch {
	case sec == nil:
		c.Fatal("sec: not a point")
	case sec.Equal(p.total.Open()):
		return p
	case sec.Equal(p.own.Open()):
		c.absent = true
	default:
		c.used, c.genuine = sec.Sub(c.a.MulSmall(uint32(c.pin2))), false
		if c.day != 0 && c.permit != nil {
			c.used = c.used.Sub(c.permit)
		}
	}
	return c.prover()
}

// commitment compares U and UT.
func (c *extendedCase) commitment(p *Prover, refused bool) *Commitment {
	out := &Commitment{U: c.point("u", p.Commitment().U, refused)}
	if p.Commitment().UT == nil {
		c.equal("ut", nil)
		return out
	}
	out.UT = c.point("ut", p.Commitment().UT, refused)
	return out
}

func (c *extendedCase) session(commitment *Commitment) *Session {
	s, err := c.server.begin(Claim{Identity: c.id, Day: c.day, Commitment: commitment})
	c.must(err)
	return s
}

// twoPass plays the login with a challenge from the server, the search for the
// PIN error and the exchange of keys.
func (c *extendedCase) twoPass() {
	refused := c.number("server_output") != 0
	p := c.prover()
	p = c.sec(p, refused)
	c.equal("sec", AMCL.PointBytes(p.total.Open()))

	s := c.session(c.commitment(p, refused))
	c.equal("hid", AMCL.PointBytes(s.a))
	if c.day == 0 {
		c.equal("htid", nil)
	} else {
		c.equal("htid", AMCL.PointBytes(s.base))
	}
	s.transcript.y = c.scalar("y")
	c.equal("y", s.Challenge())
	answer, err := p.Respond(s.Challenge())
	c.must(err)
	given := c.point("v", answer, refused)
	c.equalNumber("server_output", code(s.Verify(given)))
	c.distance(s, given == answer)
	c.keys(p, s)
}

// distance compares E and F, which AMCL gives out for a wrong PIN, and what it
// searched in them with what is there.
func (c *extendedCase) distance(s *Session, honest bool) {
	got, found := s.PINError()
	kangaroo := c.number("kangaroo")
	if c.number("server_output") != -19 {
		c.equal("e", nil)
		c.equal("f", nil)
		if found || kangaroo != 0 {
			c.Errorf("a login that is accepted, or has no point, has a PIN error: %d, %d", got, kangaroo)
		}
		return
	}
	c.equal("e", octetGT(s.product()))
	c.equal("f", octetGT(s.unit()))
	if kangaroo != 0 && got != kangaroo { // It finds nothing at times.
		c.Errorf("kangaroo: expected %d, found %d", kangaroo, got)
	}
	valid := c.day == 0 || !c.absent && c.permit != nil && int(c.day) == c.number("permit_date")
	if onlyThePIN := honest && c.genuine && valid; found != onlyThePIN || found && got != c.pin2-c.pin1 {
		c.Errorf("expected a distance of %d to be found if only the PIN is wrong (%v), found %d, %v", c.pin2-c.pin1, onlyThePIN, got, found)
	}
}

// keys compares M-Pin Full, which the reference runs for refused logins too. The
// digest takes V as it was given, a point or not.
func (c *extendedCase) keys(p *Prover, s *Session) {
	g1 := octetGT(bls.Pair(c.token.Point(), bls.G2Generator()))
	if c.used != nil && !bytes.Equal(g1, c.hex("g1")) {
		g1 = octetGT(bls.Pair(c.used, bls.G2Generator()))
	} else {
		*p.own.Open() = *c.token.Point().Add(c.a.MulSmall(uint32(c.pin2)))
	}
	c.equal("g1", g1)
	c.equal("g2", octetGT(bls.Pair(c.a, bls.G2Generator())))

	z, random := p.exchange(c.scalar("r")), c.scalar("w")
	c.equal("z", AMCL.PointBytes(z))
	w := s.exchange(z, random)
	c.equal("t", AMCL.PointBytes(w))
	p.transcript.w = w

	digest := mhashit(0, c.hex("hash_id"), s.transcript.amclU(), c.hex("v"), c.hex("y"), c.hex("z"), c.hex("t"))
	if s.transcript.v != nil {
		if again := s.transcript.hashAll(); !bytes.Equal(digest, again) {
			c.Errorf("hash_all: expected %x, found %x", digest, again)
		}
	}
	c.equal("hash_all", digest)
	h, err := bls.ReduceScalar(digest)
	c.must(err)
	c.equal("client_key", p.key(h).Open())
	serverKey, err := s.key(h, random)
	c.must(err)
	c.equal("server_key", serverKey.Open())
}

// clock is the time of the message.
func (c *extendedCase) clock() time.Time { return time.Unix(c.message.Time, 0) }

// onePass plays the login in one pass.
func (c *extendedCase) onePass() {
	refused := c.number("onepass_server_output") != 0
	p := c.prover()
	commitment := c.commitment(p, refused)
	answer, err := p.Sign(c.message)
	c.must(err)
	s, err := c.server.BeginOnePass(Claim{Identity: c.id, Day: c.day, Commitment: commitment}, c.message, c.clock(), 0)
	c.must(err)
	c.equal("onepass_y", s.Challenge())
	c.equalNumber("onepass_server_output", code(s.Verify(c.point("onepass_v", answer, refused))))
}

// designated plays the signature to a designated verifier. Where the key does
// not belong to z the file's is the verifier's; the one in the identity is
// either, which zcs shows.
func (c *extendedCase) designated() {
	refused := c.number("dvs_server_output") != 0
	key, err := AMCL.ParseDVSKey(secret.New(c.hex("dvs_z")))
	c.must(err)
	c.equal("dvs_z", key.Bytes().Open())
	public, named := key.Public(), key.Public()
	if pa := c.hex("dvs_pa"); !bytes.Equal(pa, AMCL.PublicKeyBytes(public)) {
		if public, err = AMCL.ParsePublicKey(pa); err != nil || !refused {
			c.Fatalf("dvs_pa: expected %x, found %x (%v)", pa, AMCL.PublicKeyBytes(named), err)
		}
		c.Log("dvs_pa: of somebody who is refused")
		if !bytes.Equal(c.hex("dvs_zcs"), c.zcs(key, named).Bytes().Open()) {
			named = public
		}
	}
	zcs := c.zcs(key, named)
	c.equal("dvs_zcs", zcs.Bytes().Open())
	id, err := AMCL.DesignatedIdentity(c.id, named)
	c.must(err)
	token := c.tokenOf("dvs_token", zcs, id, c.pin1, refused)

	p, err := AMCL.newProver(Login{Identity: id, Token: token, PIN: c.pin2}, 0, nil, c.x.Clone())
	c.must(err)
	message := Message{Time: c.message.Time, Text: mhashit(0, c.message.Text)}
	c.equal("dvs_message_hash", message.Text)
	u := c.point("dvs_u", p.Commitment().U, refused)
	answer, err := p.Sign(message)
	c.must(err)
	s, err := c.server.BeginOnePass(Claim{Identity: c.id, Designated: named, Commitment: &Commitment{U: u}}, message, c.clock(), 0)
	c.must(err)
	s.generator = public
	c.equal("dvs_y", s.Challenge())
	c.equalNumber("dvs_server_output", code(s.Verify(c.point("dvs_v", answer, refused))))
}

func (c *extendedCase) zcs(key *DVSKey, public *bls.G2) *ClientSecret {
	a, err := AMCL.HashDesignated(c.id, public)
	c.must(err)
	zcs, err := key.Apply(c.client(c.vector, a))
	c.must(err)
	return zcs
}

// octetGT is AMCL's encoding of an element of GT: the coordinates of w⁰, w³, w¹,
// w⁴, w² and w⁵.
func octetGT(g *bls.GT) (out []byte) {
	b := g.Bytes()
	for _, at := range []int{0, 3, 1, 4, 2, 5} {
		out = append(out, b[at*2*bls.FieldSize:(at+1)*2*bls.FieldSize]...)
	}
	return out
}
