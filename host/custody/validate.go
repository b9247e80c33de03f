package custody

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/hcl/v2"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/host/supervisor"
	"github.com/milagro-dta/dta/sdk/contract"
)

// Validate runs a plugin's program, its pin checked first, and asks it what is
// wrong with its config block. The plugin touches no token and no network, and
// looks for the files that the block names without reading them.
func Validate(ctx context.Context, p config.Plugin, runtimeDir string) hcl.Diagnostics {
	i := &Instance{name: p.Name, set: &Set{options: Options{RuntimeDir: runtimeDir, Log: hclog.NewNullLogger()}}}
	diags, err := i.validate(ctx, p)
	if err != nil {
		diags = append(diags, unusable(p, err))
	}
	return diags
}

// validate has a program look at its block. An error says why it could not.
func (i *Instance) validate(ctx context.Context, p config.Plugin) (diags hcl.Diagnostics, err error) {
	spec := i.spec(p)
	spec.Prepare = nil
	err = supervisor.Once(ctx, spec, func(ctx context.Context, c *contract.Client) error {
		if _, err := describe(ctx, c, p); err != nil {
			return err
		}
		answer, err := c.Plugin.Validate(ctx, &contract.ValidateRequest{Block: Block(p.Config), Instance: p.Name})
		if err != nil {
			return err
		}
		diags = contract.ToHCL(answer.GetDiagnostics(), p.Config.Filename)
		return nil
	})
	return diags, err
}

// unusable is why a plugin was not asked, at the line that has to change.
func unusable(p config.Plugin, err error) *hcl.Diagnostic {
	if other, ok := errors.AsType[*supervisor.NotPinned](err); ok {
		d := &hcl.Diagnostic{
			Severity: hcl.DiagError, Summary: "Another program than the pinned one",
			Detail: fmt.Sprintf("The sha256 of %s is %s. If this is the program that is meant, `dta plugin pin %s` writes its sum here.",
				other.Path, other.Found, p.Name),
			Subject: p.SHA256Range.Ptr(),
		}
		config.ShowSource(d)
		return d
	}
	return &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: "Plugin not usable",
		Detail: fmt.Sprintf("The plugin %q could not check its config block: %v.", p.Name, err), Subject: p.Range.Ptr(),
	}
}
