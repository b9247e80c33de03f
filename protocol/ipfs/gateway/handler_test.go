package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/ipfs/gateway"
	"github.com/milagro-dta/dta/protocol/ipfs/ipfstest"
)

var body = []byte{0x63, 'a', 'b', 'c'}

// ask makes one request; redirects are not followed.
func ask(t *testing.T, url, method, path string, header http.Header) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequest(method, url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, text
}

func TestABlockIsServedAsTheInterfaceSays(t *testing.T) {
	s := new(shelf)
	url := node(t, s)
	c, err := s.Put(context.Background(), body)
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		res, text := ask(t, url, method, "/ipfs/"+c.String()+"?format=raw", nil)
		got := make(map[string]string)
		for name := range res.Header {
			got[name] = res.Header.Get(name)
		}
		delete(got, "Date")
		want := map[string]string{
			"Content-Type":           "application/vnd.ipld.raw",
			"Content-Length":         "4",
			"Content-Disposition":    `attachment; filename="` + c.String() + `.bin"`,
			"Cache-Control":          "public, max-age=29030400, immutable",
			"Etag":                   `"` + c.String() + `.raw"`,
			"Vary":                   "Accept, DTA-Party",
			"X-Content-Type-Options": "nosniff",
			"X-Ipfs-Path":            "/ipfs/" + c.String(),
			"X-Ipfs-Roots":           c.String(),
		}
		if diff := cmp.Diff(want, got); diff != "" || res.StatusCode != http.StatusOK {
			t.Errorf("%s: %s: %s", method, res.Status, diff)
		}
		if method == http.MethodGet && !bytes.Equal(text, body) || method == http.MethodHead && len(text) != 0 {
			t.Errorf("%s: found % x", method, text)
		}
	}
}

func TestRequests(t *testing.T) {
	s := new(shelf)
	url := node(t, s)
	c, err := s.Put(context.Background(), body)
	if err != nil {
		t.Fatal(err)
	}
	detached := s.keep(t, []byte{0x61, 'x'}, cast()["party"].Identity().Name)
	good := "/ipfs/" + c.String()
	raw := http.Header{"Accept": {"application/vnd.ipld.raw"}}
	for _, test := range []struct {
		name         string
		method, path string
		header       http.Header
		status       int
		kind         fault.Kind
	}{
		{"by format", "GET", good + "?format=raw", nil, 200, ""},
		{"by Accept", "GET", good, raw, 200, ""},
		{"by one of several in Accept", "GET", good, http.Header{"Accept": {"text/html, application/vnd.ipld.raw;q=0.5"}}, 200, ""},
		{"format has precedence over Accept", "GET", good + "?format=raw", http.Header{"Accept": {"text/html"}}, 200, ""},
		{"the probe for the interface", "GET", "/ipfs/bafkqaaa?format=raw", nil, 200, ""},
		{"a block that the caller has", "GET", good + "?format=raw", http.Header{"If-None-Match": {`"x", W/"` + c.String() + `.raw"`}}, 304, ""},
		{"neither format nor Accept", "GET", good, nil, 406, fault.Unsupported},
		{"a browser", "GET", good, http.Header{"Accept": {"text/html,*/*;q=0.8"}}, 406, fault.Unsupported},
		{"an archive", "GET", good + "?format=car", raw, 406, fault.Unsupported},
		{"two formats", "GET", good + "?format=raw&format=car", nil, 406, fault.Unsupported},
		{"no CID", "GET", "/ipfs/?format=raw", nil, 400, fault.Invalid},
		{"not a CID", "GET", "/ipfs/hello?format=raw", nil, 400, fault.Invalid},
		{"a CID of the old version", "GET", "/ipfs/QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o?format=raw", nil, 400, fault.Invalid},
		{"a CID in capitals", "GET", "/ipfs/" + strings.ToUpper(c.String()) + "?format=raw", nil, 400, fault.Invalid},
		{"a path below a block", "GET", good + "/header?format=raw", nil, 400, fault.Invalid},
		{"a name", "GET", "/ipns/example.com?format=raw", nil, 400, fault.Invalid},
		{"a block that is not there", "GET", "/ipfs/" + dag.Sum([]byte{0x60}).String() + "?format=raw", nil, 404, fault.NotFound},
		{"a detached block", "GET", "/ipfs/" + detached.String() + "?format=raw", nil, 404, fault.NotFound},
		{"a detached block with a proof that is none", "GET", "/ipfs/" + detached.String() + "?format=raw", http.Header{"Dta-Party": {"AAAA"}}, 400, fault.Invalid},
		{"a detached block with two proofs", "GET", "/ipfs/" + detached.String() + "?format=raw", http.Header{"Dta-Party": {"AAAA", "AAAA"}}, 400, fault.Invalid},
		{"a public block with a proof that is none", "GET", good + "?format=raw", http.Header{"Dta-Party": {"AAAA"}}, 200, ""},
		{"a write", "POST", good + "?format=raw", nil, 405, fault.Invalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			res, text := ask(t, url, test.method, test.path, test.header)
			if res.StatusCode != test.status {
				t.Fatalf("expected %d, found %s: %s", test.status, res.Status, text)
			}
			if test.kind == "" {
				return
			}
			var said struct {
				Status        int
				Title, Detail string
				Kind          fault.Kind
				Error         string
			}
			if err := json.Unmarshal(text, &said); err != nil {
				t.Fatalf("expected problem details, found %s", text)
			}
			if said.Status != test.status || said.Kind != test.kind || said.Detail == "" || said.Error != said.Detail {
				t.Errorf("found %+v", said)
			}
			for name, want := range map[string]string{
				"Content-Type": "application/problem+json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
			} {
				if found := res.Header.Get(name); found != want {
					t.Errorf("%s: expected %q, found %q", name, want, found)
				}
			}
		})
	}
}

