package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/host"
)

func (a *app) hostCommand() *cobra.Command {
	return a.configFlag(&cobra.Command{
		Use: "host", Short: "Run a node until it is told to stop (SIGTERM, SIGINT)", Args: none,
		Example: "  dta host --config examples/one-node.hcl",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load(config.Load)
			if err != nil {
				return err
			}
			node, err := host.Open(cmd.Context(), c, host.Options{Log: logger(c, a.err)})
			if err != nil {
				return ended(cmd.Context(), err)
			}
			return ended(cmd.Context(), node.Serve(cmd.Context(), func(address string) {
				fmt.Fprintf(a.out, "%s ready on %s as %s\n", c.Node.Name, address, node.Identity().Name)
			}))
		},
	})
}

// ended is how a node ends: to be told to stop is no error of it.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
