package identity

import (
	"errors"
	"slices"
	"testing"

	"github.com/milagro-dta/dta/protocol/fault"
)

// party is one whose documents name a recovery set, and who rotates and is
// recovered in several ways.
type party struct {
	t       *testing.T
	friends []*Keyring
	first   []byte
	m       *maker // as it stood after the first document
}

func newParty(t *testing.T) *party {
	t.Helper()
	a, _ := create(t, Node, "a")
	b, _ := create(t, Node, "b")
	p := &party{t: t, friends: sortedByName(a, b), m: newMaker(t)}
	d := p.m.first()
	d.Recovery = &Recovery{Names: names(p.friends...), Threshold: 2}
	p.first = p.m.block(d)
	return p
}

func (p *party) verify(blocks ...[]byte) *Identity {
	p.t.Helper()
	id, err := VerifyWith(blocks, known(p.friends...))
	if err != nil {
		p.t.Fatal(err)
	}
	return id
}

// rotated follows a chain by the announced key, which m has.
func (p *party) rotated(m maker, before ...[]byte) (*Identity, maker) {
	block := m.block(m.after(before[len(before)-1]))
	return p.verify(append(slices.Clip(before), block)...), m
}

// recovered follows a chain by a key that the friends put in place.
func (p *party) recovered(before ...[]byte) *Identity {
	m := maker{t: p.t, next: newKey(p.t)}
	return p.verify(append(slices.Clip(before), m.blockBy(m.after(before[len(before)-1]), p.friends...))...)
}

func TestSettle(t *testing.T) {
	p := newParty(t)
	start := p.verify(p.first)
	mine, after := p.rotated(*p.m, p.first)
	theirs, _ := p.rotated(*p.m, p.first)
	longer, _ := p.rotated(after, mine.Blocks()...)
	recovery, another := p.recovered(p.first), p.recovered(p.first)
	for _, c := range []struct {
		name   string
		chains []*Identity
		want   *Identity
		fork   bool
	}{
		{"one chain", []*Identity{mine}, mine, false},
		{"a chain and its beginning", []*Identity{start, longer, mine}, longer, false},
		{"the same twice", []*Identity{mine, mine}, mine, false},
		{"two rotations", []*Identity{mine, theirs}, start, true},
		{"two rotations, one of which went on", []*Identity{theirs, longer}, start, true},
		{"a rotation and a recovery", []*Identity{mine, recovery}, recovery, false},
		{"a longer chain and a recovery before it", []*Identity{longer, recovery, start}, recovery, false},
		{"a fork that a recovery settles", []*Identity{mine, theirs, recovery}, recovery, false},
		{"two recoveries", []*Identity{recovery, another, mine}, start, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 2 {
				got, err := Settle(c.chains...)
				if errors.Is(err, ErrFork) != c.fork || c.fork && fault.Of(err) != fault.Denied {
					t.Errorf("expected a fork: %t, found %v", c.fork, err)
				}
				if got == nil || got.Document != c.want.Document || got.Name != c.want.Name {
					t.Errorf("expected document %s, found %v", c.want.Document, got)
				}
				slices.Reverse(c.chains)
			}
		})
	}
	other, _ := create(t, Node, "other")
	if _, err := Settle(mine, other.Identity()); fault.Of(err) != fault.Internal {
		t.Errorf("expected chains of two names to be refused, found %v", err)
	}
}
