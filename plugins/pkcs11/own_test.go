package pkcs11

import (
	"testing"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// An order that asks for a key of its own is kept under one that opens nothing else,
// and that can be destroyed.
func TestAnOrdersOwnKeyIsDestroyedAlone(t *testing.T) {
	onEveryRung(t, func(t *testing.T, s Settings) {
		k := open(t, s)
		enrol(t, k)
		own := share
		own.OwnKey = true
		secret := []byte("thirty-two bytes of a secret key")
		shared, first, second := keep(t, k, share, secret), keep(t, k, own, secret), keep(t, k, own, secret)
		k, err := reopen(t, k, s) // another process finds them
		if err != nil {
			t.Fatal(err)
		}
		mustRestore(t, k, first, own, secret)
		mustRestore(t, k, second, own, secret)
		if err := k.Destroy(t.Context(), shared, share); fault.Of(err) != fault.Unsupported {
			t.Errorf("a deposit under the realm's key: expected unsupported; found %v", err)
		}
		t.Run("a forged deposit destroys nothing", func(t *testing.T) {
			var forged, other deposit
			if err := dag.Decode(first, &forged); err != nil {
				t.Fatal(err)
			}
			if err := dag.Decode(second, &other); err != nil {
				t.Fatal(err)
			}
			forged.Key = other.Key
			b, err := dag.Encode(forged)
			if err != nil {
				t.Fatal(err)
			}
			if err := k.Destroy(t.Context(), b, own); err == nil {
				t.Error("expected a refusal")
			}
			elsewhere := own
			elsewhere.Epoch++
			if err := k.Destroy(t.Context(), first, elsewhere); err == nil {
				t.Error("in another context: expected a refusal")
			}
			mustRestore(t, k, first, own, secret)
			mustRestore(t, k, second, own, secret)
		})
		for range 2 {
			if err := k.Destroy(t.Context(), first, own); err != nil {
				t.Fatal(err)
			}
			if _, err := k.Restore(t.Context(), first, own); fault.Of(err) != fault.Gone {
				t.Errorf("expected that it is gone; found %v", err)
			}
		}
		if k, err = reopen(t, k, s); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Restore(t.Context(), first, own); fault.Of(err) != fault.Gone {
			t.Errorf("after a restart: expected that it is gone; found %v", err)
		}
		mustRestore(t, k, second, own, secret)
		mustRestore(t, k, shared, share, secret)
	})
}
