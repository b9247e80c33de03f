package peer_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/peer"
)

// client calls a node that answers every call alike.
func client(t *testing.T, answer http.HandlerFunc) *peer.Client {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	c, err := peer.NewClient(server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func says(status int, media, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		w.WriteHeader(status)
		io.WriteString(w, text)
	}
}

func TestOnlyANodeRefuses(t *testing.T) {
	const problem, html = "application/problem+json", "text/html"
	large := `{"offers":[` + strings.Repeat(" ", peer.MaxBody) + `]}`
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		want   fault.Kind
	}{
		{"an answer", says(200, "application/json", `{"offers":[]}`), ""},
		{"the node's 400", says(400, problem, `{"kind":"invalid","detail":"x"}`), fault.Invalid},
		{"the node's 403", says(403, problem, `{"kind":"denied","detail":"x"}`), fault.Denied},
		{"the node's 404", says(404, problem, `{"kind":"not_found","detail":"x"}`), fault.NotFound},
		{"the node's 409", says(409, problem, `{"kind":"conflict","detail":"x"}`), fault.Conflict},
		{"the node's 501", says(501, problem, `{"kind":"unsupported","detail":"x"}`), fault.Unsupported},
		{"the node's 429", says(429, problem, `{"kind":"busy","detail":"x"}`), fault.Busy},
		{"the node's 503", says(503, problem, `{"kind":"unavailable","detail":"x"}`), fault.Unavailable},
		{"the node's 504", says(504, problem, `{"kind":"deadline","detail":"x"}`), fault.Deadline},
		{"the node's 500", says(500, problem, `{"kind":"internal","detail":"internal error"}`), fault.Unavailable},
		{"a proxy's 400", says(400, html, "<h1>Bad Request</h1>"), fault.Unavailable},
		{"a proxy's 401", says(401, html, "<h1>Who are you?</h1>"), fault.Unavailable},
		{"a proxy's 404", says(404, html, "<h1>Not Found</h1>"), fault.Unavailable},
		{"a proxy's 500", says(500, html, "<h1>Oh</h1>"), fault.Unavailable},
		{"no kind", says(404, problem, `{"detail":"x"}`), fault.Unavailable},
		{"an unknown kind", says(500, problem, `{"kind":"teapot","detail":"x"}`), fault.Unavailable},
		{"a kind of another status", says(502, problem, `{"kind":"denied","detail":"x"}`), fault.Unavailable},
		{"a proxy's page instead of an answer", says(200, html, "<h1>Log in</h1>"), fault.Unavailable},
		{"JSON of another type", says(200, "application/json", `{"offers":"none"}`), fault.Unavailable},
		{"blocks that are none", says(200, "application/json", `{"blocks":["!"]}`), fault.Unavailable},
		{"an answer without end", says(200, "application/json", large), fault.Unavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := client(t, test.answer)
			_, err := c.Custody(context.Background())
			if fault.Of(err) != test.want {
				t.Errorf("custody: expected %q; found %q, %v", test.want, fault.Of(err), err)
			}
		})
	}
}

func TestAPageIsNoAcknowledgementOfANotice(t *testing.T) {
	for text, want := range map[string]fault.Kind{"{}": "", "": fault.Unavailable, "<h1>Log in</h1>": fault.Unavailable} {
		err := client(t, says(200, "application/json", text)).Notice(context.Background(), peer.Notice{})
		if fault.Of(err) != want {
			t.Errorf("%q: expected %q; found %v", text, want, err)
		}
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the client went there")
	}))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 307, 308} {
		c := client(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, status) })
		for name, call := range map[string]func() error{
			"GET":  func() error { _, err := c.Custody(context.Background()); return err },
			"POST": func() error { return c.Notice(context.Background(), peer.Notice{}) },
		} {
			if err := call(); fault.Of(err) != fault.Unavailable {
				t.Errorf("%s, %d: expected unavailable; found %v", name, status, err)
			}
		}
	}
}

func TestTheTextOfARefusalIsFitForALog(t *testing.T) {
	long := fmt.Sprintf(`{"kind":"denied","detail":"no\u001b[2J %s"}`, strings.Repeat("é", 4096))
	_, err := client(t, says(403, "application/problem+json", long)).Custody(context.Background())
	if err == nil || len(err.Error()) > 1100 || strings.Contains(err.Error(), "\x1b") || !strings.HasSuffix(err.Error(), "é…") {
		t.Errorf("found %q", err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer server.Close()
	c, err := peer.NewClient(server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Custody(ctx); fault.Of(err) != fault.Deadline {
		t.Errorf("no answer: expected deadline; found %v", err)
	}
	if c, err = peer.NewClient("http://127.0.0.1:1", nil); err != nil {
		t.Fatal(err)
	}
	_, err = c.Custody(context.Background())
	if fault.Of(err) != fault.Unavailable {
		t.Errorf("nobody there: expected unavailable; found %v", err)
	}
	if n := strings.Count(err.Error(), "http://"); n != 1 {
		t.Errorf("nobody there: expected the address once; found %v", err)
	}
}

func TestANodesAddressIsAnAbsoluteURL(t *testing.T) {
	for _, url := range []string{"", "node.example", "/v1", "ftp://node.example", "http://:80", "http://h/path?x=1#f", "http://anna:hunter2@h"} {
		if _, err := peer.NewClient(url, nil); fault.Of(err) != fault.Invalid {
			t.Errorf("%q: expected invalid; found %v", url, err)
		}
	}
}

func TestACallCarriesItsBlocks(t *testing.T) {
	var got string
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got = r.Method + " " + r.URL.Path + " " + r.Header.Get("Content-Type") + " " + string(text)
		io.WriteString(w, `{"orderPart2CID":"b","blocks":["YWJj"]}`)
	})
	out, err := c.FulfillOrder(context.Background(), peer.FulfillOrder{OrderPart1CID: "a", DocumentCID: "d", Blocks: peer.NewBag([]byte("xyz"))})
	if err != nil {
		t.Fatal(err)
	}
	want := `POST /v1/fulfill/order application/json {"orderPart1CID":"a","documentCID":"d","blocks":["eHl6"]}`
	if diff := cmp.Diff(want, got); diff != "" || out.OrderPart2CID != "b" || out.Blocks.Len() != 1 {
		t.Errorf("found %+v, %s", out, diff)
	}
}
