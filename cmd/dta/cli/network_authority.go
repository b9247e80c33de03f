package cli

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/milagro-dta/dta/cmd/dta/authn/credential"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
)

func (a *app) networkDelegate() *cobra.Command {
	var req rest.DelegationRequest
	var out string
	var lasts time.Duration
	c := a.onNetwork(&cobra.Command{
		Use: "delegate NETWORK --to NODE --kind KIND --out FILE", Short: "Let another node sign in this node's place, for a while", Args: exactly(1, aNetwork),
		Long: `Let another node sign in this node's place, for a while.

The delegate signs requests of the kinds named, for subjects whose names begin and
end as given, for a week at most. It counts for this node, beside which it does not
count again. It cannot be called back before it ends.`,
		Example: `  dta network delegate staff --to helpdesk --kind client-secret --suffix @example.com --for 8h --out helpdesk.delegation`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if req.To == "" || len(req.Kinds) == 0 {
				return usagef("expected --to NODE and --kind KIND")
			}
			for i, kind := range req.Kinds {
				if err := ofKind("--kind", kind); err != nil {
					return err
				}
				if slices.Contains(req.Kinds[:i], kind) {
					return usagef("--kind: expected %s once; found it twice", kind)
				}
			}
			if lasts < time.Second || lasts > issue.MaxDelegation {
				return usagef("--for: expected 1s to %s; found %s", issue.MaxDelegation, lasts)
			}
			req.Seconds = uint64(lasts / time.Second)
			place, err := newFile(out)
			if err != nil {
				return err
			}
			defer place.Discard()
			n, err := a.findNetwork(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			var got rest.DelegationAnswer
			if err := a.call(cmd.Context(), http.MethodPost, networkPath+"/"+n.Reference+"/delegation", "", req, &got); err != nil {
				return err
			}
			network, d, err := issue.ReadMandate(got.Delegation)
			if err != nil {
				return fault.New(fault.Unavailable, "the node's answer: %w", err)
			}
			if network.Order.CID() != orderCID(n) {
				return fault.New(fault.Unavailable, "the node's answer: expected a delegation in network %s; found one in %s", n.Reference, network.Order.Terms().ReferenceHex())
			}
			until := time.UnixMilli(d.Expires).UTC().Format(time.DateTime)
			if err := place.Write(secret.Copy(got.Delegation)); err != nil {
				return but(err, "a delegation to %s until %s was signed", d.To, until)
			}
			shown := map[string]any{"file": out, "to": d.To.String(), "expires": got.Expires}
			err = a.print(shown, func(w io.Writer) { fmt.Fprintf(w, "%s: %s may sign until %s\n", out, d.To, until) })
			return but(err, "%s was written", out)
		},
	})
	c.Flags().StringVar(&req.To, "to", "", "the delegate, a `NODE`: a peer's name, or a node's identity")
	c.Flags().StringArrayVar(&req.Kinds, "kind", nil, "a `KIND` that it may sign: client-secret, server-secret or time-permit; once for each")
	c.Flags().StringVar(&req.Prefix, "prefix", "", "`TEXT` with which the names of subjects must begin")
	c.Flags().StringVar(&req.Suffix, "suffix", "", "`TEXT` with which the names of subjects must end")
	c.Flags().Uint64Var(&req.MaxDays, "max-days", 0, "days of permits ahead; as many as the network allows by default")
	c.Flags().DurationVar(&lasts, "for", 24*time.Hour, "how long it lasts")
	c.Flags().StringVar(&out, "out", "", "write the delegation to this `FILE`, which must not exist")
	fixed(c, "kind", kinds()...)
	return c
}

