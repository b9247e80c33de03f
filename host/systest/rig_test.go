//go:build linux

package systest

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/systest/rig"
)

// limit is how long a test waits for what must come.
const limit = 2 * time.Minute

func patience(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

func TestOneNodeKeepsASecretAndGivesItBack(t *testing.T) {
	ctx := patience(t)
	n := rig.One(t, rig.Options{Pinned: true})
	secret := []byte("what must be kept")
	placed, err := n.Client().Place(ctx, rig.Order{Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	n.Stop()
	n.Restart()
	got, err := n.Client().Redeem(ctx, placed.OrderReference)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Secret, secret) {
		t.Errorf("the secret given back is another")
	}
	n.Stop()
}

func TestThreeNodesKeepASecretForTheBeneficiary(t *testing.T) {
	ctx := patience(t)
	c := rig.Three(t, rig.Options{})
	secret := []byte("what must be handed on")
	placed, err := c.Principal.Client().Place(ctx, rig.Order{Secret: secret, Beneficiary: "beneficiary"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Beneficiary.Client().Await(ctx, placed.OrderReference, "accepted"); err != nil {
		t.Fatal(err)
	}
	got, err := c.Beneficiary.Client().Redeem(ctx, placed.OrderReference)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Secret, secret) {
		t.Errorf("the secret given back is another")
	}
	for _, n := range c.Nodes() {
		n.Stop()
	}
}
