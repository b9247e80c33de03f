package identity

import (
	"bytes"
	"testing"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

func TestANameNeverChanges(t *testing.T) {
	k, next := create(t, Node, "acme")
	name := k.Identity().Name
	for range 3 {
		k, next = rotate(t, k, next, tuesday)
	}
	id, err := Verify(k.Identity().Blocks())
	if err != nil {
		t.Fatal(err)
	}
	if id.Name != name || id.Name != dag.Sum(id.Blocks()[0]) {
		t.Errorf("expected name %s, found %s", name, id.Name)
	}
	if id.Document != dag.Sum(id.Blocks()[3]) || id.Doc.Sequence != 3 {
		t.Errorf("expected the newest document, found number %d", id.Doc.Sequence)
	}
	if !id.SigningKey().Equal(k.Identity().SigningKey()) {
		t.Error("expected the newest signing key")
	}
}

func TestAChainBreaksNoRule(t *testing.T) {
	for _, c := range []struct {
		name, says string
		change     func(m *maker, d *Document)
	}{
		{"a key that was not announced", "expected the announced signing key", func(m *maker, d *Document) {
			m.signing = newKey(m.t)
			d.Signing = m.signing.Public().Bytes()
		}},
		{"a number that does not follow", "expected sequence number 1, found 2", func(m *maker, d *Document) { d.Sequence = 2 }},
		{"another previous document", "expected previous document", func(m *maker, d *Document) { d.Previous = dag.Sum(nil) }},
		{"another kind", `expected kind "node", found "custody"`, func(m *maker, d *Document) { d.Kind, d.Log = Custody, nil }},
		{"an earlier time", "expected a time from", func(m *maker, d *Document) { d.Time = monday.UnixMilli() - 1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMaker(t)
			first := m.block(m.first())
			d := m.after(first)
			c.change(m, d)
			_, err := Verify([][]byte{first, m.block(d)})
			refused(t, err, c.says)
		})
	}
}

func TestARotationSignedByTheOldKeyIsRefused(t *testing.T) {
	m := newMaker(t)
	old := m.signing
	first := m.block(m.first())
	d := m.after(first)
	m.signing = old
	_, err := Verify([][]byte{first, m.block(d)})
	refused(t, err, "its own signature")
}

func TestAChainIsShownWholeAndInOrder(t *testing.T) {
	k, next := create(t, Node, "acme")
	k, next = rotate(t, k, next, tuesday)
	k, _ = rotate(t, k, next, friday)
	other, _ := create(t, Node, "other")
	b := k.Identity().Blocks()
	for _, c := range []struct {
		name   string
		blocks [][]byte
	}{
		{"nothing", nil},
		{"without its beginning", b[1:]},
		{"with a gap", [][]byte{b[0], b[2]}},
		{"in another order", [][]byte{b[0], b[2], b[1]}},
		{"with a document twice", [][]byte{b[0], b[1], b[1]}},
		{"with the beginning of another", [][]byte{other.Identity().Blocks()[0], b[1], b[2]}},
		{"too long", bytes.SplitN(bytes.Repeat([]byte("a,"), MaxDocuments), []byte(","), MaxDocuments+1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Verify(c.blocks)
			refused(t, err, "expected")
			_, err = NewCache(4).Verify(c.blocks)
			refused(t, err, "expected")
		})
	}
}

func TestAtCutsTheChain(t *testing.T) {
	first, next := create(t, Node, "acme")
	second, next := rotate(t, first, next, tuesday)
	third, _ := rotate(t, second, next, friday)
	got, err := third.Identity().At(second.Identity().Document)
	if err != nil {
		t.Fatal(err)
	}
	if got.Party() != second.Identity().Party() || !got.SigningKey().Equal(second.Identity().SigningKey()) || len(got.Blocks()) != 2 {
		t.Errorf("expected the chain as it was on Tuesday, found %d documents", len(got.Blocks()))
	}
	if !third.Identity().Extends(got) || got.Extends(third.Identity()) {
		t.Error("expected the longer chain to extend the shorter, and not the other way round")
	}
	if s := third.Identity().Successor(got.Document); s == nil || s.Sequence != 2 {
		t.Errorf("expected document 2 to follow, found %v", s)
	}
	if _, err := got.At(third.Identity().Document); fault.Of(err) != fault.NotFound {
		t.Errorf("expected not found, found %v", err)
	}
}

func TestAForkIsNoExtension(t *testing.T) {
	k, next := create(t, Node, "acme")
	a, _ := rotate(t, k, next, tuesday)
	b, _ := rotate(t, k, next, tuesday)
	if a.Identity().Extends(b.Identity()) || b.Identity().Extends(a.Identity()) {
		t.Error("expected two rotations of one document to exclude each other")
	}
}

func TestRecovery(t *testing.T) {
	ann, _ := create(t, Node, "ann")
	bob, bobNext := create(t, Node, "bob")
	cas, _ := create(t, Node, "cas")
	dan, _ := create(t, Node, "dan")
	friends := sortedByName(ann, bob, cas)
	bob2, _ := rotate(t, bob, bobNext, tuesday)
	who := known(ann, bob2, cas, dan)

	for _, c := range []struct {
		name, says string
		signers    []*Keyring
		who        Resolver
		change     func(d *Document)
	}{
		{name: "k of the names together", signers: friends[:2], who: who},
		{name: "another k of them", signers: friends[1:], who: who},
		{name: "a signer's later document", signers: sortedByName(ann, bob2), who: who},
		{name: "one too few", signers: friends[:1], who: who, says: "expected 2 signatures of others, found 1"},
		{name: "one too many", signers: friends, who: who, says: "expected 2 signatures of others, found 3"},
		{name: "nobody", who: who, says: "expected 2 signatures of others, found 0"},
		{name: "one name twice", signers: []*Keyring{ann, ann}, who: who, says: "in its order"},
		{name: "one name with two documents", signers: []*Keyring{bob, bob2}, who: who, says: "in its order"},
		{name: "another order", signers: []*Keyring{friends[1], friends[0]}, who: who, says: "in its order"},
		{name: "a stranger among them", signers: sortedByName(ann, dan), who: who, says: "of the set"},
		{name: "signers nobody resolves", signers: friends[:2], says: "expected the documents of signer"},
		{name: "signers unknown here", signers: friends[:2], who: known(dan), says: "no bafy"},
		{name: "a resolver that finds someone else", signers: friends[:2], says: "found another", who: func(_, _ dag.CID) (*Identity, error) { return dan.identity, nil }},
		{name: "a resolver that finds nobody", signers: friends[:2], says: "found another", who: func(_, _ dag.CID) (*Identity, error) { return nil, nil }},
		{name: "a signature for another document", signers: friends[:2], who: who, says: "signature does not verify", change: func(d *Document) {
			d.Signatures[1].Signature = friends[0].Sign("DOCUMENT", []byte("another"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMaker(t)
			d := m.first()
			d.Recovery = &Recovery{Names: names(friends...), Threshold: 2}
			first := m.block(d)
			m.next = newKey(t) // both the signing key and the announced one are lost
			second := m.after(first)
			block := m.blockBy(second, c.signers...)
			if c.change != nil {
				c.change(second)
				var err error
				if block, err = dag.Encode(second); err != nil {
					t.Fatal(err)
				}
			}
			id, err := VerifyWith([][]byte{first, block}, c.who)
			if c.says != "" {
				refused(t, err, c.says)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if id.Name != dag.Sum(first) || !id.SigningKey().Equal(m.signing.Public()) {
				t.Error("expected the old name with the new key")
			}
		})
	}

	t.Run("an ordinary rotation needs nobody, and takes nobody", func(t *testing.T) {
		m := newMaker(t)
		d := m.first()
		d.Recovery = &Recovery{Names: names(friends...), Threshold: 2}
		first := m.block(d)
		second := m.after(first)
		if _, err := Verify([][]byte{first, m.block(second)}); err != nil {
			t.Error(err)
		}
		_, err := VerifyWith([][]byte{first, m.blockBy(second, friends[:2]...)}, who)
		refused(t, err, "expected 0 signatures of others")
	})

	t.Run("a name does not recover itself", func(t *testing.T) {
		m := newMaker(t)
		first := m.block(m.first())
		second := m.after(first)
		second.Recovery = &Recovery{Names: []dag.CID{dag.Sum(first)}, Threshold: 1}
		_, err := Verify([][]byte{first, m.block(second)})
		refused(t, err, "the party's own")
	})
}
