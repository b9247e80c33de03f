package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/host"
)

func (a *app) hostCommand() *cobra.Command {
	var create bool
	c := a.configFlag(&cobra.Command{
		Use: "host", Short: "Run a node until it is told to stop (SIGTERM, SIGINT)", Args: none,
		Long: `Run a node until it is told to stop (SIGTERM, SIGINT).

The node must have been made by dta init. Where its data directory has no node, or
less than the node had acknowledged, the command says so and ends. Where the plugin
that seals the identity is away, the node waits for it: it listens, its status says
what it waits for, and it is ready once it prints so.`,
		Example: "  dta host --config examples/one-node.hcl",
		RunE: func(cmd *cobra.Command, _ []string) error {
			hangups := outlive()
			c, err := a.load(config.Load)
			if err != nil {
				return err
			}
			log := logger(c, a.err)
			defer hangups.log(log)()
			if create {
				if _, err := host.Init(cmd.Context(), c, host.Options{Log: log}); err != nil {
					return ended(cmd.Context(), err)
				}
				if c, err = a.load(config.Load); err != nil { // making the node has cleared its secrets
					return err
				}
			}
			node, err := host.Open(cmd.Context(), c, host.Options{Log: log, Wait: true})
			if err != nil {
				return ended(cmd.Context(), err)
			}
			return ended(cmd.Context(), node.Serve(cmd.Context(), func(address string) {
				a.ready(log, "%s ready on %s as %s\n", c.Node.Name, address, node.Identity().Name)
			}))
		},
	})
	c.Flags().BoolVar(&create, "create", false, "make the node first, as dta init does; for trials")
	return c
}

// ended is how a node ends: to be told to stop is no error of it.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
