package plugintest_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/ascii85"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk"
	"github.com/milagro-dta/dta/sdk/plugintest"
)

// Variables of the environment that make this program another.
const (
	asBroken   = "PLUGINTEST_BROKEN" // a plugin with this fault
	asVictim   = "PLUGINTEST_VICTIM" // a conformance test of the plugin with this fault
	asLesser   = "PLUGINTEST_LESSER" // a plugin that lists less than it could, or more
	exitStatus = 3                   // of those that end by themselves
	slow       = 800 * time.Millisecond
)

// fault of a plugin: what it does where its author did something wrong. What is nil it does right.
type mistake struct {
	start     func()                                                        // before it serves
	open      func(context.Context)                                         // when it is configured
	safeguard func(k *brokenKeeper, ctx context.Context, key []byte) error  // with the key that it is lent
	restore   func(k *brokenKeeper, ctx context.Context, key []byte) []byte // with the key that it gives back
	deposit   func(key []byte) []byte                                       // in place of an encrypted one
	clear     func(deposit []byte) []byte                                   // its inverse
	close     func(k *brokenKeeper)
	status    func(k *brokenKeeper) string
	scheme    func(k *brokenKeeper) string
	beside    func(k *brokenKeeper) []byte // 32 bytes added to an encrypted deposit
	refuse    func()                       // before it refuses a deposit

	here  bool   // in the process of the test: quicker, where that makes no difference
	cases string // a pattern; empty for all
	want  string // in the report
	spare string // not in the report
}

// the cases that find most.
const (
	ofLeaks = "no key of the custodian comes out"
	ofKeeps = "a secret is kept and given back"
)

func logs(write func(key []byte) any) func(*brokenKeeper, context.Context, []byte) error {
	return func(k *brokenKeeper, _ context.Context, key []byte) error {
		k.env.Logger.Debug("kept a key", "key", write(key))
		return nil
	}
}

func xored(key []byte) []byte {
	out := bytes.Clone(key)
	for i := range out {
		out[i] ^= 0x5a
	}
	return out
}

// identifier is half of one of 256 bits, noise what a module calls its version.
func identifier() string { return hex.EncodeToString(secret.Random(16).Open()) }
func noise() []byte      { return secret.Random(32).Open() }

// enciphered is a deposit without a check of what is in it.
func enciphered(key []byte) []byte {
	iv := secret.Random(aes.BlockSize).Open()
	return append(iv, ctr(iv, key)...)
}

func deciphered(deposit []byte) []byte {
	return ctr(deposit[:aes.BlockSize], deposit[aes.BlockSize:])
}

func ctr(iv, in []byte) []byte {
	block, _ := aes.NewCipher([]byte("a key of 16 byte"))
	out := make([]byte, len(in))
	cipher.NewCTR(block, iv).XORKeyStream(out, in)
	return out
}

var forever = make(chan struct{})

