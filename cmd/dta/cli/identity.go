package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/host"
	"github.com/milagro-dta/dta/host/operator"
)

func (a *app) identityCommand() *cobra.Command {
	return group("identity", "The node's own identity",
		a.configFlag(&cobra.Command{
			Use: "show", Short: "Print the node's name, which dta init made and which never changes", Args: none,
			Long: `Print the node's name: the CID of its first identity document.

Only the node, store and plugin blocks of the file are evaluated, so that two
nodes can learn each other's names before either knows the other. Where no node
was made, none is made: see dta init.`,
			RunE: func(cmd *cobra.Command, _ []string) error {
				c, err := a.load(config.LoadIdentity)
				if err != nil {
					return err
				}
				var got operator.Identity
				err = a.onNode(cmd.Context(), c,
					func(o *operator.Client) (err error) { got, err = o.Identity(cmd.Context()); return err },
					func(n *host.Node) error { got = n.Describe(); return nil })
				if err != nil {
					return err
				}
				return a.print(got, func(w io.Writer) { fmt.Fprintln(w, got.Name) })
			},
		}))
}
