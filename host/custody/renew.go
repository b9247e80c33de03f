package custody

import (
	"context"
	"fmt"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Renew restarts the plugin as a block says that was read anew, and waits until
// it is ready. The program, its pin and its config block are looked at first,
// as at validation: what cannot work is refused, and the process that runs goes
// on.
func (i *Instance) Renew(ctx context.Context, p config.Plugin) error {
	diags, err := i.validate(ctx, p)
	if err == nil && diags.HasErrors() {
		err = fault.New(fault.Invalid, "%s", config.OneLine(diags))
	}
	if err != nil {
		return fmt.Errorf("plugin %q is left as it is: %w", i.name, err)
	}
	if err := i.process.Renew(ctx, i.spec(p)); err != nil {
		return err
	}
	if err := i.examine(ctx); err != nil {
		return fmt.Errorf("plugin %q runs, and is not ready: %w", i.name, err)
	}
	return nil
}
