package cli

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/milagro-dta/dta/cmd/dta/newfile"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
)

func (a *app) networkCommand() *cobra.Command {
	return a.nodeFlags(group("network", "Make ZKP-MFA networks, and have people and servers enrolled in them",
		a.networkCreate(), a.networkList(), a.networkShow(),
		a.networkEnrolServer(), a.networkEnrolClient(), a.networkPermit(),
		a.networkDelegate(), a.networkApprove(), a.networkRevoke(), a.networkForget()))
}

const networkPath = "/v1/network"

func (a *app) networkCreate() *cobra.Command {
	var req rest.NetworkRequest
	var authority []string
	var noPermits bool
	var once string
	c := &cobra.Command{
		Use: "create NAME --fiduciary PEER", Short: "Order a network over several D-TAs", Args: exactly(1, "the network's name"),
		Long: `Order a network over several D-TAs.

Each D-TA makes its share of a master secret that exists nowhere; all of them are
needed for whatever is issued later. This node is the registrar. --authority says
who must sign a kind of request, KIND=K:NAME,NAME…: K of these names, each a peer,
an identity or self. By default the registrar signs alone, but for server secrets,
which take two signatures where two names are given at all.`,
		Example: `  dta network create staff --fiduciary north --fiduciary east --fiduciary west/vault-b
  dta network create staff --fiduciary north --fiduciary east --authority server-secret=2:self,auditor`,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			req.Name = args[0]
			if len(req.Fiduciaries) == 0 {
				return usagef("expected --fiduciary, once for each D-TA")
			}
			most := uint64(order.MaxPermitDays)
			if noPermits {
				most = 0
			}
			if req.MaxPermitDays > most {
				return usagef("--max-permit-days: expected at most %d; found %d", most, req.MaxPermitDays)
			}
			permits := !noPermits
			req.Permits = &permits
			if req.Authority, err = rules(authority); err != nil {
				return err
			}
			var got rest.NetworkAnswer
			if err := a.call(cmd.Context(), http.MethodPost, networkPath, once, req, &got); err != nil {
				return err
			}
			if err := a.printNetwork(&got); err != nil {
				return but(err, "network %s was ordered", fault.Foreign(got.Reference))
			}
			switch {
			case got.State == string(order.Failed):
				return fault.New(fault.Denied, "the network was not made: %s", fault.Foreign(got.Notice))
			case got.State != string(order.Accepted):
				fmt.Fprintln(a.err, "dta: not all D-TAs have accepted yet; dta network show tells how far it is")
			}
			return nil
		},
	}
	c.Flags().StringArrayVar(&req.Fiduciaries, "fiduciary", nil, "a D-TA: `PEER` or PEER/INSTANCE, or self; once for each")
	c.Flags().StringVar(&req.Suite, "suite", "", "`SUITE` in which the mathematics is written: dta-v1 (the default), or amcl-bls381 for networks that exist")
	c.Flags().BoolVar(&noPermits, "no-permits", false, "logins need no permit of the day, and nobody can be revoked")
	c.Flags().Uint64Var(&req.MaxPermitDays, "max-permit-days", 0, "days for which permits are issued ahead, at most 31 (the default)")
	c.Flags().StringArrayVar(&authority, "authority", nil, "whose signatures a kind of request needs: a `RULE` KIND=K:NAME,NAME…; once for each kind")
	c.Flags().StringVar(&req.Publish, "publish", "", "`WHAT` goes to the log: none, chain (the default) or all")
	c.Flags().StringVar(&once, "idempotency-key", "", "sent again with the same `KEY` within a day, the network is ordered once")
	fixed(c, "suite", mpin.V1.Name, mpin.AMCL.Name)
	fixed(c, "publish", "none", "chain", "all")
	return c
}

// kinds are what can be asked for.
func kinds() (all []string) {
	for _, k := range order.IssueKinds() {
		all = append(all, string(k))
	}
	return all
}

// ofKind refuses what cannot be asked for.
func ofKind(flag, kind string) error {
	if all := kinds(); !slices.Contains(all, kind) {
		last := len(all) - 1
		return usagef("%s: expected %s or %s; found %q", flag, strings.Join(all[:last], ", "), all[last], kind)
	}
	return nil
}

// rules reads KIND=K:NAME,NAME…, at most one of a kind.
func rules(authority []string) (all []rest.NetworkRule, err error) {
	for _, text := range authority {
		kind, signers, ok := strings.Cut(text, "=")
		threshold, list, also := strings.Cut(signers, ":")
		k, err := strconv.ParseUint(threshold, 10, 8)
		names := strings.Split(list, ",")
		if !ok || !also || err != nil || k == 0 || slices.Contains(names, "") {
			return nil, usagef("--authority: expected KIND=K:NAME,NAME…, as in server-secret=2:self,auditor; found %q", text)
		}
		if err := ofKind("--authority", kind); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(r rest.NetworkRule) bool { return r.Kind == kind }) {
			return nil, usagef("--authority: expected %s once; found it twice", kind)
		}
		if k > uint64(len(names)) {
			return nil, usagef("--authority: expected signatures of at most as many as are named; found %q", text)
		}
		all = append(all, rest.NetworkRule{Kind: kind, Names: names, Threshold: k})
	}
	return all, nil
}

