//go:build linux

package systest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/systest/rig"
)

// hsm is one SoftHSM token, which several nodes can reach.
type hsm struct{ dir, conf string }

func newHSM(t *testing.T) hsm {
	t.Helper()
	dir := t.TempDir()
	h := hsm{dir: filepath.Join(dir, "tokens"), conf: filepath.Join(dir, "softhsm2.conf")}
	if err := os.Mkdir(h.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.conf, []byte("directories.tokendir = "+h.dir+"\nobjectstore.backend = file\nlog.level = ERROR\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("softhsm2-util", "--init-token", "--free", "--label", "custody", "--so-pin", "12345678", "--pin", "123456")
	cmd.Env = append(os.Environ(), "SOFTHSM2_CONF="+h.conf)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make a token: %v\n%s", err, out)
	}
	return h
}

// block is a plugin block of type pkcs11.
func (h hsm) block(t *testing.T, name, realm, more string) string {
	return fmt.Sprintf(`
plugin "pkcs11" %q {
  command = %q
  env     = { SOFTHSM2_CONF = %q }
  %s
  config {
    module      = "/usr/lib/softhsm/libsofthsm2.so"
    token_label = "custody"
    realm       = %q
    pin         = "123456"
  }
}
`, name, rig.Program(t, "dta-plugin-pkcs11"), h.conf, more, realm)
}

// node is a node in all roles, with these plugin blocks.
func (h hsm) node(t *testing.T, name, seal, custody, blocks string) *rig.Node {
	t.Helper()
	n := rig.New(t, rig.Options{Name: name})
	n.Configure(fmt.Sprintf("node {\n  name     = %q\n  data_dir = \"./data\"\n  seal     = %q\n}\nlistener \"all\" {\n  address = %q\n  serves  = [\"nodes\", \"principals\"]\n}\nipfs \"embedded\" {}\n%s\nfiduciary {\n  custody    = [%s]\n  principals = [\"self\"]\n}\n",
		name, seal, n.Address, blocks, custody))
	return n
}

// TestOneOfTwoNodesHasTheRealm starts two nodes with one new realm at once. One
// serves for good; the other is refused, and told who has the realm.
func TestOneOfTwoNodesHasTheRealm(t *testing.T) {
	h := newHSM(t)
	for try := range 3 {
		realm := fmt.Sprintf("acme-%d", try)
		var nodes []*rig.Node
		for _, name := range []string{"first", "second"} {
			nodes = append(nodes, h.node(t, name, "vault", `"vault"`, h.block(t, "vault", realm, "self_enrol = true")))
		}
		errs := atOnce(nodes, (*rig.Node).TryStart)
		winner, loser := 0, 1
		if errs[winner] != nil {
			winner, loser = 1, 0
		}
		if errs[winner] != nil {
			t.Fatalf("expected one node to serve, found\n%v\n%v", errs[0], errs[1])
		}
		if errs[loser] == nil || !strings.Contains(errs[loser].Error(), nodes[winner].Identity()) {
			t.Errorf("expected a refusal that names %s, found %v", nodes[winner].Identity(), errs[loser])
		}
		n := nodes[winner]
		if err := n.AwaitPlugins(); err != nil {
			t.Fatal(err)
		}
		ctx := patience(t)
		placed, err := n.Client().Place(ctx, rig.Order{Secret: []byte("secret")})
		if err != nil {
			t.Fatal(err)
		}
		n.Stop()
		n.Start()
		if got, err := n.Client().Redeem(ctx, placed.OrderReference); err != nil || !bytes.Equal(got.Secret, []byte("secret")) {
			t.Errorf("expected the secret after a restart, found %v", err)
		}
		n.Stop()
	}
}

// TestOneOfTwoEnrolmentsHasTheRealm runs `dta plugin enrol` for two nodes at
// once, and the plugins of two blocks of one node.
func TestOneOfTwoEnrolmentsHasTheRealm(t *testing.T) {
	h := newHSM(t)
	seal := fmt.Sprintf("plugin \"softhsm-demo\" \"seal\" {\n  command = %q\n  config { directory = \"./seal\" }\n}\n", rig.Program(t, "dta-plugin-softhsm-demo"))
	var nodes []*rig.Node
	for _, name := range []string{"first", "second"} {
		nodes = append(nodes, h.node(t, name, "seal", `"vault"`, seal+h.block(t, "vault", "acme", "")))
	}
	for _, err := range atOnce(nodes, func(n *rig.Node) error { _, err := n.Command("init"); return err }) {
		if err != nil {
			t.Fatal(err)
		}
	}
	errs := atOnce(nodes, func(n *rig.Node) error { _, err := n.Command("plugin", "enrol", "vault"); return err })
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Fatalf("expected one enrolment, found %v and %v", errs[0], errs[1])
	}
	for i, err := range errs {
		if err == nil {
			if err := nodes[i].TryStart(); err != nil {
				t.Fatal(err)
			}
			eventually(t, func() bool {
				got, err := nodes[i].Client().Status(context.Background())
				return err == nil && slices.ContainsFunc(got.Custody, func(p rig.Plugin) bool {
					return p.Name == "vault" && p.State == "ready" && p.Identity != ""
				})
			}, func() string { return "expected the enrolled plugin to serve" })
			nodes[i].Stop()
		} else if !strings.Contains(err.Error(), "belongs to plugin") || !strings.Contains(err.Error(), "exit status 5") {
			t.Errorf("expected a conflict that names the realm's node, found %v", err)
		}
	}

	both := h.node(t, "both", "seal", `"left", "right"`,
		seal+h.block(t, "left", "shared", "self_enrol = true")+h.block(t, "right", "shared", "self_enrol = true"))
	if out, err := both.Command("config", "validate"); err == nil || !strings.Contains(out+err.Error(), `The plugins "left" and "right" would keep in one place`) {
		t.Errorf("expected both blocks to be named, found %s, %v", out, err)
	}
	for range 2 {
		if err := both.TryStart(); err != nil {
			t.Fatal(err)
		}
		states := map[string]int{}
		eventually(t, func() bool {
			got, err := both.Client().Status(context.Background())
			clear(states)
			for _, c := range got.Custody {
				states[string(c.State)]++
			}
			return err == nil && states["ready"] == 2 && states["failed"] == 1
		}, func() string { return fmt.Sprintf("expected one of the two to be refused, found %v", states) })
		if out := both.MustCommand("plugin", "status"); !strings.Contains(out, "its realm belongs to plugin") && !strings.Contains(out, `"shared" belongs to plugin`) {
			t.Errorf("expected the reason, found\n%s", out)
		}
		both.Stop()
	}
}