func (a *app) networkApprove() *cobra.Command {
	var request, delegation, out string
	var yes bool
	c := a.onNetwork(&cobra.Command{
		Use: "approve NETWORK --request FILE --out FILE", Short: "Sign a request that waits in a file for this node's approval", Args: exactly(1, aNetwork),
		Long: `Sign a request that waits in a file for this node's approval.

It shows what is asked for and wants to be told yes at the terminal; --yes says so
beforehand.`,
		Example: `  dta network approve staff --request door.request --out door.approval`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if request == "" {
				return usagef("expected --request FILE")
			}
			place, err := newFile(out)
			if err != nil {
				return err
			}
			defer place.Discard()
			block, r, err := readRequest(request)
			if err != nil {
				return err
			}
			req := rest.ApprovalRequest{Request: block}
			if delegation != "" {
				if req.Delegation, _, err = readMandate(delegation); err != nil {
					return err
				}
			}
			n, err := a.meant(cmd.Context(), args[0], delegation)
			if err != nil {
				return err
			}
			if r.Order != orderCID(n) {
				return usagef("--request %s: expected one of network %s; it is of order %s", request, n.Reference, r.Order)
			}
			if err := a.confirm(summary(r), yes); err != nil {
				return err
			}
			var got rest.ApprovalAnswer
			if err := a.call(cmd.Context(), http.MethodPost, networkPath+"/"+n.Reference+"/approval", "", req, &got); err != nil {
				return err
			}
			if _, err := issue.ParseApproval(got.Approval); err != nil {
				return fault.New(fault.Unavailable, "the node's answer: approval: %w", err)
			}
			if err := place.Write(secret.Copy(got.Approval)); err != nil {
				return but(err, "the request was approved")
			}
			got.Approval = nil // it is where it was asked to be
			err = a.print(got, func(w io.Writer) { fmt.Fprintf(w, "%s: approved\n", out) })
			return but(err, "%s was written", out)
		},
	})
	c.Flags().StringVar(&request, "request", "", "`FILE` with the request")
	c.Flags().StringVar(&delegation, "delegation", "", "`FILE` of a delegation to this node, from dta network delegate")
	c.Flags().StringVar(&out, "out", "", "write the approval to this `FILE`, which must not exist")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

// summary says what a request is for.
func summary(r *issue.Asked) string {
	var names []string
	for _, s := range r.Subjects {
		names = append(names, fmt.Sprintf("%q (enrolment %d)", s.Name, s.Enrolment))
	}
	what := fmt.Sprintf("%s for %s", r.Kind, strings.Join(names, ", "))
	if r.Days > 0 {
		what += fmt.Sprintf(", %s from %s", counted(r.Days, "day", "days"), credential.Day(uint32(r.First)))
	}
	return fmt.Sprintf("%s, until %s, to key %s", what, time.UnixMilli(r.Expires).UTC().Format(time.DateTime), fingerprint(r.Receiver))
}

// fingerprint is how whoever asks and whoever approves compare a receiver's key:
// 64 bits of its SHA-256.
func fingerprint(key []byte) string {
	sum := sha256.Sum256(key)
	return fmt.Sprintf("%x-%x-%x-%x", sum[:2], sum[2:4], sum[4:6], sum[6:8])
}

// confirm asks at the terminal. Nobody can say yes to what was not shown.
func (a *app) confirm(what string, yes bool) error {
	_, err := fmt.Fprintf(a.err, "asked: %s\n", what)
	if yes {
		return nil
	}
	if err != nil {
		return err
	}
	f, ok := a.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return usagef("expected a terminal to ask at, or --yes")
	}
	fmt.Fprint(a.err, "Approve? [y/N] ")
	if line, _ := bufio.NewReader(f).ReadString('\n'); !strings.EqualFold(strings.TrimSpace(line), "y") {
		return fault.New(fault.Denied, "not approved")
	}
	return nil
}

func (a *app) networkRevoke() *cobra.Command {
	var ask asking
	c := a.onNetwork(&cobra.Command{
		Use: "revoke NETWORK NAME", Short: "Have no more issued to a person: no permit, no login", Args: networkAndName,
		Long: `Have no more issued to a person: no permit, no login.

Permits that were issued before stay good on their days. A network without permits
cannot revoke.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := a.findNetwork(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			var got rest.RevocationAnswer
			req := rest.RevocationRequest{Name: args[1], Enrolment: ask.number(cmd)}
			if err := a.call(cmd.Context(), http.MethodPost, networkPath+"/"+n.Reference+"/revocation", "", req, &got); err != nil {
				return err
			}
			err = a.print(got, func(w io.Writer) {
				fmt.Fprintf(w, "%s, enrolment %d, is revoked\n", fault.Foreign(got.Name), got.Enrolment)
				fmt.Fprintf(w, "  permits issued before are good until %s at most\n", fault.Foreign(got.LastPermitDay))
				if len(got.Informed) > 0 {
					fmt.Fprintf(w, "  told: %s\n", fault.Foreign(strings.Join(got.Informed, ", ")))
				}
				if len(got.Pending) > 0 {
					fmt.Fprintf(w, "  yet to be told: %s\n", fault.Foreign(strings.Join(got.Pending, ", ")))
				}
			})
			return but(err, "%s, enrolment %d, is revoked", fault.Foreign(got.Name), got.Enrolment)
		},
	})
	ask.numberFlag(c)
	return c
}
