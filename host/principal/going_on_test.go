package principal_test

import (
	"context"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/principal"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// silence is what a D-TA makes of orders that never answers: heard tells that it
// has one.
func silence() (heard chan struct{}, b bend) {
	heard = make(chan struct{}, 10)
	return heard, func(ctx context.Context, _ peer.FulfillOrder, _ peer.FulfilledOrder) (peer.FulfilledOrder, error) {
		heard <- struct{}{}
		<-ctx.Done()
		return peer.FulfilledOrder{}, ctx.Err()
	}
}

// leave places an order whose caller goes as soon as a silent D-TA has it.
func (r *realm) leave(req principal.Request, heard chan struct{}) principal.Placed {
	r.t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		<-heard
		cancel()
	}()
	placed, err := r.Place(ctx, req)
	if err != nil || placed.State != order.Ordered {
		r.t.Fatalf("expected the order to go on; found %s, %v", placed.State, err)
	}
	return placed
}

func TestAnOrderThatNobodyAnsweredIsTakenUpByTheNextProcess(t *testing.T) {
	r := newRealm(t, 1)
	d := r.dtas[0]
	heard, silent := silence()
	d.behaves(nil, silent)
	placed := r.leave(r.request(), heard)

	r.restart()
	d.behaves(fault.New(fault.Unavailable, "it is away"), nil)
	if err := r.Recover(ctx); err != nil {
		t.Errorf("a D-TA that is away kept the node from starting: %v", err)
	}
	r.wantState(placed.OrderCID.String(), order.Ordered)

	r.restart()
	d.behaves(nil, nil)
	if err := r.Recover(ctx); err != nil {
		t.Error(err)
	}
	r.wantState(placed.OrderCID.String(), order.Accepted)
	if len(d.kept) != 1 || d.kept[placed.OrderCID].OrderPart2CID == "" {
		t.Errorf("expected the order placed first to be kept, and no other; found %d", len(d.kept))
	}
}

func TestWhoIsSilentHoldsUpNobodyElse(t *testing.T) {
	r := newRealm(t, 2)
	heard, silent := silence()
	r.dtas[0].behaves(nil, silent)
	placed := r.leave(r.request(), heard)
	eventually(t, "the other's acceptance is on record", func() bool { return r.audited("order.accepted") == 1 })
	r.wantState(placed.OrderCID.String(), order.Ordered)

	r.restart()
	r.dtas[0].behaves(nil, nil)
	if err := r.Recover(ctx); err != nil {
		t.Error(err)
	}
	r.wantState(placed.OrderCID.String(), order.Accepted)
	if n := r.dtas[1].times(); n != 1 {
		t.Errorf("expected that who had accepted is asked once; it was asked %d times", n)
	}
}

func TestOneRefusalEndsAnOrderThoughAnotherIsSilent(t *testing.T) {
	r := newRealm(t, 2)
	heard, silent := silence()
	r.dtas[0].behaves(nil, silent)
	r.dtas[1].behaves(nil, func(context.Context, peer.FulfillOrder, peer.FulfilledOrder) (peer.FulfilledOrder, error) {
		<-heard
		return peer.FulfilledOrder{}, fault.New(fault.Denied, "not this one")
	})
	_, err := r.Place(ctx, r.request())
	wantKind(t, err, fault.Denied)
}

