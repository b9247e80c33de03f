package envelope

import (
	"crypto/subtle"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// Verify checks that signer is the one the header names, and the signature, by
// the key of the very document it names. signer may have later documents; then
// the envelope must not be younger than the document that replaced its own (give
// or take MaxSkew), or a stolen key would sign for ever.
//
// The first success marks the envelope as verified; until then it belongs to
// one goroutine. After it only the rules that depend on signer are checked.
func (e *Envelope) Verify(signer *identity.Identity) error {
	return e.verify(signer, e.verified)
}

// verify is Verify; of a block whose signature is known to hold, only the rules
// that depend on signer are checked.
func (e *Envelope) verify(signer *identity.Identity, known bool) error {
	if err := e.checkSigner(signer, known); err != nil {
		return fault.New(fault.Invalid, "envelope %s: %w", e.cid, err)
	}
	// Written once only, so that a shared envelope may be verified again.
	if !e.verified {
		e.verified = true
	}
	return nil
}

func (e *Envelope) checkSigner(signer *identity.Identity, known bool) error {
	if e.block == nil || signer == nil {
		return fault.New(fault.Invalid, "verify: expected a parsed envelope and a signer, found none")
	}
	if signer.Name != e.Header.Signer.Name {
		return fault.New(fault.Invalid, "signer: expected %s, found %s", e.Header.Signer.Name, signer.Name)
	}
	then, err := signer.At(e.Header.Signer.Document)
	if err != nil {
		return fault.New(fault.Invalid, "signer: %w", err)
	}
	if then.Doc.Suite != e.Header.Suite {
		return fault.New(fault.Invalid, "expected the signer's suite %q, found %q", then.Doc.Suite, e.Header.Suite)
	}
	if next := signer.Successor(then.Document); next != nil && e.Header.Time > next.Time+MaxSkew.Milliseconds() {
		return fault.New(fault.Invalid, "signer: expected a document that was not replaced at %s, found one replaced at %s", Stamp(e.Header.Time), Stamp(next.Time))
	}
	if known {
		return nil // this very block, under this very document
	}
	msg, err := dag.WithEmptied(e.block, "signatures")
	if err != nil {
		return err
	}
	if err := then.SigningKey().Verify(sign.Envelope, msg, e.Signatures[0].Signature); err != nil {
		return fault.New(fault.Invalid, "signature: %w", err)
	}
	return nil
}

// Open returns the plaintext [salt, body], checked against the header. The
// envelope must have been verified. k may be that of a recipient as it was at
// the time of sealing or at any later one; for an offer it may be nil.
func (e *Envelope) Open(k *identity.Keyring) ([]byte, error) {
	if !e.verified {
		return nil, fault.New(fault.Invalid, "open envelope %s: expected its signature to be verified before, found it unverified", e.cid)
	}
	plain, err := e.open(k)
	if err != nil {
		return nil, fault.New(fault.Of(err), "open envelope %s: %w", e.cid, err)
	}
	return plain, nil
}

func (e *Envelope) open(k *identity.Keyring) ([]byte, error) {
	if e.Header.Kind.clear() {
		return e.Body, e.CheckPlain(e.Body)
	}
	if k == nil {
		return nil, fault.New(fault.Denied, "expected the keyring of a recipient, found none")
	}
	key, err := e.contentKey(k)
	if err != nil {
		return nil, err
	}
	defer key.Clear()
	opened, err := e.suite.Decrypt(key, e.hash[:], e.Body)
	if err != nil {
		return nil, fault.New(fault.Invalid, "body: %w", err)
	}
	plain := opened.Open()
	if err := e.CheckPlain(plain); err != nil {
		opened.Clear()
		return nil, err
	}
	return plain, nil
}

func (e *Envelope) contentKey(k *identity.Keyring) (*secret.Bytes, error) {
	name := k.Identity().Name
	for i, r := range e.Header.Recipients {
		if r.Name != name {
			continue
		}
		key, err := k.OpenAt(r.Document, keyInfo(e.hash), keyAAD(name, i), e.Keys[i].Sealed)
		if err != nil {
			return nil, err
		}
		if key.Len() != seal.KeySize {
			key.Clear()
			return nil, fault.New(fault.Invalid, "content key: expected %d bytes, found another size", seal.KeySize)
		}
		return key, nil
	}
	return nil, fault.New(fault.Denied, "expected the keyring of a recipient, found that of %s", name)
}

// CheckPlain checks a plaintext that was shown against the CID in the header.
// It is worth as much as the signature over that header: Verify comes first.
func (e *Envelope) CheckPlain(plain []byte) error {
	if subtle.ConstantTimeCompare(dag.Sum(plain).Bytes(), e.Header.Plain) != 1 {
		return fault.New(fault.Invalid, "plaintext: expected the one whose CID the header has, found another")
	}
	return nil
}