func (a *app) networkList() *cobra.Command {
	var pages paging
	c := &cobra.Command{
		Use: "list", Short: "List the networks that this node may ask in, newest first", Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query, err := pages.query()
			if err != nil {
				return err
			}
			var got rest.NetworkList
			if err := a.call(cmd.Context(), http.MethodGet, networkPath+"?"+query, "", nil, &got); err != nil {
				return err
			}
			return a.print(got, func(w io.Writer) {
				t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
				fmt.Fprintln(t, "REFERENCE\tNAME\tSUITE\tSTATE\tD-TAS\tPERMITS\tCREATED")
				for _, n := range got.Networks {
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%t\t%s\n", n.Reference, fault.Foreign(n.Name), n.Suite, n.State, len(n.Members), n.Permits, time.Unix(n.CreatedAt, 0).UTC().Format(time.DateTime))
				}
				_ = t.Flush()
				pages.more(a.err, len(got.Networks), got.Total)
			})
		},
	}
	pages.flags(c, "networks")
	return c
}

func (a *app) networkShow() *cobra.Command {
	var charter string
	c := a.onNetwork(&cobra.Command{
		Use: "show NETWORK", Short: "Show a network: its D-TAs, and whose signatures count", Args: exactly(1, aNetwork),
		Long: `Show a network: its D-TAs, and whose signatures count.

NETWORK is a reference, or the network's name where it has no other's. --charter
writes down everything by which anybody verifies the network, checked first.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			got, err := a.findNetwork(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if charter != "" {
				if err := writeCharter(charter, got); err != nil {
					return err
				}
				return but(a.printNetwork(got), "%s was written", charter)
			}
			return a.printNetwork(got)
		},
	})
	c.Flags().StringVar(&charter, "charter", "", "write the charter to this `FILE`, which must not exist")
	return c
}

func writeCharter(path string, n *rest.NetworkAnswer) error {
	if len(n.Charter) == 0 {
		return fault.New(fault.Unavailable, "not all D-TAs have accepted yet: there is no charter")
	}
	read, err := issue.ReadCharter(n.Charter)
	if err != nil {
		return fault.New(fault.Unavailable, "the node's answer: charter: %w", err)
	}
	if read.Order.CID().String() != n.OrderCID {
		return fault.New(fault.Unavailable, "the node's answer: expected the charter of order %s; found that of %s", fault.Foreign(n.OrderCID), read.Order.CID())
	}
	place, err := newfile.New(path)
	if err != nil {
		return err
	}
	defer place.Discard()
	return place.Write(secret.Copy(n.Charter))
}

// printNetwork prints a network without its charter, which is for a file.
func (a *app) printNetwork(n *rest.NetworkAnswer) error {
	shown := *n
	shown.Charter = nil
	return a.print(shown, func(w io.Writer) { printNetwork(w, &shown) })
}

func printNetwork(w io.Writer, n *rest.NetworkAnswer) {
	fmt.Fprintf(w, "reference   %s\nname        %s\nsuite       %s\nstate       %s\norder       %s\nterms       %s\nregistrar   %s\n",
		n.Reference, fault.Foreign(n.Name), n.Suite, n.State, n.OrderCID, n.TermsCID, n.Registrar)
	if n.Permits {
		fmt.Fprintf(w, "permits     one a day, for at most %s ahead\n", counted(n.MaxPermitDays, "day", "days"))
	}
	if n.Notice != "" {
		fmt.Fprintf(w, "notice      %s\n", fault.Foreign(n.Notice))
	}
	fmt.Fprintln(w)
	for _, r := range n.Authority {
		fmt.Fprintf(w, "%-13s  signed by %d of %d\n", r.Kind, r.Threshold, len(r.Names))
		for _, name := range r.Names {
			fmt.Fprintf(w, "  %s\n", name)
		}
	}
	fmt.Fprintln(w)
	for _, m := range n.Members {
		fmt.Fprintf(w, "D-TA %d  %s  %s\n  custody     %s\n", m.Index, memberName(m), m.State, m.Custody)
		if m.Commitment != "" {
			fmt.Fprintf(w, "  commitment  %s\n", m.Commitment)
		}
	}
}

// memberName is what the node's operator calls a D-TA, or its own name.
func memberName(m rest.NetworkMember) string {
	if m.Peer != "" {
		return fault.Foreign(m.Peer)
	}
	return fault.Foreign(m.Node)
}