func TestAnOrderEndsWithItsTime(t *testing.T) {
	r := newRealm(t, 2)
	late := r.dtas[0]
	late.behaves(fault.New(fault.Unavailable, "it is away"), nil)
	placed := r.place(r.request())
	r.advance(order.OrderLife)
	wantKind(t, r.resume(placed.OrderCID.String()), fault.Unavailable) // it may still be accepted
	r.wantState(placed.OrderCID.String(), order.Ordered)

	r.advance(time.Millisecond)
	if err := r.resume(placed.OrderCID.String()); err != nil {
		t.Errorf("expected that there is nothing left to do; found %v", err)
	}
	if row := r.wantState(placed.OrderCID.String(), order.Failed); row.Kind != string(fault.Conflict) {
		t.Errorf("expected a conflict on record; found %q, %q", row.Kind, row.Reason)
	}

	// An acceptance that comes later is kept for the record; the order stays failed.
	block, err := r.records.Get(ctx, placed.OrderCID)
	if err != nil {
		t.Fatal(err)
	}
	o := must(order.OpenOrder(late.node, block, r.parties()))(t)
	index, _ := o.Terms().IndexOf(late.custody.Identity().Name)
	acceptance := must(late.sign(o, index, o.SecretCommitment(), r.now()))(t)
	news := must(r.records.Verify(ctx, peer.Notice{
		Envelopes: []string{placed.OrderCID.String(), acceptance.CID.String()}, Blocks: peer.NewBag(block, acceptance.Block),
	}))(t)
	asked := late.times()
	if err := r.Notice(ctx, placed.OrderCID.String(), news); err != nil {
		t.Error(err)
	}
	if r.wantState(placed.OrderCID.String(), order.Failed); late.times() != asked {
		t.Error("the fiduciary was asked again")
	}
}

// TestAnAcceptanceCountsThoughItsAnswerIsLate: the fiduciary kept the share in time,
// and its answer was lost.
func TestAnAcceptanceCountsThoughItsAnswerIsLate(t *testing.T) {
	r := newRealm(t, 1)
	r.dtas[0].behaves(nil, func(context.Context, peer.FulfillOrder, peer.FulfilledOrder) (peer.FulfilledOrder, error) {
		return peer.FulfilledOrder{}, fault.New(fault.Unavailable, "the line broke")
	})
	placed := r.place(r.request())
	r.advance(order.OrderLife + time.Hour)
	r.dtas[0].behaves(nil, nil)
	if err := r.resume(placed.OrderCID.String()); err != nil {
		t.Error(err)
	}
	r.wantState(placed.OrderCID.String(), order.Accepted)
}

// TestNewsOfAnOrderHasItFinished: a fiduciary that tells of its acceptance is asked
// for it.
func TestNewsOfAnOrderHasItFinished(t *testing.T) {
	r := newRealm(t, 1)
	d := r.dtas[0]
	d.behaves(nil, func(context.Context, peer.FulfillOrder, peer.FulfilledOrder) (peer.FulfilledOrder, error) {
		return peer.FulfilledOrder{}, fault.New(fault.Unavailable, "the line broke")
	})
	placed := r.place(r.request())
	d.behaves(nil, nil)
	answer := d.kept[placed.OrderCID]
	news := must(r.records.Verify(ctx, peer.Notice{Envelopes: []string{answer.OrderPart2CID, placed.OrderCID.String()}, Blocks: answer.Blocks}))(t)
	if err := r.Notice(ctx, placed.OrderCID.String(), news); err != nil {
		t.Error(err)
	}
	r.wantState(placed.OrderCID.String(), order.Accepted)
	if err := r.Notice(ctx, dag.Sum([]byte("of another node")).String(), news); err != nil {
		t.Errorf("an order of nobody: %v", err)
	}
}

func TestAServiceThatIsClosingLeavesItsOrdersToTheNext(t *testing.T) {
	r := newRealm(t, 1)
	r.Close()
	placed := r.place(r.request())
	if placed.State != order.Ordered || r.dtas[0].times() != 0 {
		t.Errorf("found it %s, with %d calls", placed.State, r.dtas[0].times())
	}
	r.restart()
	if err := r.Recover(ctx); err != nil {
		t.Error(err)
	}
	r.wantState(placed.OrderCID.String(), order.Accepted)
}

func TestWorkForAnOrderThatIsNotHereIsNotDoneForEver(t *testing.T) {
	r := newRealm(t, 1)
	for _, payload := range [][]byte{nil, []byte("no reference"), must(dag.Encode(7))(t)} {
		wantKind(t, r.Resume(ctx, payload), fault.Invalid)
	}
}
