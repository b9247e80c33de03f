package audit_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

var (
	ctx  = context.Background()
	noon = time.Date(2030, 6, 1, 12, 0, 0, 0, time.UTC)
)

func open(t testing.TB, path string) *store.Store {
	t.Helper()
	s, err := store.Open(ctx, path, store.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func node(t testing.TB, reference string) *identity.Keyring {
	t.Helper()
	keys, next, err := identity.Create(identity.Node, reference, noon)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keys.Clear(); next.Clear() })
	return keys
}

func openLog(t testing.TB, s *store.Store, keys *identity.Keyring) *audit.Log {
	t.Helper()
	l, err := audit.Open(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	l.SetSigner(audit.NewSigner(keys))
	return l
}

func entry(i int) audit.Entry {
	object := dag.Sum(fmt.Appendf(nil, "object %d", i))
	return audit.Entry{Time: noon.UnixMilli() + int64(i), Kind: "order.accepted", Actor: object,
		Order: fmt.Sprintf("%064x", i), Object: object, Detail: fmt.Sprintf("by vault-%d", i)}
}

// grow appends entries until there are n.
func grow(t testing.TB, s *store.Store, l *audit.Log, n int64) {
	t.Helper()
	for l.Size() < n {
		err := s.Update(ctx, func(tx *store.Tx) error {
			_, err := l.Append(tx, entry(int(l.Size())))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func wantKind(t testing.TB, want fault.Kind, err error) {
	t.Helper()
	if got := fault.Of(err); got != want {
		t.Fatalf("kind of error: expected %q, got %q (%v)", want, got, err)
	}
}

func verify(s *store.Store, l *audit.Log, against []byte, id *identity.Identity) (*audit.Report, error) {
	return l.Verify(ctx, s, against, id)
}

// reference computes a log's root with tlog alone.
func reference(t *testing.T, leaves [][]byte) tlog.Hash {
	t.Helper()
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) (h []tlog.Hash, err error) {
		for _, i := range indexes {
			h = append(h, stored[i])
		}
		return h, nil
	})
	for i, leaf := range leaves {
		h, err := tlog.StoredHashes(int64(i), leaf, read)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, h...)
	}
	root, err := tlog.TreeHash(int64(len(leaves)), read)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func TestTheLogIsThatOfRFC6962(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dta.db")
	s, keys := open(t, path), node(t, "n")
	l := openLog(t, s, keys)
	const n = 70
	var checkpoints []audit.Checkpoint
	for i := range int64(n + 1) {
		grow(t, s, l, i)
		c, err := audit.OpenCheckpoint(l.Newest(), keys.Identity())
		if err != nil {
			t.Fatal(err)
		}
		checkpoints = append(checkpoints, c)
		if i%13 == 0 { // what is kept in memory is what is found again
			l = openLog(t, s, keys)
		}
	}
	err := s.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.AuditEntries(0, 1000)
		if err != nil {
			return err
		}
		var leaves [][]byte
		for i := range n + 1 {
			if i > 0 {
				leaves = append(leaves, rows[i-1].Entry)
			}
			if want := reference(t, leaves); checkpoints[i].Root != want || checkpoints[i].Size != int64(i) {
				t.Fatalf("checkpoint %d: expected root %v, got %+v", i, want, checkpoints[i])
			}
		}
		newest := checkpoints[n]
		for i, c := range checkpoints {
			if err := l.Extends(tx, c); err != nil {
				t.Errorf("checkpoint %d: %v", i, err)
			}
			if i == 0 {
				continue
			}
			proof, err := l.Consistency(tx, n, int64(i))
			if err != nil {
				return err
			}
			if err := audit.CheckExtension(newest, c, proof); err != nil {
				t.Errorf("consistency with %d: %v", i, err)
			}
		}
		listed, err := l.List(tx, 3, 1)
		if diff := cmp.Diff([]audit.Listed{{Number: 3, Entry: entry(3)}}, listed, cmp.Comparer(func(a, b dag.CID) bool { return a == b })); diff != "" {
			t.Error(diff)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAppendsOfManyCallersOfWhichSomeFail(t *testing.T) {
	s, keys := open(t, filepath.Join(t.TempDir(), "dta.db")), node(t, "n")
	l := openLog(t, s, keys)
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Go(func() {
			err := s.Update(ctx, func(tx *store.Tx) error {
				for range 1 + i%3 {
					if _, err := l.Append(tx, entry(i)); err != nil {
						return err
					}
				}
				switch i % 5 {
				case 0:
					return errors.New("changed my mind")
				case 1:
					panic("fault")
				}
				return nil
			})
			if (err == nil) != (i%5 > 1) {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Wait()
	want := int64(0)
	for i := range 300 {
		if i%5 > 1 {
			want += int64(1 + i%3)
		}
	}
	r, err := verify(s, l, l.Newest(), keys.Identity())
	if err != nil || r.Size != want || l.Size() != want {
		t.Fatalf("expected %d sound entries, got %+v, %v", want, r, err)
	}
}

func TestWhatCannotBeAuditedDoesNotHappen(t *testing.T) {
	s, keys := open(t, filepath.Join(t.TempDir(), "dta.db")), node(t, "n")
	l := openLog(t, s, keys)
	grow(t, s, l, 3)
	err := s.Update(ctx, func(tx *store.Tx) error {
		if err := tx.SetMeta("released", nil); err != nil {
			return err
		}
		l.Append(tx, audit.Entry{Kind: strings.Repeat("x", audit.MaxKind+1)}) // its error overlooked
		return nil
	})
	wantKind(t, fault.Invalid, err)
	err = s.View(ctx, func(tx *store.Tx) error { _, err := tx.Meta("released"); return err })
	wantKind(t, fault.NotFound, err)
	grow(t, s, l, 5)
	if _, err := verify(s, l, l.Newest(), keys.Identity()); err != nil {
		t.Fatal(err)
	}
}

func TestADetailTooLongIsCutAndMended(t *testing.T) {
	s, keys := open(t, filepath.Join(t.TempDir(), "dta.db")), node(t, "n")
	l := openLog(t, s, keys)
	err := s.Update(ctx, func(tx *store.Tx) error {
		_, err := l.Append(tx, audit.Entry{Kind: "x", Detail: "\xff" + strings.Repeat("é", audit.MaxDetail)})
		return err
	})
	wantKind(t, "", err)
	wantKind(t, "", s.View(ctx, func(tx *store.Tx) error {
		listed, err := l.List(tx, 0, 1)
		if len(listed) != 1 || listed[0].Detail != "?"+strings.Repeat("é", (audit.MaxDetail-1)/2) {
			t.Errorf("got %v", listed)
		}
		return err
	}))
}

func BenchmarkAppend(b *testing.B) {
	s, keys := open(b, filepath.Join(b.TempDir(), "dta.db")), node(b, "n")
	l := openLog(b, s, keys)
	err := s.Update(ctx, func(tx *store.Tx) error {
		for i := range b.N {
			if _, err := l.Append(tx, entry(i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

func BenchmarkNewest(b *testing.B) {
	s, keys := open(b, filepath.Join(b.TempDir(), "dta.db")), node(b, "n")
	l := openLog(b, s, keys)
	signer := audit.NewSigner(keys)
	b.ResetTimer()
	for range b.N {
		l.SetSigner(signer)
		l.Newest()
	}
}
