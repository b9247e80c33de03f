package audit_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/milagro-dta/dta/host/audit"
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

// ownLogKey signs with the log key of a node, under any name.
func ownLogKey(k *identity.Keyring, name string) logKey {
	return logKey{name, ed25519.NewKeyFromSeed(k.LogKey().Open())}
}

func (k logKey) Name() string { return k.name }

func (k logKey) KeyHash() uint32 {
	h := sha256.Sum256(append([]byte(k.name+"\n\x01"), k.private.Public().(ed25519.PublicKey)...))
	return binary.BigEndian.Uint32(h[:])
}

func (k logKey) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(k.private, msg), nil }

// TestACheckpointIsTheNodesOwn: what counts is signed with the log key of the node's
// documents, under the node's name.
func TestACheckpointIsTheNodesOwn(t *testing.T) {
	n, other := node(t, "node"), node(t, "other")
	origin, theirs := audit.Origin(n.Identity().Name), audit.Origin(other.Identity().Name)
	k, another := ownLogKey(n, origin), newLogKey(t, origin)
	root := base64.StdEncoding.EncodeToString(make([]byte, 32))
	head := func(origin string) string { return origin + "\n7\n" + root + "\n" }
	signed := func(text string, by ...note.Signer) []byte {
		t.Helper()
		s, err := note.Sign(&note.Note{Text: text}, by...)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	good := signed(head(origin), k)
	for name, c := range map[string]struct {
		checkpoint []byte
		want       fault.Kind
	}{
		"as it should be":                         {good, ""},
		"with a line of an extension":             {signed(head(origin)+"other of 2030\n", k), ""},
		"signed with another key":                 {signed(head(origin), another), fault.Invalid},
		"signed with another node's key":          {signed(head(origin), ownLogKey(other, origin)), fault.Invalid},
		"of another log, by its node":             {signed(head(theirs), ownLogKey(other, theirs)), fault.Invalid},
		"of another log, by this node":            {signed(head(theirs), ownLogKey(n, theirs)), fault.Invalid},
		"of this log, signed under another name":  {signed(head(origin), ownLogKey(n, theirs)), fault.Invalid},
		"signed twice":                            {signed(head(origin), k, another), fault.Invalid},
		"no origin":                               {signed("\n7\n"+root+"\n", k), fault.Invalid},
		"no root":                                 {signed(origin+"\n7\n", k), fault.Invalid},
		"an empty line":                           {signed(head(origin)+"\nother\n", k), fault.Invalid},
		"a size below nothing":                    {signed(origin+"\n-7\n"+root+"\n", k), fault.Invalid},
		"a size that begins with 0":               {signed(origin+"\n07\n"+root+"\n", k), fault.Invalid},
		"a root cut short":                        {signed(origin+"\n7\nAAAA\n", k), fault.Invalid},
		"too long":                                {signed(head(origin)+strings.Repeat("other of 2030\n", audit.MaxCheckpoint/14), k), fault.Invalid},
		"something after it":                      {[]byte(string(good) + "— x AAAAAA==\n"), fault.Invalid},
		"its signature in another form of base64": {loose(t, good), fault.Invalid},
	} {
		if _, err := audit.OpenCheckpoint(c.checkpoint, n.Identity()); fault.Of(err) != c.want {
			t.Errorf("%s: expected %q; found %v", name, c.want, err)
		}
	}
	custody, next, err := identity.Create(identity.Custody, "vault", noon)
	if err != nil {
		t.Fatal(err)
	}
	next.Clear()
	if _, err := audit.VerifierKey(custody.Identity()); fault.Of(err) != fault.Invalid {
		t.Errorf("expected a custody identity to have no log; found %v", err)
	}
}

// TestAMonitorReadsACheckpoint that knows nothing of this project but the verifier
// key of the log.
func TestAMonitorReadsACheckpoint(t *testing.T) {
	s, keys := open(t, filepath.Join(t.TempDir(), "dta.db")), node(t, "n")
	l := openLog(t, s, keys)
	grow(t, s, l, 5)
	checkpoint := l.Newest()
	if n := len(checkpoint); n >= 500 {
		t.Errorf("expected fewer than 500 bytes, found %d", n)
	}
	text, err := audit.VerifierKey(keys.Identity())
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(text)
	if err != nil {
		t.Fatal(err)
	}
	read, err := note.Open(checkpoint, note.VerifierList(verifier))
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(read.Text, "\n"); len(lines) != 4 || lines[0] != audit.Origin(keys.Identity().Name) || lines[1] != "5" {
		t.Errorf("expected origin, size and root; found %q", read.Text)
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
