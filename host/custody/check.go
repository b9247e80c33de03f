package custody

import (
	"context"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk/contract"
)

// check is one question about a plugin that runs and has answered a Status call:
// nil where it can do its work. Its text is for the operator alone.
type check func(ctx context.Context, i *Instance, c *contract.Client, said *contract.StatusResponse) error

// checks are made in this order, up to the first that fails, whenever a plugin is
// asked how it is. They share the deadline of one Status call.
var checks = []check{saysReady, checkTenure}

// saysReady believes the plugin.
func saysReady(_ context.Context, _ *Instance, _ *contract.Client, said *contract.StatusResponse) error {
	if said.GetReady() {
		return nil
	}
	text := fault.Foreign(said.GetText())
	if text == "" {
		text = "it gives no reason"
	}
	return fault.New(fault.Unavailable, "%s", text)
}
