package redemption_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/host/principal"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

const what = "what two of three give back"

func (r *realm) gives(ref string) {
	r.t.Helper()
	got, err := r.redeem.Redeem(r.t.Context(), ref, dag.CID{}, nil)
	if err != nil {
		r.t.Error(err)
	} else if string(got.Material.Open()) != what {
		r.t.Error("another secret was given back")
	}
}

// TestALyingPluginThatAnswersFirstSpoilsNothing: whose release holds and whose
// share does not is passed over, and another asked in its place.
func TestALyingPluginThatAnswersFirstSpoilsNothing(t *testing.T) {
	r := newRealm(t, 3)
	ref := r.place(what, 2)
	r.dtas[0].is(lying)
	r.dtas[2].is(late)
	for range 3 {
		r.gives(ref)
	}
}

func TestTooManyLyingPluginsAreNamed(t *testing.T) {
	r := newRealm(t, 3)
	ref := r.place(what, 2)
	r.dtas[0].is(lying)
	r.dtas[1].is(lying)
	r.dtas[2].is(late)
	_, err := r.redeem.Redeem(t.Context(), ref, dag.CID{}, nil)
	var bad *order.BadFiduciaries
	if fault.Of(err) != fault.Invalid || !errors.As(err, &bad) {
		t.Fatalf("expected the culprits; found %v", err)
	}
	for _, d := range r.dtas[:2] {
		if !strings.Contains(err.Error(), d.custody.Identity().Name.String()) {
			t.Errorf("expected %s to be named; found %v", d.custody.Identity().Name, err)
		}
	}
	r.dtas[1].is(away)
	r.dtas[2].is(away)
	if _, err := r.redeem.Redeem(t.Context(), ref, dag.CID{}, nil); fault.Of(err) != fault.Unavailable {
		t.Errorf("expected that others may yet answer; found %v", err)
	}
	r.dtas[1].is(honest)
	r.dtas[2].is(honest)
	r.gives(ref)
}

// TestOneWhoReleasesTwiceCountsOnce: its second release stands for no other's.
func TestOneWhoReleasesTwiceCountsOnce(t *testing.T) {
	r := newRealm(t, 3)
	ref := r.place(what, 2)
	var news []peer.Notice
	r.dtas[0].is(func(ctx context.Context, d *dta, red *order.VerifiedRedemption, k *kept) (peer.FulfilledSecret, error) {
		for range 2 {
			said := must(honest(ctx, d, red, k))(t)
			said.Blocks.Add(red.Block(), k.order.Block(), k.acceptance.Block())
			news = append(news, peer.Notice{Envelopes: []string{
				k.order.CID().String(), k.acceptance.CID().String(), red.CID().String(), said.OrderPart4CID,
			}, Blocks: said.Blocks})
		}
		return away(ctx, d, red, k)
	})
	r.dtas[1].is(away)
	r.dtas[2].is(away)
	once := r.records.NewOnce("caller", "/", "key", nil)
	if _, err := r.redeem.Redeem(t.Context(), ref, dag.CID{}, once); fault.Of(err) != fault.Unavailable {
		t.Fatalf("expected nobody to answer; found %v", err)
	}
	for _, n := range news {
		verified := must(r.records.Verify(t.Context(), n))(t)
		if err := r.records.Learn(t.Context(), principal.Role, ref, verified); err != nil {
			t.Fatal(err)
		}
	}
	row, links, err := r.records.History(t.Context(), principal.Role, ref)
	if err != nil {
		t.Fatal(err)
	}
	if links := links.Of(envelope.Release); len(links) != 2 || row.State == string(order.Released) {
		t.Fatalf("expected two releases on record, which release nothing; found %d, %s", len(links), row.State)
	}
	r.dtas[1].is(honest)
	got := must(r.redeem.Redeem(t.Context(), ref, dag.CID{}, once))(t)
	if string(got.Material.Open()) != what {
		t.Error("another secret was given back")
	}
}

// late is an honest D-TA that answers after those who hurry.
func late(ctx context.Context, d *dta, red *order.VerifiedRedemption, k *kept) (peer.FulfilledSecret, error) {
	select {
	case <-time.After(200 * time.Millisecond):
		return honest(ctx, d, red, k)
	case <-ctx.Done():
		return peer.FulfilledSecret{}, fault.New(fault.Deadline, "nobody waits any more")
	}
}

func away(context.Context, *dta, *order.VerifiedRedemption, *kept) (none peer.FulfilledSecret, err error) {
	return none, fault.New(fault.Unavailable, "it is away")
}

