//go:build linux

package systest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/operator"
	"github.com/milagro-dta/dta/host/systest/rig"
	"github.com/milagro-dta/dta/protocol/peer"
)

// TestALogThatWasPutBackAndOutgrewIsNoticed: an operator puts a backup of the
// fiduciary's database in place of the true one, so that some orders never were, and
// goes on, at a word of its own, until its audit log is longer than before. The principal, who has a
// checkpoint of what was, writes that down in its own log.
func TestALogThatWasPutBackAndOutgrewIsNoticed(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c := rig.Three(t, rig.Options{})
	place := func(beneficiary string) string {
		t.Helper()
		placed, err := c.Principal.Client().Place(ctx, rig.Order{Secret: []byte("kept"), Fiduciary: "fiduciary", Beneficiary: beneficiary})
		if err != nil {
			t.Fatal(err)
		}
		return placed.OrderReference
	}
	var early []string
	for range 4 {
		ref := place(c.Beneficiary.Identity())
		if _, err := c.Beneficiary.Client().Await(ctx, ref, "accepted"); err != nil {
			t.Fatal(err)
		}
		early = append(early, ref)
	}
	c.Fiduciary.Stop()
	if err := errors.Join(os.CopyFS(c.Fiduciary.Path("backup"), os.DirFS(c.Fiduciary.Path("data"))), os.Chmod(c.Fiduciary.Path("backup"), 0o700)); err != nil {
		t.Fatal(err)
	}
	c.Fiduciary.Restart()
	place("")
	c.Principal.AwaitDone(ctx, "prove")
	if log := c.Principal.MustCommand("audit", "list"); strings.Contains(log, "peer.suspicious") {
		t.Fatalf("an honest log is suspected:\n%s", log)
	}
	lost := place("") // of which nothing may have been proved before it is gone

	c.Fiduciary.Stop()
	if err := errors.Join(os.RemoveAll(c.Fiduciary.Path("data")), os.Rename(c.Fiduciary.Path("backup"), c.Fiduciary.Path("data"))); err != nil {
		t.Fatal(err)
	}
	c.Fiduciary.MustCommand("plugin", "take-over", "vault")
	c.Fiduciary.Restart()
	if _, err := c.Fiduciary.Client().Show(ctx, lost); err == nil {
		t.Fatal("the backup has an order that was placed later")
	}
	for _, ref := range early { // of which the principal sees no checkpoint
		if _, err := c.Beneficiary.Client().Redeem(ctx, ref); err != nil {
			t.Fatal(err)
		}
	}
	place("")
	const want = "do not begin with the"
	for {
		log := c.Principal.MustCommand("audit", "list")
		if strings.Contains(log, want) {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("expected %q in the principal's audit log; found\n%s", want, log)
		}
		time.Sleep(time.Second)
	}

	// It is said once, however long it goes on; the evidence is for whoever asks.
	place("")
	for c.Principal.Queue(ctx, "prove").Pending > 0 {
		time.Sleep(50 * time.Millisecond)
	}
	if log := c.Principal.MustCommand("audit", "list"); strings.Count(log, "peer.suspicious") != 1 {
		t.Errorf("expected one suspicion; found\n%s", log)
	}
	var evidence operator.Evidence
	if err := json.Unmarshal([]byte(c.Principal.MustCommand("audit", "evidence", "fiduciary", "--json")), &evidence); err != nil {
		t.Fatal(err)
	}
	for name, note := range map[string]string{"kept": evidence.Kept, "shown": evidence.Shown} {
		file := c.Fiduciary.Path(name)
		if err := os.WriteFile(file, []byte(note), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := c.Fiduciary.Command("audit", "verify", "--against", file)
		if holds := name == "shown"; holds != (err == nil) || err != nil && !strings.Contains(err.Error(), "that the checkpoint attests") {
			t.Errorf("the fiduciary's log against the checkpoint %s: %v", name, err)
		}
	}
}

func status(ctx context.Context, t *testing.T, n *rig.Node) rig.Status {
	t.Helper()
	s, err := n.Client().Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestOnlyWhoHasACheckpointIsToldHowALogGrew: the proof tells nothing to others, not
// even how long the log is.
func TestOnlyWhoHasACheckpointIsToldHowALogGrew(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n, other := rig.One(t, rig.Options{}), rig.One(t, rig.Options{Name: "other"})
	note := []byte(n.MustCommand("audit", "checkpoint"))
	size := status(ctx, t, n).AuditSize
	changed := bytes.Replace(note, fmt.Appendf(nil, "\n%d\n", size), fmt.Appendf(nil, "\n%d\n", size+1), 1)
	for name, c := range map[string]struct {
		note  []byte
		older []int64
		want  int
	}{
		"its own":                  {note, []int64{1}, 0},
		"its own, of now":          {note, []int64{size}, 0},
		"as many sizes as may be":  {note, slices.Repeat([]int64{1}, peer.MaxOlder), 0},
		"more sizes than that":     {note, slices.Repeat([]int64{1}, peer.MaxOlder+1), http.StatusBadRequest},
		"no size":                  {note, nil, http.StatusBadRequest},
		"from nothing":             {note, []int64{1, 0}, http.StatusBadRequest},
		"from more than there was": {note, []int64{1, size + 1}, http.StatusBadRequest},
		"from less than nothing":   {note, []int64{-1}, http.StatusBadRequest},
		"none":                     {nil, []int64{1}, http.StatusBadRequest},
		"another node's":           {[]byte(other.MustCommand("audit", "checkpoint")), []int64{1}, http.StatusBadRequest},
		"one that was changed":     {changed, []int64{1}, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			var out peer.ConsistencyProof
			err := n.Client().Call(ctx, http.MethodPost, peer.PathConsistency, "", peer.Consistency{Checkpoint: c.note, Older: c.older}, &out)
			if c.want == 0 {
				if err != nil || len(out.Proofs) != len(c.older) {
					t.Fatalf("expected %d proofs; found %v, %v", len(c.older), out, err)
				}
				for i, proof := range out.Proofs {
					if c.older[i] < size && len(proof) == 0 {
						t.Errorf("expected a proof of the step from %d entries to %d; found none", c.older[i], size)
					}
				}
				return
			}
			if p := rig.Refusal(err); p == nil || p.Status != c.want {
				t.Errorf("expected %d; found %v", c.want, err)
			}
		})
	}
}
