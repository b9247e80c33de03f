//go:build unix

package principal_test

import (
	"context"
	"os/signal"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// smallDisk lets this process write no further byte to a file once the disk is
// full, until it is freed.
func smallDisk(t *testing.T) (fill, free func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	set := func(n uint64) {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: n, Max: limit.Max}); err != nil {
			t.Error(err)
		}
	}
	free = func() { set(limit.Cur) }
	t.Cleanup(free)
	return func() { set(0) }, free
}

func TestAnAcceptanceThatCouldNotBeWrittenDownIsAskedForAgain(t *testing.T) {
	r := newRealm(t, 1)
	d := r.dtas[0]
	fill, free := smallDisk(t)
	d.behaves(nil, func(_ context.Context, _ peer.FulfillOrder, answer peer.FulfilledOrder) (peer.FulfilledOrder, error) {
		fill() // between the fiduciary's acceptance and this node's commit
		return answer, nil
	})
	placed := r.place(r.once("anna", "/v1/order", "key", "body"))
	if placed.State != order.Ordered || placed.Commitment != nil {
		t.Errorf("found it %s, committed to %x", placed.State, placed.Commitment)
	}
	if n := r.audited("order.accepted"); n != 0 {
		t.Errorf("found %d acceptances on record", n)
	}
	wantKind(t, r.resume(placed.OrderCID.String()), fault.Unavailable)
	first := d.kept[placed.OrderCID]

	free()
	d.behaves(nil, nil)
	again := r.place(r.once("anna", "/v1/order", "key", "body"))
	if again.Reference != placed.Reference || again.State != order.Accepted {
		t.Errorf("expected %s accepted; found %s %s", placed.Reference, again.Reference, again.State)
	}
	r.wantState(placed.OrderCID.String(), order.Accepted)
	if n := r.audited("order.accepted"); n != 1 {
		t.Errorf("expected one acceptance on record; found %d", n)
	}
	if len(d.kept) != 1 || d.kept[placed.OrderCID].OrderPart2CID != first.OrderPart2CID {
		t.Error("expected the acceptance that was given first, and no second deposit")
	}
}

func TestAnOrderThatCouldNotBeWrittenDownIsNotSent(t *testing.T) {
	r := newRealm(t, 1)
	fill, free := smallDisk(t)
	fill()
	_, err := r.Place(ctx, r.once("anna", "/v1/order", "key", "body"))
	wantKind(t, err, fault.Unavailable)
	if n := r.dtas[0].times(); n != 0 {
		t.Errorf("it was sent %d times", n)
	}
	free()
	placed := r.place(r.once("anna", "/v1/order", "key", "body"))
	r.wantState(placed.OrderCID.String(), order.Accepted)
}

// TestARefusalThatCouldNotBeWrittenDownIsHeardAgain: until it is on record the order
// is not over.
func TestARefusalThatCouldNotBeWrittenDownIsHeardAgain(t *testing.T) {
	r := newRealm(t, 1)
	d := r.dtas[0]
	fill, free := smallDisk(t)
	var refused sync.Once
	d.behaves(nil, func(context.Context, peer.FulfillOrder, peer.FulfilledOrder) (peer.FulfilledOrder, error) {
		refused.Do(fill)
		return peer.FulfilledOrder{}, fault.New(fault.Denied, "not this one")
	})
	placed := r.place(r.once("anna", "/v1/order", "key", "body"))
	r.wantState(placed.OrderCID.String(), order.Ordered)
	free()
	_, err := r.Place(ctx, r.once("anna", "/v1/order", "key", "body"))
	wantKind(t, err, fault.Denied)
	r.wantState(placed.OrderCID.String(), order.Failed)
}
