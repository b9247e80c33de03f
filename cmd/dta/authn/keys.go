package authn

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/milagro-dta/dta/crypto/secret"
)

// Transcript is all that both sides of a login have said.
type Transcript struct {
	Suite, Network, Server string
	Session                string
	Name                   string
	Enrolment              uint64
	Day                    string
	Commitment, Y, V, Z, W []byte
}

// hash is SHA-256 of its fields, each after its length in four bytes.
func (t *Transcript) hash() []byte {
	h := sha256.New()
	for _, field := range [][]byte{
		[]byte("dta/login/v1"), []byte(t.Suite), []byte(t.Network), []byte(t.Server), []byte(t.Session),
		[]byte(t.Name), binary.BigEndian.AppendUint64(nil, t.Enrolment), []byte(t.Day),
		t.Commitment, t.Y, t.V, t.Z, t.W,
	} {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(field))))
		h.Write(field)
	}
	return h.Sum(nil)
}

// SessionKeySize is in bytes.
const SessionKeySize = 32

// Keys are what M-Pin Full's key becomes: HKDF-SHA256 of it, with the hash of the
// transcript as salt and a label for each use. So amcl-bls381, whose key has 16
// bytes and comes from a bare hash, gets what dta-v1 has, and no key is of use in
// another login.
type Keys struct {
	secret.Hidden
	digest                  []byte
	server, client, session secret.Box[secret.Bytes]
}

// Labels of the keys.
const (
	labelServer  = "dta/login/v1/server"
	labelClient  = "dta/login/v1/client"
	labelSession = "dta/login/v1/session"
)

// NewKeys derives the keys; key stays the caller's.
func NewKeys(key *secret.Bytes, t *Transcript) (*Keys, error) {
	k := &Keys{digest: t.hash()}
	for _, one := range []struct {
		to    *secret.Box[secret.Bytes]
		label string
	}{{&k.server, labelServer}, {&k.client, labelClient}, {&k.session, labelSession}} {
		b, err := hkdf.Key(sha256.New, key.Open(), k.digest, one.label, SessionKeySize)
		if err != nil {
			k.Clear()
			return nil, fmt.Errorf("derive the session's keys: %w", err)
		}
		*one.to = secret.NewBox(secret.New(b))
	}
	return k, nil
}

// ServerConfirms is the server's proof that it has the keys.
func (k *Keys) ServerConfirms() []byte { return k.mac(k.server.Open()) }

// ClientConfirms is the client's.
func (k *Keys) ClientConfirms() []byte { return k.mac(k.client.Open()) }

func (k *Keys) mac(key *secret.Bytes) []byte {
	h := hmac.New(sha256.New, key.Open())
	h.Write(k.digest)
	return h.Sum(nil)
}

// Confirmed compares a proof with what it should be, in constant time.
func Confirmed(want, got []byte) bool { return hmac.Equal(want, got) }

// Session is the key for what follows the login, 32 bytes: not a copy.
func (k *Keys) Session() *secret.Bytes { return k.session.Open() }

// Clear overwrites the keys. It may be called again, and on nil.
func (k *Keys) Clear() {
	if k == nil {
		return
	}
	for _, b := range []secret.Box[secret.Bytes]{k.server, k.client, k.session} {
		b.Open().Clear()
	}
}
