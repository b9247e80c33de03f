package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/host"
	"github.com/milagro-dta/dta/host/operator"
)

func (a *app) clockCommand() *cobra.Command {
	return group("clock", "The node's clock, held to what it has recorded", a.clockShow(), a.clockReset())
}

func (a *app) clockShow() *cobra.Command {
	return a.configFlag(&cobra.Command{
		Use: "show", Short: "Compare the clock with the newest time that the node has recorded", Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.clock(cmd.Context(), http.MethodGet, operator.PathClock,
				func(c operator.Clock) (operator.ClockShown, error) { return c.Show(), nil })
		},
	})
}

func (a *app) clockReset() *cobra.Command {
	return a.configFlag(&cobra.Command{
		Use: "reset", Short: "Go by what the clock shows, although the node has recorded later times", Args: none,
		Long: `Go by what the clock shows, although the node has recorded later times.

A node does not work while its clock is behind what it has recorded: what has
expired would be good again. Where the clock was set back, set it right. Where
it had run ahead and is right now, this command has the node work again, and puts
that into the audit log. What the node signed meanwhile keeps its times: peers
whose clocks were right refuse it until then.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.clock(cmd.Context(), http.MethodPost, operator.PathClockReset,
				func(c operator.Clock) (operator.ClockShown, error) { return c.Reset(cmd.Context()) })
		},
	})
}

// clock asks of the node's clock, through the running node or without one, and
// prints what it shows.
func (a *app) clock(ctx context.Context, method, path string, alone func(operator.Clock) (operator.ClockShown, error)) error {
	c, err := a.load(config.LoadIdentity)
	if err != nil {
		return err
	}
	var got operator.ClockShown
	err = a.onNode(ctx, c,
		func(o *operator.Client) error { return o.Call(ctx, method, path, nil, &got) },
		func(n *host.Node) (err error) { got, err = alone(n.Clock()); return err })
	if err != nil {
		return err
	}
	err = a.print(got, func(w io.Writer) {
		fmt.Fprintf(w, "the clock shows  %s\n", time.UnixMilli(got.Shows).UTC().Format(time.DateTime))
		fmt.Fprintf(w, "recorded up to   %s\n", time.UnixMilli(got.Recorded).UTC().Format(time.DateTime))
		if !got.Trusted {
			fmt.Fprintln(w, got.Problem)
		}
	})
	if method == http.MethodPost {
		err = but(err, "the recorded time was reset")
	}
	return err
}
