//go:build linux

package systest

import (
	"testing"

	"github.com/milagro-dta/dta/host/systest/rig"
)

// TestNewsReachesWhoWasAway: a beneficiary that was away while an order for it was
// accepted, and a principal that was away while it was released, learn of it once they
// are back, also where the fiduciary has stopped between.
func TestNewsReachesWhoWasAway(t *testing.T) {
	ctx := patience(t)
	c := rig.Three(t, rig.Options{})
	const secret = "for whoever comes back"
	place := func() rig.Placed {
		t.Helper()
		placed, err := c.Principal.Client().Place(ctx, rig.Order{Secret: []byte(secret), Fiduciary: "fiduciary", Beneficiary: "beneficiary"})
		if err != nil {
			t.Fatal(err)
		}
		return placed
	}
	place() // since when the principal knows the beneficiary
	c.Beneficiary.Stop()
	c.Principal.Stop()
	c.Principal.Restart()
	placed := place()
	if q := c.Fiduciary.Queue(ctx, "notice"); q.Pending == 0 {
		t.Errorf("expected the notice to wait for the beneficiary; found %+v", q)
	}
	c.Fiduciary.Stop()
	c.Fiduciary.Restart()
	c.Beneficiary.Restart()
	if _, err := c.Beneficiary.Client().Await(ctx, placed.OrderReference, "accepted"); err != nil {
		t.Fatalf("the beneficiary: %v", err)
	}

	c.Principal.Stop()
	got, err := c.Beneficiary.Client().Redeem(ctx, placed.OrderReference)
	if err != nil || string(got.Secret) != secret {
		t.Fatalf("expected the secret; found %d bytes, %v", len(got.Secret), err)
	}
	c.Fiduciary.Stop()
	c.Fiduciary.Restart()
	c.Principal.Restart()
	if _, err := c.Principal.Client().Await(ctx, placed.OrderReference, "released"); err != nil {
		t.Fatalf("the principal: %v", err)
	}
	c.Fiduciary.AwaitDone(ctx, "notice")
}
