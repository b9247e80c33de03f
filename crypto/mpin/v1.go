package mpin

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/dleq"
	"github.com/milagro-dta/dta/crypto/secret"
)

// v1 is the suite dta-v1.
//
// Points are hashed by BLS12381G1_XMD:SHA-256_SSWU_RO_ of RFC 9380 and encoded
// compressed (ZCash, 48 and 96 bytes), scalars are 32 bytes big-endian. Whatever
// is hashed is a list of fields, each after its length of two bytes (big-endian),
// under a tag that no other use has.
type v1 struct{}

const (
	v1TagIdentity = "DTA-V1-MPIN-ID_BLS12381G1_XMD:SHA-256_SSWU_RO_"
	v1TagPermit   = "DTA-V1-MPIN-PERMIT_BLS12381G1_XMD:SHA-256_SSWU_RO_"
	v1TagOnePass  = "DTA-V1-MPIN-ONEPASS_BLS12381SCALAR_XMD:SHA-256_"
	v1TagExponent = "DTA-V1-MPIN-FULL_BLS12381SCALAR_XMD:SHA-256_"
	v1TagKey      = "dta-v1/mpin/full/key"
	v1TagFactor   = "dta-v1/mpin/factor"
	v1TagBinding  = "dta-v1/mpin/commitment"

	v1NetworkSize = 36 // a CIDv1 with SHA-256
	v1NameLimit   = 256
	v1KeySize     = 32
	v1MessageMax  = 1<<16 - 1
)

// fields is the injective encoding of a list of byte strings.
func fields(list ...[]byte) (out []byte) {
	for _, f := range list {
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(f))), f...)
	}
	return out
}

// unfields is its inverse. It returns nil where b is no such encoding.
func unfields(b []byte) (list [][]byte) {
	for len(b) > 0 {
		if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
			return nil
		}
		n := 2 + int(binary.BigEndian.Uint16(b))
		list, b = append(list, b[2:n]), b[n:]
	}
	return list
}

func (v1) identityOf(network []byte, name string, enrolment uint64) ([]byte, error) {
	if len(network) != v1NetworkSize {
		return nil, fmt.Errorf("expected a network of %d bytes, found %d", v1NetworkSize, len(network))
	}
	if err := checkName([]byte(name), v1NameLimit); err != nil {
		return nil, err
	}
	return fields(network, []byte(name), binary.BigEndian.AppendUint64(nil, enrolment)), nil
}

func (v1) checkIdentity(id []byte) error {
	list := unfields(id)
	if len(list) != 3 {
		return errors.New("expected the fields network, name and enrolment")
	}
	return v1CheckFields(list)
}

func v1CheckFields(list [][]byte) error {
	if len(list[0]) != v1NetworkSize || len(list[2]) != 8 {
		return fmt.Errorf("expected a network of %d bytes and a number of 8, found %d and %d", v1NetworkSize, len(list[0]), len(list[2]))
	}
	return checkName(list[1], v1NameLimit)
}

// designate appends the key as a fourth field.
func (v1) designate(id []byte, key *bls.G2) []byte {
	return append(append([]byte(nil), id...), fields(key.Bytes())...)
}

func (v1) checkDesignated(id []byte) error {
	list := unfields(id)
	if len(list) != 4 {
		return errors.New("expected the fields network, name and enrolment, and a public key or none")
	}
	if _, err := bls.ParseG2(list[3]); err != nil {
		return err
	}
	return v1CheckFields(list)
}

func (v1) hashIdentity(id []byte) *bls.G1 { return bls.HashToG1(id, v1TagIdentity) }

func (v1) hashPermit(id []byte, day uint32) *bls.G1 {
	return bls.HashToG1(fields(id, binary.BigEndian.AppendUint32(nil, day)), v1TagPermit)
}

func (v1) g1(p *bls.G1) []byte                       { return p.Bytes() }
func (v1) g2(p *bls.G2) []byte                       { return p.Bytes() }
func (v1) parseG1(b []byte) (*bls.G1, error)         { return bls.ParseG1(b) }
func (v1) parseG2(b []byte) (*bls.G2, error)         { return bls.ParseG2(b) }
func (v1) scalar(x *bls.Scalar) []byte               { return x.Bytes().Open() }
func (v1) parseScalar(b []byte) (*bls.Scalar, error) { return bls.ParseScalar(b) }

