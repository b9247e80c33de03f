package host

import (
	"context"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/fault"
)

// renewPlugin restarts a plugin as the configuration file says now. A file in
// which anything is wrong changes nothing.
func (n *Node) renewPlugin(ctx context.Context, name string) error {
	i, err := n.custody.Instance(name)
	if err != nil {
		return err
	}
	c, diags := config.Load(n.config.Path, config.Options{})
	defer c.Clear()
	if diags.HasErrors() {
		return fault.New(fault.Invalid, "plugin %q is left as it is, since the configuration is wrong: %s", name, config.OneLine(diags))
	}
	p, ok := c.Plugin(name)
	if !ok {
		return fault.New(fault.NotFound, "plugin %q is left as it is, since %s has no plugin block of this name any more", name, n.config.Path)
	}
	return i.Renew(ctx, *p)
}

// retry has done at once what may have waited for a plugin that is back.
func (n *Node) retry(ctx context.Context) {
	if err := n.courier.Retry(ctx, records.JobFulfil, records.JobRedeem, records.JobRevoke); err != nil && ctx.Err() == nil {
		n.log.Warn("jobs not hastened", "error", err)
	}
}
