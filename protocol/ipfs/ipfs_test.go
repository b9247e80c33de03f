package ipfs_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/ipfs"
	"github.com/milagro-dta/dta/protocol/ipfs/ipfstest"
)

func TestMemory(t *testing.T) {
	m := new(ipfstest.Memory)
	ipfstest.Test(t, m, m)
}

func TestFirst(t *testing.T) {
	near, far := new(ipfstest.Memory), new(ipfstest.Memory)
	ipfstest.Test(t, far, ipfs.First(near, far))
}

func TestAChangedBlockIsNotReturned(t *testing.T) {
	ctx := context.Background()
	m := new(ipfstest.Memory)
	c, err := m.Put(ctx, []byte{0x63, 'a', 'b', 'c'})
	if err != nil {
		t.Fatal(err)
	}
	m.Corrupt(c, func(b []byte) []byte { b[1] ^= 1; return b })
	if _, err := m.Get(ctx, c); fault.Of(err) != fault.Unavailable {
		t.Errorf("expected unavailable, found %v", err)
	}
	// Another place may still have it as it was.
	good := new(ipfstest.Memory)
	if _, err := good.Put(ctx, []byte{0x63, 'a', 'b', 'c'}); err != nil {
		t.Fatal(err)
	}
	block, err := ipfs.First(m, good).Get(ctx, c)
	if err != nil || !bytes.Equal(block, []byte{0x63, 'a', 'b', 'c'}) {
		t.Errorf("expected the block, found % x, %v", block, err)
	}
}

type failing struct{ kind fault.Kind }

func (f failing) Get(context.Context, dag.CID) ([]byte, error) {
	return nil, fault.New(f.kind, "a test")
}

func TestFirstSaysWhyABlockIsNotHere(t *testing.T) {
	c := dag.Sum([]byte{0x60})
	for _, test := range []struct {
		name    string
		getters []ipfs.Getter
		want    fault.Kind
	}{
		{"nowhere to look", nil, fault.NotFound},
		{"found nowhere", []ipfs.Getter{failing{fault.NotFound}, failing{fault.NotFound}}, fault.NotFound},
		{"one place out of reach", []ipfs.Getter{failing{fault.NotFound}, failing{fault.Unavailable}}, fault.Unavailable},
		{"refused before out of reach", []ipfs.Getter{failing{fault.Denied}, failing{fault.Unavailable}}, fault.Denied},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ipfs.First(test.getters...).Get(context.Background(), c)
			ipfstest.Expect(t, err, test.want)
		})
	}
}

func TestWhoCouldNotBeAskedIsNamed(t *testing.T) {
	c := dag.Sum([]byte{0x60})
	away, none := failing{fault.Unavailable}, failing{fault.NotFound}
	for _, test := range []struct {
		getters []ipfs.Getter
		want    int
	}{
		{nil, 0}, {[]ipfs.Getter{none, failing{fault.Denied}}, 0}, {[]ipfs.Getter{away}, 1}, {[]ipfs.Getter{none, away, failing{fault.Deadline}}, 2},
		{[]ipfs.Getter{ipfs.First(failing{fault.Denied}, away), none, away}, 2},
	} {
		_, err := ipfs.First(test.getters...).Get(t.Context(), c)
		if found := ipfs.Unreachable(err); len(found) != test.want {
			t.Errorf("%v: expected %d; found %v", test.getters, test.want, found)
		}
	}
}
