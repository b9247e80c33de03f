package audit

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// MaxCheckpoint is the size of the largest checkpoint that is read, in bytes.
// Those of this package have fewer than 500.
const MaxCheckpoint = 4096

// Checkpoint is what a signed note attests of a log.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash
}

func (c Checkpoint) body() string {
	return c.Origin + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + c.Root.String() + "\n"
}

// OpenCheckpoint checks a signed checkpoint of the log of the node id: that the
// log key of any document of its chain has signed.
func OpenCheckpoint(signed []byte, id *identity.Identity) (Checkpoint, error) {
	c, err := parseSigned(signed)
	if err != nil {
		return Checkpoint{}, err
	}
	if want := Origin(id.Name); c.Origin != want {
		return Checkpoint{}, fault.New(fault.Invalid, "checkpoint: expected the log %s, found %s", want, c.Origin)
	}
	var known []note.Verifier
	for _, key := range id.LogKeys() {
		known = append(known, keyVerifier{c.Origin, key})
	}
	n, err := note.Open(signed, note.VerifierList(known...))
	if err != nil {
		return Checkpoint{}, fault.New(fault.Invalid, "checkpoint of %s: %w", c.Origin, err)
	}
	// One checkpoint has one form: this signature alone, in strict base64.
	signature := n.Sigs[0].Base64
	if _, err := base64.StdEncoding.Strict().DecodeString(signature); err != nil ||
		n.Text+"\n— "+c.Origin+" "+signature+"\n" != string(signed) {
		return Checkpoint{}, fault.New(fault.Invalid, "checkpoint of %s: expected one signature and nothing after it", c.Origin)
	}
	return c, nil
}

// keyVerifier checks the log key's signature in a note.
type keyVerifier struct {
	name   string
	public ed25519.PublicKey
}

func (v keyVerifier) Name() string                { return v.name }
func (v keyVerifier) KeyHash() uint32             { return keyHash(v.name, v.public) }
func (v keyVerifier) Verify(msg, sig []byte) bool { return ed25519.Verify(v.public, msg, sig) }

// VerifierKey is the newest key of a node's log as note.NewVerifier reads it:
// origin+hash+base64(1 ‖ Ed25519 public key). Error: fault.Invalid for an identity
// that keeps no log.
func VerifierKey(id *identity.Identity) (string, error) {
	keys := id.LogKeys()
	if len(keys) == 0 {
		return "", fault.New(fault.Invalid, "expected the identity of a node, found %s without an audit log", id.Name)
	}
	return note.NewEd25519VerifierKey(Origin(id.Name), keys[0])
}

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

// ParseCheckpoint reads the text that a checkpoint's signature is over. Lines of
// extensions are passed over.
func ParseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[len(lines)-1] != "" {
		return Checkpoint{}, fault.New(fault.Invalid, "checkpoint: expected origin, size and root, each on a line")
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
	if slices.Contains(lines[3:len(lines)-1], "") {
		return Checkpoint{}, fault.New(fault.Invalid, "checkpoint: empty line")
	}
	return c, nil
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
