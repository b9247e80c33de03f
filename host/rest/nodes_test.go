package rest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/clock"
	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/identity/identitytest"
	"github.com/milagro-dta/dta/protocol/peer"
)

// nodesAPI is the nodes' API of a fiduciary that keeps nothing yet, and its node.
func nodesAPI(t *testing.T) (http.Handler, *identity.Keyring) {
	t.Helper()
	k := identitytest.Keyring(t, identity.Node, "node", time.Now())
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "node.db"), store.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	log, err := audit.Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	work := courier.New(s, nil, courier.Options{})
	r := records.New(records.Options{Store: s, Audit: log, Courier: work, Keys: k, Clock: clock.New(nil, nil), Log: hclog.NewNullLogger()})
	f := fiduciary.New(fiduciary.Options{Records: r, Offers: func() []fiduciary.Standing { return nil }})
	t.Cleanup(f.Close)
	return New(Services{Records: r, Fiduciary: f, Courier: work}, Faces{Nodes: true}, hclog.NewNullLogger()).Handler(), k
}

// stray is an envelope of a kind, for a node, that links an order nobody has.
func stray(t *testing.T, kind envelope.Kind, node *identity.Keyring) *envelope.Sealed {
	t.Helper()
	k := identitytest.Keyring(t, identity.Node, "stranger", time.Now())
	sealed, err := envelope.Seal(k, envelope.Draft{
		Kind: kind, Recipients: []*identity.Identity{k.Identity(), node.Identity()}, Time: time.Now(), Expires: time.Now().Add(time.Minute),
		Previous: []dag.CID{dag.Sum([]byte("no order"))}, Body: struct{}{},
	})
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// TestWhatNodesAreRefused: every refusal is problem details with its kind.
func TestWhatNodesAreRefused(t *testing.T) {
	handler, node := nodesAPI(t)
	call := func(t *testing.T, method, path, body string, kind fault.Kind, status int) {
		t.Helper()
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, httptest.NewRequest(method, path, strings.NewReader(body)))
		var p Problem
		if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil || rec.Header().Get("Content-Type") != fault.ProblemType {
			t.Fatalf("expected problem details; found %d %s", rec.Code, rec.Body)
		}
		if rec.Code != status || p.Status != status || p.Kind != kind || p.Detail == "" || p.Error != p.Detail {
			t.Errorf("expected %d %q; found %d %+v", status, kind, rec.Code, p)
		}
	}
	name := dag.Sum([]byte("x")).String()
	many := `"` + base64.StdEncoding.EncodeToString([]byte("b")) + `"`
	for _, resource := range []struct {
		path, member string
		kind         envelope.Kind
	}{
		{peer.PathFulfillRequest, "requestCID", envelope.Request},
		{peer.PathFulfillRevocation, "revocationCID", envelope.Revocation},
	} {
		sealed := stray(t, resource.kind, node)
		with := func(block []byte) string {
			return `{"` + resource.member + `":"` + dag.Sum(block).String() + `","blocks":["` + base64.StdEncoding.EncodeToString(block) + `"]}`
		}
		for _, test := range []struct {
			name, body string
			kind       fault.Kind
			status     int
		}{
			{"nothing", ``, fault.Invalid, 400},
			{"null", `null`, fault.Invalid, 400},
			{"a list", `[]`, fault.Invalid, 400},
			{"an object without members", `{}`, fault.Invalid, 400},
			{"a CID that is none", `{"` + resource.member + `":"x"}`, fault.Invalid, 400},
			{"a number for a CID", `{"` + resource.member + `":7}`, fault.Invalid, 400},
			{"no block", `{"` + resource.member + `":"` + name + `"}`, fault.Invalid, 400},
			{"an unknown member", `{"` + resource.member + `":"` + name + `","documentCID":"` + name + `"}`, fault.Invalid, 400},
			{"a member twice", `{"` + resource.member + `":"` + name + `","` + resource.member + `":"` + name + `"}`, fault.Invalid, 400},
			{"blocks that are no base64", `{"` + resource.member + `":"` + name + `","blocks":["!"]}`, fault.Invalid, 400},
			{"blocks that are no list", `{"` + resource.member + `":"` + name + `","blocks":{}}`, fault.Invalid, 400},
			{"too many blocks", `{"` + resource.member + `":"` + name + `","blocks":[` + many + strings.Repeat(","+many, peer.MaxBlocks) + `]}`, fault.Invalid, 400},
			{"a block that is no envelope", with([]byte("b")), fault.Invalid, 400},
			{"another kind of envelope", with(stray(t, envelope.Acceptance, node).Block), fault.Invalid, 400},
			{"a network that is not known", with(sealed.Block), fault.NotFound, 404},
			{"something after it", with(sealed.Block) + `{}`, fault.Invalid, 400},
			{"a body beyond the limit", strings.Repeat(" ", peer.MaxBody+1), fault.Invalid, 413},
		} {
			t.Run(resource.path+"/"+test.name, func(t *testing.T) {
				call(t, http.MethodPost, resource.path, test.body, test.kind, test.status)
			})
		}
		t.Run(resource.path+"/another method", func(t *testing.T) {
			call(t, http.MethodGet, resource.path, "", fault.Invalid, http.StatusMethodNotAllowed)
		})
	}
}

// A refusal keeps its kind on the way to the node that asked.
func TestANodesRefusalReachesItsPeer(t *testing.T) {
	handler, node := nodesAPI(t)
	server := httptest.NewServer(handler)
	defer server.Close()
	c, err := peer.NewClient(server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	request, revocation := stray(t, envelope.Request, node), stray(t, envelope.Revocation, node)
	_, err = c.FulfillRequest(context.Background(), peer.FulfillRequest{RequestCID: request.CID.String(), Blocks: peer.NewBag(request.Block)})
	if fault.Of(err) != fault.NotFound {
		t.Errorf("request: expected not found; found %v", err)
	}
	err = c.FulfillRevocation(context.Background(), peer.FulfillRevocation{RevocationCID: revocation.CID.String(), Blocks: peer.NewBag(revocation.Block)})
	if fault.Of(err) != fault.NotFound {
		t.Errorf("revocation: expected not found; found %v", err)
	}
}

func TestWhoKeepsNothingIssuesNothing(t *testing.T) {
	handler := New(Services{}, Faces{Nodes: true}, hclog.NewNullLogger()).Handler()
	for _, path := range []string{peer.PathFulfillOrder, peer.PathFulfillSecret, peer.PathFulfillRequest, peer.PathFulfillRevocation} {
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, path, bytes.NewReader([]byte(`{}`))))
		if rec.Code != http.StatusForbidden {
			t.Errorf("%s: expected 403; found %d %s", path, rec.Code, rec.Body)
		}
	}
}

func TestChainsOfDocumentsAreShown(t *testing.T) {
	handler, _ := nodesAPI(t)
	server := httptest.NewServer(handler)
	defer server.Close()
	c, err := peer.NewClient(server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	chain := identitytest.Rotated(t, identity.Node, "acme", time.Now(), 3).Identity().Blocks()
	if err := c.Show(t.Context(), chain); err != nil {
		t.Error(err)
	}
	if err := c.Show(t.Context(), chain[1:]); fault.Of(err) != fault.Invalid {
		t.Errorf("a chain without its first document: expected invalid; found %v", err)
	}
	if err := c.Notice(t.Context(), peer.Notice{Documents: make([]string, peer.MaxDocuments+1)}); fault.Of(err) != fault.Invalid {
		t.Errorf("a notice of too many documents: expected invalid; found %v", err)
	}
}