var mistakes = map[string]mistake{
	"none": {cases: ofLeaks},
	"none, that names sessions by 256 bits and is busy": {cases: ofLeaks,
		safeguard: func(k *brokenKeeper, _ context.Context, _ []byte) error {
			k.env.Logger.Debug("session "+identifier()+identifier(), "version", "SoftHSM "+string(noise()[:6]))
			return nil
		}},
	"none, in this process, that logs a vendor's bytes": {here: true, cases: ofLeaks,
		safeguard: logs(func([]byte) any { return string(noise()) })},
	"none, whose error names a session by 256 bits": {here: true, cases: ofKeeps, spare: " 32 bytes", want: "session",
		safeguard: func(*brokenKeeper, context.Context, []byte) error {
			return fault.New(fault.Unavailable, "session %s%s is in use", identifier(), identifier())
		}},
	"none, whose error names a session by 256 bits, as a program": {cases: ofKeeps, spare: "custodian's key of", want: "set Config.Plugin in place of Command",
		safeguard: func(*brokenKeeper, context.Context, []byte) error {
			return fault.New(fault.Unavailable, "session %s%s is in use", identifier(), identifier())
		}},

	"logs keys in hex": {here: true, cases: ofLeaks, want: "the log holds the custodian's key of a share of a secret, in the form: hex",
		safeguard: logs(func(k []byte) any { return hex.EncodeToString(k) })},
	"logs keys as decimal numbers, in a case that looks for something else": {here: true, cases: ofKeeps, want: "in the form: a list of decimal numbers",
		safeguard: logs(func(k []byte) any { return fmt.Sprint(k) })},
	"logs keys as strings": {here: true, cases: ofKeeps, want: "in the form: a string",
		safeguard: logs(func(k []byte) any { return string(k) })},
	"logs keys XOR a constant": {here: true, cases: ofKeeps, want: "the log holds the custodian's key of a share of a secret, in the form: hex, under a mask",
		safeguard: logs(func(k []byte) any { return hex.EncodeToString(xored(k)) })},
	"logs keys XOR a constant, without a twin": {cases: ofLeaks, want: "the log holds the custodian's key of an ordered key, hex, XOR 0x5a",
		safeguard: logs(func(k []byte) any { return hex.EncodeToString(xored(k)) })},
	"logs keys in thirds, among others": {here: true, cases: ofKeeps, want: "the log holds the custodian's key of",
		safeguard: func(k *brokenKeeper, _ context.Context, key []byte) error {
			for _, part := range [][]byte{key[:11], key[11:22], key[22:]} {
				k.env.Logger.Debug("session", "id", hex.EncodeToString(part))
				k.env.Logger.Debug("session", "id", identifier())
			}
			return nil
		}},
	"logs keys as words of 32 bits": {cases: ofLeaks, want: "in the form: a list of decimal numbers of 32 bits",
		safeguard: func(k *brokenKeeper, _ context.Context, key []byte) error {
			for i := 0; i < len(key); i += 4 {
				k.env.Logger.Debug("checksum", "value", binary.BigEndian.Uint32(key[i:]))
			}
			return nil
		}},
	"logs keys in ascii85 of hex": {cases: ofLeaks, want: "in the form: hex in ascii85",
		safeguard: logs(func(k []byte) any {
			text := fmt.Appendf(nil, "%x", k)
			out := make([]byte, ascii85.MaxEncodedLen(len(text)))
			return string(out[:ascii85.Encode(out, text)])
		})},
	"tells keys in pieces, in its status and the log": {here: true, cases: ofLeaks, want: "an answer of Plugin/Status holds",
		safeguard: logs(func(k []byte) any { return fmt.Sprint(k[:6]) }),
		status: func(k *brokenKeeper) string {
			return fmt.Sprintf("session %x", k.lastKey()[min(6, len(k.lastKey())):min(12, len(k.lastKey()))])
		}},
	"writes keys to a file": {here: true, cases: ofKeeps, want: "a file holds the custodian's key of a share of a secret, in the form: base64",
		safeguard: func(_ *brokenKeeper, _ context.Context, key []byte) error {
			return os.WriteFile(filepath.Join(os.TempDir(), "cache"), base64.StdEncoding.AppendEncode(nil, key), 0o600)
		}},
	"names files by keys": {cases: ofLeaks, want: "a file holds the custodian's key of",
		safeguard: func(_ *brokenKeeper, _ context.Context, key []byte) error {
			return os.WriteFile(filepath.Join(os.TempDir(), hex.EncodeToString(key)), nil, 0o600)
		}},
	"panics with keys": {cases: ofKeeps, want: "the log holds the custodian's key of a share of a secret, in the form: hex",
		restore: func(_ *brokenKeeper, _ context.Context, key []byte) []byte {
			go panic(hex.EncodeToString(key))
			<-forever
			return nil
		}},
	"keeps the key before in a deposit": {here: true, cases: ofLeaks, want: "the deposit of ",
		beside: func(k *brokenKeeper) []byte { return xored(*k.before.Load()) }},
	"does not authenticate": {here: true, cases: ofLeaks, want: "the custodian does not notice a change in a deposit",
		deposit: enciphered, clear: deciphered},

	"logs the first half of keys": {here: true, cases: ofLeaks, want: "the log holds 16 of 32 bytes of the custodian's key of an ordered key, in the form: hex",
		safeguard: logs(func(k []byte) any { return hex.EncodeToString(k[:16]) })},
	"logs the keys that it gives back": {cases: ofKeeps, want: "in the form: base64",
		restore: func(k *brokenKeeper, _ context.Context, key []byte) []byte {
			k.env.Logger.Info("gave a key", "key", base64.RawURLEncoding.EncodeToString(key))
			return key
		}},
	"logs keys, and fails": {cases: ofKeeps, want: "the log holds the custodian's key of a share of a secret, in the form: hex",
		safeguard: logs(func(k []byte) any { return hex.EncodeToString(k) }),
		restore:   func(_ *brokenKeeper, _ context.Context, key []byte) []byte { return key[:1] }},
	"prints keys": {cases: ofLeaks, want: "the log holds the custodian's key of a share of a secret, in the form: as it is",
		safeguard: func(_ *brokenKeeper, _ context.Context, key []byte) error { fmt.Println(string(key)); return nil }},
	"prints keys in this process": {here: true, cases: ofKeeps, want: "the log holds the custodian's key of a share of a secret, in the form: hex",
		safeguard: func(_ *brokenKeeper, _ context.Context, key []byte) error { fmt.Printf("%x\n", key); return nil }},
	"prints keys to standard error, in two lines": {cases: ofLeaks, want: "in the form: hex, in parts",
		safeguard: func(_ *brokenKeeper, _ context.Context, key []byte) error {
			fmt.Fprintf(os.Stderr, "first half: %x\nsecond half: %x\n", key[:16], key[16:])
			return nil
		}},
	"says keys in errors": {here: true, cases: ofKeeps, want: "an error of Plugin/Enrol holds a key that was lent to the custodian, in the form: hex",
		safeguard: func(_ *brokenKeeper, _ context.Context, key []byte) error {
			return fault.New(fault.Unavailable, "cannot keep %x", key)
		}},
	"says keys in errors without a kind": {here: true, cases: ofKeeps, want: "the log holds a key that was lent to the custodian, in the form: hex",
		safeguard: func(_ *brokenKeeper, _ context.Context, key []byte) error { return fmt.Errorf("cannot keep %x", key) }},
	"tells the last key in its status": {here: true, cases: ofLeaks, want: "an answer of Plugin/Status holds the custodian's key",
		status: func(k *brokenKeeper) string { return fmt.Sprintf("last: %X", k.lastKey()) }},
	"calls its scheme by the last key": {here: true, cases: ofLeaks, want: "an answer of Custody/Safeguard holds the custodian's key",
		scheme: func(k *brokenKeeper) string { return hex.EncodeToString(k.lastKey()) }},

	"deposits keys in clear": {here: true, cases: ofLeaks, want: "the deposit of a share of a secret is its key, as it is",
		deposit: bytes.Clone, clear: bytes.Clone},
	"deposits keys XOR a constant": {here: true, cases: ofLeaks, want: "is its key, as it is, XOR 0x5a",
		deposit: xored, clear: xored},
	"deposits keys XOR a constant, in base64": {cases: ofLeaks, want: "is its key, base64, XOR 0x5a",
		deposit: func(k []byte) []byte { return []byte("v1." + base64.StdEncoding.EncodeToString(xored(k))) },
		clear: func(d []byte) []byte {
			k, _ := base64.StdEncoding.DecodeString(string(d[3:]))
			return xored(k)
		}},

	"ignores its context": {cases: "a call that is given up ends", want: "the custodian ignores its context: Restore was given up",
		restore: func(_ *brokenKeeper, _ context.Context, key []byte) []byte { time.Sleep(slow); return key }},
	"leaves goroutines behind": {cases: "repeats leave nothing behind", want: "goroutines are left behind: ",
		restore: func(_ *brokenKeeper, _ context.Context, key []byte) []byte { go func() { <-forever }(); return key }},
	"leaves goroutines behind in Status": {cases: "repeats leave nothing behind", want: "goroutines are left behind: ",
		status: func(*brokenKeeper) string { go func() { <-forever }(); return "" }},
	"leaves goroutines behind when it refuses": {here: true, cases: "repeats leave nothing behind", want: "goroutines are left behind: ",
		refuse: func() { go func() { <-forever }() }},
	"leaves goroutines behind in this process": {here: true, cases: "repeats leave nothing behind", want: "goroutines are left behind: ",
		restore: func(_ *brokenKeeper, _ context.Context, key []byte) []byte { go func() { <-forever }(); return key }},
	"hangs in Close": {cases: "asked to end, it ends", want: "Close of the custodian hangs",
		close: func(*brokenKeeper) { <-forever }},
	"panics in Close": {cases: "asked to end, it ends", want: "asked to end, the program ended with exit status 2",
		close: func(*brokenKeeper) { panic("in Close") }},
	"hangs in Restore": {want: "hangs, in github.com/milagro-dta/dta/sdk/plugintest_test.(*brokenKeeper).Restore",
		restore: func(*brokenKeeper, context.Context, []byte) []byte { <-forever; return nil }},
	"hangs in Open": {want: "were not run: Plugin/Configure hangs",
		open: func(context.Context) { <-forever }},
	"hangs in this process": {here: true, want: "were not run: Custody/Safeguard hangs",
		safeguard: func(k *brokenKeeper, _ context.Context, _ []byte) error {
			if k.calls.Load() > 2 {
				<-forever
			}
			return nil
		}},

	"floods its log": {cases: "it is configured once", want: "written more than 4096 KiB to its log",
		open: func(context.Context) { fmt.Fprintln(os.Stderr, strings.Repeat(identifier()+" ", 1<<17+1)) }},

	"ends in Safeguard": {cases: ofKeeps, want: "the program ended by itself, with exit status 0, while Plugin/Enrol was called",
		safeguard: func(*brokenKeeper, context.Context, []byte) error { os.Exit(0); return nil }},
	"ends in Restore": {cases: ofKeeps, want: "the program ended by itself, with exit status 3, while Custody/Restore was called",
		restore: func(*brokenKeeper, context.Context, []byte) []byte { os.Exit(exitStatus); return nil }},
	"kills itself": {cases: ofKeeps, want: "the program ended by itself, with signal: killed, while Custody/Restore was called",
		restore: func(*brokenKeeper, context.Context, []byte) []byte {
			self, _ := os.FindProcess(os.Getpid())
			_ = self.Kill()
			<-forever
			return nil
		}},
	"ends before it serves": {want: "the program ended with exit status 3 before the handshake",
		start: func() { os.Exit(exitStatus) }},
	"has a data race": {cases: ofKeeps, want: "the race detector found a data race",
		// Nothing here is built for the race detector. This is what it prints.
		restore: func(_ *brokenKeeper, _ context.Context, key []byte) []byte {
			fmt.Fprint(os.Stderr, "==================\nWARNING: DATA RACE\nWrite at 0x00c000126010 by goroutine 9:\n  main.(*keeper).Restore()\n==================\n")
			return key
		}},
	"gives back other keys": {here: true, cases: ofKeeps, want: "the custodian gave back another key of 32 bytes than it was given",
		restore: func(k *brokenKeeper, _ context.Context, key []byte) []byte { return make([]byte, len(key)) }},
}

