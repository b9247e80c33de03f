package cli

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/milagro-dta/dta/cmd/dta/authn/client"
	"github.com/milagro-dta/dta/cmd/dta/authn/credential"
	"github.com/milagro-dta/dta/cmd/dta/authn/ledger"
	"github.com/milagro-dta/dta/cmd/dta/newfile"
	"github.com/milagro-dta/dta/protocol/fault"
)

func (a *app) mpinCommand() *cobra.Command {
	return group("mpin", "Log in to a network's servers with a token and a PIN",
		a.mpinLogin(), a.mpinChangePIN(), a.mpinServer(), a.mpinTries(), a.mpinUnlock())
}

// loggedIn is what is printed of a login.
type loggedIn struct {
	Server       string `json:"server"`
	Name         string `json:"name"`
	Enrolment    uint64 `json:"enrolment"`
	Mode         string `json:"mode"`         // full or two-pass
	KeyConfirmed bool   `json:"keyConfirmed"` // both sides have the same key
}

func (a *app) mpinLogin() *cobra.Command {
	var token, permits, url, name, ca string
	var full, twoPass, stdin bool
	c := &cobra.Command{
		Use: "login --token FILE --server URL", Short: "Log in with a token and a PIN", Args: none,
		Long: `Log in with a token and a PIN.

M-Pin Full, the default, also shows that the server is one of the network, with
--server-name that it is this one: both sides end up with a key and prove it to
each other. The PIN is asked for at the terminal and does not leave this program.
A server counts wrong PINs and locks whoever has had too many.`,
		Example: `  dta mpin login --token anna.token --permits anna.permits --server https://login.example --server-name login`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if token == "" || url == "" {
				return usagef("expected --token FILE and --server URL")
			}
			if full && twoPass {
				return usagef("expected --full or --two-pass; found both")
			}
			t, err := credential.ReadToken(token)
			if err != nil {
				return err
			}
			defer t.Clear()
			l := client.Login{URL: url, Server: name, Token: t, TwoPass: twoPass}
			if permits != "" {
				if l.Permits, err = credential.ReadPermits(permits); err != nil {
					return err
				}
			}
			files := tlsFiles{ca: ca}
			if l.HTTP, err = files.client(); err != nil {
				return err
			}
			defer l.HTTP.CloseIdleConnections()
			ready, err := l.Prepare(cmd.Context())
			if err != nil {
				return err
			}
			pin, err := pins{a, stdin}.known(cmd.Context(), "PIN: ")
			if err != nil {
				return err
			}
			end := a.progress("waiting for the server")
			defer end()
			r, err := ready.Do(cmd.Context(), pin)
			if err != nil {
				return err
			}
			defer r.Key.Clear()
			in := loggedIn{Server: fault.Foreign(r.Server), Name: t.Name, Enrolment: t.Enrolment, Mode: "full", KeyConfirmed: r.Key != nil}
			how := "both sides have shown that they have the key"
			if twoPass {
				in.Mode, how = "two-pass", "without a key"
			}
			err = a.print(in, func(w io.Writer) {
				fmt.Fprintf(w, "logged in to %s as %s, %s\n", in.Server, fault.Foreign(in.Name), how)
			})
			return but(err, "%s was logged in to %s", fault.Foreign(in.Name), in.Server)
		},
	}
	c.Flags().StringVar(&token, "token", "", "the person's `FILE`, from dta network enrol-client")
	c.Flags().StringVar(&permits, "permits", "", "`FILE` of the person's permits, from dta network permit; where the network has them")
	c.Flags().StringVar(&url, "server", "", "`URL` where the server answers")
	c.Flags().StringVar(&name, "server-name", "", "the `NAME` that the server must have in the network; with M-Pin Full no other can pass the login on to it")
	c.Flags().StringVar(&ca, "ca", "", "PEM `FILE` of the authority that the server's certificate is from; the system's by default")
	c.Flags().BoolVar(&full, "full", false, "M-Pin Full, with a key (the default)")
	c.Flags().BoolVar(&twoPass, "two-pass", false, "two passes, without a key: the server is not proven to be the network's")
	c.Flags().BoolVar(&stdin, "pin-stdin", false, pinStdin)
	_ = c.MarkFlagFilename("ca", "pem", "crt")
	return c
}

