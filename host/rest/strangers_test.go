package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/labstack/echo/v4"

	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/clock"
	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/host/directory"
	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/identity/identitytest"
	"github.com/milagro-dta/dta/protocol/ipfs"
	"github.com/milagro-dta/dta/protocol/peer"
)

// network counts the blocks that are looked for in it.
type network struct{ searched atomic.Int32 }

func (n *network) Get(context.Context, dag.CID) ([]byte, error) {
	n.searched.Add(1)
	return nil, fault.New(fault.NotFound, "not here")
}

// TestAStrangerHasNothingSearchedFor: each block that a call names and does not
// bring would keep one of few places busy until the network has been asked.
func TestAStrangerHasNothingSearchedFor(t *testing.T) {
	self := identitytest.Keyring(t, identity.Node, "node", time.Now())
	principal := identitytest.Keyring(t, identity.Node, "principal", time.Now())
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "node.db"), store.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	log, err := audit.Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	name := principal.Identity().Name
	var all network
	work := courier.New(s, nil, courier.Options{})
	r := records.New(records.Options{
		Store: s, Audit: log, Courier: work, Keys: self, Clock: clock.New(nil, nil), Log: hclog.NewNullLogger(),
		Network: ipfs.First(&all), Peers: []*directory.Peer{{Alias: "principal", Name: name}},
	})
	f := fiduciary.New(fiduciary.Options{Records: r, Principals: []dag.CID{name}, Offers: func() []fiduciary.Standing { return nil }})
	defer f.Close()
	handler := New(Services{Records: r, Fiduciary: f, Courier: work}, Faces{Nodes: true}, hclog.NewNullLogger()).Handler()

	// It says that the principal signed it, and anybody could have made it.
	forged, err := envelope.Seal(principal, envelope.Draft{
		Kind: envelope.Order, Recipients: []*identity.Identity{principal.Identity(), self.Identity()},
		Time: time.Now(), Expires: time.Now().Add(time.Minute), Body: struct{}{},
	})
	if err != nil {
		t.Fatal(err)
	}
	bag := peer.NewBag(forged.Block)
	for path, call := range map[string]any{
		peer.PathFulfillOrder: peer.FulfillOrder{OrderPart1CID: forged.CID.String(), Blocks: bag},
		peer.PathNotice:       peer.Notice{Envelopes: []string{forged.CID.String(), dag.Sum([]byte("elsewhere")).String()}, Blocks: bag},
	} {
		body, err := json.Marshal(call)
		if err != nil {
			t.Fatal(err)
		}
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, path, strings.NewReader(string(body))))
		if rec.Code != http.StatusNotFound {
			t.Errorf("%s: expected not found; found %d %s", path, rec.Code, rec.Body)
		}
		if path == peer.PathFulfillOrder {
			err := fault.FromProblem(rec.Code, rec.Header().Get("Content-Type"), rec.Body.Bytes())
			if got := fault.Missing(err); len(got) != 1 || got[0] != principal.Identity().Document.String() {
				t.Errorf("expected the principal's document to be missing; found %s", rec.Body)
			}
		}
		if n := all.searched.Load(); n != 0 {
			t.Errorf("%s: the network was searched %d times", path, n)
		}
	}
}

// TestWhoGoesLeavesTheirPlaceToTheirWork: what a fiduciary has begun goes on
// without its caller.
func TestWhoGoesLeavesTheirPlaceToTheirWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Services{Fiduciary: new(fiduciary.Service), gate: newGate(1, 0)}
		finish := make(chan struct{})
		handler := fulfil(s, func(ctx context.Context, _ peer.FulfillOrder) (peer.FulfilledOrder, error) {
			select {
			case <-finish:
			case <-ctx.Done():
			}
			return peer.FulfilledOrder{}, ctx.Err()
		})
		call := func(ctx context.Context) error {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}")).WithContext(ctx)
			return handler(echo.New().NewContext(r, httptest.NewRecorder()))
		}
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error)
		go func() { first <- call(ctx) }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		if err := call(t.Context()); fault.Of(err) != fault.Busy {
			t.Errorf("expected no place while the work goes on; found %v", err)
		}
		close(finish)
		if err := <-first; err != nil {
			t.Error(err)
		}
		if err := call(t.Context()); err != nil {
			t.Errorf("expected a place again; found %v", err)
		}
	})
}
