//go:build linux

package systest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/host/systest/rig"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
)

// enrolment is one that a caller asked for, and what it was given first.
type enrolment struct {
	name  string
	key   *seal.PrivateKey
	first rig.Issued
}

// TestKillingADTALosesNoAnswer kills a D-TA with SIGKILL, again and again, while four
// callers enrol people. Every request has one answer of each D-TA in the end, the
// one that its caller was given.
func TestKillingADTALosesNoAnswer(t *testing.T) {
	kills, least := 20, 10
	if testing.Short() {
		kills, least = 4, 1
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0xd7a))
	f := rig.Federate(t, 2, rig.Options{})
	n, err := f.Registrar.Client().CreateNetwork(t.Context(), "", map[string]any{"name": "lab", "fiduciaries": []string{"dta-1", "dta-2"}})
	if err != nil || n.State != "accepted" {
		t.Fatalf("expected a network; found %+v, %v", n, err)
	}
	var (
		mu      sync.Mutex
		done    []*enrolment
		flying  atomic.Int64
		ended   = make(chan struct{})
		callers sync.WaitGroup
	)
	for i := range 4 {
		callers.Go(func() {
			for j := 0; ; j++ {
				select {
				case <-ended:
					return
				default:
				}
				e := &enrolment{name: fmt.Sprintf("%d.%d@example.com", i, j)}
				flying.Add(1)
				err := e.ask(t.Context(), f.Registrar, n)
				flying.Add(-1)
				if err != nil {
					t.Errorf("%s: %v", e.name, err)
					return
				}
				mu.Lock()
				done = append(done, e)
				mu.Unlock()
			}
		})
	}
	victim, struck := f.Members[0], 0
	for range kills {
		time.Sleep(50*time.Millisecond + time.Duration(random.Int64N(int64(600*time.Millisecond))))
		victim.Kill()
		if flying.Load() > 0 {
			struck++
		}
		victim.NoOrphans()
		victim.Restart()
	}
	close(ended)
	callers.Wait()
	t.Logf("%d people were enrolled; %d of %d kills struck a request under way", len(done), struck, kills)
	if struck < least || len(done) == 0 {
		t.Errorf("expected at least %d kills to strike a request under way; %d did", least, struck)
	}
	for _, e := range done {
		again := e.first
		if err := e.ask(t.Context(), f.Registrar, n); err != nil {
			t.Fatalf("%s, again: %v", e.name, err)
		}
		if again.RequestCID != e.first.RequestCID || len(again.Grants) != 2 || len(e.first.Grants) != 2 {
			t.Fatalf("%s: expected the answers to request %s; found %s with %d", e.name, again.RequestCID, e.first.RequestCID, len(e.first.Grants))
		}
		for i, g := range again.Grants {
			if !bytes.Equal(g.Envelope, e.first.Grants[i].Envelope) || !bytes.Equal(g.Share, e.first.Grants[i].Share) {
				t.Errorf("%s: D-TA %d gave two answers", e.name, g.Index)
			}
		}
	}
	for _, member := range f.Members {
		member.Stop()
		answeredOnce(t, member, n, done)
		member.MustCommand("audit", "verify")
	}
}

// ask has a person enrolled, repeating the call until all D-TAs have answered. What
// they answer must open.
func (e *enrolment) ask(ctx context.Context, registrar *rig.Node, n rig.Network) (err error) {
	if e.key == nil {
		if e.key, err = seal.V2.NewPrivateKey(); err != nil {
			return err
		}
	}
	for end := time.Now().Add(limit); ; time.Sleep(50 * time.Millisecond) {
		got, err := registrar.Client().Issue(ctx, n.Reference, "client-secret", e.name, e.key, map[string]any{"name": e.name})
		switch {
		case err == nil && got.State == "issued":
			e.first = got
			received, err := got.Receive(n.Order(), e.key)
			if err == nil {
				received.Clients[0].Clear()
			}
			return err
		case time.Now().After(end):
			return fmt.Errorf("not answered in time: %q, %v, %w", got.State, got.Faults, err)
		case err != nil:
			if p := rig.Refusal(err); p == nil || invitesRepeat(p) != nil {
				return err
			}
		}
		for _, fault := range got.Faults {
			if fault.Verdict != "unresponsive" {
				return fmt.Errorf("D-TA %d is called %s: %s", fault.Index, fault.Verdict, fault.Reason)
			}
		}
	}
}

// answeredOnce looks into the store of a D-TA that has stopped: the request and one
// grant for everybody who was enrolled, an audit entry for each, and no more.
func answeredOnce(t *testing.T, member *rig.Node, n rig.Network, done []*enrolment) {
	t.Helper()
	s, err := store.Open(t.Context(), member.Path("data", "node.db"), store.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.View(t.Context(), func(tx *store.Tx) error {
		row, err := tx.Order(fiduciary.Role, n.Order())
		if err != nil {
			return err
		}
		links, err := tx.Envelopes(n.Order().String())
		if err != nil || len(links) != 2 || row.CID != n.Order() {
			t.Errorf("%s: expected the network's order and its acceptance; found %d envelopes, %v", member.Name, len(links), err)
		}
		granted := make(map[dag.CID]bool)
		for _, e := range done {
			c, err := dag.Parse(e.first.RequestCID)
			if err != nil {
				return err
			}
			link, err := tx.OrderOf(c)
			if err != nil {
				return err
			}
			answer, _, err := tx.Answer(c)
			if err != nil {
				return err
			}
			links, err := tx.Envelopes(link.Chain)
			if err != nil {
				return err
			}
			if len(links) != 2 || links[0].CID != c || links[1].CID != answer || links[1].Kind != string(envelope.Grant) {
				t.Errorf("%s: %s: expected the request and its grant %s; found %v", member.Name, e.name, answer, links)
			}
			granted[answer] = true
		}
		if len(granted) != len(done) {
			t.Errorf("%s: expected %d grants; found %d", member.Name, len(done), len(granted))
		}
		return entries(t, tx, member, granted)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func entries(t *testing.T, tx *store.Tx, member *rig.Node, granted map[dag.CID]bool) error {
	size, err := tx.AuditSize()
	if err != nil {
		return err
	}
	rows, err := tx.AuditEntries(0, int(size))
	if err != nil {
		return err
	}
	for _, row := range rows {
		e, err := audit.ParseEntry(row.Entry)
		if err != nil {
			return err
		}
		if e.Kind == "network.granted" && !granted[e.Object] {
			t.Errorf("%s: the log tells of grant %s twice, or of one that nobody was given", member.Name, e.Object)
		}
		if e.Kind == "network.granted" {
			delete(granted, e.Object)
		}
	}
	if len(granted) != 0 {
		t.Errorf("%s: %d grants without an audit entry", member.Name, len(granted))
	}
	return nil
}
