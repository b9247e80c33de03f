package keytype

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/milagro-dta/dta/crypto/secret"
)

// Output is how a private key is written for people and their tools; a closed
// list.
type Output string

const (
	Hex Output = "hex" // of the form, lower case, as wallets and Ethereum's tools read it
	PEM Output = "pem" // PKCS#8, as OpenSSL reads it; of secp256k1 only
	Raw Output = "raw" // the form itself
)

// Outputs are the ways to write a key, the default first.
var Outputs = []Output{Hex, PEM, Raw}

// ErrOutput says that a key cannot be written in the way asked for.
var ErrOutput = errors.New("unsupported output")

// Writes refuses, with ErrOutput, a way in which no key of the type can be
// written. It needs no key, and so can be asked before one is released.
func Writes(t Type, out Output) error {
	key := t.New()
	defer key.Clear()
	written, err := Write(t, key, out)
	written.Clear()
	return err
}

// Write encodes a private key, which it checks.
func Write(t Type, private *secret.Bytes, out Output) (*secret.Bytes, error) {
	if _, err := t.Public(private); err != nil {
		return nil, err
	}
	switch out {
	case Hex:
		return secret.New(hex.AppendEncode(make([]byte, 0, 2*private.Len()), private.Open())), nil
	case PEM:
		der, err := t.PKCS8(private)
		if err != nil {
			return nil, err
		}
		defer der.Clear()
		return armour(der), nil
	case Raw:
		return secret.Copy(private.Open()), nil
	}
	return nil, fmt.Errorf("%w %.40q; known: %q", ErrOutput, string(out), Outputs)
}

// armour is RFC 7468 with the label PRIVATE KEY. encoding/pem would leave copies
// of the key behind.
func armour(der *secret.Bytes) *secret.Bytes {
	const head, tail = "-----BEGIN PRIVATE KEY-----\n", "-----END PRIVATE KEY-----\n"
	const line = 48 // bytes, which make 64 characters
	b, rest := der.Open(), base64.StdEncoding.EncodedLen(der.Len())
	out := append(make([]byte, 0, len(head)+rest+rest/64+1+len(tail)), head...)
	for len(b) > 0 {
		n := min(line, len(b))
		out = append(base64.StdEncoding.AppendEncode(out, b[:n]), '\n')
		b = b[n:]
	}
	return secret.New(append(out, tail...))
}
