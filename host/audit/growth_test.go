package audit_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/peer"
)

// watched is a peer's log, of which two histories may be told, and what is seen of it.
type watched struct {
	t    *testing.T
	keys *identity.Keyring
	mine *store.Store
	log  *audit.Log
}

func watch(t *testing.T) *watched {
	mine := open(t, filepath.Join(t.TempDir(), "mine.db"))
	return &watched{t, node(t, "peer"), mine, openLog(t, mine, node(t, "me"))}
}

// history is one that the peer tells.
type history struct {
	store *store.Store
	log   *audit.Log
}

// tell begins a history: the first entries are the same in all, the next is its own.
func (w *watched) tell(same int64, own string) history {
	w.t.Helper()
	s := open(w.t, filepath.Join(w.t.TempDir(), "peer.db"))
	h := history{s, openLog(w.t, s, w.keys)}
	grow(w.t, s, h.log, same)
	wantKind(w.t, "", s.Update(ctx, func(tx *store.Tx) error {
		_, err := h.log.Append(tx, audit.Entry{Kind: own})
		return err
	}))
	return h
}

// to shows the history's checkpoint at a size, and tells whether a proof is wanted.
func (w *watched) sees(h history, size int64) (wanted bool) {
	w.t.Helper()
	grow(w.t, h.store, h.log, size)
	wantKind(w.t, "", w.mine.Update(ctx, func(tx *store.Tx) error {
		smaller, err := w.log.TrackPeer(tx, w.keys.Identity(), h.log.Newest(), noon.UnixMilli())
		if wanted = smaller != nil; wanted {
			w.log.Remember(w.name(), smaller)
		}
		return err
	}))
	return wanted
}

func (w *watched) name() string { return w.keys.Identity().Name.String() }

func (w *watched) unproved() (g *audit.Growth) {
	w.t.Helper()
	wantKind(w.t, "", w.mine.View(ctx, func(tx *store.Tx) (err error) {
		g, err = w.log.Unproved(tx, w.name())
		return err
	}))
	return g
}

// wants fails unless the peer has to prove that its log of one size began with those
// of others.
func (w *watched) wants(newer int64, older ...int64) *audit.Growth {
	w.t.Helper()
	g := w.unproved()
	if g == nil {
		w.t.Fatalf("expected the steps from %v entries to %d; found none", older, newer)
	}
	sizes := make([]int64, len(g.Older))
	for i, s := range g.Older {
		sizes[i] = s.Size
	}
	slices.Sort(sizes)
	if g.Newer.Size != newer || !slices.Equal(sizes, older) {
		w.t.Fatalf("expected the steps from %v entries to %d; found %v to %d", older, newer, sizes, g.Newer.Size)
	}
	return g
}

// proofs are those that the history has for what is wanted.
func (w *watched) proofs(h history, g *audit.Growth) (all []tlog.TreeProof) {
	w.t.Helper()
	for _, older := range g.Older {
		wantKind(w.t, "", h.store.View(ctx, func(tx *store.Tx) error {
			p, err := h.log.Consistency(tx, g.Newer.Size, older.Size)
			all = append(all, p)
			return err
		}))
	}
	return all
}

// accuses fails unless the proofs are evidence against the peer.
func (w *watched) accuses(g *audit.Growth, proofs []tlog.TreeProof) *audit.Suspicion {
	w.t.Helper()
	err := g.Check(proofs)
	wantKind(w.t, fault.Conflict, err)
	var s *audit.Suspicion
	if !errors.As(err, &s) {
		w.t.Fatalf("%v is no suspicion", err)
	}
	for _, evidence := range [][]byte{s.Kept, s.Shown} {
		if _, err := audit.OpenCheckpoint(evidence, w.keys.Identity()); err != nil {
			w.t.Errorf("the evidence does not hold: %v", err)
		}
	}
	return s
}

func TestAgainstAnHonestPeerNothingIsKept(t *testing.T) {
	w := watch(t)
	w.sees(w.tell(0, "start"), 3)
	wantKind(t, fault.NotFound, w.mine.View(ctx, func(tx *store.Tx) error {
		_, err := audit.Evidence(tx, w.name())
		return err
	}))
}

