// Package cli is the dta command: it parses flags, calls the host or its APIs,
// and prints.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/milagro-dta/dta/protocol/fault"
)

// Exit codes that scripts can rely on.
const (
	ExitOK          = 0
	ExitInternal    = 1 // anything that has no code of its own; output that cannot be written
	ExitUsage       = 2 // flags, arguments or input are wrong
	ExitDenied      = 3 // also for an unknown caller
	ExitNotFound    = 4 // also for an order or a key that is gone for good
	ExitConflict    = 5
	ExitUnavailable = 6 // busy, unavailable or too slow: trying again may help
	ExitUnsupported = 7
	ExitInterrupted = 130 // SIGINT or SIGTERM; whether it was done is not known
)

var exits = map[fault.Kind]int{
	fault.Invalid: ExitUsage, fault.Denied: ExitDenied, fault.Unauthenticated: ExitDenied,
	fault.NotFound: ExitNotFound, fault.Gone: ExitNotFound, fault.Conflict: ExitConflict,
	fault.Busy: ExitUnavailable, fault.Unavailable: ExitUnavailable, fault.Deadline: ExitUnavailable,
	fault.Unsupported: ExitUnsupported, fault.Internal: ExitInternal,
}

// errPrinted ends a command that has said itself what is wrong.
var errPrinted = fault.New(fault.Invalid, "see above")

// app is what the commands share.
type app struct {
	in     io.Reader
	out    *stdout
	err    io.Writer
	json   bool
	config string
	url    string
	tls    tlsFiles
}

// Main runs the command and returns its exit code.
func Main(args []string, in io.Reader, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	// A command whose reader has gone says so and fails; left alone, SIGPIPE would
	// end it without a word, and a node with it.
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	defer signal.Stop(pipe)
	return run(ctx, args, in, out, errOut)
}

func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	a := &app{in: in, out: &stdout{w: out}, err: errOut}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(a.out)
	root.SetErr(errOut)
	strict(root)
	err := noCore()
	if err == nil {
		err = root.ExecuteContext(ctx)
	}
	if err == nil {
		err = a.out.flush()
	}
	if err == nil {
		return ExitOK
	}
	var usage *usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(errOut, "dta: %v\n", err)
		return ExitUsage
	}
	if _, done := errors.AsType[*doneBut](err); ctx.Err() != nil && !done {
		fmt.Fprintln(errOut, "dta: interrupted")
		return ExitInterrupted
	}
	if !errors.Is(err, errPrinted) || err.Error() != errPrinted.Error() {
		fmt.Fprintf(errOut, "dta: %v\n", err)
	}
	if code, ok := exits[fault.Of(err)]; ok {
		return code
	}
	return ExitInternal
}

// usageError is a mistake in flags or arguments.
type usageError struct{ error }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "dta",
		Short: "A Decentralized Trust Authority: keep and issue key material together without trusting each other",
		Long: `dta keeps secrets for others, and gets them back.

Operators configure a node in an HCL file, make it with "dta init" and run it
with "dta host". Principals place
and redeem orders with "dta order", or over REST. Registrars start networks with
"dta network", in which people log in with "dta mpin".

Exit codes: 0 done, 1 internal error or output that cannot be written, 2 wrong
input, 3 denied, 4 not found, 5 conflict, 6 unavailable or too slow (try again),
7 unsupported, 130 interrupted.`,
		SilenceUsage: true, SilenceErrors: true,
		Version: version(), Args: none,
		PersistentPreRunE: nothingEmpty,
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(a.initCommand(), a.hostCommand(), a.identityCommand(), a.configCommand(), a.pluginCommand(), a.orderCommand(), a.auditCommand(),
		a.storeCommand(), a.clockCommand(), a.networkCommand(), a.mpinCommand())
	return root
}

// version is the module's, where the program was built from one.
func version() string {
	v := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		v = info.Main.Version
	}
	return fmt.Sprintf("%s, %s %s/%s", v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// strict makes the commands that the library adds refuse what they do not know,
// as all others do; left alone they print a help text and succeed. Where root prints is
// decided before.
func strict(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "completion":
			c.Args, c.RunE = none, func(c *cobra.Command, _ []string) error {
				_ = c.Help()
				return usagef("expected the name of a shell")
			}
		case "help":
			c.Run, c.RunE = nil, func(_ *cobra.Command, args []string) error {
				found, rest, err := root.Find(args)
				if err == nil {
					err = none(found, rest)
				}
				if err != nil {
					return &usageError{err}
				}
				found.InitDefaultHelpFlag()
				return found.Help()
			}
		}
	}
}

// configFlag adds --config, which defaults to $DTA_CONFIG.
func (a *app) configFlag(c *cobra.Command) *cobra.Command {
	c.Flags().StringVarP(&a.config, "config", "c", os.Getenv("DTA_CONFIG"), "the node's HCL `FILE` (or $DTA_CONFIG)")
	_ = c.MarkFlagFilename("config", "hcl")
	return c
}

// fixed completes a flag with fixed values.
func fixed(c *cobra.Command, flag string, values ...string) {
	_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// none is for a command that takes no arguments. A word that is not a command's
// name ends here too.
func none(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q for %q", args[0], c.CommandPath())
	if c.HasParent() && !c.HasSubCommands() {
		err = fmt.Errorf("%s: expected no arguments; found %q", c.CommandPath(), args[0])
	}
	c.SuggestionsMinimumDistance = 2
	for _, s := range c.SuggestionsFor(args[0]) {
		err = fmt.Errorf("%w\nDid you mean %q?", err, s)
	}
	return &usageError{err}
}

// nothingEmpty refuses a flag that was given and says nothing, as one does whose
// variable a script forgot to set: to leave it out would mean something else, to
// print a secret, or to have it released to another.
func nothingEmpty(c *cobra.Command, _ []string) (err error) {
	c.Flags().Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		if slices.Contains(values, "") {
			err = usagef("--%s: expected a value; found an empty one", f.Name)
		}
	})
	return err
}

// exactly is a count of arguments whose violation is a usage error.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return usagef("expected %s; found %s", what, counted(len(args), "argument", "arguments"))
		}
		if slices.Contains(args, "") {
			return usagef("expected %s; found an empty argument", what)
		}
		return nil
	}
}

// counted is a number of things.
func counted[N int | int64 | uint64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// print writes v as JSON, or text with the function given. The error is that of
// any write; the function need not look at them.
func (a *app) print(v any, text func(w io.Writer)) error {
	if !a.json {
		text(a.out)
		return a.out.flush()
	}
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	return a.out.flush()
}

// group is a command that only has others under it.
func group(use, short string, under ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: none, RunE: func(c *cobra.Command, _ []string) error {
		_ = c.Help()
		return usagef("expected one of the commands above")
	}}
	c.AddCommand(under...)
	return c
}