// brokenKeeper keeps keys as Memory does, and makes one mistake.
type brokenKeeper struct {
	mistake
	sdk.Custodian
	env   sdk.Environment
	calls atomic.Int64
	last  atomic.Pointer[[]byte]

	before atomic.Pointer[[]byte] // the one before the last
}

func (k *brokenKeeper) lastKey() []byte {
	if last := k.last.Load(); last != nil {
		return *last
	}
	return nil
}

func (k *brokenKeeper) Safeguard(ctx context.Context, key []byte, about sdk.Context) ([]byte, error) {
	k.calls.Add(1)
	last := bytes.Clone(key)
	if before := k.last.Swap(&last); before != nil {
		k.before.Store(before)
	} else {
		k.before.Store(&last)
	}
	if k.safeguard != nil {
		if err := k.safeguard(k, ctx, key); err != nil {
			return nil, err
		}
	}
	if k.deposit != nil {
		return k.deposit(key), nil
	}
	d, err := k.Custodian.Safeguard(ctx, key, about)
	if err == nil && k.beside != nil {
		d = append(d, k.beside(k)...)
	}
	return d, err
}

func (k *brokenKeeper) Restore(ctx context.Context, deposit []byte, about sdk.Context) ([]byte, error) {
	var key []byte
	var err error
	if k.beside != nil {
		deposit = deposit[:len(deposit)-32]
	}
	if k.clear != nil {
		key = k.clear(deposit)
	} else if key, err = k.Custodian.Restore(ctx, deposit, about); err != nil {
		if k.refuse != nil {
			k.refuse()
		}
		return nil, err
	}
	if k.restore != nil {
		return k.restore(k, ctx, key), nil
	}
	return key, nil
}

