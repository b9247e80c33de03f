package guard

import (
	"bytes"
	"context"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// Load opens the custody identity at start. shown is the root deposit that the host stored, if any; known is the
// name of the identity that the host has seen in this instance, undefined if none. Without either, and without a
// root in the realm, the Guard stays without an identity: it was never enrolled.
//
// fault.NotFound: the realm has no root although there was one. fault.Conflict: it has another.
func (g *Guard) Load(ctx context.Context, shown []byte, known dag.CID) error {
	root, err := g.findRoot(ctx, shown)
	if err != nil {
		return err
	}
	if root == nil {
		if known.Defined() {
			return fault.New(fault.NotFound, "the root of custody identity %s is missing: this realm is not the one that was enrolled, or lost it; another token, volume or realm may stand in its place", known)
		}
		return nil
	}
	k, err := g.openRoot(ctx, root)
	if err != nil {
		return err
	}
	if name := k.Identity().Name; known.Defined() && name != known {
		k.Clear()
		return fault.New(fault.Conflict, "expected custody identity %s, found the root of %s: another token, volume or realm may stand in the place of the one that was enrolled", known, name)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.self = k
	return nil
}

// findRoot decides which root counts: the realm's own, where the realm keeps roots.
func (g *Guard) findRoot(ctx context.Context, shown []byte) ([]byte, error) {
	if g.Roots == nil {
		if len(shown) == 0 {
			return nil, nil
		}
		return shown, nil
	}
	kept, err := g.Roots.Root(ctx)
	if err != nil {
		return nil, explain(err, "looking for the realm's root")
	}
	switch {
	case len(kept) == 0 && len(shown) > 0:
		return nil, fault.New(fault.NotFound, "the realm has no root although the host stored one: this is not the realm that was enrolled; another token, volume or realm may stand in its place")
	case len(kept) == 0:
		return nil, nil
	case len(shown) > 0 && !bytes.Equal(kept, shown):
		return nil, fault.New(fault.Conflict, "the realm keeps another root than the host stored: another token, volume or realm may stand in the place of the one that was enrolled")
	}
	return kept, nil
}

func (g *Guard) openRoot(ctx context.Context, root []byte) (*identity.Keyring, error) {
	d, err := readDeposit(root)
	if err != nil {
		return nil, err
	}
	// The root says itself whose it is; Load compares that with what is known.
	want := binding{Purpose: CustodyRoot, Custody: d.Binding.Custody, Epoch: d.Binding.Epoch}
	material, err := g.open(ctx, want, About{}, root)
	if err != nil {
		return nil, err
	}
	defer material.Clear()
	k, err := identity.ParseKeyring(material)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the root opens to no keyring: %w", err)
	}
	if id := k.Identity(); id.Name != want.Custody || id.Doc.Kind != identity.Custody || id.Doc.Sequence != want.Epoch {
		k.Clear()
		return nil, fault.New(fault.Denied, "the root holds the keys of another identity")
	}
	return k, nil
}

// enrolment is what the host asked for.
type enrolment struct{ operation, reference string }

// Enrolled is what an enrolment gives to the host.
type Enrolled struct {
	Root []byte // empty where the realm keeps it
	Next []byte // deposit of the announced next signing key
}

// Enrol makes the custody identity, once: fault.Conflict when there is one. A host that did not get the answer may ask
// again, in the same words, while the process lives.
func (g *Guard) Enrol(ctx context.Context, operation, reference string) (*Enrolled, error) {
	g.enrolling.Lock()
	defer g.enrolling.Unlock()
	asked := enrolment{operation, reference}
	if g.enrolled != nil && g.enrolment == asked {
		return g.enrolled, nil
	}
	if k, err := g.keyring(); err == nil {
		return nil, fault.New(fault.Conflict, "this plugin instance is enrolled as %s", k.Identity().Name)
	}
	k, next, err := identity.Create(identity.Custody, reference, g.Now())
	if err != nil {
		return nil, err
	}
	defer next.Clear()
	e, err := g.keepRoot(ctx, operation, k, next.Bytes())
	if err != nil {
		k.Clear()
		return nil, err
	}
	g.enrolled, g.enrolment = e, asked
	g.mu.Lock()
	defer g.mu.Unlock()
	g.self = k
	return e, nil
}

// keepRoot has both halves kept, each under its own key: the announced one first, for a realm that has a root must
// also have had a deposit of its successor's key. Whether the host has that deposit is unknown: where the realm keeps
// the root, a crash between the two loses it, and with it the rotation by the announced key.
func (g *Guard) keepRoot(ctx context.Context, operation string, k *identity.Keyring, nextKey *secret.Bytes) (*Enrolled, error) {
	defer nextKey.Clear()
	id, about := k.Identity(), About{Operation: operation}
	now := binding{Purpose: CustodyRoot, Custody: id.Name, Epoch: id.Doc.Sequence}
	later := binding{Purpose: CustodyRoot, Custody: id.Name, Epoch: id.Doc.Sequence + 1}

	next, err := g.keep(ctx, later, about, nextKey)
	if err != nil {
		return nil, err
	}
	material := k.Marshal()
	defer material.Clear()
	root, err := g.keep(ctx, now, about, material)
	if err != nil {
		return nil, err
	}
	if g.Roots == nil {
		return &Enrolled{Root: root, Next: next}, nil
	}
	if err := g.Roots.KeepRoot(ctx, root); err != nil {
		return nil, explain(err, "keeping the root in the realm")
	}
	return &Enrolled{Next: next}, nil
}
