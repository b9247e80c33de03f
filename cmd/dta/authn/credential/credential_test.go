package credential_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/milagro-dta/dta/cmd/dta/authn/authntest"
	"github.com/milagro-dta/dta/cmd/dta/authn/credential"
	"github.com/milagro-dta/dta/cmd/dta/newfile"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/secret/secrettest"
	"github.com/milagro-dta/dta/protocol/fault"
)

func write(t *testing.T, path string, text *secret.Bytes) {
	t.Helper()
	p, err := newfile.Replace(path)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Discard()
	if err := p.Write(text); err != nil {
		t.Fatal(err)
	}
}

func TestFilesAreReadAsTheyWereWritten(t *testing.T) {
	for _, suite := range []mpin.Suite{mpin.V1, mpin.AMCL} {
		n := authntest.New(t, suite, "shop", true)
		path := filepath.Join(t.TempDir(), "file")

		const name = `anna <"é"> & co`
		token := n.Token(name, 1234)
		write(t, path, token.Text())
		gotToken, err := credential.ReadToken(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(fmt.Sprint(token.Subject), fmt.Sprint(gotToken.Subject)); diff != "" || !gotToken.Token.Bytes().Equal(token.Token.Bytes().Open()) {
			t.Error(diff)
		}

		server := n.Server("door")
		write(t, path, server.Text())
		gotServer, err := credential.ReadServer(path)
		if err != nil {
			t.Fatal(err)
		}
		if !gotServer.Same(n.Realm) || gotServer.Name != "door" || !gotServer.Permits || !gotServer.Secret.Bytes().Equal(server.Secret.Bytes().Open()) {
			t.Errorf("found %q, %t", gotServer.Name, gotServer.Permits)
		}

		permits := n.PermitsFor(name, 1, 2, 20000)
		write(t, path, permits.Text())
		gotPermits, err := credential.ReadPermits(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(permits.Text().Open(), gotPermits.Text().Open()) {
			t.Errorf("expected %s; found %s", permits.Text().Open(), gotPermits.Text().Open())
		}
		if p, ok := gotPermits.For(20000); !ok || p.Day != 20000 {
			t.Errorf("found %v, %t", p, ok)
		}
		if _, ok := gotPermits.For(3); ok {
			t.Error("found a permit that is not there")
		}
	}
}

func TestNothingInATokensFileDependsOnThePIN(t *testing.T) {
	n := authntest.New(t, mpin.V1, "shop", true)
	a, b := string(n.Token("anna", 1).Text().Open()), string(n.Token("anna", 2).Text().Open())
	before := func(text string) string {
		head, _, ok := strings.Cut(text, `"token": "`)
		if !ok {
			t.Fatalf("expected a token; found %s", text)
		}
		return head
	}
	if before(a) != before(b) || len(a) != len(b) || a == b {
		t.Errorf("expected the tokens to differ, and nothing else:\n%s\n%s", a, b)
	}
}

func TestOnlyTheOwnerMayBeAbleToReadAFile(t *testing.T) {
	n := authntest.New(t, mpin.V1, "shop", true)
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, n.Token("anna", 1).Text())
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("expected 0600; found %v, %v", info.Mode(), err)
	}
	for _, mode := range []os.FileMode{0o604, 0o640, 0o620, 0o602, 0o644, 0o601, 0o777} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := credential.ReadToken(path); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "0600") {
			t.Errorf("%o: found %v", mode, err)
		}
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := credential.ReadToken(path); err != nil {
		t.Error(err)
	}
}

func TestAFileIsNotWaitedFor(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := credential.ReadToken(pipe); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("found %v", err)
	}
}

