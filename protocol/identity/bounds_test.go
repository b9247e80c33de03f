package identity

import (
	"strings"
	"testing"

	"github.com/milagro-dta/dta/protocol/dag"
)

// TestTheLargestDocumentIsWithinTheBound: a recovery by sixteen names, with all
// the rest as large as it may be.
func TestTheLargestDocumentIsWithinTheBound(t *testing.T) {
	var friends []*Keyring
	for range MaxRecovery {
		k, _ := create(t, Node, "friend")
		friends = append(friends, k)
	}
	friends = sortedByName(friends...)
	set := &Recovery{Names: names(friends...), Threshold: MaxRecovery}
	m := newMaker(t)
	d := m.first()
	d.Recovery = set
	first := m.block(d)
	m.next = newKey(t)
	last := m.after(first)
	last.Recovery, last.Reference = set, strings.Repeat("a", MaxReference)
	large, err := dag.NewRaw(make([]byte, dag.MaxValues-16))
	if err != nil {
		t.Fatal(err)
	}
	last.Extra = dag.Values{"a": large}
	block := m.blockBy(last, friends...)
	if _, err := VerifyWith([][]byte{first, block}, known(friends...)); err != nil {
		t.Fatal(err)
	}
	if n := len(block); n > MaxDocument || n < MaxDocument-8<<10 {
		t.Errorf("expected a little less than %d bytes, found %d", MaxDocument, n)
	}
	t.Logf("%d bytes; an ordinary document has %d", len(block), len(first))
}
