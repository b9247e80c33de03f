//go:build linux

package systest_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/clock"
	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/host/directory"
	"github.com/milagro-dta/dta/host/principal"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/redemption"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/host/systest/rig"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/identity/identitytest"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// sharer is a principal's node inside the test, with the services of the daemon,
// that has secrets kept by several fiduciaries, each in processes of its own.
type sharer struct {
	t         *testing.T
	principal *principal.Service
	redeem    *redemption.Service
	records   *records.Records
	members   []*rig.Node
	ways      []*way
}

// way is the way to a fiduciary whose host may answer a redemption with another's
// release.
type way struct {
	*peer.Client
	lie atomic.Pointer[peer.FulfilledSecret]
	got atomic.Pointer[peer.FulfilledSecret] // its newest true answer

	asked func() // when it is to keep something; nil where nobody wants to know
}

func (w *way) FulfillOrder(ctx context.Context, req peer.FulfillOrder) (peer.FulfilledOrder, error) {
	if w.asked != nil {
		w.asked()
	}
	return w.Client.FulfillOrder(ctx, req)
}

func (w *way) FulfillSecret(ctx context.Context, req peer.FulfillSecret) (peer.FulfilledSecret, error) {
	if lie := w.lie.Load(); lie != nil {
		return *lie, nil
	}
	out, err := w.Client.FulfillSecret(ctx, req)
	if err == nil {
		w.got.Store(&out)
	}
	return out, err
}

