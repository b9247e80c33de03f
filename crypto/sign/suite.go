// Package sign makes and verifies the signatures of identities.
//
// A Suite is a value under a name that travels in every document and envelope.
// There is one, V2: the composite id-MLDSA65-Ed25519-SHA512 of
// draft-ietf-lamps-pq-composite-sigs, which holds as long as either ML-DSA-65
// (FIPS 204) or Ed25519 (RFC 8032, FIPS 186-5) does. A signature of a message M
// for a purpose is made in three steps (§4.2 of the draft):
//
//	ctx = "DTA-V2-" ‖ purpose
//	M′  = "CompositeAlgorithmSignatures2025" ‖ "COMPSIG-MLDSA65-Ed25519-SHA512" ‖
//	      len(ctx), one byte ‖ ctx ‖ SHA-512(M)
//	sig = ML-DSA-65.Sign(M′, context "COMPSIG-MLDSA65-Ed25519-SHA512") ‖ Ed25519.Sign(M′)
//
// Both halves must verify. Nothing here makes or accepts one half alone.
//
// Composite signatures are not unique. The ML-DSA half is hedged (FIPS 204
// §3.4): signing the same bytes again gives another signature, and the halves
// of two signatures over the same bytes make a third one that verifies. A
// signature is therefore made once and stored before it leaves, and nothing may
// depend on there being only one.
//
// # The library
//
// The ML-DSA half is github.com/cloudflare/circl v1.6.5: it keeps the expanded
// matrix of a key, with which it signs and verifies three to four times faster
// than filippo.io/mldsa v1.0.0 (0.17 and 0.07 ms against 0.67 and 0.23 ms), and
// its module carries NIST's ACVP files and the Wycheproof file for Ed25519,
// which the tests here read. The Ed25519 half is the standard library's.
package sign

import (
	"crypto/ed25519"
	"crypto/sha512"
	"errors"

	"github.com/cloudflare/circl/sign/mldsa/mldsa65"

	"github.com/milagro-dta/dta/crypto/lru"
)

// Sizes in bytes, of V2. The ML-DSA half stands first everywhere.
const (
	SeedSize      = mldsaSeedSize + edwardsSeedSize           // 64
	PublicKeySize = mldsa65.PublicKeySize + edwardsPublicSize // 1,984
	SignatureSize = mldsa65.SignatureSize + edwardsSigSize    // 3,373

	mldsaSeedSize     = mldsa65.SeedSize      // 32
	edwardsSeedSize   = ed25519.SeedSize      // 32
	edwardsPublicSize = ed25519.PublicKeySize // 32
	edwardsSigSize    = ed25519.SignatureSize // 64
)

// ErrSignature says that a signature has the right size and is wrong. Which half
// is wrong is not told.
var ErrSignature = errors.New("signature does not verify")

// Suite is a signature algorithm under a name.
type Suite struct {
	// Name is what documents and envelopes carry.
	Name string

	// Algorithm is what every entry of a list of signatures carries.
	Algorithm string

	// label is the domain separator: part of M′, and ML-DSA's own context.
	label string

	keys *lru.Cache[[mldsa65.PublicKeySize]byte, *mldsa65.PublicKey]
}

// cachedKeys bounds the expanded public keys kept: about 42 KiB a key, 11 MiB
// in all.
const cachedKeys = 256

// V2 is the suite "dta-v2".
var V2 = Suite{
	Name:      "dta-v2",
	Algorithm: "id-MLDSA65-Ed25519-SHA512",
	label:     "COMPSIG-MLDSA65-Ed25519-SHA512",
	keys:      lru.New[[mldsa65.PublicKeySize]byte, *mldsa65.PublicKey](cachedKeys),
}

// prefix begins M′ in every composite suite of the draft.
const prefix = "CompositeAlgorithmSignatures2025"

// representative is M′ of a message under a context of at most 255 bytes.
func (s Suite) representative(ctx string, msg []byte) []byte {
	hash := sha512.Sum512(msg)
	m := make([]byte, 0, len(prefix)+len(s.label)+1+len(ctx)+len(hash))
	m = append(m, prefix...)
	m = append(m, s.label...)
	m = append(m, byte(len(ctx)))
	m = append(m, ctx...)
	return append(m, hash[:]...)
}
