package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/host"
	"github.com/milagro-dta/dta/host/operator"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

func (a *app) auditCommand() *cobra.Command {
	return group("audit", "The node's audit log", a.auditList(), a.auditVerify(), a.auditCheckpoint(), a.auditEvidence())
}

// ledger asks of the audit log, through the running node or without one. Where no
// node has been there is none, and none is made, to be found right.
func (a *app) ledger(ctx context.Context, running func(*operator.Client) error, alone func(operator.Ledger) error) error {
	c, err := a.load(config.LoadIdentity)
	if err != nil {
		return err
	}
	return a.ledgerOf(ctx, c, running, alone)
}

func (a *app) ledgerOf(ctx context.Context, c *config.Config, running func(*operator.Client) error, alone func(operator.Ledger) error) error {
	return a.onNode(ctx, c, running, func(n *host.Node) error { return alone(n.Ledger()) })
}

func (a *app) auditList() *cobra.Command {
	var from int64
	var n int
	c := a.configFlag(&cobra.Command{
		Use: "list", Short: "Print entries of the audit log, oldest first", Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from < 0 || n < 1 || n > 1000 {
				return usagef("expected --from of 0 or more and --count from 1 to 1000; found %d and %d", from, n)
			}
			var page operator.AuditPage
			err := a.ledger(cmd.Context(),
				func(o *operator.Client) error {
					return o.Call(cmd.Context(), http.MethodGet, fmt.Sprintf("%s?from=%d&n=%d", operator.PathAudit, from, n), nil, &page)
				},
				func(l operator.Ledger) (err error) { page, err = l.List(cmd.Context(), from, n); return err })
			if err != nil {
				return err
			}
			return a.print(page, func(w io.Writer) {
				t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
				for _, e := range page.Entries {
					fmt.Fprintf(t, "%d\t%s\t%s\t%.16s\t%s\n", e.Index, time.UnixMilli(e.Time).UTC().Format(time.DateTime), e.Kind, e.Order, e.Detail)
				}
				_ = t.Flush()
				if next := from + int64(len(page.Entries)); len(page.Entries) > 0 && next < page.Size {
					fmt.Fprintf(a.err, "dta: %s to follow: --from %d\n", counted(page.Size-next, "entry", "entries"), next)
				}
			})
		},
	})
	c.Flags().Int64Var(&from, "from", 0, "number of the first entry")
	c.Flags().IntVar(&n, "count", 100, "how many entries, at most 1000")
	return c
}

func (a *app) auditVerify() *cobra.Command {
	var file string
	c := a.configFlag(&cobra.Command{
		Use: "verify", Short: "Compute the whole audit log again and compare", Args: none,
		Long: `Compute the whole audit log again, and compare it with an earlier checkpoint.

Without a checkpoint that was kept elsewhere, a tail that was cut off and a log
that was written anew from its beginning cannot be seen.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var req operator.VerifyRequest
			if file != "" {
				text, err := readSmall("--against", file)
				if err != nil {
					return err
				}
				req.Against = string(text)
			}
			var got operator.Verified
			err := a.ledger(cmd.Context(),
				func(o *operator.Client) error {
					return o.Call(cmd.Context(), http.MethodPost, operator.PathVerify, req, &got)
				},
				func(l operator.Ledger) (err error) { got, err = l.Verify(cmd.Context(), req.Against); return err })
			if file != "" && fault.Of(err) == fault.Invalid {
				return usagef("--against %s: expected a checkpoint of this log, as dta audit checkpoint printed it: %w", file, err)
			}
			if err != nil {
				return err
			}
			return a.print(got, func(w io.Writer) {
				fmt.Fprintf(w, "%s, root %s: every hash is right\n", counted(got.Size, "entry", "entries"), got.Root)
				if got.Against {
					fmt.Fprintln(w, "the log continues the checkpoint given")
				}
				if got.Warning != "" {
					fmt.Fprintln(w, got.Warning)
				}
			})
		},
	})
	c.Flags().StringVar(&file, "against", "", "`FILE` with a checkpoint that was kept elsewhere")
	return c
}

func (a *app) auditCheckpoint() *cobra.Command {
	return a.configFlag(&cobra.Command{
		Use: "checkpoint", Short: "Print a signed checkpoint of the audit log, to be kept elsewhere", Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var got operator.Checkpoint
			err := a.ledger(cmd.Context(),
				func(o *operator.Client) error {
					return o.Call(cmd.Context(), http.MethodGet, operator.PathCheckpoint, nil, &got)
				},
				func(l operator.Ledger) (err error) { got, err = l.Checkpoint(); return err })
			if err != nil {
				return err
			}
			return a.print(got, func(w io.Writer) { fmt.Fprint(w, got.Note) })
		},
	})
}

func (a *app) auditEvidence() *cobra.Command {
	return a.configFlag(&cobra.Command{
		Use: "evidence PEER", Short: "Print the two checkpoints for which a peer is suspected", Args: exactly(1, "a peer's name or identity"),
		Long: `Print the two checkpoints for which a peer is suspected (peer.suspicious), both
signed by it, that cannot both be true of a log that only grows.

The first, in a file, is what the peer's operator can hold the log to:
dta audit verify --against FILE.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, name, err := a.peer(args[0])
			if err != nil {
				return err
			}
			var got operator.Evidence
			err = a.ledgerOf(cmd.Context(), c,
				func(o *operator.Client) error {
					return o.Call(cmd.Context(), http.MethodGet, operator.PathEvidence+"?peer="+name.String(), nil, &got)
				},
				func(l operator.Ledger) (err error) { got, err = l.Evidence(cmd.Context(), name.String()); return err })
			if err != nil {
				return err
			}
			return a.print(got, func(w io.Writer) {
				fmt.Fprintf(w, "%s\n\n%s\n%s", got.Reason, got.Kept, got.Shown)
			})
		},
	})
}

// peer finds a peer of the configuration by its name or identity; an identity may be
// that of a peer no longer there.
func (a *app) peer(text string) (*config.Config, dag.CID, error) {
	if name, err := dag.Parse(text); err == nil {
		c, err := a.load(config.LoadIdentity)
		return c, name, err
	}
	c, err := a.load(config.Load)
	if err != nil {
		return nil, dag.CID{}, err
	}
	p, ok := c.Peer(text)
	if !ok {
		return nil, dag.CID{}, usagef("expected the name of a peer block, or an identity; found %.80q", text)
	}
	return c, p.Identity, nil
}
