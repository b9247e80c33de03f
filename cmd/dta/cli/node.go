package cli

import (
	"context"
	"io"
	"path/filepath"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/hcl/v2"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/host"
	"github.com/milagro-dta/dta/host/operator"
	"github.com/milagro-dta/dta/protocol/fault"
)

// load reads the configuration and prints everything that is wrong with it.
func (a *app) load(read func(string, config.Options) (*config.Config, hcl.Diagnostics)) (*config.Config, error) {
	if a.config == "" {
		return nil, usagef("expected --config FILE or $DTA_CONFIG")
	}
	c, diags := read(a.config, config.Options{})
	if len(diags) > 0 {
		// A warning that nobody can read stops no command.
		_ = config.Write(a.err, c.Files, diags)
	}
	if diags.HasErrors() {
		return nil, errPrinted
	}
	return c, nil
}

func logger(c *config.Config, w io.Writer) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{
		Name: "dta", Level: hclog.LevelFromString(c.Log.Level), Output: w, JSONFormat: c.Log.Format == "json",
	})
}

// place is the data directory in full: a relative one is found from where the
// command is run.
func place(c *config.Config) string {
	if abs, err := filepath.Abs(c.Node.DataDir); err == nil {
		return abs
	}
	return c.Node.DataDir
}

// running is the node that runs over the configuration's data directory.
func (a *app) running(ctx context.Context, c *config.Config) (*operator.Client, error) {
	client := operator.NewClient(filepath.Join(c.Node.DataDir, operator.Socket))
	defer a.progress("waiting for the node")()
	if !client.Running(ctx) {
		return nil, fault.New(fault.Unavailable, "no node answers in the data directory %s: expected dta host to run with this configuration", place(c))
	}
	return client, nil
}

// onNode runs ask on the operator socket of the running node, or, when none
// runs, opens the node itself, with its seal's plugin and those named, and runs
// alone on it. Where no node was made it makes none.
func (a *app) onNode(ctx context.Context, c *config.Config, ask func(*operator.Client) error, alone func(*host.Node) error, plugins ...string) error {
	client := operator.NewClient(filepath.Join(c.Node.DataDir, operator.Socket))
	end := a.progress("waiting for the node")
	running := client.Running(ctx)
	end()
	if running {
		return ask(client)
	}
	node, err := host.Open(ctx, c, host.Options{Log: logger(c, a.err), Only: append([]string{}, plugins...)})
	if err != nil {
		return err
	}
	defer node.Close()
	return alone(node)
}
