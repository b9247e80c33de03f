//go:build linux

package systest

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/operator"
	"github.com/milagro-dta/dta/host/systest/rig"
)

// TestAPluginThatServesIsNotLostToAWrongBlock edits the file of a running node and restarts the plugin. What does not
// prove itself takes no place: the process that runs goes on, and the command says why at once.
func TestAPluginThatServesIsNotLostToAWrongBlock(t *testing.T) {
	h := newHSM(t)
	demo := func(directory, realm string) string {
		return fmt.Sprintf("plugin \"softhsm-demo\" \"demo\" {\n  command = %q\n  self_enrol = true\n  config {\n    directory = %q\n    realm = %q\n  }\n}\n",
			rig.Program(t, "dta-plugin-softhsm-demo"), directory, realm)
	}
	seal := h.block(t, "seal", "sealed", "")
	vault := h.block(t, "vault", "acme", "self_enrol = true")
	n := h.node(t, "node", "seal", `"vault", "demo"`, seal+vault+demo("./demo", "demo"))
	if err := n.TryStart(); err != nil {
		t.Fatal(err)
	}
	ready := func(name string) func() bool {
		return func() bool {
			got, err := n.Client().Status(context.Background())
			return err == nil && slices.ContainsFunc(got.Custody, func(p rig.Plugin) bool {
				return p.Name == name && p.State == "ready" && (p.Identity != "" || name == "seal")
			})
		}
	}
	for _, name := range []string{"seal", "vault", "demo"} {
		eventually(t, ready(name), func() string { return name + " is not ready" })
	}
	pid := func(name string) int {
		var got rig.Status
		if err := n.Operator().Call(context.Background(), http.MethodGet, operator.PathStatus, nil, &got); err != nil {
			t.Fatal(err)
		}
		for _, p := range got.Custody {
			if p.Name == name {
				return p.PID
			}
		}
		return 0
	}
	ctx := patience(t)
	refs := map[string]string{}
	for _, name := range []string{"vault", "demo"} {
		placed, err := n.Client().Place(ctx, rig.Order{Secret: []byte("secret"), Custody: name})
		if err != nil {
			t.Fatal(err)
		}
		refs[name] = placed.OrderReference
	}
	text, err := os.ReadFile(n.Config)
	if err != nil {
		t.Fatal(err)
	}
	changed := func(block, old, new string) string {
		return strings.Replace(string(text), block, strings.Replace(block, old, new, 1), 1)
	}
	for name, c := range map[string]struct {
		plugin, file, why string
		restarted         bool
	}{
		"a wrong PIN":             {"vault", changed(vault, `"123456"`, `"654321"`), "PIN", false},
		"another realm":           {"vault", changed(vault, `"acme"`, `"other"`), "another token, volume or realm", false},
		"the realm of another":    {"vault", changed(vault, `"acme"`, `"sealed"`), "another token, volume or realm", false},
		"another token":           {"vault", changed(vault, `"custody"`, `"elsewhere"`), "elsewhere", false},
		"no such module":          {"vault", changed(vault, "libsofthsm2.so", "nosuch.so"), "nosuch.so", false},
		"another realm of a seal": {"seal", changed(seal, `"sealed"`, `"other"`), "another token, volume or realm", false},
		"another directory":       {"demo", changed(demo("./demo", "demo"), "./demo", "./other"), "put it back", false},
		// One process at a time can use it: it is given back.
		"another realm in it": {"demo", changed(demo("./demo", "demo"), `realm = "demo"`, `realm = "other"`), "another token, volume or realm", true},
	} {
		t.Run(name, func(t *testing.T) {
			if c.file == string(text) {
				t.Fatal("the file is as before")
			}
			before := pid(c.plugin)
			if err := os.WriteFile(n.Config, []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := n.Command("plugin", "restart", c.plugin)
			if err == nil || !strings.Contains(err.Error(), "is left as it is") || !strings.Contains(err.Error(), c.why) {
				t.Errorf("expected to be told why nothing has changed, %q; found %v", c.why, err)
			}
			eventually(t, ready(c.plugin), func() string { return n.MustCommand("plugin", "status") })
			if now := pid(c.plugin); !c.restarted && now != before {
				t.Errorf("expected the process to go on, found %d and then %d", before, now)
			}
			if ref := refs[c.plugin]; ref != "" {
				if got, err := n.Client().Redeem(ctx, ref); err != nil || !bytes.Equal(got.Secret, []byte("secret")) {
					t.Errorf("expected the secret, found %v", err)
				}
			}
		})
	}
	if _, err := os.Stat(n.Path("other")); err == nil {
		t.Error("expected no token to be made in another directory")
	}
	if err := os.WriteFile(n.Config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for name := range refs {
		before := pid(name)
		n.MustCommand("plugin", "restart", name)
		if now := pid(name); now == before || now == 0 {
			t.Errorf("expected another process of %s, found %d", name, now)
		}
	}
}

// TestATokenOfAnEnrolledPluginIsNotMadeAnew takes away the directory of softhsm-demo, or what is in it, as a volume that
// is not mounted does, and puts it back.
func TestATokenOfAnEnrolledPluginIsNotMadeAnew(t *testing.T) {
	n := rig.One(t, rig.Options{Name: "node"})
	ctx := patience(t)
	placed, err := n.Client().Place(ctx, rig.Order{Secret: []byte("secret")})
	if err != nil {
		t.Fatal(err)
	}
	dir := n.Path("token-vault")
	n.Stop()
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	started := make(chan error, 1)
	go func() { started <- n.TryStart() }()
	says := func(missing string) {
		t.Helper()
		eventually(t, func() bool {
			out, _ := n.Command("plugin", "status")
			return strings.Contains(out, "directory "+missing+" is missing") && strings.Contains(out, "put it back")
		}, func() string { return "the node does not say what is missing:\n" + n.LogTail(20) })
	}
	says(dir)
	if _, err := os.Stat(dir); err == nil {
		t.Error("expected no directory to be made")
	}
	if err := os.Mkdir(dir, 0o700); err != nil { // where its volume is to be mounted
		t.Fatal(err)
	}
	says(filepath.Join(dir, "token"))
	// It fails where anything was made in it.
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-started:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the node does not go on")
	}
	if got, err := n.Client().Redeem(ctx, placed.OrderReference); err != nil || !bytes.Equal(got.Secret, []byte("secret")) {
		t.Errorf("expected the secret, found %v", err)
	}
}
