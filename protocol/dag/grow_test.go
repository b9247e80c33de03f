package dag

import (
	"bytes"
	"testing"

	"github.com/milagro-dta/dta/protocol/fault"
)

// earlier is a signed map as one version knew it, later the same with a member
// more.
type earlier struct {
	Version uint64 `cbor:"version"`
	Name    string `cbor:"name"`
}

type later struct {
	Version uint64   `cbor:"version"`
	Name    string   `cbor:"name"`
	Limit   uint64   `cbor:"limit,omitempty"`
	Marks   []string `cbor:"marks,omitempty"`
	Own     bool     `cbor:"own,omitempty"`
}

// defaults is later with a member that stands there at its default.
type defaults struct {
	Version uint64 `cbor:"version"`
	Name    string `cbor:"name"`
	Own     bool   `cbor:"own"`
}

// The one way in which a signed map grows: what was signed before keeps its bytes
// and its CID, and nothing has two encodings.
func TestASignedMapGrowsInOneWay(t *testing.T) {
	old, err := Encode(earlier{1, "x"})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("a later version reads what was signed before, and encodes it to the same bytes", func(t *testing.T) {
		var v later
		if err := Decode(old, &v); err != nil {
			t.Fatal(err)
		}
		again, err := Encode(v)
		if err != nil || !bytes.Equal(again, old) {
			t.Errorf("expected %x; found %x, %v", old, again, err)
		}
	})
	t.Run("an earlier version refuses a member that it does not know", func(t *testing.T) {
		for _, v := range []later{{1, "x", 1, nil, false}, {1, "x", 0, []string{"a"}, false}, {1, "x", 0, nil, true}} {
			grown, err := Encode(v)
			if err != nil {
				t.Fatal(err)
			}
			if err := Decode(grown, new(earlier)); fault.Of(err) != fault.Invalid {
				t.Errorf("%+v: expected a refusal; found %v", v, err)
			}
			var same later
			if err := Decode(grown, &same); err != nil {
				t.Errorf("%+v: the version that brought the member: %v", v, err)
			}
		}
	})
	t.Run("a member that stands there at its default is refused", func(t *testing.T) {
		twice, err := Encode(defaults{1, "x", false})
		if err != nil {
			t.Fatal(err)
		}
		if err := Decode(twice, new(later)); fault.Of(err) != fault.Invalid {
			t.Errorf("expected a refusal; found %v", err)
		}
	})
}
