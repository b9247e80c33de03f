package custody

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/hcl/v2"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/host/supervisor"
	"github.com/milagro-dta/dta/sdk/contract"
)

// Validate runs the plugins' programs, their pins checked first, and asks them what
// is wrong with their config blocks. A plugin touches no token and no network, and
// looks for the files that the block names without reading them. Two blocks that
// name one realm are wrong together.
func Validate(ctx context.Context, plugins []config.Plugin, runtimeDir string) (diags hcl.Diagnostics) {
	first := map[string]string{} // the plugin that names a realm
	for _, p := range plugins {
		if p.Command == "" {
			continue
		}
		i := &Instance{name: p.Name, set: &Set{options: Options{RuntimeDir: runtimeDir, Log: hclog.NewNullLogger()}}}
		found, realm, err := i.validate(ctx, p)
		diags = append(diags, found...)
		if err != nil {
			diags = append(diags, unusable(p, err))
		}
		if len(realm) == 0 || len(realm) > maxRealm {
			continue
		}
		place := placeIn(p, realm)
		if other, ok := first[place]; ok {
			diags = append(diags, shared(p, other))
			continue
		}
		first[place] = p.Name
	}
	return diags
}

const maxRealm = 64 // bytes of what tells a realm from others

// placeIn tells the realm of a block from others. Its environment may say which
// tokens the plugin sees.
func placeIn(p config.Plugin, realm []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %x", p.Type, realm)
	for _, name := range slices.Sorted(maps.Keys(p.Env)) {
		if name != contract.EnvLogLevel {
			fmt.Fprintf(h, " %q %x", name, sha256.Sum256(p.Env[name].Open()))
		}
	}
	return string(h.Sum(nil))
}

// shared is the mistake of a block that names the realm of another.
func shared(p config.Plugin, other string) *hcl.Diagnostic {
	d := &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: "Two plugins in one realm",
		Detail:  fmt.Sprintf("The plugins %q and %q would keep in one place, which belongs to one of them: give each a realm of its own, or, for softhsm-demo, a directory.", other, p.Name),
		Subject: p.Range.Ptr(),
	}
	config.ShowSource(d)
	return d
}

// validate has a program look at its block, and name the realm. An error says why
// it could not.
func (i *Instance) validate(ctx context.Context, p config.Plugin) (diags hcl.Diagnostics, realm []byte, err error) {
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
		diags, realm = contract.ToHCL(answer.GetDiagnostics(), p.Config.Filename), answer.GetRealm()
		return nil
	})
	return diags, realm, err
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
