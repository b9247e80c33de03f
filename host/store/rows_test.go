package store_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

var cids = cmp.Comparer(func(a, b dag.CID) bool { return a == b })

func same(t testing.TB, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cids); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// refuse wants do to fail with a kind.
func refuse(t testing.TB, s *store.Store, want fault.Kind, do func(*store.Tx) error) {
	t.Helper()
	wantKind(t, want, s.Update(ctx, do))
}

func TestBlocks(t *testing.T) {
	s := fresh(t)
	c, b := block(t, "a block")
	get := func() (public bool, reference string, err error) {
		err = s.View(ctx, func(tx *store.Tx) (err error) {
			var got []byte
			got, public, reference, err = tx.Block(c)
			if err == nil && !bytes.Equal(got, b) {
				t.Errorf("got %x", got)
			}
			return err
		})
		return public, reference, err
	}
	_, _, err := get()
	wantKind(t, fault.NotFound, err)
	for _, step := range []struct {
		name          string
		public        bool
		reference     string
		wantPublic    bool
		wantReference string
	}{
		{"first private, of no order", false, "", false, ""},
		{"the same again", false, "", false, ""},
		{"given an order", false, "aa", false, "aa"},
		{"its order stays", false, "", false, "aa"},
		{"made public", true, "bb", true, "aa"},
		{"never made private again", false, "aa", true, "aa"},
	} {
		update(t, s, func(tx *store.Tx) error { return tx.PutBlock(c, b, step.public, step.reference) })
		public, reference, err := get()
		if err != nil || public != step.wantPublic || reference != step.wantReference {
			t.Errorf("%s: public %v, order %q, %v", step.name, public, reference, err)
		}
	}
	other, _ := block(t, "another")
	refuse(t, s, fault.Invalid, func(tx *store.Tx) error { return tx.PutBlock(other, b, true, "") })
	for _, want := range []bool{true, false, false} {
		view(t, s, func(tx *store.Tx) error {
			has, err := tx.HasBlock(c)
			same(t, want, has)
			return err
		})
		update(t, s, func(tx *store.Tx) error { return tx.DropBlock(c) })
	}
}

func TestOrders(t *testing.T) {
	s := fresh(t)
	var all []store.Order
	for i := range 10 {
		o := store.Order{Role: "principal", Reference: fmt.Sprintf("%064d", i), State: "ordered", CID: dag.Sum([]byte{byte(i)}),
			Created: int64(100 - i/2), Updated: int64(i), Data: []byte{byte(i)}}
		update(t, s, func(tx *store.Tx) error { return tx.InsertOrder(o) })
		refuse(t, s, fault.Conflict, func(tx *store.Tx) error { return tx.InsertOrder(o) })
		all = append([]store.Order{o}, all...)
	}
	for i := 0; i < 10; i += 2 { // two of each time: by CID
		if all[i].CID.Compare(all[i+1].CID) > 0 {
			all[i], all[i+1] = all[i+1], all[i]
		}
	}
	twin := all[0]
	twin.Role = "fiduciary"
	update(t, s, func(tx *store.Tx) error { return tx.InsertOrder(twin) })
	other := twin // of the same reference: another principal's
	other.CID, other.Created = dag.Sum([]byte("another")), 200
	update(t, s, func(tx *store.Tx) error { return tx.InsertOrder(other) })

	view(t, s, func(tx *store.Tx) error {
		one, err := tx.Order("principal", all[3].CID)
		same(t, all[3], one)
		if err != nil {
			return err
		}
		page, err := tx.Orders([]string{"principal"}, 2, 3, false)
		same(t, all[2:5], page)
		if err != nil {
			return err
		}
		page, err = tx.Orders([]string{"principal"}, 0, 2, true)
		same(t, []store.Order{all[9], all[8]}, page)
		if err != nil {
			return err
		}
		page, err = tx.Orders([]string{"principal"}, 10, 5, false)
		same(t, 0, len(page))
		if err != nil {
			return err
		}
		named, err := tx.OrdersNamed(twin.Reference, []string{"fiduciary"})
		same(t, []store.Order{twin, other}, named)
		if err != nil {
			return err
		}
		_, err = tx.Order("beneficiary", all[3].CID)
		wantKind(t, fault.NotFound, err)
		return nil
	})

	saved := all[3]
	saved.State, saved.Updated, saved.Data = "accepted", 77, nil
	update(t, s, func(tx *store.Tx) error { return tx.SaveOrder(saved, "ordered") })
	refuse(t, s, fault.Conflict, func(tx *store.Tx) error { return tx.SaveOrder(saved, "ordered") })
	view(t, s, func(tx *store.Tx) error {
		found, err := tx.OrdersInState("principal", "accepted", "failed")
		same(t, []store.Order{saved}, found)
		for state, want := range map[string]int{"": 10, "ordered": 9, "accepted": 1, "released": 0} {
			n, err := tx.CountOrders("principal", state)
			if err != nil || n != want {
				t.Errorf("%q: expected %d, got %d, %v", state, want, n, err)
			}
		}
		return err
	})
}

