package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/cmd/dta/authn/authntest"
	"github.com/milagro-dta/dta/cmd/dta/newfile"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/secret"
)

func save(t *testing.T, name string, text *secret.Bytes) string {
	t.Helper()
	path := file(t, name)
	place, err := newfile.New(path)
	if err != nil {
		t.Fatal(err)
	}
	defer place.Discard()
	if err := place.Write(text); err != nil {
		t.Fatal(err)
	}
	return path
}

// door runs dta mpin server until the test ends and returns its address.
func door(t *testing.T, flags ...string) (address string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan int)
	go func() {
		defer in.Close()
		code := run(ctx, append([]string{"mpin", "server", "--create", "--listen", "127.0.0.1:0"}, flags...), strings.NewReader(""), in, io.Discard)
		ended <- code
	}()
	t.Cleanup(func() {
		stop()
		go io.Copy(io.Discard, out)
		if code := <-ended; code != ExitOK {
			t.Errorf("the server ended with %d", code)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if _, err := fmt.Sscanf(line, "door ready on %s for network", &address); err != nil {
		t.Fatalf("found %q, %v", line, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func TestALoginOverTLS(t *testing.T) {
	n := authntest.New(t, mpin.V1, "shop", false)
	secret, token := save(t, "door", n.Server("door").Text()), save(t, "anna", n.Token("anna", 1234).Text())
	cert, key, _ := certificate(t, "door")
	other, _, _ := certificate(t, "other")
	address := door(t, "--secret", secret, "--state", file(t, "state"), "--tls-cert", cert, "--tls-key", key)
	for _, test := range []struct {
		name, url, ca string
		code          int
	}{
		{"with its authority", "https://" + address, cert, ExitOK},
		{"with another's", "https://" + address, other, ExitDenied},
		{"with the system's", "https://" + address, "", ExitDenied},
		{"without TLS", "http://" + address, "", ExitUnavailable},
		{"with an authority that is none", "https://" + address, key, ExitUsage},
	} {
		var out, errOut strings.Builder
		args := []string{"mpin", "login", "--token", token, "--server", test.url, "--pin-stdin"}
		if test.ca != "" {
			args = append(args, "--ca", test.ca)
		}
		code := run(t.Context(), args, strings.NewReader("1234\n"), &out, &errOut)
		if code != test.code {
			t.Errorf("%s: expected %d; found %d, %s", test.name, test.code, code, errOut.String())
		}
	}
}

// A broken server of the network could pass a login on to another of it.
func TestAPersonMayInsistOnAServer(t *testing.T) {
	n := authntest.New(t, mpin.V1, "shop", false)
	token := save(t, "anna", n.Token("anna", 1234).Text())
	address := door(t, "--secret", save(t, "door", n.Server("door").Text()), "--state", file(t, "state"))
	for _, test := range []struct {
		name string
		code int
		says string
	}{
		{"door", ExitOK, ""},
		{"gate", ExitDenied, `expected "gate"; found "door"`},
		{"", ExitUsage, "--server-name"},
	} {
		// Where it is another, nobody is asked for a PIN.
		typed := ""
		if test.code == ExitOK {
			typed = "1234\n"
		}
		var out, errOut strings.Builder
		args := []string{"mpin", "login", "--token", token, "--server", "http://" + address, "--server-name", test.name, "--pin-stdin"}
		if code := run(t.Context(), args, strings.NewReader(typed), &out, &errOut); code != test.code || !strings.Contains(errOut.String(), test.says) {
			t.Errorf("%q: expected %d and %q; found %d, %s", test.name, test.code, test.says, code, errOut.String())
		}
	}
}

func TestAChangedPINIsTheNewOneOnlyIfTheOldWasRight(t *testing.T) {
	for _, suite := range []mpin.Suite{mpin.V1, mpin.AMCL} {
		n := authntest.New(t, suite, "shop", false)
		token := save(t, "anna", n.Token("anna", 1234).Text())
		address := door(t, "--secret", save(t, "door", n.Server("door").Text()), "--state", file(t, "state"), "--attempts", "10")
		for _, step := range []struct {
			command, typed string
			code           int
		}{
			{"login", "1234\n", ExitOK},
			{"change", "1234\n0001\n", ExitOK},
			{"login", "1234\n", ExitDenied},
			{"login", "0001\n", ExitOK},
			{"change", "0002\n0005\n", ExitOK}, // one too many: the new one is, too
			{"login", "0005\n", ExitDenied},
			{"login", "0004\n", ExitOK},
			{"change", "0004\n", ExitUsage},
			{"change", "0004\nlong1\n", ExitUsage},
			{"login", "0004\n", ExitOK},
		} {
			args := []string{"mpin", "login", "--token", token, "--server", "http://" + address, "--pin-stdin"}
			if step.command == "change" {
				args = []string{"mpin", "change-pin", "--token", token, "--pin-stdin"}
			}
			var out, errOut strings.Builder
			if code := run(t.Context(), args, strings.NewReader(step.typed), &out, &errOut); code != step.code {
				t.Errorf("%s, %q: expected %d; found %d, %s", step.command, step.typed, step.code, code, errOut.String())
			}
		}
	}
}
