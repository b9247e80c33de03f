//go:build linux

package systest

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/host/systest/rig"
)

// TestAcknowledgedOrdersAreMissed kills a node with everything it acknowledged in
// the write-ahead log, of which SQLite drops all behind a flipped bit without a
// word. The node does not start, and says how much is missing; it goes on with the
// right file, or at its operator's word, which is audited.
func TestAcknowledgedOrdersAreMissed(t *testing.T) {
	ctx := patience(t)
	n := rig.One(t, rig.Options{})
	var refs []string
	for range 3 {
		placed, err := n.Client().Place(ctx, rig.Order{Secret: []byte("acknowledged")})
		if err != nil || placed.State != "accepted" {
			t.Fatalf("expected an accepted order; found %+v, %v", placed, err)
		}
		refs = append(refs, placed.OrderReference)
	}
	n.Kill()
	n.NoOrphans()
	wal := n.Path("data", "node.db-wal")
	whole, err := os.ReadFile(wal)
	if err != nil {
		t.Fatal(err)
	}
	torn := append([]byte{}, whole...)
	torn[len(torn)*35/100] ^= 1
	write := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(wal, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(torn)
	refused := func(args ...string) string {
		t.Helper()
		_, err := n.Command(args...)
		if err == nil || !strings.Contains(err.Error(), "exit status 5") {
			t.Fatalf("dta %s: expected exit code 5; found %v", strings.Join(args, " "), err)
		}
		return err.Error()
	}
	number := regexp.MustCompile(`(\d+) acknowledged audit entries are missing: .* dta store accept-loss (\d+)\n`)
	found := number.FindStringSubmatch(refused("host"))
	if found == nil || found[1] != found[2] {
		t.Fatalf("expected a refusal that names the missing entries and the command; found %v", found)
	}
	for _, args := range [][]string{{"audit", "verify"}, {"identity", "show"}, {"clock", "show"}} {
		refused(args...)
	}
	refused("store", "accept-loss", found[1]+"0")

	// With the right file back, nothing was lost by looking.
	write(whole)
	n.Restart()
	for _, ref := range refs {
		if got, err := n.Client().Redeem(ctx, ref); err != nil || string(got.Secret) != "acknowledged" {
			t.Errorf("order %s: expected the secret; found %q, %v", ref, got.Secret, err)
		}
	}
	n.Kill()

	if err := os.Remove(wal); err != nil {
		t.Fatal(err)
	}
	found = number.FindStringSubmatch(refused("host"))
	if found == nil {
		t.Fatal("expected a refusal that names the missing entries and the command")
	}
	if _, err := os.Stat(n.Path("data", "anchor")); err != nil {
		t.Fatal(err)
	}
	if db, err := os.Stat(n.Path("data", "node.db")); err == nil && db.Size() <= 4096 {
		return // the identity was in the lost file, too: there is nothing to go on with
	}
	n.MustCommand("store", "accept-loss", found[1])
	n.Restart()
	if log := n.MustCommand("audit", "list"); !strings.Contains(log, "store.loss.accepted") {
		t.Errorf("expected that the loss is in the audit log; found\n%s", log)
	}
	n.MustCommand("audit", "verify")
	if _, err := n.Client().Place(ctx, rig.Order{Secret: []byte("after the loss")}); err != nil {
		t.Error(err)
	}
}

// TestNothingIsLostWithAWriteAheadLogThatIsRemoved takes the log away from a running
// node. From then on nothing is acknowledged, and what was acknowledged outlives a
// kill.
func TestNothingIsLostWithAWriteAheadLogThatIsRemoved(t *testing.T) {
	ctx := patience(t)
	n := rig.One(t, rig.Options{})
	refs := map[string]string{}
	place := func(secret string) error {
		placed, err := n.Client().Place(ctx, rig.Order{Secret: []byte(secret)})
		if err == nil && placed.State == "accepted" {
			refs[placed.OrderReference] = secret
		}
		return err
	}
	for _, secret := range []string{"first", "second"} {
		if err := place(secret); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(n.Path("data", "node.db-wal")); err != nil {
		t.Fatal(err)
	}
	if err := place("after it was removed"); err == nil {
		t.Error("expected that nothing is acknowledged any more")
	}
	status, err := n.Client().Status(ctx)
	if err != nil || status.Ready || !strings.Contains(status.Reason, "node.db-wal was removed or replaced under the running node") {
		t.Errorf("expected that it is not ready, with the reason; found %+v, %v", status, err)
	}
	n.Kill()
	n.Restart()
	if len(refs) != 2 {
		t.Errorf("expected two acknowledged orders; found %d", len(refs))
	}
	for ref, secret := range refs {
		if got, err := n.Client().Redeem(ctx, ref); err != nil || string(got.Secret) != secret {
			t.Errorf("order %s: expected %q; found %q, %v", ref, secret, got.Secret, err)
		}
	}
}
