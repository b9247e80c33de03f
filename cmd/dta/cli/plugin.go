package cli

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/host"
	"github.com/milagro-dta/dta/host/operator"
	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/host/supervisor"
	"github.com/milagro-dta/dta/protocol/fault"
)

func (a *app) pluginCommand() *cobra.Command {
	return group("plugin", "The node's custody plugins", a.pluginStatus(), a.pluginEnrol(), a.pluginPin(), a.pluginRestart(), a.pluginTakeOver())
}

func (a *app) pluginStatus() *cobra.Command {
	return a.configFlag(&cobra.Command{
		Use: "status", Short: "Show every plugin of the running node, and why one does not serve", Args: none,
		Long: `Show every plugin of the running node, and why one does not serve.

Asked is the node that runs with this configuration; where none does there is no
status. STATE is ready, not-ready (the program runs, and says that it cannot work), backoff
(it did not start, and is tried again), failed (it did not start, and is tried again
at dta plugin restart), or what the program is about to do. STARTS counts how often
the node has started it: more than once where it ended by itself or did not become
ready. PINNED tells whether the file had the program's SHA-256 when the plugin was
started (dta plugin pin). SCHEME is how the plugin seals what it keeps. Below the
table stands why one does not serve, with its last lines.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load(config.LoadIdentity)
			if err != nil {
				return err
			}
			var got rest.Status
			client, err := a.running(cmd.Context(), c)
			if err != nil {
				return err
			}
			if err := client.Call(cmd.Context(), http.MethodGet, operator.PathStatus, nil, &got); err != nil {
				return err
			}
			return a.print(got.Custody, func(w io.Writer) { printPlugins(w, got.Custody) })
		},
	})
}

func printPlugins(w io.Writer, list []rest.CustodyStatus) {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tTYPE\tVERSION\tSTATE\tPID\tSTARTS\tPINNED\tSCHEME\tCUSTODY IDENTITY")
	for _, p := range list {
		id := p.Identity
		if !p.Enrolled {
			id = "not enrolled: dta plugin enrol " + p.Name
		}
		pid := "-"
		if p.PID != 0 {
			pid = fmt.Sprint(p.PID)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%-7s\t%d\t%t\t%s\t%s\n", p.Name, p.Type, p.Version, p.State, pid, p.Starts, p.Pinned, p.Scheme, id)
	}
	_ = t.Flush()
	for _, p := range list {
		if p.Reason == "" {
			continue
		}
		fmt.Fprintf(w, "\n%s: %s\n", p.Name, p.Reason)
		for _, l := range p.Lines {
			fmt.Fprintf(w, "  | %s\n", strings.TrimSpace(l))
		}
	}
}

func (a *app) pluginEnrol() *cobra.Command {
	return a.configFlag(&cobra.Command{
		Use: "enrol NAME", Short: "Make a plugin's custody identity, once, and print its name", Args: exactly(1, "the name of a plugin"),
		Long: `Make a plugin's custody identity, once, and print its name.

Both private halves are made inside the plugin and kept by it. Principals pin the
name that is printed in their peer blocks.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load(config.LoadIdentity)
			if err != nil {
				return err
			}
			if _, ok := c.Plugin(args[0]); !ok {
				return fault.New(fault.NotFound, "plugin %q: no plugin block has this name", args[0])
			}
			var got operator.Identity
			err = a.onNode(cmd.Context(), c,
				func(o *operator.Client) error {
					return o.Call(cmd.Context(), http.MethodPost, operator.PathEnrol, operator.Instance{Name: args[0]}, &got)
				},
				func(n *host.Node) error {
					i, err := n.Custody().Instance(args[0])
					if err != nil {
						return err
					}
					id, err := i.Enrol(cmd.Context())
					if err == nil {
						got = host.DescribeIdentity(id)
					}
					return err
				}, args[0])
			if err != nil {
				return err
			}
			err = a.print(got, func(w io.Writer) { fmt.Fprintln(w, got.Name) })
			return but(err, "plugin %q was enrolled as %s", args[0], fault.Foreign(got.Name))
		},
	})
}

