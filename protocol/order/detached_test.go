package order

import (
	"testing"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

func TestADetachedBlockIsWhatItsLinkStandsFor(t *testing.T) {
	sound := detached{Version: Version, Kind: detachedGrant, Sealed: []byte("sealed")}
	for _, test := range []struct {
		name   string
		change func(*detached)
		want   fault.Kind
	}{
		{"as it was put", func(*detached) {}, ""},
		{"of another kind", func(d *detached) { d.Kind = detachedShare }, fault.Invalid},
		{"of a later version", func(d *detached) { d.Version++ }, fault.Unsupported},
		{"of no version", func(d *detached) { d.Version = 0 }, fault.Unsupported},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := sound
			test.change(&d)
			c, block, err := dag.Put(d)
			if err != nil {
				t.Fatal(err)
			}
			sealed, err := GetGrant(c, block)
			if got := fault.Of(err); got != test.want {
				t.Fatalf("expected %q, found %q (%v)", test.want, got, err)
			}
			if err == nil && string(sealed) != "sealed" {
				t.Errorf("found %q", sealed)
			}
			if _, err := GetGrant(dag.Sum([]byte("other")), block); fault.Of(err) != fault.Invalid {
				t.Errorf("behind another link: %v", err)
			}
		})
	}
}
