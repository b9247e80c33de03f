//go:build linux

package systest_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/beneficiary"
	"github.com/milagro-dta/dta/host/clock"
	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/host/directory"
	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/host/systest/rig"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// places is at how many bytes of a block or deposit something is changed, fewer
// where the tests are to be quick; names are changed at some of theirs.
func places() int {
	if testing.Short() {
		return 6
	}
	return 64
}

const placesOfNames = 12

// lab is a copy of a stopped node's database that is changed, tried, and put
// back as it was.
type lab struct {
	path     string
	pristine []byte
	keys     *identity.Keyring
	store    *store.Store
	audit    *audit.Log
	knife    *sql.DB // how the database is changed behind the node's back
}

func newLab(t *testing.T, n *rig.Node, keys *identity.Keyring) *lab {
	t.Helper()
	l := &lab{path: filepath.Join(t.TempDir(), "node.db"), keys: keys}
	var err error
	if l.pristine, err = os.ReadFile(n.Path("data", "node.db")); err != nil {
		t.Fatal(err)
	}
	if wal, err := os.Stat(n.Path("data", "node.db-wal")); err == nil && wal.Size() > 0 {
		t.Fatalf("expected a node that was stopped; its journal has %d bytes", wal.Size())
	}
	l.renew(t)
	t.Cleanup(func() { l.close(t) })
	return l
}

