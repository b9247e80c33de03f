//go:build linux

package systest_test

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/systest/rig"
)

// knife opens the database of a node that does not run, to change it behind the
// node's back.
func knife(t *testing.T, n *rig.Node) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+n.Path("data", "node.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	return db
}

// cut changes the database of a node that does not run.
func cut(t *testing.T, n *rig.Node, statements ...string) {
	t.Helper()
	db := knife(t, n)
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// image is what a node that does not run has kept, with its plugin's realm, which
// would tell that the rest was put back.
type image struct {
	database, anchor []byte
	realm            string // a copy; empty: as it is
}

// put gives a node that does not run what it had at an earlier time.
func put(t *testing.T, n *rig.Node, i image) {
	t.Helper()
	for _, suffix := range []string{"-wal", "-shm"} {
		_ = os.Remove(n.Path("data", "node.db"+suffix))
	}
	err := errors.Join(os.WriteFile(n.Path("data", "node.db"), i.database, 0o600), os.WriteFile(n.Path("data", "anchor"), i.anchor, 0o600))
	if i.realm != "" {
		err = errors.Join(err, os.RemoveAll(n.Path("token-vault")), exec.Command("cp", "-a", i.realm, n.Path("token-vault")).Run())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func kept(t *testing.T, n *rig.Node) (i image) {
	t.Helper()
	i.realm = filepath.Join(t.TempDir(), "realm")
	var errs [3]error
	i.database, errs[0] = os.ReadFile(n.Path("data", "node.db"))
	i.anchor, errs[1] = os.ReadFile(n.Path("data", "anchor"))
	errs[2] = exec.Command("cp", "-a", n.Path("token-vault"), i.realm).Run()
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	return i
}

// TestAnAuditLogInDoubtStopsNewOrders: rows of the log are changed while the node
// does not run. It takes no new order from its first answer on, says why, and goes
// on releasing what it keeps.
func TestAnAuditLogInDoubtStopsNewOrders(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	n := rig.One(t, rig.Options{})
	order := rig.Order{Secret: []byte("kept"), Fiduciary: "self"}
	once := order
	once.Once = "first"
	first, err := n.Client().Place(ctx, once)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := n.Client().Place(ctx, order); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // so that all of it was verified before
		n.Stop()
		n.Restart()
	}
	n.Stop()
	good := kept(t, n)
	for name, c := range map[string]struct{ change, reason string }{
		"an entry deleted": {"delete from audit_entries where number = 4", "audit entry 4 is missing"},
		"two swapped":      {"update audit_entries set number = case number when 4 then -4 else 4 end where number in (4, 6); update audit_entries set number = 6 where number = -4", "audit entry 4"},
		"an entry emptied": {"update audit_entries set entry = x'' where number = 2", "audit entry 2 is damaged"},
		"a bit flipped":    {"update audit_entries set hashes = cast(x'00' || substr(hashes, 2) as blob) where number = 4", "audit entry 4 does not match"},
		"one before all":   {"insert into audit_entries select -1, entry, hashes from audit_entries where number = 1", "an entry before the first"},
	} {
		t.Run(name, func(t *testing.T) {
			put(t, n, good)
			cut(t, n, strings.Split(c.change, "; ")...)
			n.Restart()
			defer n.Stop()
			_, err := n.Client().Place(ctx, order)
			if p := rig.Refusal(err); p == nil || p.Status != http.StatusServiceUnavailable || !strings.Contains(p.Detail, c.reason) {
				t.Errorf("expected 503 with %q; found %v", c.reason, err)
			}
			if s := status(ctx, t, n); s.Ready || !strings.Contains(s.Reason, c.reason) {
				t.Errorf("expected not ready with %q; found %t %q", c.reason, s.Ready, s.Reason)
			}
			if again, err := n.Client().Place(ctx, once); err != nil || again.OrderReference != first.OrderReference {
				t.Errorf("a repeat: expected the first answer; found %v, %v", again, err)
			}
			if got, err := n.Client().Redeem(ctx, first.OrderReference); err != nil || string(got.Secret) != "kept" {
				t.Errorf("redemption: %v, %v", got, err)
			}
		})
	}
	if got := strings.Count(n.Log(), "[ERROR] dta: audit log in doubt"); got != 5 {
		t.Errorf("expected one ERROR line a start; found %d in 5", got)
	}
	t.Run("repaired", func(t *testing.T) {
		put(t, n, good)
		n.Restart()
		if s := status(ctx, t, n); !s.Ready {
			t.Errorf("expected a ready node; found %q", s.Reason)
		}
		if _, err := n.Client().Place(ctx, order); err != nil {
			t.Error(err)
		}
		n.Stop()
	})
	for name, c := range map[string]struct{ change, want string }{
		"all deleted":      {"delete from audit_entries", "the audit log is empty beside"},
		"its last deleted": {"delete from audit_entries where number = (select max(number) from audit_entries)", "accept-loss"},
		"its end damaged":  {"update audit_entries set hashes = x'' where number = (select max(number) from audit_entries)", "from a backup"},
	} {
		t.Run(name, func(t *testing.T) {
			put(t, n, good)
			cut(t, n, c.change)
			if err := n.TryStart(); err == nil || !strings.Contains(err.Error(), "audit") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("expected a refusal with %q; found %v", c.want, err)
			}
		})
	}
}