func (a *app) pluginRestart() *cobra.Command {
	return a.configFlag(&cobra.Command{
		Use: "restart NAME", Short: "Restart a plugin of the running node as the file says now", Args: exactly(1, "the name of a plugin"),
		Long: `Restart a plugin of the running node as the file says now.

The node reads its file again and takes command, sha256, args, env, start_timeout
and the config block of this plugin from it, and nothing else. Another process is
started beside the one that runs, and takes its place once it is configured, has the
custody identity that was enrolled and says that it is ready. Otherwise nothing
changes, and the command says why at once: the process that runs goes on. Calls under
way are finished first.

A plugin that does not run is started as the file says now. Where it is not ready
within a minute, the exit code is that of the reason; the node goes on trying where
that may help.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load(config.LoadIdentity)
			if err != nil {
				return err
			}
			client, err := a.running(cmd.Context(), c)
			if err != nil {
				return err
			}
			return client.Call(cmd.Context(), http.MethodPost, operator.PathRestart, operator.Instance{Name: args[0]}, nil)
		},
	})
}

func (a *app) pluginTakeOver() *cobra.Command {
	return a.configFlag(&cobra.Command{
		Use: "take-over NAME", Short: "Go on in a realm that another copy of this node has served since", Args: exactly(1, "the name of a plugin"),
		Long: `Go on in a realm that another copy of this node has served since.

A node that was copied, or put back from a backup, finds in its plugin's realm that
another copy of it has been started since. It lacks what that copy acknowledged, so
it gives back what it keeps and takes no new orders. Where that copy can still be
had, stop it, and put its data directory in the place of this node's. After this
command the node goes on without the rest: the audit log has an entry of it, and a
copy that still runs takes no new orders from then on.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load(config.LoadIdentity)
			if err != nil {
				return err
			}
			if _, ok := c.Plugin(args[0]); !ok {
				return fault.New(fault.NotFound, "plugin %q: no plugin block has this name", args[0])
			}
			var got operator.TakenOver
			err = a.onNode(cmd.Context(), c,
				func(o *operator.Client) error {
					return o.Call(cmd.Context(), http.MethodPost, operator.PathTakeOver, operator.Instance{Name: args[0]}, &got)
				},
				func(n *host.Node) error {
					i, err := n.Custody().Instance(args[0])
					if err != nil {
						return err
					}
					from, err := i.TakeOver(cmd.Context())
					got = operator.TakenOver{Name: args[0], From: from}
					return err
				}, args[0])
			if err != nil {
				return err
			}
			err = a.print(got, func(w io.Writer) {
				fmt.Fprintf(w, "plugin %q goes on after %s of another copy: it is in the audit log\n", args[0], fault.Foreign(got.From))
			})
			return but(err, "plugin %q was taken over", args[0])
		},
	})
}

func (a *app) pluginPin() *cobra.Command {
	return a.configFlag(&cobra.Command{
		Use: "pin NAME", Short: "Write the SHA-256 of a plugin's program into the file", Args: exactly(1, "the name of a plugin"),
		Long: `Write the SHA-256 of a plugin's program into the file.

The file of --config is edited in place: the sum of the program as it is now goes
into the plugin's block, in place of the one that stands there or on a line after
command; nothing else changes. From the plugin's next start on the node runs no other
program. After an upgrade of the program pin again, then dta plugin restart NAME.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load(config.LoadIdentity)
			if err != nil {
				return err
			}
			p, ok := c.Plugin(args[0])
			if !ok {
				return fault.New(fault.NotFound, "plugin %q: no plugin block has this name", args[0])
			}
			sum, err := supervisor.Digest(p.Command)
			if err != nil {
				return err
			}
			raw, err := hex.DecodeString(sum)
			if err != nil {
				return err
			}
			if err := config.Pin(a.config, p.Name, raw); err != nil {
				return err
			}
			err = a.print(map[string]string{"name": p.Name, "command": p.Command, "sha256": sum}, func(w io.Writer) {
				fmt.Fprintf(w, "%s  %s\n", sum, p.Command)
			})
			return but(err, "plugin %q was pinned to %s", p.Name, sum)
		},
	})
}
