package peer_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/peer"
)

// TestHowANetworksDTAIsAsked: paths and members are what other nodes rely upon.
func TestHowANetworksDTAIsAsked(t *testing.T) {
	var got []string
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.Method+" "+r.URL.Path+" "+string(body))
		if r.URL.Path == peer.PathFulfillRequest {
			io.WriteString(w, `{"grantCID":"g","blocks":["YQ==","Yg=="]}`)
			return
		}
		io.WriteString(w, `{}`)
	})
	answer, err := c.FulfillRequest(context.Background(), peer.FulfillRequest{RequestCID: "q", Blocks: peer.NewBag([]byte("a"))})
	if err != nil || answer.GrantCID != "g" || answer.Blocks.Len() != 2 {
		t.Errorf("found %+v, %v", answer, err)
	}
	if _, ok := answer.Blocks.Get(dag.Sum([]byte("b"))); !ok {
		t.Error("a block of the answer is missing")
	}
	if err := c.FulfillRevocation(context.Background(), peer.FulfillRevocation{RevocationCID: "r", Blocks: peer.NewBag([]byte("a"))}); err != nil {
		t.Error(err)
	}
	want := []string{
		`POST /v1/fulfill/request {"requestCID":"q","blocks":["YQ=="]}`,
		`POST /v1/fulfill/revocation {"revocationCID":"r","blocks":["YQ=="]}`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestAPageIsNoAcknowledgementOfARevocation: who believed it would tell nobody again.
func TestAPageIsNoAcknowledgementOfARevocation(t *testing.T) {
	const problem = "application/problem+json"
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   fault.Kind
	}{
		"the node's word":  {says(200, "application/json", `{}`), ""},
		"an empty answer":  {says(200, "application/json", ``), fault.Unavailable},
		"a proxy's page":   {says(200, "text/html", `<h1>Log in</h1>`), fault.Unavailable},
		"a proxy's 404":    {says(404, "text/html", `<h1>Not Found</h1>`), fault.Unavailable},
		"the node's 404":   {says(404, problem, `{"kind":"not_found","detail":"x"}`), fault.NotFound},
		"the node's 403":   {says(403, problem, `{"kind":"denied","detail":"x"}`), fault.Denied},
		"the node is busy": {says(429, problem, `{"kind":"busy","detail":"x"}`), fault.Busy},
	} {
		if err := client(t, test.answer).FulfillRevocation(context.Background(), peer.FulfillRevocation{}); fault.Of(err) != test.want {
			t.Errorf("%s: expected %q; found %v", name, test.want, err)
		}
	}
}
