package directory_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/host/directory"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/identity/identitytest"
	"github.com/milagro-dta/dta/protocol/offer"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

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

// offering is a fiduciary that shows offers.
type offering struct {
	peer.Fiduciary
	said peer.Custody
}

func (o offering) Custody(context.Context) (peer.Custody, error) { return o.said, nil }

// TestAPeersOffersAreWhatItSignedAndTheOperatorPinned. One that does not hold takes
// nothing from the others.
func TestAPeersOffersAreWhatItSignedAndTheOperatorPinned(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	node, stranger := identitytest.Keyring(t, identity.Node, "node", now), identitytest.Keyring(t, identity.Node, "stranger", now)
	pinned, unpinned := identitytest.Keyring(t, identity.Custody, "pinned", now), identitytest.Keyring(t, identity.Custody, "unpinned", now)
	var said peer.Custody
	said.Blocks = peer.NewBag()
	for _, k := range []*identity.Keyring{node, stranger, pinned, unpinned} {
		said.Blocks.Add(k.Identity().Blocks()...)
	}
	for name, c := range map[string]struct {
		by      *identity.Keyring
		custody *identity.Keyring
	}{"good": {node, pinned}, "unpinned": {node, unpinned}, "another's": {stranger, pinned}, "a-node": {node, stranger}} {
		made, err := offer.Make(c.by, offer.Body{
			Instance: name, Type: "test", Custody: c.custody.Identity().Party(), Abilities: []string{"secret"}, Mode: order.Supervised,
			Limits: offer.Limits{Secret: order.MaxSecret, Fiduciaries: 1}, Versions: []uint64{1}, Suites: []string{seal.V2.Name},
		}, now)
		if err != nil {
			t.Fatal(err)
		}
		said.Blocks.Add(made.Block)
		said.Offers = append(said.Offers, peer.Offer{Instance: name, OfferCID: made.CID.String()})
	}
	said.Offers = append(said.Offers, peer.Offer{Instance: "no CID", OfferCID: "x"}, peer.Offer{Instance: "not shown", OfferCID: dag.Sum([]byte("x")).String()})
	for name, c := range map[string]struct {
		shows    func(peer.Offer) bool
		firstUse bool
		want     []string
		refused  fault.Kind
	}{
		"all":                   {func(peer.Offer) bool { return true }, false, []string{"good"}, ""},
		"all, at first use":     {func(peer.Offer) bool { return true }, true, []string{"good", "unpinned"}, ""},
		"none":                  {func(peer.Offer) bool { return false }, false, nil, ""},
		"one not pinned":        {func(o peer.Offer) bool { return o.Instance == "unpinned" }, false, nil, ""},
		"another's alone":       {func(o peer.Offer) bool { return o.Instance == "another's" }, true, nil, fault.Invalid},
		"a node as a custodian": {func(o peer.Offer) bool { return o.Instance == "a-node" }, true, nil, fault.Invalid},
		"nothing that is shown": {func(o peer.Offer) bool { return o.Instance == "not shown" }, true, nil, fault.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			shown := said
			shown.Offers = nil
			for _, o := range said.Offers {
				if c.shows(o) {
					shown.Offers = append(shown.Offers, o)
				}
			}
			p := &directory.Peer{
				Alias: "peer", Name: node.Identity().Name, Pinned: []dag.CID{pinned.Identity().Name}, FirstUse: c.firstUse, Fiduciary: offering{said: shown},
				Node: says(func() (peer.Identity, error) {
					return peer.Identity{Document: node.Identity().Document.String(), Blocks: said.Blocks}, nil
				}),
			}
			got, err := directory.New(nothing{}, nothing{}).Offers(t.Context(), p, now)
			var found []string
			for _, o := range got {
				found = append(found, o.Instance)
			}
			slices.Sort(found)
			if fault.Of(err) != c.refused || !slices.Equal(found, c.want) {
				t.Errorf("expected %q, %q; found %q, %v", c.want, c.refused, found, err)
			}
		})
	}
}