// TestACopyThatServedIsNotForgotten copies a stopped node and has the copy serve.
// The original lacks what the copy acknowledged: started again it says so, gives
// back what it keeps and takes nothing new, until its operator has it take over.
// Then the copy is in its place. A start that is killed is no other copy.
func TestACopyThatServedIsNotForgotten(t *testing.T) {
	h := newHSM(t)
	n, twin := h.twins(t)
	n.Start()
	ctx := patience(t)
	placed, err := n.Client().Place(ctx, rig.Order{Secret: []byte("secret")})
	if err != nil {
		t.Fatal(err)
	}
	n.Stop()
	duplicate(t, n, twin)
	twin.Start()
	keeps(t, twin)
	twin.Stop()

	if err := n.TryStart(); err != nil {
		t.Fatal(err)
	}
	takesNothing(t, n, "another copy of this node", "dta plugin take-over vault")
	if got, err := n.Client().Redeem(ctx, placed.OrderReference); err != nil || !bytes.Equal(got.Secret, []byte("secret")) {
		t.Errorf("expected the secret that was kept before, found %v", err)
	}
	if _, err := n.Command("plugin", "restart", "vault"); err == nil || !strings.Contains(err.Error(), "another copy of this node") {
		t.Errorf("expected a restart not to help, found %v", err)
	}
	n.Kill()
	if err := n.TryStart(); err != nil {
		t.Fatal(err)
	}
	takesNothing(t, n, "another copy of this node")
	if out := n.MustCommand("plugin", "take-over", "vault"); !strings.Contains(out, `plugin "vault" goes on after claim `) {
		t.Errorf("expected to be told from which claim, found %s", out)
	}
	keeps(t, n)
	if out := n.MustCommand("audit", "list"); !strings.Contains(out, "custody.taken-over") {
		t.Errorf("expected the word in the audit log, found\n%s", out)
	}
	if out, err := n.Command("plugin", "take-over", "vault"); err == nil || !strings.Contains(err.Error(), "nothing to take over") {
		t.Errorf("expected a conflict, found %s, %v", out, err)
	}
	n.Kill()
	for i := range 4 {
		n.KillWhileStarting(time.Duration(60*(i+1)) * time.Millisecond)
	}
	n.Start()
	keeps(t, n)
	n.Stop()

	// The copy's word may be given while it is stopped, too.
	if err := twin.TryStart(); err != nil {
		t.Fatal(err)
	}
	takesNothing(t, twin, "another copy of this node")
	twin.Stop()
	twin.MustCommand("plugin", "take-over", "vault")
	twin.Start()
	keeps(t, twin)
}