func (k *brokenKeeper) Status(context.Context) sdk.Status {
	s := sdk.Status{Ready: true}
	if k.status != nil {
		s.Text = k.status(k)
	}
	return s
}

func (k *brokenKeeper) Scheme() string {
	if k.scheme != nil {
		return k.scheme(k)
	}
	return "broken"
}

func (k *brokenKeeper) Close() error {
	if k.mistake.close != nil {
		k.mistake.close(k)
	}
	return nil
}

func broken(name string) sdk.Plugin[plugintest.MemoryBlock] {
	m, p := mistakes[name], plugintest.Memory()
	open := p.Open
	p.Open = func(ctx context.Context, c *plugintest.MemoryBlock, env sdk.Environment) (sdk.Custodian, error) {
		custodian, err := open(ctx, c, env)
		if err != nil {
			return nil, err
		}
		if m.open != nil {
			m.open(ctx)
		}
		return &brokenKeeper{mistake: m, Custodian: custodian, env: env}, nil
	}
	return p
}

// victim is the conformance test of one author.
func victim(name string) testing.InternalTest {
	return testing.InternalTest{Name: "Author", F: func(t *testing.T) {
		c, m := plugintest.MemoryConfig(), mistakes[name]
		c.Deadline = 2 * time.Second
		if m.here {
			c.Plugin = broken(name)
		} else {
			c.Type, c.Command, c.Env = plugintest.MemoryType, os.Args[0], []string{asBroken + "=" + name, "TMPDIR=" + os.TempDir()}
		}
		plugintest.Run(t, c)
	}}
}