func TestPermitsAreMergedByDay(t *testing.T) {
	n := authntest.New(t, mpin.V1, "shop", true)
	p := n.PermitsFor("anna", 10, 11, 13)
	if err := p.Merge(n.PermitsFor("anna", 14, 12, 11).Permits, 11); err != nil {
		t.Fatal(err)
	}
	var days []uint32
	for _, permit := range p.Permits {
		days = append(days, permit.Day)
	}
	if diff := cmp.Diff([]uint32{11, 12, 13, 14}, days); diff != "" {
		t.Error(diff)
	}
	if _, err := credential.ParsePermits(p.Text().Open()); err != nil {
		t.Error(err)
	}
	for day := range uint32(credential.MaxPermits) {
		p.Permits = append(p.Permits, &mpin.Permit{Day: 100 + day, Point: p.Permits[0].Point})
	}
	if err := p.Merge(nil, 0); err == nil {
		t.Error("too many: expected an error")
	}
}

func TestSecretsInFilesDoNotPrint(t *testing.T) {
	n := authntest.New(t, mpin.V1, "shop", true)
	token, server := n.Token("anna", 1), n.Server("door")
	secrettest.DoesNotLeak(t, token.Token, token.Token.Bytes().Open())
	secrettest.DoesNotLeak(t, server.Secret, server.Secret.Bytes().Open())
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", token, *token, token), fmt.Sprintf("%v %+v %#v", server, *server, server)} {
		for _, plain := range [][]byte{token.Token.Bytes().Open(), server.Secret.Bytes().Open()} {
			if strings.Contains(text, fmt.Sprintf("%x", plain)) || strings.Contains(text, fmt.Sprint(plain)) {
				t.Errorf("a secret prints: %s", text)
			}
		}
	}
	token.Clear()
	server.Clear()
	if _, err := mpin.V1.ParseToken(token.Token.Bytes()); err == nil {
		t.Error("a token survived Clear")
	}
}

