package envelope

import (
	"testing"

	"github.com/milagro-dta/dta/protocol/fault"
)

func TestReservedKindsAreUnsupportedByName(t *testing.T) {
	for _, k := range Kinds() {
		if err := k.check(); err != nil {
			t.Errorf("%s: %v", k, err)
		}
	}
	for _, k := range Reserved() {
		if err := k.check(); fault.Of(err) != fault.Unsupported {
			t.Errorf("%s: expected that it is unsupported; found %v", k, err)
		}
	}
	for _, k := range []Kind{"", "gossip", "Order"} {
		if err := k.check(); fault.Of(err) != fault.Invalid {
			t.Errorf("%q: expected a refusal; found %v", k, err)
		}
	}
}