// factor takes any bytes, by HKDF and a reduction of 48 bytes.
func (v1) factor(f *secret.Bytes) (*bls.Scalar, error) {
	if f.Len() == 0 {
		return nil, errors.New("it is empty")
	}
	wide, err := hkdf.Key(sha256.New, f.Open(), nil, v1TagFactor, 48)
	if err != nil {
		return nil, err
	}
	defer secret.Clear(wide)
	return bls.ReduceScalar(wide)
}

func v1Day(day uint32) []byte { return binary.BigEndian.AppendUint32(nil, day) }

// bind proves knowledge of x = log_A(U), and with permits that it is log_{A+A_T}(UT).
// Without the proof a thief of a token could try PINs with a U of another making, and
// no server would find the distance that tells a thief from noise.
func (v1) bind(x *bls.Scalar, c *Commitment, bases [2]*bls.G1, id []byte, day uint32) ([]byte, error) {
	as, ds := c.proven(bases)
	return dleq.ProveOver(bases[0], x, c.U, as, ds, fields([]byte(v1TagBinding), id, v1Day(day)))
}

func (v1) checkBinding(c *Commitment, bases [2]*bls.G1, id []byte, day uint32) error {
	as, ds := c.proven(bases)
	return dleq.VerifyOver(bases[0], c.U, as, ds, fields([]byte(v1TagBinding), id, v1Day(day)), c.Proof)
}

// proven is the pair beside A and U of which the proof is; without permits that pair
// itself, which leaves a proof that x is known.
func (c *Commitment) proven(bases [2]*bls.G1) (as, ds []*bls.G1) {
	if c.UT == nil {
		return bases[:1], []*bls.G1{c.U}
	}
	return bases[1:], []*bls.G1{c.UT}
}

func (v1) bindingSize() int { return dleq.Size }

// v1Point is the encoding, nothing for none.
func v1Point(p *bls.G1) []byte {
	if p == nil {
		return nil
	}
	return p.Bytes()
}

// v1Begin is what of the transcript is there before the challenge.
func (t *transcript) v1Begin() []byte {
	return fields([]byte("dta-v1"), t.id, v1Day(t.day), t.commitment.U.Bytes(), v1Point(t.commitment.UT), t.commitment.Proof)
}

func (v1) onePass(t *transcript, m Message) (*bls.Scalar, error) {
	if len(m.Text) > v1MessageMax {
		return nil, fmt.Errorf("expected a message of at most %d bytes, found %d", v1MessageMax, len(m.Text))
	}
	return bls.HashToScalar(append(t.v1Begin(), fields(binary.BigEndian.AppendUint64(nil, uint64(m.Time)), m.Text)...), v1TagOnePass), nil
}

// v1All is the whole transcript.
func (t *transcript) v1All() []byte {
	return append(t.v1Begin(), fields(t.y.Bytes().Open(), t.v.Bytes(), t.z.Bytes(), t.w.Bytes())...)
}

func (v1) exponent(t *transcript) *bls.Scalar { return bls.HashToScalar(t.v1All(), v1TagExponent) }

// sessionKey is HKDF-SHA256 of both secrets, salted with the transcript's hash:
// 32 bytes.
func (v1) sessionKey(t *transcript, g *bls.GT, shared *bls.G1) *secret.Bytes {
	ikm := secret.New(make([]byte, 0, bls.GTSize+bls.G1Size))
	defer ikm.Clear()
	a, b := secret.New(g.Bytes()), secret.New(shared.Bytes())
	defer a.Clear()
	defer b.Clear()
	salt := sha256.Sum256(t.v1All())
	key, err := hkdf.Key(sha256.New, append(append(ikm.Open(), a.Open()...), b.Open()...), salt[:], v1TagKey, v1KeySize)
	if err != nil {
		panic(err) // Only for lengths out of range.
	}
	return secret.New(key)
}
