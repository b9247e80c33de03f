package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
)

// nodeFlags adds what says where the node is.
func (a *app) nodeFlags(c *cobra.Command) *cobra.Command {
	address := os.Getenv("DTA_URL")
	if address == "" {
		address = "http://127.0.0.1:5556"
	}
	c.PersistentFlags().StringVar(&a.url, "url", address, "`URL` where the node serves principals (or $DTA_URL)")
	a.tls.flags(c)
	return c
}

// call calls the principals' API. Work that takes long says so on a terminal.
func (a *app) call(ctx context.Context, method, path, once string, in, out any) error {
	return a.callAt(ctx, a.url, method, path, once, in, out)
}

// callAt is call of another node than --url names.
func (a *app) callAt(ctx context.Context, node, method, path, once string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
		defer secret.Clear(body)
	}
	base, err := nodeURL(node)
	if err != nil {
		return err
	}
	if err := printable(once); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, base+path, bytes.NewReader(body))
	if err != nil {
		return usagef("the node's URL: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if once != "" {
		req.Header.Set("Idempotency-Key", once)
	}
	client, err := a.tls.client()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	end := a.progress("waiting for " + req.URL.Host)
	defer end()
	res, err := client.Do(req)
	if err != nil {
		// The library's text repeats the whole address, query included.
		if call := (*url.Error)(nil); errors.As(err, &call) {
			err = call.Err
		}
		return fault.New(unanswered(err), "call the node at %s://%s: %w", req.URL.Scheme, req.URL.Host, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 8<<20))
	defer secret.Clear(text)
	if err != nil {
		return fault.New(fault.Unavailable, "read the answer: %w", err)
	}
	if res.StatusCode/100 != 2 {
		return inFlags(fault.FromProblem(res.StatusCode, res.Header.Get("Content-Type"), text))
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fault.New(fault.Unavailable, "the node's answer: expected JSON: %s", fault.Foreign(err.Error()))
	}
	return nil
}

// unanswered is what it means that a call got no answer: where either side does
// not take the other's certificate, trying again does not help.
func unanswered(err error) fault.Kind {
	var theirs *tls.CertificateVerificationError
	var alert *net.OpError
	if errors.As(err, &theirs) || errors.As(err, &alert) && alert.Op == "remote error" {
		return fault.Denied
	}
	return fault.Unavailable
}

// nodeURL checks where a node is said to be, and takes the last slash off.
func nodeURL(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		if bad := (*url.Error)(nil); errors.As(err, &bad) {
			err = bad.Err // without the text, in which a password may be
		}
		return "", usagef("the node's URL: expected one like http://127.0.0.1:5556: %w", err)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return "", usagef("the node's URL: expected one like http://127.0.0.1:5556; found %q", u.Redacted())
	}
	return strings.TrimSuffix(text, "/"), nil
}

// printable refuses an idempotency key that no HTTP header can carry.
func printable(once string) error {
	if strings.ContainsFunc(once, unicode.IsControl) {
		return usagef("--idempotency-key: expected no control characters; found %q", once)
	}
	return nil
}

// progress says on a terminal what is waited for, once it takes long.
func (a *app) progress(what string) (end func()) {
	f, ok := a.err.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func() {}
	}
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		start := time.Now()
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				fmt.Fprintf(f, "\r%s … %ds", what, int(time.Since(start).Seconds()))
			case <-done:
				if time.Since(start) > time.Second {
					fmt.Fprint(f, "\r\033[K")
				}
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}
