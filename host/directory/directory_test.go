package directory_test

import (
	"context"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/directory"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/identity/identitytest"
	"github.com/milagro-dta/dta/protocol/peer"
)

// nothing is a store without blocks.
type nothing struct{}

func (nothing) Get(_ context.Context, c dag.CID) ([]byte, error) {
	return nil, fault.New(fault.NotFound, "no block %s", c)
}

func (nothing) Newest(_ context.Context, name dag.CID) (dag.CID, error) {
	return dag.CID{}, fault.New(fault.NotFound, "no identity %s", name)
}

// TestAChainOfAnothersIsRefusedBeforeItIsVerified: it may be 64 documents long, and
// costs a verification each.
func TestAChainOfAnothersIsRefusedBeforeItIsVerified(t *testing.T) {
	d := directory.New(nothing{}, nothing{})
	begin := time.UnixMilli(1_800_000_000_000)
	known := identitytest.Keyring(t, identity.Node, "known", begin).Identity()
	forged := identitytest.Keyring(t, identity.Node, "forger", begin).Identity().Doc
	forged.Signatures[0].Signature[5] ^= 1 // which would be found only by verifying
	document, block, err := dag.Put(forged)
	if err != nil {
		t.Fatal(err)
	}
	bag := peer.NewBag(append(known.Blocks(), block)...)
	if _, err := d.Identity(t.Context(), known.Name, document, bag); fault.Of(err) != fault.Denied {
		t.Errorf("a document of another's: expected denied; found %v", err)
	}
	if _, err := d.Identity(t.Context(), document, document, bag); fault.Of(err) != fault.Invalid {
		t.Errorf("a document with a forged signature: expected invalid; found %v", err)
	}
	if id, err := d.Identity(t.Context(), known.Name, known.Document, bag); err != nil || id.Name != known.Name {
		t.Errorf("the document of the name: found %v, %v", id, err)
	}
	// Known by now, and still not another's.
	if _, err := d.Identity(t.Context(), document, known.Document, bag); fault.Of(err) != fault.Denied {
		t.Errorf("a known document under another name: expected denied; found %v", err)
	}
	if _, err := d.Identity(t.Context(), known.Name, dag.CID{}, bag); err == nil {
		t.Error("no document: expected an error")
	}
}

// fork is one identity of which two chains part after the first document.
func fork(t *testing.T) (first, one, other *identity.Identity) {
	t.Helper()
	begin := time.UnixMilli(1_800_000_000_000)
	k, next, err := identity.Create(identity.Node, "forked", begin)
	if err != nil {
		t.Fatal(err)
	}
	var ends []*identity.Identity
	for i := range 2 {
		rotated, _, err := k.Rotate(next, begin.Add(time.Duration(i+1)*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, rotated.Identity())
	}
	return k.Identity(), ends[0], ends[1]
}

// TestChainsThatPartAreRefused: one of them is a thief's.
func TestChainsThatPartAreRefused(t *testing.T) {
	first, one, other := fork(t)
	d := directory.New(nothing{}, nothing{})
	bag := peer.NewBag(append(one.Blocks(), other.Blocks()...)...)
	for name, c := range map[string]struct {
		then *identity.Identity
		want fault.Kind
	}{"the same": {one, ""}, "the one before": {first, ""}, "one that parts": {other, fault.Denied}} {
		who := d.Parties(t.Context(), bag)
		if _, err := who.Identity(one.Name, one.Document); err != nil {
			t.Fatal(err)
		}
		if _, err := who.Identity(one.Name, c.then.Document); fault.Of(err) != c.want {
			t.Errorf("%s: expected %q; found %v", name, c.want, err)
		}
	}

	// A node that is asked shows what it likes.
	shown := first
	p := &directory.Peer{Alias: "peer", Name: first.Name, Node: says(func() (peer.Identity, error) {
		return peer.Identity{Document: shown.Document.String(), Blocks: bag}, nil
	})}
	for _, c := range []struct {
		shows *identity.Identity
		want  fault.Kind
	}{{one, ""}, {first, fault.Denied}, {other, fault.Denied}, {one, ""}} {
		shown = c.shows
		directory.Forget(p)
		if _, err := d.NodeIdentity(t.Context(), p); fault.Of(err) != c.want {
			t.Errorf("expected %q; found %v", c.want, err)
		}
	}
}

// TestAChainIsBounded before it is fetched whole.
func TestAChainIsBounded(t *testing.T) {
	begin := time.UnixMilli(1_800_000_000_000)
	k, next, err := identity.Create(identity.Node, "long", begin)
	if err != nil {
		t.Fatal(err)
	}
	for i := range directory.MaxChain - 1 {
		if k, next, err = k.Rotate(next, begin.Add(time.Duration(i+1)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	id := k.Identity()
	further := *id.Doc // one that an honest party would not make
	further.Previous, further.Sequence = id.Document, id.Doc.Sequence+1
	last, block, err := dag.Put(further)
	if err != nil {
		t.Fatal(err)
	}
	d, bag := directory.New(nothing{}, nothing{}), peer.NewBag(append(id.Blocks(), block)...)
	if _, err := d.Chain(t.Context(), last, bag); fault.Of(err) != fault.Invalid {
		t.Errorf("%d documents: expected invalid; found %v", directory.MaxChain+1, err)
	}
	if chain, err := d.Chain(t.Context(), id.Document, bag); err != nil || len(chain) != directory.MaxChain {
		t.Errorf("%d documents: found %d, %v", directory.MaxChain, len(chain), err)
	}
}