func (a *app) mpinChangePIN() *cobra.Command {
	var token string
	var stdin bool
	c := &cobra.Command{
		Use: "change-pin --token FILE", Short: "Give a token another PIN", Args: none,
		Long: `Give a token another PIN.

Nobody else is asked and nobody else learns of it. Nothing here can tell whether
the old PIN is right; if it is not, the new one is wrong by as much: log in once
and see. Copies of the file made before keep the old PIN, and work.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if token == "" {
				return usagef("expected --token FILE")
			}
			t, err := credential.ReadToken(token)
			if err != nil {
				return err
			}
			defer t.Clear()
			place, err := newfile.Replace(token)
			if err != nil {
				return err
			}
			defer place.Discard()
			id, err := t.Identity()
			if err != nil {
				return err
			}
			old, err := pins{a, stdin}.known(cmd.Context(), "Old PIN: ")
			if err != nil {
				return err
			}
			pin, err := pins{a, stdin}.chosen(cmd.Context(), "New PIN: ")
			if err != nil {
				return err
			}
			changed := &credential.Token{Subject: t.Subject, PermitTag: t.PermitTag}
			if changed.Token, err = t.Suite.ChangePIN(t.Token, id, old, pin); err != nil {
				return err
			}
			defer changed.Clear()
			if err := place.Write(changed.Text()); err != nil {
				return err
			}
			err = a.print(map[string]string{"token": token}, func(w io.Writer) {
				fmt.Fprintf(w, "%s has the new PIN, if the old one was right\n", token)
			})
			return but(err, "%s has the new PIN", token)
		},
	}
	c.Flags().StringVar(&token, "token", "", "the person's `FILE`")
	c.Flags().BoolVar(&stdin, "pin-stdin", false, "read the old PIN and the new one from the standard input, a line each, instead of asking at the terminal")
	return c
}

func (a *app) mpinTries() *cobra.Command {
	var state string
	c := &cobra.Command{
		Use: "tries --state DIR", Short: "List who has had wrong PINs at a server since the last right one", Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if state == "" {
				return usagef("expected --state DIR")
			}
			all, err := ledger.Entries(cmd.Context(), state)
			if err != nil {
				return err
			}
			type entry struct {
				Name      string `json:"name"`
				Enrolment uint64 `json:"enrolment"`
				Wrong     int    `json:"wrong"`
				Last      int64  `json:"last"` // unix milliseconds
			}
			got := []entry{}
			for _, e := range all {
				got = append(got, entry{e.Name, e.Enrolment, e.Wrong, e.Last.UnixMilli()})
			}
			return a.print(map[string]any{"tries": got}, func(w io.Writer) {
				t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
				fmt.Fprintln(t, "NAME\tENROLMENT\tWRONG\tLAST")
				for _, e := range got {
					fmt.Fprintf(t, "%s\t%d\t%d\t%s\n", fault.Foreign(e.Name), e.Enrolment, e.Wrong, time.UnixMilli(e.Last).UTC().Format(time.DateTime))
				}
				_ = t.Flush()
			})
		},
	}
	stateFlag(c, &state)
	return c
}

func (a *app) mpinUnlock() *cobra.Command {
	var state string
	c := &cobra.Command{
		Use: "unlock NAME --state DIR", Short: "Forget a person's wrong PINs, whether or not the server runs", Args: exactly(1, "a person's name"),
		Long: `Forget a person's wrong PINs, whether or not the server runs.

Ask why first: each time gives whoever has the person's token as many guesses
again.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if state == "" {
				return usagef("expected --state DIR")
			}
			n, err := ledger.Unlock(cmd.Context(), state, args[0])
			if err != nil {
				return err
			}
			if n == 0 {
				return fault.New(fault.NotFound, "%q has had no wrong PINs at this server", args[0])
			}
			err = a.print(map[string]any{"name": args[0], "enrolments": n}, func(w io.Writer) {
				fmt.Fprintf(w, "%s may log in again\n", fault.Foreign(args[0]))
			})
			return but(err, "%s may log in again", fault.Foreign(args[0]))
		},
	}
	stateFlag(c, &state)
	return c
}

func stateFlag(c *cobra.Command, state *string) {
	c.Flags().StringVar(state, "state", "", "the server's directory, `DIR`")
	_ = c.MarkFlagDirname("state")
}
