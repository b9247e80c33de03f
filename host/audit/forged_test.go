package audit_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// logKey signs notes as the log of some name, as the package's documentation says.
type logKey struct {
	name    string
	private ed25519.PrivateKey
}

func newLogKey(t *testing.T, name string) logKey {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return logKey{name, private}
}

func (k logKey) public() []byte { return k.private.Public().(ed25519.PublicKey) }

func (k logKey) Name() string { return k.name }

func (k logKey) KeyHash() uint32 {
	h := sha256.Sum256(append([]byte(k.name+"\n\x01"), k.public()...))
	return binary.BigEndian.Uint32(h[:])
}

func (k logKey) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(k.private, msg), nil }

// vouch is a node's word for the key of a log.
func vouch(by *identity.Keyring, d bls.Domain, origin string, public []byte) []byte {
	return by.Sign(d, append([]byte("dta/audit/key/v1\x00"+origin+"\x00"), public...))
}

func keyLine(document dag.CID, public, signature []byte) string {
	return fmt.Sprintf("key %s %s %s\n", document, base64.StdEncoding.EncodeToString(public), base64.StdEncoding.EncodeToString(signature))
}

// TestACheckpointIsTheNodesOwn: whoever can make a key for a log, and sign with it, has
// still no word of the node for that key.
func TestACheckpointIsTheNodesOwn(t *testing.T) {
	n, other := node(t, "node"), node(t, "other")
	document, origin := n.Identity().Document, audit.Origin(n.Identity().Name)
	k, another := newLogKey(t, origin), newLogKey(t, origin)
	root := base64.StdEncoding.EncodeToString(make([]byte, 32))
	head := func(origin string) string { return origin + "\n7\n" + root + "\n" }
	own := keyLine(document, k.public(), vouch(n, bls.DomainCheckpoint, origin, k.public()))
	signed := func(text string, by ...note.Signer) []byte {
		t.Helper()
		s, err := note.Sign(&note.Note{Text: text}, by...)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	theirs := audit.Origin(other.Identity().Name)
	elsewhere := newLogKey(t, theirs)
	good := signed(head(origin)+own, k)
	for name, c := range map[string]struct {
		checkpoint []byte
		want       fault.Kind
	}{
		"as it should be":                          {good, ""},
		"with a line of another extension":         {signed(head(origin)+"other of 2030\n"+own, k), ""},
		"vouched for by another node":              {signed(head(origin)+keyLine(document, k.public(), vouch(other, bls.DomainCheckpoint, origin, k.public())), k), fault.Invalid},
		"vouched for by a document of another":     {signed(head(origin)+keyLine(other.Identity().Document, k.public(), vouch(other, bls.DomainCheckpoint, origin, k.public())), k), fault.Invalid},
		"the word is for another key":              {signed(head(origin)+keyLine(document, k.public(), vouch(n, bls.DomainCheckpoint, origin, another.public())), k), fault.Invalid},
		"the word is for another log":              {signed(head(origin)+keyLine(document, k.public(), vouch(n, bls.DomainCheckpoint, theirs, k.public())), k), fault.Invalid},
		"the word is an envelope's signature":      {signed(head(origin)+keyLine(document, k.public(), vouch(n, bls.DomainEnvelope, origin, k.public())), k), fault.Invalid},
		"no word":                                  {signed(head(origin)+keyLine(document, k.public(), nil), k), fault.Invalid},
		"signed with another key":                  {signed(head(origin)+own, another), fault.Invalid},
		"of another log that the node vouches for": {signed(head(theirs)+keyLine(document, elsewhere.public(), vouch(n, bls.DomainCheckpoint, theirs, elsewhere.public())), elsewhere), fault.Invalid},
		"signed twice":                             {signed(head(origin)+own, k, another), fault.Invalid},
		"two keys":                                 {signed(head(origin)+own+keyLine(document, another.public(), vouch(n, bls.DomainCheckpoint, origin, another.public())), k), fault.Invalid},
		"no key":                                   {signed(head(origin)+"other of 2030\n", k), fault.Invalid},
		"no origin":                                {signed("\n7\n"+root+"\n"+own, k), fault.Invalid},
		"an empty line":                            {signed(head(origin)+"\n"+own, k), fault.Invalid},
		"nothing but the head":                     {signed(head(origin), k), fault.Invalid},
		"a size below nothing":                     {signed(origin+"\n-7\n"+root+"\n"+own, k), fault.Invalid},
		"a size that begins with 0":                {signed(origin+"\n07\n"+root+"\n"+own, k), fault.Invalid},
		"a root cut short":                         {signed(origin+"\n7\nAAAA\n"+own, k), fault.Invalid},
		"too long":                                 {signed(head(origin)+own+strings.Repeat("other of 2030\n", audit.MaxCheckpoint/14), k), fault.Invalid},
		"something after it":                       {[]byte(string(good) + "— x AAAAAA==\n"), fault.Invalid},
		"its signature in another form of base64":  {loose(t, good), fault.Invalid},
	} {
		if _, err := audit.OpenCheckpoint(c.checkpoint, n.Identity()); fault.Of(err) != c.want {
			t.Errorf("%s: expected %q; found %v", name, c.want, err)
		}
	}
}

// loose writes the note's signature with other bits in the last character, which a
// lenient decoder passes over: 4 bytes of hash and 64 of signature leave some.
func loose(t *testing.T, signed []byte) []byte {
	t.Helper()
	text := strings.TrimSuffix(string(signed), "=\n")
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	last := strings.IndexByte(alphabet, text[len(text)-1])
	if text == string(signed) || last < 0 || last&3 != 0 {
		t.Fatalf("expected a signature that ends in 2 unused bits; found %q", signed)
	}
	return []byte(text[:len(text)-1] + string(alphabet[last|1]) + "=\n")
}
