package peer_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/peer"
)

func TestABlockIsKnownByItsBytes(t *testing.T) {
	b := peer.NewBag([]byte("a"), []byte("b"), []byte("a"))
	text, err := json.Marshal(b)
	if err != nil || string(text) != `["YQ==","Yg=="]` {
		t.Fatalf("found %s, %v", text, err)
	}
	var got peer.Bag
	if err := json.Unmarshal([]byte(`["Yg==","YQ==","Yg=="]`), &got); err != nil || got.Len() != 2 {
		t.Fatalf("expected 2 blocks; found %d, %v", got.Len(), err)
	}
	if block, ok := got.Get(dag.Sum([]byte("a"))); !ok || !bytes.Equal(block, []byte("a")) {
		t.Errorf("found %q", block)
	}
	if _, ok := got.Get(dag.Sum([]byte("c"))); ok {
		t.Error("found a block that was not sent")
	}
}

func TestBagsThatAreRefused(t *testing.T) {
	many := `["YQ=="` + strings.Repeat(`,"YQ=="`, peer.MaxBlocks) + `]`
	large := `["` + base64.StdEncoding.EncodeToString(make([]byte, dag.MaxBlock+1)) + `"]`
	for name, text := range map[string]string{
		"no list": `{"a":"YQ=="}`, "no strings": `[1]`, "not base64": `["!"]`, "without padding": `["YQ"]`,
		"bits left over": `["YR=="]`, "an empty block": `[""]`, "a block too large": large, "too many": many,
	} {
		var b peer.Bag
		if err := json.Unmarshal([]byte(text), &b); fault.Of(err) != fault.Invalid {
			t.Errorf("%s: expected invalid; found %v", name, err)
		}
	}
}

func FuzzBag(f *testing.F) {
	for _, seed := range []string{`[]`, `null`, `["YQ==","Yg=="]`, `["YQ==","YQ=="]`, `["Y\u0051=="]`, `[null]`, `[[]]`, `"YQ=="`, `["YR=="]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var b peer.Bag
		if err := b.UnmarshalJSON(text); err != nil {
			if fault.Of(err) != fault.Invalid {
				t.Errorf("expected invalid; found %v", err)
			}
			return
		}
		if b.Len() > peer.MaxBlocks {
			t.Errorf("found %d blocks", b.Len())
		}
		sent, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		var again peer.Bag
		if err := again.UnmarshalJSON(sent); err != nil {
			t.Fatalf("what was sent again is not read: %v", err)
		}
		if back, err := json.Marshal(again); err != nil || !bytes.Equal(sent, back) {
			t.Errorf("expected %s; found %s, %v", sent, back, err)
		}
	})
}

func TestABagWithMoreLeavesTheOldOne(t *testing.T) {
	b := peer.NewBag([]byte("a"))
	more := b.With([]byte("b"), []byte("a"))
	if b.Len() != 1 || more.Len() != 2 {
		t.Errorf("expected 1 and 2 blocks; found %d and %d", b.Len(), more.Len())
	}
	if _, ok := more.Get(dag.Sum([]byte("b"))); !ok {
		t.Error("what was added is missing")
	}
	if (peer.Bag{}).With([]byte("b")).Len() != 1 {
		t.Error("expected a block in a bag that was empty")
	}
}