func TestADetachedBlockStaysInNoCache(t *testing.T) {
	all := cast()
	s := new(shelf)
	url := node(t, s, all["party"])
	c := s.keep(t, []byte{0x61, 'x'}, all["party"].Identity().Name)
	proof, err := gateway.Prove(all["party"], all["node"].Identity().Name, c, now)
	if err != nil {
		t.Fatal(err)
	}
	res, _ := ask(t, url, "GET", "/ipfs/"+c.String()+"?format=raw", http.Header{gateway.HeaderParty: {proof}})
	if res.StatusCode != 200 || res.Header.Get("Cache-Control") != "private, no-store" {
		t.Errorf("found %s, %q", res.Status, res.Header.Get("Cache-Control"))
	}
	// Whoever knows the CID must not learn that the node has the block.
	res, _ = ask(t, url, "GET", "/ipfs/"+c.String()+"?format=raw", http.Header{"If-None-Match": {`"` + c.String() + `.raw"`}})
	if res.StatusCode != 404 {
		t.Errorf("expected 404, found %s", res.Status)
	}
}

func TestABlockKeptFromSomeoneLooksLikeOneThatIsNotThere(t *testing.T) {
	s := new(shelf)
	url := node(t, s)
	kept := s.keep(t, []byte{0x61, 'x'}, cast()["party"].Identity().Name)
	absent := dag.Sum([]byte{0x60})
	_, one := ask(t, url, "GET", "/ipfs/"+kept.String()+"?format=raw", nil)
	_, other := ask(t, url, "GET", "/ipfs/"+absent.String()+"?format=raw", nil)
	if strings.ReplaceAll(string(one), kept.String(), "") != strings.ReplaceAll(string(other), absent.String(), "") {
		t.Errorf("found\n%s\n%s", one, other)
	}
}

func TestABlockChangedInTheStoreIsNotServed(t *testing.T) {
	s := new(shelf)
	url := node(t, s)
	c, err := s.Put(context.Background(), body)
	if err != nil {
		t.Fatal(err)
	}
	s.Corrupt(c, func(b []byte) []byte { b[1] ^= 1; return b })
	res, text := ask(t, url, "GET", "/ipfs/"+c.String()+"?format=raw", nil)
	if res.StatusCode < 500 || bytes.Contains(text, []byte("bbc")) {
		t.Errorf("found %s: %s", res.Status, text)
	}
	_, err = reader(t, url, nil).Get(context.Background(), c)
	ipfstest.Expect(t, err, fault.Unavailable)
}