func newSharer(t *testing.T, n int) *sharer {
	t.Helper()
	f := rig.Federate(t, n, rig.Options{})
	keys := identitytest.Keyring(t, identity.Node, "sharer", time.Now())
	s := &sharer{t: t, members: f.Members}
	var peers []*directory.Peer
	for i, m := range f.Members {
		admit(t, m, keys.Identity().Name)
		client, err := peer.NewClient(m.URL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		w := &way{Client: client}
		s.ways = append(s.ways, w)
		peers = append(peers, &directory.Peer{
			Alias: fmt.Sprintf("dta-%d", i+1), Name: parse(t, m.Identity()), Node: client, Fiduciary: w, Notify: client.Notice, Show: client.Show, Document: client.Document,
			Pinned: []dag.CID{parse(t, m.Custody("vault"))},
		})
	}
	ctx := context.Background()
	db, err := store.Open(ctx, filepath.Join(t.TempDir(), "node.db"), store.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	log, err := audit.Open(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	log.SetSigner(audit.NewSigner(keys))
	work := courier.New(db, map[string]courier.Handler{
		records.JobFulfil: func(ctx context.Context, j courier.Job) error { return s.principal.Resume(ctx, j.Payload) },
		records.JobRedeem: func(ctx context.Context, j courier.Job) error { return s.redeem.Resume(ctx, j.Payload) },
	}, courier.Options{})
	s.records = records.New(records.Options{
		Store: db, Audit: log, Courier: work, Keys: keys, Clock: clock.New(db, nil), Peers: peers, Log: hclog.NewNullLogger(),
	})
	s.principal, s.redeem = principal.New(s.records, ""), redemption.New(s.records, principal.Role)
	work.Start()
	t.Cleanup(func() {
		work.Stop()
		s.principal.Close()
		s.redeem.Close()
		db.Close()
	})
	return s
}

func parse(t *testing.T, text string) dag.CID {
	t.Helper()
	c, err := dag.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// place has a secret kept by all members, of whom so many give it back.
func (s *sharer) place(ctx context.Context, what []byte, threshold int) principal.Placed {
	s.t.Helper()
	req := principal.Request{Secret: secret.Copy(what), Threshold: threshold}
	for i := range s.members {
		req.Keepers = append(req.Keepers, principal.Keeper{Fiduciary: fmt.Sprintf("dta-%d", i+1)})
	}
	placed, err := s.principal.Place(ctx, req)
	if err != nil {
		s.t.Fatal(err)
	}
	return placed
}

// limitOfOne is how long one redemption may take.
const limitOfOne = time.Minute

// redeemed is the secret that an order gives back.
func (s *sharer) redeemed(ref string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), limitOfOne)
	defer cancel()
	got, err := s.redeem.Redeem(ctx, ref, dag.CID{}, nil)
	if err != nil {
		return nil, err
	}
	return got.Material.Open(), nil
}

func (s *sharer) gives(ref string, want []byte, when string) {
	s.t.Helper()
	got, err := s.redeemed(ref)
	if err != nil {
		s.t.Errorf("%s: %v", when, err)
	} else if !bytes.Equal(got, want) {
		s.t.Errorf("%s: another secret was given back", when)
	}
}

func (s *sharer) refuses(ref, when string, kind fault.Kind, naming string) {
	s.t.Helper()
	_, err := s.redeemed(ref)
	if fault.Of(err) != kind || !strings.Contains(fmt.Sprint(err), naming) {
		s.t.Errorf("%s: expected %s that names %s; found %v", when, kind, naming, err)
	}
}

func TestAnyTwoOfThreeFiduciariesGiveASecretBackAndOneAloneDoesNot(t *testing.T) {
	s := newSharer(t, 3)
	what := []byte("what three keep and two give back")
	placed := s.place(t.Context(), what, 2)
	if placed.State != order.Accepted {
		t.Fatalf("expected all to accept; the order is %s", placed.State)
	}
	s.gives(placed.OrderCID.String(), what, "with all three")
	for i, m := range s.members {
		m.Stop()
		s.gives(placed.OrderCID.String(), what, fmt.Sprintf("without dta-%d", i+1))
		other := s.members[(i+1)%3]
		other.Stop()
		s.refuses(placed.OrderCID.String(), fmt.Sprintf("with dta-%d alone", (i+2)%3+1), fault.Unavailable, m.Identity())
		other.Restart()
		m.Restart()
	}
	s.gives(placed.OrderCID.String(), what, "with all three again")
}

func TestAHostThatAnswersWithAnothersReleaseIsPassedOverAndNamed(t *testing.T) {
	s := newSharer(t, 3)
	what := []byte("what nobody can spoil alone")
	two, three := s.place(t.Context(), what, 2), s.place(t.Context(), what, 3)
	s.gives(three.OrderCID.String(), what, "with three honest hosts")
	// What it answered for the other order, and what another has answered.
	for name, lie := range map[string]*peer.FulfilledSecret{"its own of another order": s.ways[0].got.Load(), "another's": s.ways[1].got.Load()} {
		s.ways[0].lie.Store(lie)
		s.gives(two.OrderCID.String(), what, "two of three, one lies: "+name)
		s.refuses(three.OrderCID.String(), "three of three, one lies: "+name, fault.Unavailable, s.members[0].Identity())
	}
	s.ways[0].lie.Store(nil)
	s.gives(three.OrderCID.String(), what, "once it is honest again")
}

func TestAnOrderGoesOnUntilTheLastFiduciaryHasAccepted(t *testing.T) {
	s := newSharer(t, 3)
	what := []byte("what waits for the third")
	// Its offer is known; then it is gone.
	s.place(t.Context(), []byte("first"), 2)
	s.members[2].Stop()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.ways[2].asked = cancel // the caller does not wait for it
	placed := s.place(ctx, what, 2)
	if placed.State != order.Ordered {
		t.Fatalf("expected an order that goes on; it is %s", placed.State)
	}
	s.members[2].Restart()
	for end := time.Now().Add(limitOfOne); ; time.Sleep(50 * time.Millisecond) {
		row, err := s.records.Row(t.Context(), principal.Role, placed.OrderCID.String())
		if err != nil {
			t.Fatal(err)
		}
		if row.State == string(order.Accepted) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("expected it to be accepted; it is %s: %s", row.State, row.Reason)
		}
	}
	s.members[0].Stop()
	s.gives(placed.OrderCID.String(), what, "by the third and another")
}
