package audit

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/identity"
)

// Origin is how a node's log is called in its checkpoints.
func Origin(node dag.CID) string { return "dta/" + node.String() }

// ed25519Algorithm is the first byte of an Ed25519 key in a signed note.
const ed25519Algorithm = 1

// Signer signs the checkpoints of a node's log. It does not print.
type Signer struct {
	secret.Hidden
	key    *secret.Bytes // Ed25519 private key, 64 bytes
	origin string
	hash   uint32
}

var _ note.Signer = (*Signer)(nil)

// NewSigner signs with the log key of a node's keyring.
func NewSigner(keys *identity.Keyring) *Signer {
	seed := keys.LogKey()
	defer seed.Clear()
	private := ed25519.NewKeyFromSeed(seed.Open())
	origin := Origin(keys.Identity().Name)
	return &Signer{
		key: secret.New(private), origin: origin,
		hash: keyHash(origin, private.Public().(ed25519.PublicKey)),
	}
}

func keyHash(name string, public ed25519.PublicKey) uint32 {
	h := sha256.New()
	h.Write([]byte(name + "\n"))
	h.Write([]byte{ed25519Algorithm})
	h.Write(public)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

// Name is the origin of the log.
func (s *Signer) Name() string { return s.origin }

// KeyHash identifies the key in a signed note.
func (s *Signer) KeyHash() uint32 { return s.hash }

// Sign signs the text of a note.
func (s *Signer) Sign(msg []byte) ([]byte, error) {
	return ed25519.Sign(ed25519.PrivateKey(s.key.Open()), msg), nil
}

// Clear forgets the key; the signer is of no use afterwards.
func (s *Signer) Clear() { s.key.Clear() }

func (s *Signer) checkpoint(size int64, root tlog.Hash) []byte {
	c := Checkpoint{Origin: s.origin, Size: size, Root: root}
	signed, err := note.Sign(&note.Note{Text: c.body()}, s)
	if err != nil {
		panic(err) // only for a text or a name that this package does not make
	}
	return signed
}