// conformance runs one case, or all, on a broken plugin, as its author would, and gives the report.
func conformance(t *testing.T, pattern string, env ...string) (report string, failed bool) {
	t.Helper()
	run := "^Author$"
	if pattern != "" {
		run += "/^" + regexp.QuoteMeta(strings.ReplaceAll(pattern, " ", "_")) + "$"
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", run, "-test.v")
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), err != nil
}

// keyInAnError is what the custodians write that say their keys in errors.
var keyInAnError = regexp.MustCompile(`cannot keep [0-9a-f]{64}`)

func TestABrokenPluginIsToldWhatIsWrong(t *testing.T) {
	free := make(chan struct{}, 3)
	for name, m := range mistakes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			free <- struct{}{}
			defer func() { <-free }()
			report, failed := conformance(t, m.cases, asVictim+"="+name, "TMPDIR="+t.TempDir())
			if m.want == "" {
				if failed || !strings.Contains(report, "--- PASS: Author/") {
					t.Errorf("expected a plugin without a fault to pass:\n%s", report)
				}
				return
			}
			if m.spare != "" && strings.Contains(report, m.spare) {
				t.Errorf("expected a report without %q:\n%s", m.spare, report)
			}
			if !failed || !strings.Contains(report, m.want) {
				t.Errorf("expected a report with %q:\n%s", m.want, report)
			}
			if key := keyInAnError.FindString(report); key != "" {
				t.Errorf("the report itself has a key: %s", key)
			}
		})
	}
}
