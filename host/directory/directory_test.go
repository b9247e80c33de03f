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