// TestAReleaseWithoutItsShareSpoilsNothing: a D-TA tells of its release, and hands
// out to nobody what it sealed. The others are as good as they were.
func TestAReleaseWithoutItsShareSpoilsNothing(t *testing.T) {
	r := newRealm(t, 3)
	ref := r.place(what, 2)
	var news peer.Notice
	r.dtas[0].is(func(ctx context.Context, d *dta, red *order.VerifiedRedemption, k *kept) (peer.FulfilledSecret, error) {
		said := must(honest(ctx, d, red, k))(t)
		release, _ := said.Blocks.Get(must(dag.Parse(said.OrderPart4CID))(t))
		news = peer.Notice{Envelopes: []string{
			k.order.CID().String(), k.acceptance.CID().String(), red.CID().String(), said.OrderPart4CID,
		}, Blocks: peer.NewBag(release, red.Block(), k.order.Block(), k.acceptance.Block())}
		return away(ctx, d, red, k)
	})
	r.dtas[1].is(away)
	r.dtas[2].is(away)
	once := r.records.NewOnce("caller", "/", "key", nil)
	if _, err := r.redeem.Redeem(t.Context(), ref, dag.CID{}, once); fault.Of(err) != fault.Unavailable {
		t.Fatalf("expected nobody to answer; found %v", err)
	}
	verified := must(r.records.Verify(t.Context(), news))(t)
	if err := r.records.Learn(t.Context(), principal.Role, ref, verified); err != nil {
		t.Fatal(err)
	}
	r.dtas[1].is(honest)
	if _, err := r.redeem.Redeem(t.Context(), ref, dag.CID{}, once); fault.Of(err) != fault.Unavailable {
		t.Fatalf("expected one share to be lacking still; found %v", err)
	}
	r.dtas[2].is(honest)
	got := must(r.redeem.Redeem(t.Context(), ref, dag.CID{}, once))(t)
	if string(got.Material.Open()) != what {
		t.Error("another secret was given back")
	}
}

// TestNewsThatComesWithoutItsShareFirstLosesNothing: anybody who reads the log can tell
// of a release before the D-TA does, which brings the share along.
func TestNewsThatComesWithoutItsShareFirstLosesNothing(t *testing.T) {
	r := newRealm(t, 1)
	ref := r.place(what, 1)
	var news peer.Notice
	var whole peer.Bag
	r.dtas[0].is(func(ctx context.Context, d *dta, red *order.VerifiedRedemption, k *kept) (peer.FulfilledSecret, error) {
		said := must(honest(ctx, d, red, k))(t)
		release, _ := said.Blocks.Get(must(dag.Parse(said.OrderPart4CID))(t))
		news = peer.Notice{Envelopes: []string{
			k.order.CID().String(), k.acceptance.CID().String(), red.CID().String(), said.OrderPart4CID,
		}, Blocks: peer.NewBag(release, red.Block(), k.order.Block(), k.acceptance.Block())}
		whole = said.Blocks.With(red.Block()).With(k.order.Block()).With(k.acceptance.Block())
		return away(ctx, d, red, k)
	})
	once := r.records.NewOnce("caller", "/", "key", nil)
	if _, err := r.redeem.Redeem(t.Context(), ref, dag.CID{}, once); fault.Of(err) != fault.Unavailable {
		t.Fatalf("expected nobody to answer; found %v", err)
	}
	for _, blocks := range []peer.Bag{news.Blocks, whole} {
		news.Blocks = blocks
		verified := must(r.records.Verify(t.Context(), news))(t)
		if err := r.records.Learn(t.Context(), principal.Role, ref, verified); err != nil {
			t.Fatal(err)
		}
	}
	got := must(r.redeem.Redeem(t.Context(), ref, dag.CID{}, once))(t)
	if string(got.Material.Open()) != what {
		t.Error("another secret was given back")
	}
}

// TestWhoIsNoLongerNeededIsNotAccused: what an answer links is not fetched when nobody
// waits for it any more, which is nobody's fault.
func TestWhoIsNoLongerNeededIsNotAccused(t *testing.T) {
	r := newRealm(t, 2)
	ref := r.place(what, 1)
	var said lines
	r.records.Log = hclog.New(&hclog.LoggerOptions{Output: &said})
	r.dtas[1].is(func(ctx context.Context, d *dta, red *order.VerifiedRedemption, k *kept) (peer.FulfilledSecret, error) {
		<-ctx.Done()
		said := must(honest(ctx, d, red, k))(t)
		release, _ := said.Blocks.Get(must(dag.Parse(said.OrderPart4CID))(t))
		said.Blocks = peer.NewBag(release)
		return said, nil
	})
	r.records.Network = network{}
	r.gives(ref)
	for end := time.Now().Add(30 * time.Second); !said.contains("a fiduciary's answer"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("expected the log to tell of the answer")
		}
	}
	if said.contains("[ERROR]") {
		t.Errorf("it is accused:\n%s", &said)
	}
}

// network is one that is asked for blocks as long as somebody waits.
type network struct{}

func (network) Get(ctx context.Context, _ dag.CID) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// lines is a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) contains(what string) bool { return strings.Contains(l.String(), what) }
