package cli

import (
	"fmt"
	"os"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/host/custody"
)

func (a *app) configCommand() *cobra.Command {
	return group("config", "The node's configuration",
		a.configFlag(&cobra.Command{
			Use: "validate", Short: "Report everything that is wrong with the file, at once", Args: none,
			Long: `Report everything that is wrong with the file, at once and at its line.

The plugin programs are run, their pins checked first, to check their own config
blocks. Neither they nor dta touch a token, a store or the network; whether a
PIN is right or a peer is there is not checked.`,
			RunE: func(cmd *cobra.Command, _ []string) error {
				if a.config == "" {
					return usagef("expected --config FILE or $DTA_CONFIG")
				}
				c, diags := config.Load(a.config, config.Options{})
				dir, err := os.MkdirTemp("", "dta-validate-")
				if err != nil {
					return err
				}
				defer os.RemoveAll(dir)
				return a.report(c, append(diags, custody.Validate(cmd.Context(), c.Plugins, dir)...))
			},
		}))
}

func (a *app) report(c *config.Config, diags hcl.Diagnostics) error {
	write := config.Write
	if a.json {
		write = config.WriteJSON
	}
	if a.json || len(diags) > 0 {
		if err := write(a.out, c.Files, diags); err != nil {
			return err
		}
		if err := a.out.flush(); err != nil {
			return err
		}
	}
	if diags.HasErrors() {
		return errPrinted
	}
	if !a.json {
		fmt.Fprintf(a.out, "%s: nothing wrong\n", a.config)
	}
	return nil
}
