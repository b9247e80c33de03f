package custody

import (
	"context"
	"errors"
	"fmt"
	"strings"

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
	i := &Instance{config: p, set: &Set{options: Options{RuntimeDir: runtimeDir, Log: hclog.NewNullLogger()}}}
	spec := i.spec()
	spec.Prepare = nil
	var diags hcl.Diagnostics
	err := supervisor.Once(ctx, spec, func(ctx context.Context, c *contract.Client) error {
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
	if err != nil {
		diags = append(diags, unusable(p, err))
	}
	return diags
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

// onOneLine is what is wrong, with its places, as an error's text. The lines of
// the file, which may show a secret, are left out.
func onOneLine(diags hcl.Diagnostics) string {
	var all []string
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		text := strings.TrimSuffix(d.Summary+": "+d.Detail, ".")
		if at := d.Subject; at != nil {
			text = fmt.Sprintf("%s:%d: %s", at.Filename, at.Start.Line, text)
		}
		all = append(all, strings.TrimSuffix(text, ": "))
	}
	return strings.Join(all, "; ")
}