func TestEnvelopesComeInTheOrderOfInsertion(t *testing.T) {
	s := fresh(t)
	var want []store.Link
	for i := range 20 {
		l := store.Link{Chain: "aa", Kind: "release", CID: dag.Sum([]byte{byte(i)}), Time: int64(1000 - i), Header: dag.Sum([]byte{2, byte(i)})}
		want = append(want, l)
		for range 2 {
			update(t, s, func(tx *store.Tx) error { return tx.AddEnvelope(l) })
		}
		update(t, s, func(tx *store.Tx) error {
			return tx.AddEnvelope(store.Link{Chain: "bb", Kind: "order", CID: dag.Sum([]byte{1, byte(i)}), Header: dag.Sum([]byte{3, byte(i)})})
		})
	}
	elsewhere, resigned := want[0], want[0]
	elsewhere.Chain, resigned.CID = "bb", dag.Sum([]byte("another signature"))
	for _, l := range []store.Link{elsewhere, resigned} {
		refuse(t, s, fault.Conflict, func(tx *store.Tx) error { return tx.AddEnvelope(l) })
	}
	view(t, s, func(tx *store.Tx) error {
		got, err := tx.Envelopes("aa")
		same(t, want, got)
		if err != nil {
			return err
		}
		one, err := tx.OrderOf(want[7].CID)
		same(t, want[7], one)
		if err != nil {
			return err
		}
		one, err = tx.Seen(want[7].Header)
		same(t, want[7], one)
		if err != nil {
			return err
		}
		_, err = tx.Seen(dag.Sum([]byte("unknown")))
		wantKind(t, fault.NotFound, err)
		_, err = tx.OrderOf(dag.Sum([]byte("unknown")))
		wantKind(t, fault.NotFound, err)
		return nil
	})
}

func TestTheFirstAnswerStands(t *testing.T) {
	s := fresh(t)
	request, answer, detached := dag.Sum([]byte("q")), dag.Sum([]byte("a")), dag.Sum([]byte("d"))
	for range 2 {
		update(t, s, func(tx *store.Tx) error { return tx.PutAnswer(request, answer, detached) })
	}
	refuse(t, s, fault.Conflict, func(tx *store.Tx) error { return tx.PutAnswer(request, detached, answer) })
	refuse(t, s, fault.Conflict, func(tx *store.Tx) error { return tx.PutAnswer(request, answer, dag.CID{}) })
	update(t, s, func(tx *store.Tx) error { return tx.PutAnswer(answer, request, dag.CID{}) })
	view(t, s, func(tx *store.Tx) error {
		a, d, err := tx.Answer(request)
		same(t, []dag.CID{answer, detached}, []dag.CID{a, d})
		if err != nil {
			return err
		}
		_, d, err = tx.Answer(answer)
		same(t, false, d.Defined())
		if err != nil {
			return err
		}
		_, _, err = tx.Answer(detached)
		wantKind(t, fault.NotFound, err)
		return nil
	})
}

func TestANameIsPinnedToItsChain(t *testing.T) {
	s := fresh(t)
	d := []dag.CID{dag.Sum([]byte("0")), dag.Sum([]byte("1")), dag.Sum([]byte("2")), dag.Sum([]byte("fork"))}
	update(t, s, func(tx *store.Tx) error { return tx.PutIdentity(d[0], d[:1]) })
	update(t, s, func(tx *store.Tx) error { return tx.PutIdentity(d[0], d[:3]) })
	update(t, s, func(tx *store.Tx) error { return tx.PutIdentity(d[0], d[:2]) })
	for name, documents := range map[string][]dag.CID{"fork": {d[0], d[3]}, "forked end": {d[0], d[1], d[3]}} {
		t.Run(name, func(t *testing.T) {
			refuse(t, s, fault.Conflict, func(tx *store.Tx) error { return tx.PutIdentity(d[0], documents) })
		})
	}
	refuse(t, s, fault.Invalid, func(tx *store.Tx) error { return tx.PutIdentity(d[1], d[:1]) })
	refuse(t, s, fault.Invalid, func(tx *store.Tx) error { return tx.PutIdentity(d[1], nil) })
	view(t, s, func(tx *store.Tx) error {
		got, err := tx.Identity(d[0])
		same(t, d[:3], got)
		if err != nil {
			return err
		}
		_, err = tx.Identity(d[1])
		wantKind(t, fault.NotFound, err)
		return nil
	})
}

