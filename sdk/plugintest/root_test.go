package plugintest_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/internal/guard"
	"github.com/milagro-dta/dta/sdk/plugintest"
)

// safe is a realm that keeps a root, unless it is full or broken.
type safe struct {
	root []byte
	err  error
}

func (s *safe) Root(context.Context) ([]byte, error) { return s.root, s.err }

func (s *safe) KeepRoot(_ context.Context, deposit []byte) error {
	if s.err == nil {
		s.root = bytes.Clone(deposit)
	}
	return s.err
}

func withSafe(t *testing.T, b box, s *safe) *guard.Guard {
	t.Helper()
	g, err := guard.New(guard.Settings{
		Custodian: b, Roots: s, Instance: plugintest.Instance, Type: "box",
		Scheme: func() string { return "" }, Mode: order.Supervised, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

// TestWhoseRootWasNotKeptIsNotEnrolled: it would answer under a name that is gone with
// the process.
func TestWhoseRootWasNotKeptIsNotEnrolled(t *testing.T) {
	b, s := box{secret.Random(32)}, &safe{err: fault.New(fault.Unavailable, "the token is full")}
	g := withSafe(t, b, s)
	if _, err := g.Enrol(t.Context(), "1", "ref"); fault.Of(err) != fault.Unavailable {
		t.Errorf("expected what the realm says; got %v", err)
	}
	if g.Chain() != nil {
		t.Error("it has an identity")
	}
	s.err = nil
	if _, err := g.Enrol(t.Context(), "2", "ref"); err != nil {
		t.Fatalf("once the realm is well: %v", err)
	}
	name := dag.Sum(g.Chain()[0])

	again := withSafe(t, b, s)
	if err := again.Load(t.Context(), nil, name); err != nil || dag.Sum(again.Chain()[0]) != name {
		t.Errorf("after a restart: expected %s; got %v", name, err)
	}
	s.err = fault.New(fault.Unavailable, "the token is away")
	if err := withSafe(t, b, s).Load(t.Context(), nil, name); fault.Of(err) != fault.Unavailable {
		t.Errorf("expected what the realm says; got %v", err)
	}
}

// TestARootIsTakenOnlyForWhatItIs: a swapped one would be another identity.
func TestARootIsTakenOnlyForWhatItIs(t *testing.T) {
	b := box{secret.Random(32)}
	roots, names, next := make([][]byte, 2), make([]dag.CID, 2), make([][]byte, 2)
	for i := range roots {
		s := new(safe)
		g := withSafe(t, b, s)
		e, err := g.Enrol(t.Context(), "1", "ref")
		if err != nil {
			t.Fatal(err)
		}
		roots[i], names[i], next[i] = s.root, dag.Sum(g.Chain()[0]), e.Next
	}
	for name, c := range map[string]struct {
		kept, shown []byte
		known       dag.CID
		want        fault.Kind
	}{
		"its own":                             {roots[0], nil, names[0], ""},
		"its own, which the host stored too":  {roots[0], roots[0], names[0], ""},
		"none, of an identity that there was": {nil, nil, names[0], fault.NotFound},
		"none, where the host stored one":     {nil, roots[0], names[0], fault.NotFound},
		"another than the host stored":        {roots[1], roots[0], names[0], fault.Conflict},
		"another than the host has seen":      {roots[1], nil, names[0], fault.Conflict},
		"a key that is to succeed":            {next[0], nil, names[0], fault.Invalid},
		"nonsense":                            {[]byte{0xa0}, nil, names[0], fault.Invalid},
	} {
		g := withSafe(t, b, &safe{root: c.kept})
		err := g.Load(t.Context(), c.shown, c.known)
		if fault.Of(err) != c.want || (g.Chain() != nil) != (c.want == "") {
			t.Errorf("%s: expected %q; got %v", name, c.want, err)
		}
	}
}
