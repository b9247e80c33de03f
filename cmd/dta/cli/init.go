package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/host"
)

func (a *app) initCommand() *cobra.Command {
	return a.configFlag(&cobra.Command{
		Use: "init", Short: "Make a node: its data directory and its identity, once", Args: none,
		Long: `Make a node: its data directory and its identity, once, and print its name.

The data directory (data_dir) must be missing or empty; nothing else makes a
database or an identity. Only the plugin that seal names is started, to seal the
identity, and none is enrolled: dta plugin enrol does that next, then dta host
runs the node. Only the node, store and plugin blocks of the file are evaluated.

Where it fails, nothing is left of it and it can be run again.`,
		Example: "  dta init --config examples/one-node.hcl",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load(config.LoadIdentity)
			if err != nil {
				return err
			}
			id, err := host.Init(cmd.Context(), c, host.Options{Log: logger(c, a.err)})
			if err != nil {
				return err
			}
			got := host.DescribeIdentity(id)
			err = a.print(got, func(w io.Writer) { fmt.Fprintln(w, got.Name) })
			return but(err, "node %s was made", got.Name)
		},
	})
}