// TestAPeersLogProvesThatItOnlyGrew: every checkpoint seen is the beginning of the
// newest, and what was proved need not be proved again.
func TestAPeersLogProvesThatItOnlyGrew(t *testing.T) {
	w := watch(t)
	h := w.tell(0, "start")
	if w.sees(h, 3) || w.unproved() != nil {
		t.Fatal("a log that is seen for the first time has nothing to prove")
	}
	if !w.sees(h, 7) || !w.sees(h, 12) || w.sees(h, 12) {
		t.Fatal("expected a proof to be wanted where the log has grown, and there alone")
	}
	g := w.wants(12, 3, 7)
	wantKind(t, "", g.Check(w.proofs(h, g)))
	wantKind(t, fault.Unavailable, g.Check(nil)) // no answer accuses nobody
	w.sees(h, 13)
	wantKind(t, "", w.mine.Update(ctx, g.Proved))
	w.wants(13, 12) // what was seen while the proof was on its way
	w.sees(h, 20)
	g = w.wants(20, 12, 13)
	wantKind(t, "", g.Check(w.proofs(h, g)))
	wantKind(t, "", w.mine.Update(ctx, g.Proved))
	if g := w.unproved(); g != nil {
		t.Fatalf("expected nothing to prove; found %+v", g)
	}
}

// TestALogThatBeginsAnewIsFoundOut, wherever between the proofs it did so.
func TestALogThatBeginsAnewIsFoundOut(t *testing.T) {
	for name, show := range map[string]func(w *watched, one, two history){
		"after a proof": func(w *watched, one, two history) {
			w.sees(one, 3)
			w.sees(one, 12)
			wantKind(t, "", w.mine.Update(ctx, w.unproved().Proved))
			w.sees(two, 20)
		},
		"before one, when the newest proved is common to both": func(w *watched, one, two history) {
			w.sees(one, 3)
			w.sees(one, 12)
			w.sees(two, 20)
		},
		"and shows a smaller log first": func(w *watched, one, two history) {
			w.sees(one, 3)
			w.sees(one, 12)
			w.sees(two, 7)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := watch(t)
			one, two := w.tell(5, "one"), w.tell(5, "another")
			show(w, one, two)
			g := w.unproved()
			grow(t, one.store, one.log, 20)
			grow(t, two.store, two.log, 20)
			w.accuses(g, w.proofs(two, g))
			w.accuses(g, w.proofs(one, g))
			w.accuses(g, make([]tlog.TreeProof, len(g.Older)))
		})
	}
}

// TestOfManyCheckpointsAsManyAreProvedAsAnAnswerHolds, and memory does not grow.
func TestOfManyCheckpointsAsManyAreProvedAsAnAnswerHolds(t *testing.T) {
	w := watch(t)
	h := w.tell(0, "start")
	for size := range int64(3 * peer.MaxOlder) {
		w.sees(h, size+1)
		w.sees(h, size+1)
	}
	g := w.unproved()
	// The one proved may be among those remembered.
	if n := len(g.Older); n < peer.MaxOlder-1 || n > peer.MaxOlder {
		t.Errorf("expected %d steps; found %d", peer.MaxOlder, n)
	}
	wantKind(t, "", g.Check(w.proofs(h, g)))
	wantKind(t, "", w.mine.Update(ctx, g.Proved))
	if g := w.unproved(); g != nil {
		t.Errorf("expected nothing to prove; found %d steps", len(g.Older))
	}
}

// TestASuspicionIsKeptWithItsEvidence, and is known from then on.
func TestASuspicionIsKeptWithItsEvidence(t *testing.T) {
	w := watch(t)
	w.sees(w.tell(5, "one"), 12)
	two := w.tell(5, "another")
	w.sees(two, 20)
	g := w.unproved()
	s := w.accuses(g, w.proofs(two, g))
	again, another := *s, *s
	again.Shown, another.Kept = []byte("what it shows later"), []byte("another that it contradicts")
	wantKind(t, "", w.mine.Update(ctx, func(tx *store.Tx) error {
		known := func(s *audit.Suspicion, want bool) {
			if known, err := s.Known(tx); known != want || err != nil {
				t.Errorf("expected known: %t; found %t, %v", want, known, err)
			}
		}
		known(s, false)
		if err := s.Keep(tx); err != nil {
			return err
		}
		known(&again, true)
		known(&another, false)
		kept, err := audit.Evidence(tx, w.name())
		if diff := cmp.Diff(s, kept); diff != "" {
			t.Errorf("the evidence kept (-want +got):\n%s", diff)
		}
		return err
	}))
}
