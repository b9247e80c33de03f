package custody

import (
	"context"
	"fmt"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk/contract"
)

// Renew restarts the plugin as a block says that was read anew, and waits until
// it is ready. The program, its pin and its config block are looked at first,
// as at validation. Then a process of the new block proves itself beside the one
// that runs: it is configured, has the custody identity that was enrolled, and
// says that it is ready. One that cannot work is refused, and the one that runs
// goes on.
func (i *Instance) Renew(ctx context.Context, p config.Plugin) error {
	diags, _, err := i.validate(ctx, p)
	if err == nil && diags.HasErrors() {
		err = fault.New(fault.Invalid, "%s", config.OneLine(diags))
	}
	if err != nil {
		return fmt.Errorf("plugin %q is left as it is: %w", i.name, err)
	}
	prove := func(ctx context.Context, c *contract.Client) error { return i.prove(ctx, c, p) }
	if err := i.process.Renew(ctx, i.spec(p), prove); err != nil {
		return err
	}
	if err := i.examine(ctx); err != nil {
		return fmt.Errorf("plugin %q runs, and is not ready: %w", i.name, err)
	}
	return nil
}

// prove prepares a process that is to take another's place, and has it say that it
// can work. Only then is it what the plugin is.
func (i *Instance) prove(ctx context.Context, c *contract.Client, p config.Plugin) error {
	as, err := i.prepare(ctx, c, p)
	if err != nil {
		return err
	}
	said, err := c.Plugin.Status(ctx, &contract.StatusRequest{})
	if err != nil {
		err = notSaid(err)
	} else {
		err = saysReady(ctx, i, c, said)
	}
	if err != nil {
		return fmt.Errorf("it is not ready: %w", err)
	}
	i.become(as)
	return nil
}