// TestACopyOfARunningNodeFencesItAtOnce: what the original is asked to keep after
// the copy has started it does not accept, whether it has noticed the copy or not.
func TestACopyOfARunningNodeFencesItAtOnce(t *testing.T) {
	h := newHSM(t)
	n, twin := h.twins(t)
	n.Start()
	n.MustCommand("audit", "verify") // so that the database is whole
	duplicate(t, n, twin)
	twin.Start()
	soon := func() context.Context {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		t.Cleanup(cancel)
		return ctx
	}
	if placed, err := n.Client().Place(soon(), rig.Order{Secret: []byte("secret")}); err == nil && placed.State != "ordered" {
		t.Errorf("expected the original to accept nothing, found %+v", placed)
	}
	takesNothing(t, n, "another copy of this node", "stop one of the two")
	keeps(t, twin)
	n.MustCommand("plugin", "take-over", "vault")
	keeps(t, n)
	if placed, err := twin.Client().Place(soon(), rig.Order{Secret: []byte("secret")}); err == nil && placed.State != "ordered" {
		t.Errorf("expected the copy to accept nothing more, found %+v", placed)
	}
	takesNothing(t, twin, "another copy of this node", "stop one of the two")
}

// TestABackupOfARunningNodeIsNotTakenForIt: the end of a node is noted, too.
func TestABackupOfARunningNodeIsNotTakenForIt(t *testing.T) {
	h := newHSM(t)
	n, backup := h.twins(t)
	n.Start()
	n.MustCommand("audit", "verify")
	duplicate(t, n, backup)
	keeps(t, n)
	n.Stop()
	if err := backup.TryStart(); err != nil {
		t.Fatal(err)
	}
	takesNothing(t, backup, "put back from a backup")
	backup.Stop()
	n.Start()
	keeps(t, n)
}

// twins are two places for one node, with one realm.
func (h hsm) twins(t *testing.T) (n, twin *rig.Node) {
	blocks := h.block(t, "vault", "acme", "self_enrol = true")
	return h.node(t, "node", "vault", `"vault"`, blocks), h.node(t, "node", "vault", `"vault"`, blocks)
}

// duplicate copies a node's data directory.
func duplicate(t *testing.T, from, to *rig.Node) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from.Path("data"), to.Path("data")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// keeps expects a node that accepts an order.
func keeps(t *testing.T, n *rig.Node) {
	t.Helper()
	if placed, err := n.Client().Place(patience(t), rig.Order{Secret: []byte("new")}); err != nil || placed.State != "accepted" {
		t.Fatalf("expected an order to be accepted, found %+v, %v", placed, err)
	}
}

// takesNothing expects a node that is not ready, says why, and refuses orders.
func takesNothing(t *testing.T, n *rig.Node, why ...string) {
	t.Helper()
	var said string
	eventually(t, func() bool {
		raw, err := n.Client().Raw(context.Background(), "GET", "/v1/status", "", nil)
		said = string(raw) + fmt.Sprint(err)
		return strings.Contains(said, `"ready":false`) && !slices.ContainsFunc(why, func(w string) bool { return !strings.Contains(said, w) })
	}, func() string {
		return fmt.Sprintf("expected a node that is not ready because of %q, found %s", why, said)
	})
	if placed, err := n.Client().Place(patience(t), rig.Order{Secret: []byte("new")}); rig.Refusal(err) == nil || rig.Refusal(err).HTTP != 503 {
		t.Errorf("expected an order to be refused, found %+v, %v", placed, err)
	}
}

// TestATokenThatWasAwayServesAgain moves the token's directory away and back.
func TestATokenThatWasAwayServesAgain(t *testing.T) {
	h := newHSM(t)
	n := h.node(t, "node", "vault", `"vault"`, h.block(t, "vault", "acme", "self_enrol = true"))
	n.Start()
	ctx := patience(t)
	placed, err := n.Client().Place(ctx, rig.Order{Secret: []byte("secret")})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(h.dir, h.dir+".away"); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Client().Redeem(ctx, placed.OrderReference); err == nil {
		t.Error("expected no secret while the token is away")
	}
	var out string
	eventually(t, func() bool {
		out = n.MustCommand("plugin", "status")
		return strings.Contains(out, "not-ready") && strings.Contains(out, "CKR_")
	}, func() string { return "expected the token to be missed, found\n" + out })
	if err := os.Rename(h.dir+".away", h.dir); err != nil {
		t.Fatal(err)
	}
	var got rig.Redeemed
	eventually(t, func() bool {
		got, err = n.Client().Redeem(ctx, placed.OrderReference)
		return err == nil
	}, func() string { return fmt.Sprintf("the token is not used again: %v", err) })
	if !bytes.Equal(got.Secret, []byte("secret")) {
		t.Error("expected the secret")
	}
}

// atOnce has all nodes do something at the same time.
func atOnce(nodes []*rig.Node, do func(*rig.Node) error) []error {
	errs := make([]error, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() { errs[i] = do(n) })
	}
	wg.Wait()
	return errs
}

func eventually(t *testing.T, holds func() bool, otherwise func() string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(otherwise())
		}
	}
}
