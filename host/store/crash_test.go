package store_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// The tests here run this binary again, as a process that can be killed.
const (
	helperEnv = "DTA_STORE_TEST_HELPER"
	pathEnv   = "DTA_STORE_TEST_PATH"
	runEnv    = "DTA_STORE_TEST_RUN"
)

func TestMain(m *testing.M) {
	switch os.Getenv(helperEnv) {
	case "":
		os.Exit(m.Run())
	case "write":
		helperWrite()
	case "fill":
		helperFill()
	}
}

func helper(t testing.TB, what, path string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append(env, helperEnv+"="+what, pathEnv+"="+path)...)
	cmd.Stderr = os.Stderr
	return cmd
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "helper:", err)
	os.Exit(1)
}

// helperWrite writes with 8 goroutines until it is killed. A line of its output
// is a write that was acknowledged.
func helperWrite() {
	s, err := store.Open(ctx, os.Getenv(pathEnv), store.Options{Create: true})
	if err != nil {
		fatal(err)
	}
	for g := range 8 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%s-%d-%d", os.Getenv(runEnv), g, i)
				err := s.Update(ctx, func(tx *store.Tx) error { return writeAll(tx, id, i%7 == 3) })
				if i%7 == 3 && fault.Of(err) == fault.Denied {
					continue
				}
				if err != nil {
					fatal(err)
				}
				// One system call: a line is there whole or not at all.
				os.Stdout.WriteString(id + "\n")
			}
		}()
	}
	select {}
}

// writeAll makes all the rows that must be there together, or none.
func writeAll(tx *store.Tx, id string, refuse bool) error {
	c, b, err := dag.Put(id)
	if err != nil {
		return err
	}
	if err := tx.InsertOrder(store.Order{Role: "principal", Reference: id, State: "ordered", CID: c}); err != nil {
		return err
	}
	if err := tx.PutBlock(c, b, true, id); err != nil {
		return err
	}
	n, err := tx.AuditSize()
	if err != nil {
		return err
	}
	if err := tx.PutAuditEntry(store.AuditRow{Number: n, Entry: []byte(id)}); err != nil {
		return err
	}
	if refuse {
		return fault.New(fault.Denied, "refused")
	}
	if err := tx.AddEnvelope(store.Link{Chain: id, Kind: "order", CID: c, Time: 1, Header: c}); err != nil {
		return err
	}
	return tx.EnqueueJob(store.Job{Kind: "notice", Key: id}, 1<<30)
}

func TestKillingTheProcessLosesNoAcknowledgedWriteAndDoublesNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dta.db")
	acknowledged := map[string]bool{}
	struck := 0
	for run := range 50 {
		cmd := helper(t, "write", path, fmt.Sprintf("%s=%d", runEnv, run))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		before := len(acknowledged)
		note := func(line string, err error) error {
			if err == nil {
				acknowledged[strings.TrimSpace(line)] = true
			}
			return err
		}
		if err := note(lines.ReadString('\n')); err != nil {
			t.Fatalf("run %d: the helper wrote nothing: %v", run, err)
		}
		time.AfterFunc(time.Duration(rand.IntN(40_000))*time.Microsecond, func() { cmd.Process.Kill() })
		for note(lines.ReadString('\n')) == nil {
		}
		io.Copy(io.Discard, out)
		cmd.Wait()
		if len(acknowledged) > before+1 {
			struck++
		}
		if run%10 == 9 {
			checkAll(t, path, acknowledged)
		}
	}
	t.Logf("%d writes acknowledged; %d of 50 kills struck while writing", len(acknowledged), struck)
	if struck < 25 {
		t.Fatalf("only %d kills struck while writing", struck)
	}
}

// checkAll looks for every acknowledged write, and for parts of any.
func checkAll(t *testing.T, path string, acknowledged map[string]bool) {
	t.Helper()
	s, err := store.Open(ctx, path, store.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	view(t, s, func(tx *store.Tx) error {
		orders, err := tx.Orders([]string{"principal"}, 0, 1<<30, false)
		if err != nil {
			return err
		}
		audited := map[string]int{}
		rows, err := tx.AuditEntries(0, 1<<30)
		if err != nil {
			return err
		}
		for i, row := range rows {
			if row.Number != int64(i) {
				t.Fatalf("audit entry %d has number %d", i, row.Number)
			}
			audited[string(row.Entry)]++
		}
		found := map[string]bool{}
		for _, o := range orders {
			found[o.Reference] = true
			links, err := tx.Envelopes(o.Reference)
			if err != nil || len(links) != 1 || links[0].CID != o.CID {
				t.Errorf("%s: envelopes %v, %v", o.Reference, links, err)
			}
			if _, _, reference, err := tx.Block(o.CID); err != nil || reference != o.Reference {
				t.Errorf("%s: block of %q, %v", o.Reference, reference, err)
			}
			if audited[o.Reference] != 1 {
				t.Errorf("%s: %d audit entries", o.Reference, audited[o.Reference])
			}
		}
		for id := range acknowledged {
			if !found[id] {
				t.Errorf("%s was acknowledged and is lost", id)
			}
		}
		jobs, err := tx.CountJobs("notice")
		if len(rows) != len(orders) || jobs != len(orders) {
			t.Errorf("%d orders, %d audit entries, %d jobs", len(orders), len(rows), jobs)
		}
		return err
	})
}

func TestAnotherProcessIsKeptOutUntilTheFirstIsGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dta.db")
	cmd := helper(t, "write", path, runEnv+"=x")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	lines := bufio.NewReader(out)
	if _, err := lines.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	reading.Go(func() { io.Copy(io.Discard, lines) })
	_, err = store.Open(ctx, path, store.Options{Create: true})
	cmd.Process.Kill()
	reading.Wait()
	cmd.Wait()
	wantKind(t, fault.Unavailable, err)
	if want := fmt.Sprintf("by process %d", cmd.Process.Pid); !strings.Contains(err.Error(), want) {
		t.Errorf("expected %q in %q", want, err)
	}
	open(t, path)
}
