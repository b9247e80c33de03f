package custody

import (
	"context"
	"fmt"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/hcl/v2"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/host/supervisor"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk/contract"
)

// Validate runs a plugin's program, its pin checked first, and asks it what is
// wrong with its config block. The plugin touches no token, file or network.
func Validate(ctx context.Context, p config.Plugin, runtimeDir string) hcl.Diagnostics {
	i := &Instance{config: p, set: &Set{options: Options{RuntimeDir: runtimeDir, Log: hclog.NewNullLogger()}}}
	spec := i.spec()
	spec.Prepare = nil
	var diags hcl.Diagnostics
	err := supervisor.Once(ctx, spec, func(ctx context.Context, c *contract.Client) error {
		about, err := c.Plugin.Describe(ctx, &contract.DescribeRequest{})
		if err != nil {
			return err
		}
		if about.GetType() != p.Type {
			return fault.New(fault.Invalid, "the program %s is a plugin of type %q; expected %q", p.Command, about.GetType(), p.Type)
		}
		answer, err := c.Plugin.Validate(ctx, &contract.ValidateRequest{Block: Block(p.Config), Instance: p.Name})
		if err != nil {
			return err
		}
		diags = contract.ToHCL(answer.GetDiagnostics(), p.Config.Filename)
		return nil
	})
	if err != nil {
		rng := p.Range
		diags = append(diags, &hcl.Diagnostic{
			Severity: hcl.DiagError, Summary: "Plugin not usable",
			Detail: fmt.Sprintf("The plugin %q could not check its config block: %v.", p.Name, err), Subject: &rng,
		})
	}
	return diags
}
