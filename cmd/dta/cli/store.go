package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/host/state"
)

func (a *app) storeCommand() *cobra.Command {
	return group("store", "What the node keeps on disk", a.storeAcceptLoss())
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
