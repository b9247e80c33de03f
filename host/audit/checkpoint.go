package audit

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// MaxCheckpoint is the size of the largest checkpoint, in bytes.
const MaxCheckpoint = 4096

// Checkpoint is what a signed note attests of a log.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash

	key vouchedKey
}

// vouchedKey is the extension line: a key and the node's word for it.
type vouchedKey struct {
	document  dag.CID
	public    ed25519.PublicKey
	signature []byte
}

func (c Checkpoint) body() string {
	return c.Origin + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + c.Root.String() + "\n"
}

// OpenCheckpoint checks a signed checkpoint of the log of the node id: that the
// node vouches for the key, under any document of its chain, and that the key
// has signed.
func OpenCheckpoint(signed []byte, id *identity.Identity) (Checkpoint, error) {
	return new(knownKeys).open(signed, id)
}

// Open is OpenCheckpoint, which remembers the keys that were vouched for.
func (l *Log) Open(signed []byte, id *identity.Identity) (Checkpoint, error) {
	return l.keys.open(signed, id)
}

// knownKeys remembers vouched keys, to spare a pairing for every checkpoint.
type knownKeys struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]bool
}

const maxKnownKeys = 1024

func (k *knownKeys) open(signed []byte, id *identity.Identity) (Checkpoint, error) {
	c, err := parseSigned(signed)
	if err != nil {
		return Checkpoint{}, err
	}
	if want := Origin(id.Name); c.Origin != want {
		return Checkpoint{}, fault.New(fault.Invalid, "checkpoint: expected the log %s, found %s", want, c.Origin)
	}
	// The cheap check first: it also keeps the map from filling with noise.
	n, err := note.Open(signed, note.VerifierList(verifier(c)))
	if err != nil {
		return Checkpoint{}, fault.New(fault.Invalid, "checkpoint of %s: %w", c.Origin, err)
	}
	// One checkpoint has one form: this signature alone, in strict base64.
	signature := n.Sigs[0].Base64
	if _, err := base64.StdEncoding.Strict().DecodeString(signature); err != nil ||
		n.Text+"\n— "+c.Origin+" "+signature+"\n" != string(signed) {
		return Checkpoint{}, fault.New(fault.Invalid, "checkpoint of %s: expected one signature and nothing after it", c.Origin)
	}
	if err := k.vouch(c, id); err != nil {
		return Checkpoint{}, err
	}
	return c, nil
}

func (k *knownKeys) vouch(c Checkpoint, id *identity.Identity) error {
	at, err := id.At(c.key.document)
	if err != nil {
		return fault.New(fault.Invalid, "checkpoint of %s: its key's document: %w", c.Origin, err)
	}
	h := sha256.New()
	h.Write(vouched(c.Origin, c.key.public))
	h.Write(c.key.document.Bytes())
	h.Write(c.key.signature)
	sum := [sha256.Size]byte(h.Sum(nil))
	k.mu.Lock()
	known := k.known[sum]
	k.mu.Unlock()
	if known {
		return nil
	}
	if err := at.SigningKey().Verify(bls.DomainCheckpoint, vouched(c.Origin, c.key.public), c.key.signature); err != nil {
		return fault.New(fault.Invalid, "checkpoint of %s: the node does not vouch for its key: %w", c.Origin, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known) >= maxKnownKeys {
		k.known = map[[sha256.Size]byte]bool{}
	}
	k.known[sum] = true
	return nil
}

// keyVerifier checks the log key's signature in a note.
type keyVerifier struct {
	name   string
	public ed25519.PublicKey
}

func verifier(c Checkpoint) note.Verifier         { return keyVerifier{c.Origin, c.key.public} }
func (v keyVerifier) Name() string                { return v.name }
func (v keyVerifier) KeyHash() uint32             { return keyHash(v.name, v.public) }
func (v keyVerifier) Verify(msg, sig []byte) bool { return ed25519.Verify(v.public, msg, sig) }

// parseSigned reads a checkpoint without checking any signature.
func parseSigned(signed []byte) (Checkpoint, error) {
	if len(signed) > MaxCheckpoint {
		return Checkpoint{}, fault.New(fault.Invalid, "checkpoint: expected at most %d bytes, found %d", MaxCheckpoint, len(signed))
	}
	_, err := note.Open(signed, note.VerifierList())
	var unverified *note.UnverifiedNoteError
	if !errors.As(err, &unverified) {
		return Checkpoint{}, fault.New(fault.Invalid, "checkpoint: %w", err)
	}
	return ParseCheckpoint(unverified.Note.Text)
}

// ParseCheckpoint reads the text that a checkpoint's signature is over. It has
// exactly one line for the key; lines of other extensions are passed over.
func ParseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 5 || lines[len(lines)-1] != "" {
		return Checkpoint{}, fault.New(fault.Invalid, "checkpoint: expected origin, size, root and key, each on a line")
	}
	c := Checkpoint{Origin: lines[0]}
	if c.Origin == "" {
		return Checkpoint{}, fault.New(fault.Invalid, "checkpoint: empty origin")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, fault.New(fault.Invalid, "checkpoint: expected a size, found %.32q", lines[1])
	}
	c.Size = size
	root, err := decode64(lines[2], tlog.HashSize)
	if err != nil {
		return Checkpoint{}, fault.New(fault.Invalid, "checkpoint: root: %w", err)
	}
	c.Root = tlog.Hash(root)
	for _, line := range lines[3 : len(lines)-1] {
		if line == "" {
			return Checkpoint{}, fault.New(fault.Invalid, "checkpoint: empty line")
		}
		fields := strings.Split(line, " ")
		if fields[0] != "key" {
			continue
		}
		if c.key.public != nil {
			return Checkpoint{}, fault.New(fault.Invalid, "checkpoint: two lines for the key")
		}
		if c.key, err = parseKey(fields); err != nil {
			return Checkpoint{}, err
		}
	}
	if c.key.public == nil {
		return Checkpoint{}, fault.New(fault.Invalid, "checkpoint: no line for the key")
	}
	return c, nil
}

func parseKey(fields []string) (k vouchedKey, err error) {
	if len(fields) != 4 {
		return k, fault.New(fault.Invalid, "checkpoint: expected a document, a key and a signature, found %d fields", len(fields)-1)
	}
	if k.document, err = dag.Parse(fields[1]); err != nil {
		return k, fault.New(fault.Invalid, "checkpoint: key's document: %w", err)
	}
	if k.public, err = decode64(fields[2], ed25519.PublicKeySize); err != nil {
		return k, fault.New(fault.Invalid, "checkpoint: key: %w", err)
	}
	if k.signature, err = decode64(fields[3], bls.SignatureSize); err != nil {
		return k, fault.New(fault.Invalid, "checkpoint: key's signature: %w", err)
	}
	return k, nil
}

// decode64 reads the one way to write n bytes in base64.
func decode64(s string, n int) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, err
	}
	if len(b) != n {
		return nil, fault.New(fault.Invalid, "expected %d bytes, found %d", n, len(b))
	}
	return b, nil
}
