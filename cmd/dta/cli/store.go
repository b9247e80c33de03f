package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/host/datadir"
	"github.com/milagro-dta/dta/host/operator"
	"github.com/milagro-dta/dta/host/scrub"
	"github.com/milagro-dta/dta/host/state"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
)

func (a *app) storeCommand() *cobra.Command {
	return group("store", "What the node keeps on disk", a.storeVerify(), a.storeAcceptLoss())
}

func (a *app) storeAcceptLoss() *cobra.Command {
	return a.configFlag(&cobra.Command{
		Use: "accept-loss NUMBER", Short: "Go on without acknowledged entries that are lost", Args: exactly(1, "the number of missing entries that dta host printed"),
		Long: `Go on without acknowledged entries that are lost.

A node whose database has less than it acknowledged does not start, and says how
many audit entries are missing. Put back the right files first, if there are any:
the database, its write-ahead log, or a newer backup. What is lost for good, the
node goes on without after this command. The number is the one that dta host
printed, so that no other loss is accepted by mistake. It is put into the audit
log; peers that hold a checkpoint of what is lost notice, and say so.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load(config.LoadIdentity)
			if err != nil {
				return err
			}
			if err := state.AcceptLoss(cmd.Context(), c.Node.DataDir, args[0], time.Now()); err != nil {
				return err
			}
			err = a.print(map[string]string{"accepted": args[0]}, func(w io.Writer) {
				if args[0] == "unknown" {
					fmt.Fprintln(w, "accepted that an unknown number of entries may be lost: it is in the audit log")
					return
				}
				fmt.Fprintf(w, "accepted that acknowledged entries are lost (%s): it is in the audit log\n", args[0])
			})
			return but(err, "the loss was accepted")
		},
	})
}

func (a *app) storeVerify() *cobra.Command {
	return a.configFlag(&cobra.Command{
		Use: "verify", Short: "Check everything in the node's database", Args: none,
		Long: `Check everything in the node's database: blocks against their CIDs, rows against
their checksums and against each other, the audit log, and the structure of the
file.

A running node checks its own database, and fetches damaged blocks again from the
parties that hold the same block. Without a running node the database is read and
nothing else: no file beside it is made or changed, so that a copy can be checked
where it lies. Shares are then not looked for, since the node's key is needed to
tell which there should be.

Exit code 5 where anything is wrong.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load(config.LoadIdentity)
			if err != nil {
				return err
			}
			if err := hasDatabase(c.Node.DataDir); err != nil {
				return err
			}
			report, err := a.verifyStore(cmd.Context(), c)
			if err != nil {
				return err
			}
			if err := a.print(report, func(w io.Writer) { printReport(w, report) }); err != nil {
				return err
			}
			if n := len(report.Findings) + report.More; n > 0 {
				return fault.New(fault.Conflict, "the store is damaged: %s", counted(n, "finding", "findings"))
			}
			return nil
		},
	})
}

// hasDatabase refuses a directory without a database, as every command does. Whom a
// copy belongs to, and who may read it, does not matter to a check.
func hasDatabase(dir string) error {
	if _, err := datadir.Unfinished(dir); err != nil {
		return err
	}
	if info, err := os.Stat(filepath.Join(dir, datadir.Database)); err == nil && info.Size() > 0 {
		return nil
	}
	return datadir.Check(dir)
}

func printReport(w io.Writer, r *scrub.Report) {
	for _, c := range r.Repaired {
		fmt.Fprintf(w, "block %s: it was damaged, and is repaired\n", c)
	}
	for _, f := range r.Findings {
		fmt.Fprintln(w, f)
	}
	if r.More > 0 {
		fmt.Fprintf(w, "%s more\n", counted(r.More, "finding", "findings"))
	}
	fmt.Fprintf(w, "%s and %s checked", counted(r.Rows, "row", "rows"), counted(r.Audit, "audit entry", "audit entries"))
	if len(r.Findings) == 0 {
		fmt.Fprint(w, ": nothing wrong")
	}
	fmt.Fprintln(w)
	if r.Notice != "" {
		fmt.Fprintln(w, r.Notice)
	}
}

// verifyStore asks the running node, or reads the database of one that does not run.
func (a *app) verifyStore(ctx context.Context, c *config.Config) (*scrub.Report, error) {
	defer a.progress("checking the store")()
	client := operator.NewClient(filepath.Join(c.Node.DataDir, operator.Socket))
	if client.Running(ctx) {
		var report scrub.Report
		return &report, client.Patient().Call(ctx, http.MethodPost, operator.PathStore, struct{}{}, &report)
	}
	s, err := store.Peek(ctx, filepath.Join(c.Node.DataDir, datadir.Database))
	if unfinished, _ := datadir.Unfinished(c.Node.DataDir); unfinished {
		whole := false
		if err == nil {
			_ = s.View(ctx, func(tx *store.Tx) error { whole = state.Whole(tx); return nil })
		}
		if !whole {
			return nil, datadir.CutShort(c.Node.DataDir)
		}
	}
	if errors.Is(err, store.ErrDamaged) {
		return &scrub.Report{Repaired: []string{}, Findings: []scrub.Finding{{
			Kind: scrub.Database, Key: datadir.Database, Expected: "a database", Found: err.Error(),
		}}}, nil
	}
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return (&scrub.Checker{Store: s}).All(ctx)
}