// renew begins again with the database as it was.
func (l *lab) renew(t *testing.T) {
	t.Helper()
	l.close(t)
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(l.path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	err := os.WriteFile(l.path, l.pristine, 0o600)
	if err == nil {
		l.store, err = store.Open(context.Background(), l.path, store.Options{Create: true})
	}
	if err == nil {
		l.audit, err = audit.Open(context.Background(), l.store)
	}
	if err == nil {
		l.audit.SetSigner(audit.NewSigner(l.keys))
		l.knife, err = sql.Open("sqlite", "file:"+l.path+"?_pragma=synchronous(0)&_pragma=busy_timeout(10000)")
	}
	if err != nil {
		t.Fatal(err)
	}
	l.knife.SetMaxOpenConns(1)
}

func (l *lab) close(t *testing.T) {
	t.Helper()
	if l.store == nil {
		return
	}
	if err := errors.Join(l.knife.Close(), l.store.Close()); err != nil {
		t.Error(err)
	}
	l.store = nil
}

// records are those of a node that has just been started: nothing is
// remembered as verified.
func (l *lab) records(t *testing.T, peers ...*directory.Peer) *records.Records {
	t.Helper()
	return records.New(records.Options{
		Store: l.store, Audit: l.audit, Keys: l.keys, Clock: clock.New(l.store, nil), Peers: peers, Log: hclog.NewNullLogger(),
		Courier: courier.New(l.store, nil, courier.Options{}),
	})
}

// value is one stored value.
type value struct {
	table, column string
	row           int64
	bytes         []byte
	cid           dag.CID // of the block that it is, or undefined
}

func (v value) String() string { return v.table + "." + v.column }

// columns are those that hold an order's objects and what leads to them.
var columns = []struct{ table, column string }{
	{"blocks", "block"}, {"blocks", "cid"}, {"orders", "cid"}, {"orders", "data"}, {"envelopes", "cid"},
	{"answers", "request"}, {"answers", "answer"}, {"answers", "detached"},
	{"identities", "name"}, {"identities", "document"},
}

// values reads everything that is stored.
func (l *lab) values(t *testing.T) (all []value) {
	t.Helper()
	for _, c := range columns {
		rows, err := l.knife.Query("select rowid, " + c.column + " from " + c.table)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			v := value{table: c.table, column: c.column}
			if err := rows.Scan(&v.row, &v.bytes); err != nil {
				t.Fatal(err)
			}
			if v.String() == "blocks.block" {
				v.cid = dag.Sum(v.bytes)
			}
			if len(v.bytes) > 0 {
				all = append(all, v)
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func (l *lab) set(t *testing.T, values ...value) {
	t.Helper()
	for _, v := range values {
		if _, err := l.knife.Exec("update "+v.table+" set "+v.column+" = ? where rowid = ?", v.bytes, v.row); err != nil {
			t.Fatalf("%s: %v", v, err)
		}
	}
}

// relink gives a changed block its own CID, and leads every link to it there, as
// someone does who writes the log anew: blocks that link it get CIDs of their
// own, and so on. It returns what is to be written.
func relink(all []value, changed value) (written []value) {
	all = slices.Clone(all)
	changes := map[dag.CID]dag.CID{changed.cid: dag.Sum(changed.bytes)}
	touched := make(map[int]bool)
	for i := range all {
		if all[i].table == changed.table && all[i].column == changed.column && all[i].row == changed.row {
			all[i].bytes, touched[i] = changed.bytes, true
		}
	}
	for len(changes) > 0 {
		next := make(map[dag.CID]dag.CID)
		for old, now := range changes {
			for i := range all {
				if !bytes.Contains(all[i].bytes, old.Bytes()) {
					continue
				}
				before := all[i].bytes
				all[i].bytes, touched[i] = bytes.ReplaceAll(before, old.Bytes(), now.Bytes()), true
				if all[i].cid.Defined() {
					next[dag.Sum(before)] = dag.Sum(all[i].bytes)
				}
			}
		}
		changes = next
	}
	for _, i := range slices.Sorted(maps.Keys(touched)) {
		written = append(written, all[i])
	}
	return written
}

// spread lists bytes of a value, first and last among them.
func spread(v value) []int {
	count, size := places(), len(v.bytes)
	if size <= 40 { // a CID, or what is no larger
		count = min(count, placesOfNames)
	}
	at := make([]int, count)
	for i := range at {
		at[i] = i * (size - 1) / (count - 1)
	}
	return at
}

// tried counts what came of changing a sort of values.
type tried struct{ refused, unharmed int }

// try changes every stored value at several bytes, as it is stored and, for
// blocks, with its CID computed anew, and has attempt read what is stored. An
// attempt ends in a typed error or says that nothing came to harm; it fails the
// test when something false came out.
func (l *lab) try(t *testing.T, attempt func(t *testing.T) error) map[string]tried {
	t.Helper()
	if err := attempt(t); err != nil {
		t.Fatalf("unchanged: %v", err)
	}
	l.renew(t)
	all := l.values(t)
	outcome := make(map[string]tried)
	n := 0
	for _, v := range all {
		for i, at := range spread(v) {
			changed := v
			changed.bytes = slices.Clone(v.bytes)
			changed.bytes[at] ^= 1 << (i % 8)
			ways := map[string][]value{"as stored": {changed}}
			if v.cid.Defined() {
				ways["relinked"] = relink(all, changed)
			}
			for way, written := range ways {
				n++
				size := l.audit.Size()
				l.set(t, written...)
				err := attempt(t)
				var typed *fault.Error
				if err != nil && !errors.As(err, &typed) {
					t.Errorf("%s %s at byte %d: expected a typed error; got %v", v, way, at, err)
				}
				name := fmt.Sprintf("%s of %s, %s", v, l.whatIs(t, v), way)
				count := outcome[name]
				if err != nil {
					count.refused++
				} else {
					count.unharmed++
				}
				outcome[name] = count
				// What was done before the refusal, or without one, is undone, too.
				if l.audit.Size() != size {
					l.renew(t)
					continue
				}
				l.set(t, originals(all, written)...)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(outcome)) {
		t.Logf("%-60s %4d refused %4d unharmed", name, outcome[name].refused, outcome[name].unharmed)
	}
	t.Logf("%d changes", n)
	if err := attempt(t); err != nil {
		t.Fatalf("unchanged again: %v", err)
	}
	return outcome
}

// originals are the values as they were.
func originals(all, written []value) (was []value) {
	for _, w := range written {
		for _, v := range all {
			if v.table == w.table && v.column == w.column && v.row == w.row {
				was = append(was, v)
			}
		}
	}
	return was
}

// whatIs says which object a value belongs to.
func (l *lab) whatIs(t *testing.T, v value) string {
	t.Helper()
	c := v.cid
	if !c.Defined() {
		return "a row"
	}
	kind := kinds[c]
	if kind == "" {
		return "another block"
	}
	return kind
}

// kinds names the blocks of the orders that the tests make.
var kinds = make(map[dag.CID]string)

// TestWhatABeneficiaryHoldsCannotBeChanged: a release lies in the beneficiary's
// store, sealed to its own key. Whatever is changed of it, of the order's chain
// or of the documents, the beneficiary gets its secret or an error, never
// another secret.
func TestWhatABeneficiaryHoldsCannotBeChanged(t *testing.T) {
	c := rig.Three(t, rig.Options{})
	secret := canary()
	placed, err := c.Principal.Client().Place(t.Context(), rig.Order{Secret: secret, Beneficiary: "beneficiary"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Principal.Client().Redeem(t.Context(), placed.OrderReference); err != nil {
		t.Fatal(err)
	}
	shown, err := c.Beneficiary.Client().Await(t.Context(), placed.OrderReference, "released")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range shown.Chain {
		name(t, e.CID, "the "+e.Kind)
	}
	for _, n := range c.Nodes() {
		n.Stop()
	}
	keys, _, _ := openNode(t, c.Beneficiary)
	l := newLab(t, c.Beneficiary, keys)
	for _, v := range l.values(t) {
		if v.cid.Defined() && kinds[v.cid] == "" && belongs(t, l, v, placed.OrderCID) {
			kinds[v.cid] = "a detached block"
		}
	}
	outcome := l.try(t, func(t *testing.T) error {
		s := beneficiary.New(l.records(t))
		defer s.Close()
		got, err := s.Redeem(t.Context(), placed.OrderCID, dag.CID{}, nil)
		if err != nil {
			return err
		}
		if got.Material == nil || !bytes.Equal(got.Material.Open(), secret) {
			t.Error("another secret came out")
		}
		return nil
	})
	allRefused(t, outcome, "the order", "the acceptance", "the redemption", "the release", "a detached block")
}

// TestWhatAFiduciaryHoldsCannotBeChanged: whatever is changed of an order, its
// acceptance, its deposit or the documents in the fiduciary's store, a
// redemption is answered with the share as it was, or with an error.
func TestWhatAFiduciaryHoldsCannotBeChanged(t *testing.T) {
	c := rig.Three(t, rig.Options{})
	f := c.Fiduciary
	g := newGuest(t, f)
	v := g.place(t, canary(), order.PublishChain)
	// The share, from a redemption that the database which is changed has not seen.
	f.Stop()
	before, err := os.ReadFile(f.Path("data", "node.db"))
	if err != nil {
		t.Fatal(err)
	}
	f.Restart()
	g.redeem(t, v)
	for _, n := range c.Nodes() {
		n.Stop()
	}
	name(t, v.order.CID().String(), "the order")
	name(t, v.acceptance.CID().String(), "the acceptance")
	name(t, v.acceptance.Receipt().Deposit.String(), "the deposit")
	name(t, v.placed.Detached[0].CID.String(), "the share as it was ordered")
	name(t, v.placed.Detached[1].CID.String(), "the ciphertext")

	node := openHost(t, f)
	defer node.Close()
	keys, _, _ := openKeys(t, f, node)
	vault, err := node.Custody().Instance("vault")
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t, f, keys)
	l.pristine = before
	l.renew(t)
	sealed, reply, err := order.Redeem(g.keys, v.order, []*order.VerifiedAcceptance{v.acceptance}, g.keys.Identity().Name, v.who, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	redemption, err := order.OpenRedemption(g.keys, v.order, sealed.Block, v.who)
	if err != nil {
		t.Fatal(err)
	}
	outcome := l.try(t, func(t *testing.T) error {
		s := fiduciary.New(fiduciary.Options{
			Records: l.records(t), Instances: []fiduciary.Custodian{vault}, Principals: []dag.CID{g.keys.Identity().Name},
			Offers: func() []fiduciary.Standing { return nil },
		})
		answer, err := s.FulfillSecret(t.Context(), peer.FulfillSecret{
			OrderPart3CID: sealed.CID.String(), DocumentCID: g.keys.Identity().Document.String(), Blocks: peer.NewBag(sealed.Block),
		})
		if err != nil {
			return err
		}
		release, err := order.OpenRelease(g.keys, redemption, v.acceptance, inBag(t, answer.OrderPart4CID, answer.Blocks), v.who)
		if err != nil {
			// It is what the receiver sees, who has verified everything itself.
			return err
		}
		block, ok := answer.Blocks.Get(release.Share())
		if !ok {
			return fault.New(fault.NotFound, "the released share did not come along")
		}
		material, err := order.OpenReleasedMaterial(release, block, order.ReceiverKey{Reply: reply})
		if err != nil {
			return err
		}
		if !bytes.Equal(material.Open(), v.share) {
			t.Error("another share was released")
		}
		return nil
	})
	allRefused(t, outcome, "the order", "the acceptance", "the deposit")
}

func name(t *testing.T, text, kind string) {
	t.Helper()
	c, err := dag.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	kinds[c] = kind
}

// belongs tells whether a block is an order's.
func belongs(t *testing.T, l *lab, v value, ref string) bool {
	t.Helper()
	var of string
	if err := l.knife.QueryRow("select chain from blocks where rowid = ?", v.row).Scan(&of); err != nil {
		t.Fatal(err)
	}
	return of == ref
}

// allRefused checks that no change of these blocks went unnoticed, in either way.
func allRefused(t *testing.T, outcome map[string]tried, what ...string) {
	t.Helper()
	for _, w := range what {
		for _, way := range []string{"as stored", "relinked"} {
			name := fmt.Sprintf("blocks.block of %s, %s", w, way)
			if got := outcome[name]; got.refused < places() || got.unharmed != 0 {
				t.Errorf("%s: expected %d changes or more to be refused; got %d refused and %d unnoticed", name, places(), got.refused, got.unharmed)
			}
		}
	}
}
