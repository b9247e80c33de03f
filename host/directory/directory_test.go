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
// costs two pairings each.
func TestAChainOfAnothersIsRefusedBeforeItIsVerified(t *testing.T) {
	d := directory.New(nothing{}, nothing{})
	begin := time.UnixMilli(1_800_000_000_000)
	known := identitytest.Keyring(t, identity.Node, "known", begin).Identity()
	forged := identitytest.Keyring(t, identity.Node, "forger", begin).Identity().Doc
	forged.Signatures[0].Signature[5] ^= 1 // which would be found only by a pairing
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

// shelf is a store with one chain.
type shelf struct{ id *identity.Identity }

func (s shelf) Get(ctx context.Context, c dag.CID) ([]byte, error) {
	for _, block := range s.id.Blocks() {
		if dag.Sum(block) == c {
			return block, nil
		}
	}
	return nothing{}.Get(ctx, c)
}

func (s shelf) Newest(ctx context.Context, name dag.CID) (dag.CID, error) {
	if name != s.id.Name {
		return nothing{}.Newest(ctx, name)
	}
	return s.id.Document, nil
}

// says is a peer that answers so.
type says func() (peer.Identity, error)

func (s says) Identity(context.Context) (peer.Identity, error) { return s() }

// TestAPeerThatIsAwayIsWhatItWasKnownAs, and one that refuses or shows another's
// document is not.
func TestAPeerThatIsAwayIsWhatItWasKnownAs(t *testing.T) {
	begin := time.UnixMilli(1_800_000_000_000)
	known := identitytest.Keyring(t, identity.Node, "known", begin).Identity()
	other := identitytest.Keyring(t, identity.Node, "other", begin).Identity()
	shows := func(id *identity.Identity) says {
		return func() (peer.Identity, error) {
			return peer.Identity{Document: id.Document.String(), Blocks: peer.NewBag(id.Blocks()...)}, nil
		}
	}
	fails := func(kind fault.Kind) says {
		return func() (peer.Identity, error) { return peer.Identity{}, fault.New(kind, "it said so") }
	}
	empty, met := directory.New(nothing{}, nothing{}), directory.New(shelf{known}, shelf{known})
	for name, c := range map[string]struct {
		d    *directory.Directory
		says says
		want fault.Kind
	}{
		"it answers":                         {empty, shows(known), ""},
		"it is away, and was never met":      {empty, fails(fault.Unavailable), fault.Unavailable},
		"it is away":                         {met, fails(fault.Unavailable), ""},
		"it is slow":                         {met, fails(fault.Deadline), ""},
		"it refuses":                         {met, fails(fault.Denied), fault.Denied},
		"it answers with another's document": {met, shows(other), fault.Denied},
	} {
		p := &directory.Peer{Alias: "peer", Name: known.Name, Node: c.says}
		id, err := c.d.NodeIdentity(t.Context(), p)
		if fault.Of(err) != c.want || (err == nil) != (id != nil && id.Document == known.Document) {
			t.Errorf("%s: expected %q; found %v", name, c.want, err)
		}
	}
	// Whose caller has gone is not called away.
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	p := &directory.Peer{Alias: "peer", Name: known.Name, Node: fails(fault.Deadline)}
	if _, err := met.NodeIdentity(gone, p); fault.Of(err) != fault.Deadline {
		t.Errorf("without a caller: expected deadline; found %v", err)
	}
}
