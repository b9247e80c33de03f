package directory_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/directory"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/identity/identitytest"
	"github.com/milagro-dta/dta/protocol/peer"
)

// chain is an identity with n documents.
func chain(t *testing.T, reference string, n int) *identity.Identity {
	t.Helper()
	return identitytest.Rotated(t, identity.Node, reference, time.UnixMilli(1_800_000_000_000), n).Identity()
}

func TestOnlyWholeChainsAreKept(t *testing.T) {
	first, one, other := fork(t)
	forged := chain(t, "forger", 1).Doc
	forged.Signatures[0].Signature[5] ^= 1
	_, block, err := dag.Put(forged)
	if err != nil {
		t.Fatal(err)
	}
	junk, err := dag.Encode(map[string]string{"kind": "node"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		blocks [][]byte
		want   fault.Kind
	}{
		"a chain":                      {one.Blocks(), ""},
		"two chains":                   {slices.Concat(one.Blocks(), chain(t, "other", 3).Blocks()), ""},
		"the newest first":             {[][]byte{one.Blocks()[1], one.Blocks()[0]}, ""},
		"nothing":                      {nil, ""},
		"a chain without its first":    {one.Blocks()[1:], fault.Invalid},
		"two documents that follow it": {slices.Concat(one.Blocks(), other.Blocks()), fault.Invalid},
		"a forged signature":           {[][]byte{block}, fault.Invalid},
		"no document":                  {slices.Concat(first.Blocks(), [][]byte{junk}), fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			d := directory.New(nothing{}, nothing{})
			if err := d.Keep(peer.NewBag(c.blocks...)); fault.Of(err) != c.want {
				t.Fatalf("expected %q; found %v", c.want, err)
			}
			for _, b := range c.blocks {
				err := d.Lacks(t.Context(), peer.Bag{}, dag.Sum(b))
				if kept := err == nil; kept != (c.want == "") {
					t.Errorf("document %s: found %v", dag.Sum(b), err)
				}
			}
		})
	}
}

func TestACallNamesAllThatIsLacking(t *testing.T) {
	d := directory.New(nothing{}, nothing{})
	known, brought, one, two := chain(t, "known", 2), chain(t, "brought", 2), chain(t, "one", 2), chain(t, "two", 1)
	if err := d.Keep(peer.NewBag(known.Blocks()...)); err != nil {
		t.Fatal(err)
	}
	err := d.Lacks(t.Context(), peer.NewBag(brought.Blocks()...), known.Document, one.Document, brought.Document, two.Document, one.Document)
	want := []string{one.Document.String(), two.Document.String()}
	if got := fault.Missing(err); fault.Of(err) != fault.NotFound || !slices.Equal(got, want) {
		t.Errorf("expected %v to be missing; found %v, %v", want, got, err)
	}
	// The newest is named also where it is an earlier one that is not to be had.
	err = d.Lacks(t.Context(), peer.NewBag(one.Blocks()[1]), one.Document)
	if got := fault.Missing(err); !slices.Equal(got, want[:1]) {
		t.Errorf("expected %v to be missing; found %v", want[:1], got)
	}
}

// other is a peer that is shown documents, and its calls.
type other struct {
	*directory.Peer
	node    *directory.Directory
	parties []identity.Party

	calls, shows, along int // of one Showing
}

func newOther(t *testing.T, d *directory.Directory, parties ...*identity.Identity) *other {
	o := &other{Peer: &directory.Peer{Alias: "other", Name: chain(t, "other", 1).Name}}
	o.restart()
	o.Show = func(_ context.Context, chains ...[][]byte) error {
		o.shows++
		return o.node.Keep(peer.NewBag(slices.Concat(chains...)...))
	}
	for _, id := range parties {
		o.parties = append(o.parties, id.Party())
	}
	d.Add(o.Peer)
	return o
}

func (o *other) restart() { o.node = directory.New(nothing{}, nothing{}) }

// call has it called, and says with what effort.
func (o *other) call(ctx context.Context, d *directory.Directory, answer error) (string, error) {
	o.calls, o.shows, o.along = 0, 0, 0
	err := d.Showing(ctx, o.Peer, peer.Bag{}, o.parties, func(documents []string, along [][]byte) error {
		o.calls++
		o.along += len(along)
		named, err := peer.ParseDocuments(documents)
		if err != nil {
			return err
		}
		if err := o.node.Lacks(ctx, peer.NewBag(along...), named...); err != nil {
			return err
		}
		if answer != nil {
			return answer
		}
		return o.node.Keep(peer.NewBag(along...)) // a node's change would store them
	})
	return fmt.Sprintf("%d calls, %d shown, %d along", o.calls, o.shows, o.along), err
}

