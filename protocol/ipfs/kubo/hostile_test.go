package kubo_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/ipfs/ipfstest"
	"github.com/milagro-dta/dta/protocol/ipfs/kubo"
)

var (
	block = []byte{0x63, 'a', 'b', 'c'}
	name  = dag.Sum(block)
)

func TestANodeIsNotBelieved(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		put    fault.Kind
		get    fault.Kind
	}{
		{"another block", say(http.StatusOK, "abd"), fault.Unavailable, fault.Unavailable},
		{"another CID", say(http.StatusOK, `{"Key":"`+dag.Sum(nil).String()+`"}`), fault.Unavailable, fault.Unavailable},
		{"no end", endless, fault.Unavailable, fault.Unavailable},
		{"a redirect", redirect, fault.Unavailable, fault.Unavailable},
		{"an error text without end", endlessError, fault.Unavailable, fault.Unavailable},
		{"the block is nowhere", say(500, `{"Message":"block was not found locally (offline): ipld: could not find x"}`), fault.NotFound, fault.NotFound},
		{"the disk is full", say(500, `{"Message":"no space left on device"}`), fault.Unavailable, fault.Unavailable},
		{"the interface is closed", say(403, "403 - Forbidden"), fault.Unavailable, fault.Unavailable},
		{"an error text for a terminal", say(500, "a\x1b[2J\nlevel=error \u202e"), fault.Unavailable, fault.Unavailable},
		{"an answer cut short", cut, fault.Unavailable, fault.Unavailable},
		{"no answer", silent, fault.Deadline, fault.Deadline},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(test.answer)
			defer server.Close()
			k, err := kubo.New(server.URL, kubo.Options{Lookup: time.Second, Call: 2 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			_, err = k.Put(ctx, block)
			ipfstest.Expect(t, err, test.put)
			if err != nil && (len(err.Error()) > 2048 || strings.ContainsAny(err.Error(), "\x1b\n\u202e")) {
				t.Errorf("expected a short error of one line, found %d bytes: %.80q", len(err.Error()), err)
			}
			_, err = k.Get(ctx, name)
			ipfstest.Expect(t, err, test.get)
		})
	}
}

func TestConnectionsAreKept(t *testing.T) {
	connections := make(map[string]bool)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connections[r.RemoteAddr] = true
		w.Write(block)
	}))
	defer server.Close()
	k, err := kubo.New(server.URL, kubo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, err := k.Get(context.Background(), name); err != nil {
			t.Fatal(err)
		}
	}
	if len(connections) != 1 {
		t.Errorf("expected 1 connection for 20 calls, found %d", len(connections))
	}
}

func TestTheAddressIsAnAbsoluteURL(t *testing.T) {
	for _, address := range []string{"", "127.0.0.1:5001", "/ip4/127.0.0.1/tcp/5001", "ftp://127.0.0.1", "http://:80", "http://h/path?x=1#f", "http://anna:hunter2@h"} {
		_, err := kubo.New(address, kubo.Options{})
		ipfstest.Expect(t, err, fault.Invalid)
	}
}

func say(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		w.Write([]byte(text))
	}
}

func endless(w http.ResponseWriter, r *http.Request) {
	chunk := []byte(strings.Repeat("x", 64<<10))
	for r.Context().Err() == nil {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

func endlessError(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(500)
	endless(w, r)
}

func redirect(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
}

func cut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	fmt.Fprint(w, "abc")
}

// silent answers nothing. It reads the request, without which a server does not
// notice that its client has gone.
func silent(_ http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}
