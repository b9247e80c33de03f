// Package keytype holds the algorithms of the keys that principals order. A Type
// is a value with a name that travels in terms, offers and requests; code takes
// the type it is given and never branches on the name. A further one is a file
// here and a line in All.
//
//	name        private key                           public key                      proof
//	secp256k1   scalar: 32 bytes, big-endian          compressed point, 33 bytes      64 bytes
//	ed25519     expanded: scalar ‖ prefix, 64 bytes   RFC 8032, 32 bytes              64 bytes
//	bls12381    scalar: 32 bytes, big-endian          compressed point of G1, 48      64 bytes
//
// The *form* of a private key is the encoding in which it is kept and released.
// It is one that a key has wherever it comes from: from one maker, or from several
// who each know a part of its scalar. A key is written for people and their tools
// by Write.
//
// A proof of possession shows that its maker knows a private key. It is bound to
// a context, and made with hashes of its own: a key that signs any message it is
// asked to makes no proof by it. All are Schnorr proofs c ‖ z, with z = k − c·x
// and c the hash of the tag, the context, the public key and k·B.
package keytype

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/milagro-dta/dta/crypto/secret"
)

// Form is how a private key is encoded.
type Form string

const (
	Scalar   Form = "scalar"   // a number, as the type encodes it
	Expanded Form = "expanded" // scalar ‖ prefix, as an Ed25519 seed expands to
)

// Type is an algorithm of keys. Private keys are in the type's form.
type Type interface {
	// Name is what terms, offers and requests call it.
	Name() string
	// Form is how its private keys are kept and released.
	Form() Form
	// PrivateSize and PublicSize are lengths in bytes.
	PrivateSize() int
	PublicSize() int

	// New makes a private key.
	New() *secret.Bytes
	// Public returns the public half. It refuses what is not a private key in the
	// type's form.
	Public(private *secret.Bytes) (public []byte, err error)
	// CheckPublic refuses all but the one encoding of a public key: a point of the
	// group other than the identity.
	CheckPublic(public []byte) error
	// Prove makes a proof of possession, bound to context, of the public half that
	// it returns too. It refuses what Public refuses.
	Prove(private *secret.Bytes, context []byte) (public, proof []byte, err error)
	// Verify checks a proof for a public key, which it checks too.
	Verify(public, context, proof []byte) error

	// Shown is the encoding of a public key, checked before, that people are
	// shown in hex.
	Shown(public []byte) []byte
	// PKCS8 is the DER encoding (RFC 5958) of a private key. The error is
	// ErrOutput where the type has none.
	PKCS8(private *secret.Bytes) (*secret.Bytes, error)
}

// All are the types, the default first.
var All = []Type{Secp256k1, Ed25519, BLS12381}

// Default is the type where none is named.
var Default = All[0]

// ErrUnknown says that no type has the name.
var ErrUnknown = errors.New("unknown key type")

// ByName finds a type. The error is ErrUnknown.
func ByName(name string) (Type, error) {
	for _, t := range All {
		if t.Name() == name {
			return t, nil
		}
	}
	return nil, fmt.Errorf("%w %.40q; known: %s", ErrUnknown, name, strings.Join(Names(), ", "))
}

// Names are the names of All.
func Names() []string {
	names := make([]string, 0, len(All))
	for _, t := range All {
		names = append(names, t.Name())
	}
	return names
}

// Belongs refuses a private key that is not the private half of public.
func Belongs(t Type, private *secret.Bytes, public []byte) error {
	got, err := t.Public(private)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, public) {
		return fmt.Errorf("the %s key is not the private half of the public key", t.Name())
	}
	return nil
}
