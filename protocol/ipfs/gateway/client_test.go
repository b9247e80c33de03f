package gateway_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/ipfs/gateway"
	"github.com/milagro-dta/dta/protocol/ipfs/ipfstest"
)

func TestAHandlerAndAClientAreALog(t *testing.T) {
	s := new(shelf)
	ipfstest.Test(t, &s.Memory, reader(t, node(t, s), nil))
}

func TestADetachedBlockIsServedToItsPartyOnly(t *testing.T) {
	all := cast()
	s := new(shelf)
	url := node(t, s, all["party"], all["stranger"])
	c := s.keep(t, []byte{0x61, 'x'}, all["party"].Identity().Name)
	for _, test := range []struct {
		name string
		who  *identity.Keyring
		want fault.Kind
	}{
		{"the party", all["party"], ""},
		{"another party that is known", all["stranger"], fault.Denied},
		{"someone who is not known", all["other node"], fault.Denied},
		{"anyone", nil, fault.NotFound},
	} {
		t.Run(test.name, func(t *testing.T) {
			block, err := reader(t, url, test.who).Get(context.Background(), c)
			ipfstest.Expect(t, err, test.want)
			if (err == nil) != bytes.Equal(block, []byte{0x61, 'x'}) {
				t.Errorf("found % x", block)
			}
		})
	}
}

func TestTheNextSourceIsAskedWhenOneFails(t *testing.T) {
	block := []byte{0x63, 'a', 'b', 'c'}
	s := new(shelf)
	c, err := s.Put(context.Background(), block)
	if err != nil {
		t.Fatal(err)
	}
	good := node(t, s)
	for name, answer := range bad {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(answer)
			defer server.Close()
			o := gateway.Options{Timeout: time.Second}
			both, err := gateway.New([]gateway.Source{{URL: server.URL}, {URL: good}}, o)
			if err != nil {
				t.Fatal(err)
			}
			found, err := both.Get(context.Background(), c)
			if err != nil || !bytes.Equal(found, block) {
				t.Errorf("with a good source: found % x, %v", found, err)
			}
			alone, err := gateway.New([]gateway.Source{{URL: server.URL}}, o)
			if err != nil {
				t.Fatal(err)
			}
			_, err = alone.Get(context.Background(), c)
			want := fault.Unavailable
			if name == "no answer" {
				want = fault.Deadline
			}
			ipfstest.Expect(t, err, want)
			if len(err.Error()) > 2048 {
				t.Errorf("expected a short error, found %d bytes", len(err.Error()))
			}
		})
	}
}

// bad are gateways that are not to be believed.
var bad = map[string]http.HandlerFunc{
	"another block": func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("abd")) },
	"no block":      func(http.ResponseWriter, *http.Request) {},
	"a block without end": func(w http.ResponseWriter, r *http.Request) {
		chunk := []byte(strings.Repeat("x", 64<<10))
		for {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	},
	"an error without end": func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		chunk := []byte(strings.Repeat("x", 64<<10))
		for {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	},
	"a redirect": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
	},
	"a proxy's 404": http.NotFound,
	"a proxy's 403": func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "<h1>Forbidden</h1>", http.StatusForbidden)
	},
	"a proxy's 401": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
	"a proxy's 410": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) },
	"a proxy's 504": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGatewayTimeout) },
	"another API's 404": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		w.Write([]byte(`{"detail":"no such route"}`))
	},
	"no answer": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	"a connection that breaks": func(http.ResponseWriter, *http.Request) {
		panic(http.ErrAbortHandler)
	},
}

func TestNoSourceIsShownAProofForAnother(t *testing.T) {
	all := cast()
	var shown []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown = append(shown, r.Header.Values(gateway.HeaderParty)...)
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		w.Write([]byte(`{"kind":"not_found"}`))
	}))
	defer server.Close()
	o := gateway.Options{Prove: func(audience, c dag.CID) (string, error) {
		return gateway.Prove(all["party"], audience, c, now)
	}}
	c, err := gateway.New([]gateway.Source{{URL: server.URL}, {URL: server.URL, Node: all["other node"].Identity().Name}}, o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Get(context.Background(), dag.Sum([]byte{0x60}))
	ipfstest.Expect(t, err, fault.NotFound)
	if len(shown) != 1 {
		t.Fatalf("expected one proof for the one node with a name, found %d", len(shown))
	}
	p, err := gateway.ParseProof(shown[0])
	if err != nil || p.Audience != all["other node"].Identity().Name {
		t.Errorf("expected the proof to be for that node, found %+v, %v", p, err)
	}
}

func TestSourcesAreAbsoluteURLs(t *testing.T) {
	for _, url := range []string{"", "node.example", "/ipfs", "ftp://node.example", "http://:80", "http://h/path?x=1#f", "http://anna:hunter2@h"} {
		_, err := gateway.New([]gateway.Source{{URL: url}}, gateway.Options{})
		ipfstest.Expect(t, err, fault.Invalid)
	}
	none, err := gateway.New(nil, gateway.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = none.Get(context.Background(), dag.Sum([]byte{0x60}))
	ipfstest.Expect(t, err, fault.NotFound)
}
