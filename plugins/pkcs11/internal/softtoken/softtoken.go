// Package softtoken gives tests real tokens: SoftHSM's, reached through a thin PKCS#11 library (testdata/shim.c) that
// counts calls and, on demand, lets some of them fail or hang.
//
// SoftHSM reads its configuration once in a process, so a test binary calls Main from its TestMain and makes as many
// tokens as it likes with New.
package softtoken

import (
	_ "embed"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/plugins/pkcs11/token"
)

// Library is where Debian and its kin put SoftHSM.
const Library = "/usr/lib/softhsm/libsofthsm2.so"

// Some CKR_ codes, for packages that leave PKCS#11 to package token.
const (
	GeneralError     uint = 0x05
	DeviceError      uint = 0x30
	MechanismInvalid uint = 0x70
)

//go:embed testdata/shim.c
var shim []byte

var (
	module string // the shim
	orders string // directory of orders to the shim
	tokens string // SoftHSM's directory
)

// Main runs the tests of a package with a SoftHSM of their own.
func Main(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "softtoken")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		if err := setUp(dir); err != nil {
			fmt.Fprintln(os.Stderr, "FAIL", err)
			return 1
		}
		return m.Run()
	}())
}

func setUp(dir string) error {
	if _, err := os.Stat(Library); err != nil {
		return fmt.Errorf("SoftHSM is missing (%s): as root, run: apt-get install softhsm2", Library)
	}
	orders = filepath.Join(dir, "orders")
	tokens = filepath.Join(dir, "tokens")
	conf := filepath.Join(dir, "softhsm2.conf")
	for _, d := range []string{orders, tokens} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return err
		}
	}
	text := fmt.Sprintf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", tokens)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return err
	}
	os.Setenv("SOFTHSM2_CONF", conf)
	os.Setenv("SHIM_TARGET", Library)
	os.Setenv("SHIM_ORDERS", orders)

	headers, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/miekg/pkcs11").Output()
	if err != nil {
		return fmt.Errorf("find the PKCS#11 headers: %w", err)
	}
	source := filepath.Join(dir, "shim.c")
	if err := os.WriteFile(source, shim, 0o600); err != nil {
		return err
	}
	module = filepath.Join(dir, "shim.so")
	os.Setenv("SHIM_MODULE", module)
	out, err := exec.Command("cc", "-shared", "-fPIC", "-O1", "-I", strings.TrimSpace(string(headers)), "-o", module, source, "-ldl").CombinedOutput()
	if err != nil {
		return fmt.Errorf("compile the test library: %w\n%s", err, out)
	}
	return nil
}

// New makes a token with a random PIN.
func New(t testing.TB) token.Options {
	t.Helper()
	pin := secret.New([]byte(hex.EncodeToString(secret.Random(8).Open())))
	officer := secret.New([]byte(hex.EncodeToString(secret.Random(8).Open())))
	label := "test-" + hex.EncodeToString(secret.Random(8).Open())
	if err := token.Initialise(module, label, officer, pin); err != nil {
		t.Fatal(err)
	}
	return token.Options{Module: module, Label: label, PIN: pin}
}

// Module is the library through which tokens are used, also in a process that was started with Env.
func Module() string { return os.Getenv("SHIM_MODULE") }

// Env is what a process needs to use the tokens made here.
func Env() []string {
	var env []string
	for _, name := range []string{"SOFTHSM2_CONF", "SHIM_TARGET", "SHIM_ORDERS", "SHIM_MODULE"} {
		env = append(env, name+"="+os.Getenv(name))
	}
	return env
}

// Fail makes the next n calls of a function return a CKR_ code.
func Fail(t testing.TB, function string, code uint, n int) {
	t.Helper()
	order(t, function+".fail", fmt.Sprintf("%x %d", code, n))
}

// Succeed makes calls of a function do nothing and return CKR_OK.
func Succeed(t testing.TB, function string) {
	t.Helper()
	order(t, function+".succeed", "")
}

// MakeExtractable makes the token one that gives in when asked to set CKA_EXTRACTABLE.
func MakeExtractable(t testing.TB) {
	t.Helper()
	Succeed(t, "C_SetAttributeValue")
}

// Flag makes every token show these flags (CKF_…) beside its own.
func Flag(t testing.TB, flags uint) {
	t.Helper()
	order(t, "C_GetTokenInfo.flags", fmt.Sprintf("%x", flags))
}

// Away takes SoftHSM's tokens away, until the returned function is called.
func Away(t testing.TB) (back func()) {
	t.Helper()
	if err := os.Rename(tokens, tokens+".away"); err != nil {
		t.Fatal(err)
	}
	back = sync.OnceFunc(func() {
		// SoftHSM makes the directory anew where it misses it.
		if err := os.RemoveAll(tokens); err != nil {
			t.Error(err)
		}
		if err := os.Rename(tokens+".away", tokens); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(back)
	return back
}

// Hang makes calls of a function wait, until the returned function is called.
func Hang(t testing.TB, function string) (resume func()) {
	t.Helper()
	order(t, function+".hang", "")
	resume = func() { os.Remove(filepath.Join(orders, function+".hang")) }
	t.Cleanup(resume)
	return resume
}

// Count counts the calls of a function from now on.
func Count(t testing.TB, function string) (calls func() int) {
	t.Helper()
	order(t, function+".count", "")
	return func() int {
		b, err := os.ReadFile(filepath.Join(orders, function+".count"))
		if err != nil {
			t.Fatal(err)
		}
		return len(b)
	}
}

// order leaves a message for the shim.
func order(t testing.TB, name, text string) {
	t.Helper()
	file := filepath.Join(orders, name)
	if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(file) })
}