func TestFilesThatAreNotWhatTheyShouldBeAreRefused(t *testing.T) {
	n := authntest.New(t, mpin.V1, "shop", true)
	token, server, permits := string(n.Token("anna", 1).Text().Open()), string(n.Server("door").Text().Open()), string(n.PermitsFor("anna", 10, 11).Text().Open())
	amcl := authntest.New(t, mpin.AMCL, "shop", true)
	parse := map[string]func([]byte) error{
		"token":   func(b []byte) error { _, err := credential.ParseToken(b); return err },
		"server":  func(b []byte) error { _, err := credential.ParseServer(b); return err },
		"permits": func(b []byte) error { _, err := credential.ParsePermits(b); return err },
	}
	replace := func(text, old, new string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("%s\ndoes not hold %s", text, old)
		}
		return strings.Replace(text, old, new, 1)
	}
	for _, test := range []struct{ name, as, text, want string }{
		{"an empty file", "token", "", "expected a JSON object"},
		{"a server's file for a token", "token", server, `expected a file of kind "mpin-token"; found "mpin-server"`},
		{"a token for permits", "permits", token, `found "mpin-token"`},
		{"permits for a server's", "server", permits, `found "mpin-permits"`},
		{"a newer version", "token", replace(token, `"version": 1`, `"version": 2`), "expected version 1; found 2"},
		{"an unknown suite", "token", replace(token, `"dta-v1"`, `"dta-v9"`), "suite"},
		{"the other suite's name", "token", replace(token, `"dta-v1"`, `"amcl-bls381"`), "not an identity"},
		{"the other suite's encoding", "server", replace(string(amcl.Server("door").Text().Open()), `"amcl-bls381"`, `"dta-v1"`), "not an element of the group"},
		{"a network that is no CID", "token", replace(token, `"bafyrei`, `"bafyxxx`), "network"},
		{"a reference that is short", "token", replace(token, `"reference": "`+n.Reference, `"reference": "00`), "reference"},
		{"a reference in capitals", "token", replace(token, n.Reference, strings.ToUpper(n.Reference)), "reference"},
		{"a name that is none", "token", replace(token, `"anna"`, `""`), "not an identity"},
		{"a name with a control character", "token", replace(token, `"anna"`, `"an\u0007na"`), "not an identity"},
		{"a member more", "token", replace(token, `"version": 1`, `"version": 1, "pin": 1234`), `unknown field "pin"`},
		{"a member twice", "token", replace(token, `"version": 1`, `"version": 1, "version": 1`), "once"},
		{"no token", "token", replace(token, `"token"`, `"name"`), "once"},
		{"something after it", "token", token + "{}", "nothing after it"},
		{"half a file", "token", token[:len(token)/2], "breaks off"},
		{"days that fall", "permits", replace(permits, `"1970-01-11"`, `"1970-01-13"`), "expected a day after"},
		{"a day twice", "permits", replace(permits, `"1970-01-11"`, `"1970-01-12"`), "expected a day after"},
		{"a day that is none", "permits", replace(permits, `"1970-01-11"`, `"1970-1-11"`), "day"},
		{"a permit that is no point", "permits", replace(permits, `"permit": "`, `"permit": "AAAA`), "permit 0"},
	} {
		err := parse[test.as]([]byte(test.text))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: expected %q; found %v", test.name, test.want, err)
		}
	}
	path := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"a large token":     second(credential.ReadToken(path)),
		"a large server's":  second(credential.ReadServer(path)),
		"large permits":     second(credential.ReadPermits(path)),
		"a directory":       second(credential.ReadToken(filepath.Dir(path))),
		"what is not there": second(credential.ReadToken(path + "x")),
	} {
		if fault.Of(err) != fault.Invalid {
			t.Errorf("%s: found %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// fuzz holds a parser to: it does not panic, and what it accepts it writes as it
// would be read again.
func fuzz[T interface{ Text() *secret.Bytes }](f *testing.F, parse func([]byte) (T, error)) {
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := parse(text)
		if err != nil {
			return
		}
		written := got.Text().Open()
		again, err := parse(written)
		if err != nil || !bytes.Equal(written, again.Text().Open()) {
			t.Fatalf("%v: %q was written as %q", err, text, written)
		}
	})
}

// seeds are one file of each kind, of a fixed master secret's network.
var seeds = []string{
	`{"kind":"mpin-token","version":1,"suite":"dta-v1","network":"bafyreigks6arfsq3xxfpvqrrwonchxcnu6do76auprhhfomao6c273sixm","reference":"00000000000000000000000000000000000000000000000000000000000000ff","name":"anna","enrolment":1,"token":"l/HTpzGX15QmlWOMT6msD8NojE+XdLkFoU46Pxcboihv5X3K1GqOfRlj6jMxJk4i"}`,
	`{"kind":"mpin-server","version":1,"suite":"dta-v1","network":"bafyreigks6arfsq3xxfpvqrrwonchxcnu6do76auprhhfomao6c273sixm","reference":"00000000000000000000000000000000000000000000000000000000000000ff","name":"door","permits":true,"secret":"AAAA"}`,
	`{"kind":"mpin-permits","version":1,"suite":"amcl-bls381","network":"bafyreigks6arfsq3xxfpvqrrwonchxcnu6do76auprhhfomao6c273sixm","reference":"00000000000000000000000000000000000000000000000000000000000000ff","name":"anna","enrolment":0,"permits":[{"day":"2026-11-22","permit":"BAAA"}]}`,
	`{"kind":"mpin-permits","version":1,"suite":"dta-v1","network":"bafyreigks6arfsq3xxfpvqrrwonchxcnu6do76auprhhfomao6c273sixm","reference":"00000000000000000000000000000000000000000000000000000000000000ff","name":"anna","enrolment":1,"permits":[]}`,
}

func FuzzParseToken(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	fuzz(f, credential.ParseToken)
}

func FuzzParseServer(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	fuzz(f, credential.ParseServer)
}

func FuzzParsePermits(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	fuzz(f, credential.ParsePermits)
}