func TestIdempotencyKeys(t *testing.T) {
	s := fresh(t)
	r := store.Replay{Caller: "alice", Path: "/v1/order", Key: "k", MAC: []byte("mac"), Status: 200, Answer: "ref", Created: 5}
	put := func(r store.Replay) (kept store.Replay, first bool) {
		update(t, s, func(tx *store.Tx) (err error) { kept, first, err = tx.PutReplay(r); return err })
		return kept, first
	}
	kept, first := put(r)
	same(t, r, kept)
	same(t, true, first)
	other := r
	other.MAC, other.Answer, other.Created = []byte("other"), "another", 9
	kept, first = put(other)
	same(t, r, kept)
	same(t, false, first)
	other.Caller = "bob"
	_, first = put(other)
	same(t, true, first)
	update(t, s, func(tx *store.Tx) error {
		n, err := tx.ExpireReplays(9)
		same(t, 1, n)
		return err
	})
	wantKind(t, fault.NotFound, s.View(ctx, func(tx *store.Tx) error { _, err := tx.Replay("alice", "/v1/order", "k"); return err }))
	kept, first = put(other) // the younger one stays
	same(t, other, kept)
	same(t, false, first)
}

func TestCheckpointsAndMetaAreReplaced(t *testing.T) {
	s := fresh(t)
	for i := range 3 {
		want := store.PeerCheckpoint{Peer: "p", Size: int64(i), Time: 7, Note: []byte{byte(i)}}
		update(t, s, func(tx *store.Tx) error { return tx.PutCheckpoint(want) })
		update(t, s, func(tx *store.Tx) error { return tx.SetMeta("m", want.Note) })
		view(t, s, func(tx *store.Tx) error {
			got, err := tx.Checkpoint("p")
			same(t, want, got)
			if err != nil {
				return err
			}
			m, err := tx.Meta("m")
			same(t, want.Note, m)
			return err
		})
	}
}

func TestHoldsPassOverAPlace(t *testing.T) {
	s := fresh(t)
	update(t, s, func(tx *store.Tx) error {
		for _, place := range []string{"a", "b", ""} {
			if err := tx.EnqueueJob(store.Job{Kind: "notice", Key: "to " + place, Place: place}, 10); err != nil {
				return err
			}
		}
		return tx.HoldJobs("notice", "a", 100, 1, "silent")
	})
	claim := func(now int64) (keys []string) {
		update(t, s, func(tx *store.Tx) error {
			keys = nil
			jobs, err := tx.ClaimJobs("me", []string{"notice"}, now, 1, 10)
			for _, j := range jobs {
				keys = append(keys, j.Key)
			}
			return err
		})
		return keys
	}
	same(t, 2, len(claim(50)))
	view(t, s, func(tx *store.Tx) error {
		at, ok, err := tx.NextJob("notice")
		if !ok || at != 51 {
			t.Errorf("next at %d, %v", at, ok)
		}
		return err
	})
	same(t, 3, len(claim(100)))
	update(t, s, func(tx *store.Tx) error { return tx.HoldJobs("notice", "a", 1000, 2, "silent") })
	same(t, 2, len(claim(200)))
	update(t, s, func(tx *store.Tx) error { return tx.UnholdJobs("notice", "a") })
	same(t, []string{"to a"}, claim(200))
}

func TestAViewThatMustWaitHonoursItsContext(t *testing.T) {
	s := fresh(t)
	leave, left := make(chan struct{}), make(chan struct{})
	for range 4 {
		in := make(chan struct{})
		go func() {
			s.View(ctx, func(*store.Tx) error { close(in); <-leave; return nil })
			left <- struct{}{}
		}()
		<-in
	}
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	wantKind(t, fault.Deadline, s.View(short, func(*store.Tx) error { return nil }))
	close(leave)
	for range 4 {
		<-left
	}
	view(t, s, func(*store.Tx) error { return nil })
}
