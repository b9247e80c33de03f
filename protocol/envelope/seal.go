package envelope

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// Draft is what a signer wants to say. Times are cut to the millisecond.
type Draft struct {
	Kind       Kind
	Recipients []*identity.Identity // each sealed to at its newest document; none for an offer
	Time       time.Time
	Expires    time.Time
	Previous   []dag.CID
	Body       any // a value with a DAG-CBOR encoding
	Extra      dag.Values
}

// Sealed is an envelope ready to be stored and sent.
type Sealed struct {
	CID      dag.CID
	Block    []byte
	Plain    []byte    // the plaintext [salt, body]
	Envelope *Envelope // verified
}

// Seal makes, encrypts and signs an envelope. It is done once: sealing the same
// draft again gives another envelope.
func Seal(signer *identity.Keyring, d Draft) (*Sealed, error) {
	sealed, err := sealDraft(signer, d)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", d.Kind, err)
	}
	return sealed, nil
}

func sealDraft(signer *identity.Keyring, d Draft) (*Sealed, error) {
	plain, err := encodePlain(d.Body)
	if err != nil {
		return nil, err
	}
	from := signer.Identity()
	e := &Envelope{Header: Header{
		Version:  Version,
		Suite:    from.Doc.Suite,
		Kind:     d.Kind,
		Signer:   from.Party(),
		Time:     d.Time.UnixMilli(),
		Expires:  d.Expires.UnixMilli(),
		Previous: d.Previous,
		Plain:    dag.Sum(plain).Bytes(),
		Extra:    d.Extra,
	}}
	for i, r := range d.Recipients {
		if r == nil {
			return nil, fault.New(fault.Invalid, "recipient %d: expected an identity, found none", i)
		}
		if r.Doc.Suite != e.Header.Suite {
			return nil, fault.New(fault.Invalid, "recipient %s: expected suite %q, found %q", r.Name, e.Header.Suite, r.Doc.Suite)
		}
		e.Header.Recipients = append(e.Header.Recipients, r.Party())
	}
	if e.suite, err = e.Header.check(); err != nil {
		return nil, err
	}
	header, err := dag.Encode(e.Header)
	if err != nil {
		return nil, err
	}
	e.hash = sha256.Sum256(header)
	if err := e.encrypt(plain, d.Recipients); err != nil {
		return nil, err
	}
	if err := e.sign(signer); err != nil {
		return nil, err
	}
	return &Sealed{CID: e.cid, Block: e.block, Plain: plain, Envelope: e}, nil
}

// encrypt fills in body and keys.
func (e *Envelope) encrypt(plain []byte, recipients []*identity.Identity) error {
	if e.Header.Kind.clear() {
		e.Body = plain
		return nil
	}
	key := secret.Random(seal.KeySize)
	defer key.Clear()
	var err error
	if e.Body, err = e.suite.Encrypt(key, e.hash[:], plain); err != nil {
		return err
	}
	info := keyInfo(e.hash)
	for i, r := range recipients {
		sealed, err := e.suite.SealTo(r.Doc.Sealing, info, keyAAD(r.Name, i), key.Open())
		if err != nil {
			return fmt.Errorf("recipient %s: %w", r.Name, err)
		}
		e.Keys = append(e.Keys, Key{Sealed: sealed})
	}
	return nil
}

// sign signs, once and for all, and makes the block.
func (e *Envelope) sign(signer *identity.Keyring) error {
	msg, err := dag.Encode(e)
	if err != nil {
		return err
	}
	e.Signatures = []Signature{{Algorithm: e.suite.Signing.Algorithm, Signature: signer.Sign(sign.Envelope, msg)}}
	if e.cid, e.block, err = dag.Put(e); err != nil {
		return err
	}
	e.verified = true
	return nil
}

// keyInfo is the HPKE info under which content keys are sealed.
func keyInfo(hash [sha256.Size]byte) []byte {
	return append([]byte("dta/envelope/key/v1"), hash[:]...)
}

// keyAAD is the associated data of the content key for recipient i.
func keyAAD(name dag.CID, i int) []byte {
	return binary.BigEndian.AppendUint32(name.Bytes(), uint32(i))
}
