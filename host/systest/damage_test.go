//go:build linux

package systest_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/scrub"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/host/systest/rig"
	"github.com/milagro-dta/dta/protocol/dag"
)

// verified runs `dta store verify` and reads its report.
func verified(t *testing.T, n *rig.Node) (scrub.Report, error) {
	t.Helper()
	out, err := n.Command("store", "verify", "--json")
	var report scrub.Report
	if e := json.Unmarshal([]byte(out), &report); e != nil {
		t.Fatalf("%v: %q, %v", e, out, err)
	}
	return report, err
}

// flip changes one bit in the middle of the block of a kind of envelope, or of a
// detached block for "", in the database of a node that does not run.
func flip(t *testing.T, n *rig.Node, where string) (c dag.CID) {
	t.Helper()
	db := knife(t, n)
	defer db.Close()
	var id, block []byte
	if err := db.QueryRow("select cid, block from blocks where "+where+" limit 1").Scan(&id, &block); err != nil {
		t.Fatal(err)
	}
	block[len(block)/2] ^= 4
	if _, err := db.Exec("update blocks set block = ? where cid = ?", block, id); err != nil {
		t.Fatal(err)
	}
	c, err := dag.FromBytes(id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestADamagedBlockIsRepairedFromTheOthers: blocks of an order are damaged at its
// fiduciary. It is redeemable all the same; what the redeemer sends along and what
// the others are asked for is written over.
func TestADamagedBlockIsRepairedFromTheOthers(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := rig.Three(t, rig.Options{})
	f := c.Fiduciary
	order := rig.Order{Secret: []byte("kept"), Fiduciary: "fiduciary", Beneficiary: "beneficiary"}
	placed, err := c.Principal.Client().Place(ctx, order)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Beneficiary.Client().Await(ctx, placed.OrderReference, "accepted"); err != nil {
		t.Fatal(err)
	}
	f.Stop()
	if report, err := verified(t, f); err != nil {
		t.Fatalf("a sound store: %v, %+v", err, report)
	}
	var broken []dag.CID
	for _, kind := range []string{"order", "acceptance"} {
		broken = append(broken, flip(t, f, "cid in (select cid from envelopes where kind = '"+kind+"')"))
	}
	for _, which := range []string{"asc", "desc"} { // share and ciphertext
		broken = append(broken, flip(t, f, "public = 0 and cid = (select cid from blocks where public = 0 order by length(block) "+which+")"))
	}
	broken = append(broken, flip(t, f, "cid = (select document from identities limit 1)"))
	report, err := verified(t, f)
	if err == nil || len(report.Findings) < len(broken) {
		t.Errorf("expected %d findings; found %+v, %v", len(broken), report, err)
	}
	for _, b := range broken {
		if !slices.ContainsFunc(report.Findings, func(f scrub.Finding) bool { return f.Kind == scrub.Block && f.Key == b.String() }) {
			t.Errorf("block %s was not found damaged", b)
		}
	}
	f.Restart()
	got, err := c.Beneficiary.Client().Redeem(ctx, placed.OrderReference)
	if err != nil || string(got.Secret) != "kept" {
		t.Errorf("redemption: %q, %v", got.Secret, err)
	}
	repaired(ctx, t, f)
	list := f.MustCommand("audit", "list", "--count", "1000", "--json")
	for _, b := range broken {
		if !strings.Contains(list, b.String()) || strings.Count(list, "block.repaired") != len(broken) {
			t.Errorf("expected an entry of the repair of %s, one each; found\n%s", b, list)
		}
	}
	if s := status(ctx, t, f); !s.Ready {
		t.Errorf("expected a ready node; found %q", s.Reason)
	}

	// Blocks that are missing are fetched, too.
	f.Stop()
	cut(t, f, fmt.Sprintf("delete from blocks where cid in (x'%x', x'%x', x'%x')", broken[1].Bytes(), broken[2].Bytes(), broken[3].Bytes()))
	f.Restart()
	repaired(ctx, t, f)
	if list := f.MustCommand("audit", "list", "--count", "1000"); strings.Count(list, "it was missing") != 3 {
		t.Errorf("expected three blocks to be fetched; found\n%s", list)
	}

	// Where the others are away that is said, and the block comes back when they do.
	c.Principal.Stop()
	c.Beneficiary.Stop()
	f.Stop()
	away := []dag.CID{flip(t, f, fmt.Sprintf("cid = x'%x'", broken[3].Bytes())), broken[2]}
	cut(t, f, fmt.Sprintf("delete from blocks where cid = x'%x'", away[1].Bytes()))
	f.Restart()
	report, err = verified(t, f)
	if err == nil {
		t.Error("expected that the store is damaged")
	}
	for _, b := range away {
		at := slices.IndexFunc(report.Findings, func(f scrub.Finding) bool { return f.Key == b.String() })
		if at < 0 {
			t.Errorf("block %s was not found damaged: %+v", b, report.Findings)
			continue
		}
		found := report.Findings[at].Found
		for _, says := range []string{"cannot be reached", c.Principal.URL(), c.Beneficiary.URL()} {
			if !strings.Contains(found, says) {
				t.Errorf("expected %q; found %q", says, found)
			}
		}
	}
	c.Principal.Restart()
	for s := status(ctx, t, f); !s.Ready; s = status(ctx, t, f) {
		if ctx.Err() != nil {
			t.Fatalf("expected that it is repaired; found %q", s.Reason)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if report, err := verified(t, f); err != nil {
		t.Errorf("expected a sound store; found %+v, %v", report, err)
	}
}

// repaired waits until a node has repaired its store.
func repaired(ctx context.Context, t *testing.T, n *rig.Node) {
	t.Helper()
	for {
		report, err := verified(t, n)
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%v, %+v", err, report)
		}
	}
}

// TestDamageThatNobodyCanRepairIsFinal: a node alone has nobody to ask. The answer
// says what is damaged, and not to try again; status and log say so by themselves.
func TestDamageThatNobodyCanRepairIsFinal(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	n := rig.One(t, rig.Options{})
	placed, err := n.Client().Place(ctx, rig.Order{Secret: []byte("kept")})
	if err != nil {
		t.Fatal(err)
	}
	n.Stop()
	good := kept(t, n)
	for name, c := range map[string]struct {
		damage       func() string
		want, status string
	}{
		"a block": {func() string { return flip(t, n, "cid in (select cid from envelopes where kind = 'order')").String() }, "damaged in this node's store", "block "},
		"a deposit": {func() string {
			return flip(t, n, "instr(block, x'646b696e64676465706f736974') > 0").String() // kind: deposit
		}, "damaged in this node's store", "block "},
		"a row": {func() string {
			cut(t, n, "update orders set state = 'released'")
			return placed.OrderCID
		}, "damaged row in the store", "order "},
		"an envelope's row": {func() string {
			cut(t, n, "delete from envelopes where kind = 'acceptance'")
			return placed.OrderReference
		}, "", "found none"},
	} {
		t.Run(name, func(t *testing.T) {
			put(t, n, good)
			what := c.damage()
			if _, err := verified(t, n); err == nil || !strings.Contains(err.Error(), "exit status 5") {
				t.Errorf("expected exit 5; found %v", err)
			}
			n.Restart()
			defer n.Stop()
			for range 2 {
				_, err := n.Client().Redeem(ctx, placed.OrderReference)
				p := rig.Refusal(err)
				if p == nil || c.want != "" && (p.Status != http.StatusConflict || !strings.Contains(p.Detail, c.want) || !strings.Contains(p.Detail, what)) {
					t.Errorf("expected 409 with %q and %s; found %v", c.want, what, err)
				}
			}
			for {
				s := status(ctx, t, n)
				if !s.Ready && strings.Contains(s.Reason, "store: ") && strings.Contains(s.Reason, c.status) {
					break
				}
				if ctx.Err() != nil {
					t.Fatalf("expected not ready with %q; found %q", c.status, s.Reason)
				}
				time.Sleep(50 * time.Millisecond)
			}
			if !strings.Contains(n.Log(), "[ERROR] dta: store damaged") {
				t.Error("expected a line at level ERROR")
			}
			if _, err := verified(t, n); err == nil || !strings.Contains(err.Error(), "exit status 5") {
				t.Errorf("while it runs: expected exit 5; found %v", err)
			}
		})
	}
}

// TestACopyIsVerifiedWhereItLies: nothing beside a database is made or changed, be it
// one that a killed node left.
func TestACopyIsVerifiedWhereItLies(t *testing.T) {
	n := rig.One(t, rig.Options{})
	for range 2 {
		if _, err := n.Client().Place(t.Context(), rig.Order{Secret: []byte("kept")}); err != nil {
			t.Fatal(err)
		}
	}
	n.Kill()
	n.NoOrphans()
	files := func() map[string]string {
		out := map[string]string{}
		entries, err := os.ReadDir(n.Path("data"))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			text, _ := os.ReadFile(n.Path("data", e.Name()))
			info, _ := e.Info()
			out[e.Name()] = fmt.Sprint(info.Mode(), info.ModTime(), hex.EncodeToString(text))
		}
		return out
	}
	before := files()
	report, err := verified(t, n)
	if err != nil || report.Audit < 6 {
		t.Errorf("expected a sound store with its journal; found %+v, %v", report, err)
	}
	if after := files(); fmt.Sprint(before) != fmt.Sprint(after) {
		t.Error("the directory was changed")
	}
}

// TestEveryFlippedBitIsFoundOrHarmless: single bits of a stopped node's database are
// flipped at places drawn with a fixed seed. Where `dta store verify` finds nothing,
// every row of every table is as it was: the bit lies where nothing is stored.
func TestEveryFlippedBitIsFoundOrHarmless(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	n := rig.One(t, rig.Options{})
	secrets := map[string][]byte{}
	for i := range 6 {
		secret := fmt.Appendf(nil, "secret %d", i)
		placed, err := n.Client().Place(ctx, rig.Order{Secret: secret})
		if err != nil {
			t.Fatal(err)
		}
		secrets[placed.OrderReference] = secret
	}
	n.Stop()
	good := kept(t, n)
	random := rand.New(rand.NewPCG(9, 8))
	path := n.Path("data", "node.db")
	rows := contents(t, n)
	found, harmless := 0, 0
	count := 600
	if testing.Short() {
		count = 60
	}
	for i := range count {
		bad := image{database: bytes.Clone(good.database), anchor: good.anchor}
		at := random.IntN(len(bad.database))
		bad.database[at] ^= 1 << random.IntN(8)
		put(t, n, bad)
		if damagedStore(t, path) {
			found++
			continue
		}
		harmless++
		if now := contents(t, n); now != rows {
			t.Errorf("flip %d at byte %d of page %d: not found, and the rows differ", i, at%4096, at/4096+1)
		}
	}
	t.Logf("%d flips: %d found, %d harmless", count, found, harmless)
	if found < count/5 {
		t.Errorf("only %d of %d flips were found", found, count)
	}
}

// contents is every row of every table of a node that does not run, as text; "" where
// they cannot be read.
func contents(t *testing.T, n *rig.Node) string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+n.Path("data", "node.db")+"?mode=ro&immutable=1")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var out strings.Builder
	for _, table := range []string{
		"blocks", "orders", "envelopes", "answers", "meta", "identities", "jobs", "job_counts", "audit_entries", "checkpoints",
		"idempotency", "enrolments", "perishables",
	} {
		rows, err := db.Query("select * from " + table)
		if err != nil {
			return ""
		}
		columns, err := rows.Columns()
		if err != nil {
			return ""
		}
		for rows.Next() {
			values := make([]any, len(columns))
			into := make([]any, len(columns))
			for i := range into {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				return ""
			}
			fmt.Fprintf(&out, "%s %T %x\n", table, values, values)
		}
		if errors.Join(rows.Err(), rows.Close()) != nil {
			return ""
		}
	}
	return out.String()
}