func TestDocumentsTravelOncePerPeer(t *testing.T) {
	small, large := chain(t, "small", 1), chain(t, "large", 20)
	for name, c := range map[string]struct {
		parties []*identity.Identity
		first   string
	}{
		"small parties": {[]*identity.Identity{small}, "1 calls, 0 shown, 1 along"},
		"large parties": {[]*identity.Identity{small, large}, "2 calls, 1 shown, 0 along"},
	} {
		t.Run(name, func(t *testing.T) {
			d := directory.New(nothing{}, nothing{})
			for _, id := range c.parties {
				if err := d.Keep(peer.NewBag(id.Blocks()...)); err != nil {
					t.Fatal(err)
				}
			}
			o := newOther(t, d, c.parties...)
			refusal := fault.New(fault.Denied, "no")
			if _, err := o.call(t.Context(), d, refusal); fault.Of(err) != fault.Denied {
				t.Errorf("expected its refusal; found %v", err)
			}
			o.restart()
			for i, want := range []string{c.first, "1 calls, 0 shown, 0 along"} {
				if got, err := o.call(t.Context(), d, nil); got != want || err != nil {
					t.Errorf("call %d: expected %s; found %s, %v", i, want, got, err)
				}
			}
			o.restart()
			if err := o.node.Keep(peer.NewBag(small.Blocks()...)); err != nil {
				t.Fatal(err)
			}
			if got, err := o.call(t.Context(), d, nil); o.calls > 2 || o.along > 0 || err != nil {
				t.Errorf("after it forgot: found %s, %v", got, err)
			}
		})
	}
}

// TestAPeerThatLacksForEverIsNoRefusal: it may neither end an order nor keep its
// caller busy.
func TestAPeerThatLacksForEverIsNoRefusal(t *testing.T) {
	d := directory.New(nothing{}, nothing{})
	id, stranger := chain(t, "party", 2), chain(t, "stranger", 1)
	for _, k := range []*identity.Identity{id, stranger} {
		if err := d.Keep(peer.NewBag(k.Blocks()...)); err != nil {
			t.Fatal(err)
		}
	}
	for name, lack := range map[string][]string{
		"what it was shown":         {id.Document.String(), id.Document.String()},
		"what the call names not":   {stranger.Document.String()},
		"what is no document's CID": {"x"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOther(t, d, id)
			calls := 0
			err := d.Showing(t.Context(), o.Peer, peer.Bag{}, o.parties, func([]string, [][]byte) error {
				calls++
				return fault.Lacking(lack, "not known")
			})
			if fault.Of(err) != fault.Unavailable || fault.Missing(err) != nil || calls > 5 {
				t.Errorf("after %d calls: expected unavailable; found %v", calls, err)
			}
		})
	}
	t.Run("documents that this node lacks itself", func(t *testing.T) {
		o := newOther(t, d, chain(t, "nobody", 1))
		if got, err := o.call(t.Context(), d, nil); fault.Of(err) != fault.Unavailable || o.calls != 0 {
			t.Errorf("expected unavailable; found %s, %v", got, err)
		}
	})
}

// TestTheSignerOfAnAnswerIsMet: answers bring no documents.
func TestTheSignerOfAnAnswerIsMet(t *testing.T) {
	d := directory.New(nothing{}, nothing{})
	id := chain(t, "custody", 30)
	o := newOther(t, d)
	asked := 0
	o.Document = func(_ context.Context, name dag.CID) (out peer.Identity, err error) {
		asked++
		if name != id.Name {
			return out, fault.New(fault.NotFound, "no identity %s", name)
		}
		return peer.Identity{Blocks: peer.NewBag(id.Blocks()...)}, nil
	}
	for range 2 {
		if err := d.Meet(t.Context(), o.Peer, id.Party(), peer.Bag{}); err != nil || asked != 1 {
			t.Fatalf("expected one question; found %d, %v", asked, err)
		}
	}
	if got, err := d.Identity(t.Context(), id.Name, id.Document, peer.Bag{}); err != nil || got.Document != id.Document {
		t.Errorf("found %v, %v", got, err)
	}
	if err := d.Meet(t.Context(), o.Peer, chain(t, "nobody", 1).Party(), peer.Bag{}); fault.Of(err) != fault.Unavailable {
		t.Errorf("a signer whom it does not know: expected unavailable; found %v", err)
	}
}
