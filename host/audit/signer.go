package audit

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/identity"
)

// Origin is how a node's log is called in its checkpoints.
func Origin(node dag.CID) string { return "dta/" + node.String() }

const keyTag = "dta/audit/key/v1"

// ed25519Algorithm is the first byte of an Ed25519 key in a signed note.
const ed25519Algorithm = 1

// Signer signs the checkpoints of a node's log. It does not print.
type Signer struct {
	secret.Hidden
	key       *secret.Bytes // Ed25519 private key, 64 bytes
	origin    string
	hash      uint32
	extension string // the line that binds the key to the node
}

var _ note.Signer = (*Signer)(nil)

// NewSigner derives the log's Ed25519 key from the node's state key and has the
// node's newest signing key vouch for it.
func NewSigner(keys *identity.Keyring) *Signer {
	state := keys.StateKey()
	defer state.Clear()
	seed, err := hkdf.Key(sha256.New, state.Open(), nil, keyTag, ed25519.SeedSize)
	if err != nil {
		panic(err) // only for a length that HKDF cannot give
	}
	defer secret.Clear(seed)
	private := ed25519.NewKeyFromSeed(seed)
	public := private.Public().(ed25519.PublicKey)
	id := keys.Identity()
	origin := Origin(id.Name)
	signature := keys.Sign(bls.DomainCheckpoint, vouched(origin, public))
	return &Signer{
		key: secret.New(private), origin: origin, hash: keyHash(origin, public),
		extension: strings.Join([]string{"key", id.Document.String(),
			base64.StdEncoding.EncodeToString(public), base64.StdEncoding.EncodeToString(signature)}, " "),
	}
}

// vouched is what the node's signing key signs.
func vouched(origin string, public ed25519.PublicKey) []byte {
	return append([]byte(keyTag+"\x00"+origin+"\x00"), public...)
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
	signed, err := note.Sign(&note.Note{Text: c.body() + s.extension + "\n"}, s)
	if err != nil {
		panic(err) // only for a text or a name that this package does not make
	}
	return signed
}