// damagedStore tells whether what `dta store verify` does finds anything.
func damagedStore(t *testing.T, path string) bool {
	t.Helper()
	s, err := store.Peek(t.Context(), path)
	if err != nil {
		return true
	}
	defer s.Close()
	report, err := (&scrub.Checker{Store: s}).All(t.Context())
	return err != nil || len(report.Findings) > 0
}

// TestWhatIsGoneIsMissed: rows that are gone leave no damaged row behind. The audit
// log tells which order there was, and a node without one of its tables, or without
// its own rows, does not start.
func TestWhatIsGoneIsMissed(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n := rig.One(t, rig.Options{})
	placed, err := n.Client().Place(ctx, rig.Order{Secret: []byte("gone")})
	if err != nil {
		t.Fatal(err)
	}
	n.Stop()
	good := kept(t, n)
	for name, c := range map[string]struct {
		gone   string
		finds  string
		starts bool
	}{
		"an order with all that belongs to it": {
			"delete from envelopes where chain = 'R'; delete from orders where reference = 'N'; delete from answers; delete from blocks where chain = 'R'",
			"order.accepted tells, found none", true},
		"the table of answers": {"drop table answers", "the table answers is missing", false},
		"the identity":         {"delete from meta where name = 'identity'", "identity identity: expected the node's own", false},
	} {
		t.Run(name, func(t *testing.T) {
			put(t, n, good)
			cut(t, n, strings.Split(strings.NewReplacer("'R'", "'"+placed.OrderCID+"'", "'N'", "'"+placed.OrderReference+"'").Replace(c.gone), "; ")...)
			out, err := n.Command("store", "verify")
			if err == nil || !strings.Contains(err.Error(), "exit status 5") || !strings.Contains(out, c.finds) {
				t.Errorf("store verify: expected exit code 5 with %q; found %v\n%s", c.finds, err, out)
			}
			if c.starts {
				n.Restart()
				for s := status(ctx, t, n); s.Ready; s = status(ctx, t, n) {
					if ctx.Err() != nil {
						t.Fatal("expected that the running node misses it, too")
					}
					time.Sleep(20 * time.Millisecond)
				}
				n.Stop()
			} else if err := n.TryStart(); err == nil {
				t.Error("expected that the node does not start")
			}
		})
	}
}
