package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/milagro-dta/dta/cmd/dta/authn/credential"
	"github.com/milagro-dta/dta/cmd/dta/newfile"
	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
)

// networkAndName are the arguments of commands about somebody in a network.
func networkAndName(c *cobra.Command, args []string) error {
	return exactly(2, aNetwork+", and a name in it")(c, args)
}

// written is what is printed of a file.
type written struct {
	File      string   `json:"file"`
	Network   string   `json:"network"` // CID of the terms
	Reference string   `json:"reference"`
	Name      string   `json:"name"`
	Enrolment *uint64  `json:"enrolment,omitempty"`
	Days      []string `json:"days,omitempty"`
	Members   int      `json:"members"` // D-TAs that issued
}

func describe(file string, got *issue.Received, name string) written {
	terms := got.Network.Order
	return written{File: file, Network: terms.TermsCID().String(), Reference: terms.Terms().ReferenceHex(), Name: name, Members: len(got.Network.Acceptances)}
}

func realm(n *issue.Network, suite mpin.Suite) credential.Realm {
	return credential.Realm{Suite: suite, Network: n.Order.TermsCID(), Reference: n.Order.Terms().ReferenceHex()}
}

func (a *app) networkEnrolServer() *cobra.Command {
	var ask asking
	var out string
	c := a.onNetwork(&cobra.Command{
		Use: "enrol-server NETWORK NAME --out FILE", Short: "Have a server secret issued to this machine", Args: networkAndName,
		Long: `Have a server secret issued to this machine.

Run it where the server will run: what the D-TAs issue is sealed to a key made
here, and checked here. Where the network wants a further signature, --co-signer
names a node that may give it; or leave the request in a file for somebody who
approves it elsewhere, with --request and --approval.`,
		Example: `  dta network enrol-server staff door --out door.secret --co-signer https://auditor.example`,
		RunE: func(cmd *cobra.Command, args []string) error {
			place, err := newFile(out)
			if err != nil {
				return err
			}
			defer place.Discard()
			n, err := a.meant(cmd.Context(), args[0], ask.delegation)
			if err != nil {
				return err
			}
			got, err := a.obtain(cmd.Context(), n, order.ServerSecret, rest.IssueRequest{Name: args[1]}, ask)
			if err != nil {
				return err
			}
			defer got.Clear()
			if err := plausible(got.Network, got.Server); err != nil {
				return err
			}
			s := &credential.Server{Realm: realm(got.Network, got.Suite), Name: args[1], Permits: got.Network.Terms.Permits, Secret: got.Server}
			if err := place.Write(s.Text()); err != nil {
				return but(err, "the server secret of %s was issued", fault.Foreign(s.Name))
			}
			w := describe(out, got, s.Name)
			err = a.print(w, func(o io.Writer) {
				fmt.Fprintf(o, "%s: the server secret of %s, from %s\n", out, fault.Foreign(s.Name), counted(w.Members, "D-TA", "D-TAs"))
			})
			return but(err, "%s was written", out)
		},
	})
	ask.flags(c)
	c.Flags().StringVar(&out, "out", "", "write the server's secret to this `FILE`, which must not exist")
	return c
}

// plausible checks a server secret s·Q against the sum of what the D-TAs committed
// to: e(Σ s_i·P, Q) = e(P, s·Q).
func plausible(n *issue.Network, s *mpin.ServerSecret) error {
	sum := new(bls.G1)
	for _, a := range n.Acceptances {
		p, err := bls.ParseG1(a.Commitment())
		if err != nil {
			return fault.New(fault.Invalid, "commitment of D-TA %d: %w", a.Index(), err)
		}
		sum = sum.Add(p)
	}
	if !bls.PairsToOne([]*bls.G1{sum, new(bls.G1).Sub(bls.G1Generator())}, []*bls.G2{bls.G2Generator(), s.Point()}) {
		return fault.New(fault.Internal, "the server secret does not fit the D-TAs' commitments")
	}
	return nil
}

func (a *app) networkEnrolClient() *cobra.Command {
	var ask asking
	var out string
	var anew, stdin bool
	c := a.onNetwork(&cobra.Command{
		Use: "enrol-client NETWORK NAME --out FILE", Short: "Have a person enrolled, and write a token for the PIN they choose", Args: networkAndName,
		Long: `Have a person enrolled, and write a token for the PIN they choose.

Run it on the person's machine: the client secret is put together here, the PIN
taken out of it, and only the token is left. --anew enrols a name again, under its
next number: the token and the permits of before are then another's.`,
		Example: `  dta network enrol-client staff anna@example.com --out anna.token`,
		RunE: func(cmd *cobra.Command, args []string) error {
			place, err := newFile(out)
			if err != nil {
				return err
			}
			defer place.Discard()
			n, err := a.meant(cmd.Context(), args[0], ask.delegation)
			if err != nil {
				return err
			}
			pin, err := pins{a, stdin}.chosen(cmd.Context(), "Choose a PIN of four digits: ")
			if err != nil {
				return err
			}
			got, err := a.obtain(cmd.Context(), n, order.ClientSecret, rest.IssueRequest{Name: args[1], Anew: anew, Enrolment: ask.number(cmd)}, ask)
			if err != nil {
				return err
			}
			defer got.Clear()
			t, err := tokenOf(got, pin)
			if err != nil {
				return err
			}
			defer t.Clear()
			if err := place.Write(t.Text()); err != nil {
				err = fmt.Errorf("%w; ask again with --enrolment %d", err, t.Enrolment)
				return but(err, "%s was enrolled as number %d", fault.Foreign(t.Name), t.Enrolment)
			}
			w := describe(out, got, t.Name)
			w.Enrolment = &t.Enrolment
			err = a.print(w, func(o io.Writer) {
				fmt.Fprintf(o, "%s: the token of %s, enrolment %d, from %s\n", out, fault.Foreign(t.Name), t.Enrolment, counted(w.Members, "D-TA", "D-TAs"))
			})
			return but(err, "%s was written, the token of %s, enrolment %d", out, fault.Foreign(t.Name), t.Enrolment)
		},
	})
	ask.flags(c)
	ask.numberFlag(c)
	c.Flags().StringVar(&out, "out", "", "write the token to this `FILE`, which must not exist")
	c.Flags().BoolVar(&anew, "anew", false, "enrol a name again that was enrolled before")
	c.Flags().BoolVar(&stdin, "pin-stdin", false, pinStdin)
	return c
}

// tokenOf takes the PIN out of a client secret, and checks that it comes back.
func tokenOf(got *issue.Received, pin int) (*credential.Token, error) {
	who := got.Request.Request().Subjects[0]
	t := &credential.Token{
		Subject:   credential.Subject{Realm: realm(got.Network, got.Suite), Name: who.Name, Enrolment: who.Enrolment},
		PermitTag: got.Request.Request().Tags[0],
	}
	id, err := t.Identity()
	if err != nil {
		return nil, err
	}
	if t.Token, err = got.Suite.ExtractPIN(got.Clients[0], id, pin); err != nil {
		return nil, err
	}
	back, err := got.Suite.ChangePIN(t.Token, id, pin, 0)
	if err != nil {
		return nil, err
	}
	defer back.Clear()
	want, found := got.Clients[0].Bytes(), back.Bytes()
	defer want.Clear()
	defer found.Clear()
	if !want.Equal(found.Open()) {
		t.Clear()
		return nil, fault.New(fault.Internal, "the token and the PIN do not give the client secret back")
	}
	return t, nil
}

func (a *app) networkPermit() *cobra.Command {
	var ask asking
	var out, first string
	var days uint64
	c := a.onNetwork(&cobra.Command{
		Use: "permit NETWORK NAME --out FILE", Short: "Have permits issued, without which nobody logs in on these days", Args: networkAndName,
		Long: `Have permits issued, without which nobody logs in on these days.

A file that is there already gets the new ones added and those of the past
removed. Permits are no secret: anybody may fetch and carry them.`,
		Example: `  dta network permit staff anna@example.com --days 7 --out anna.permits`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usagef("expected --out FILE")
			}
			if days == 0 {
				return usagef("--days: expected 1 or more; found 0")
			}
			if first != "" {
				if _, err := credential.ParseDay(first); err != nil {
					return usagef("--first: expected one like 2026-11-22; found %q", first)
				}
			}
			have, err := existing(out)
			if err != nil {
				return err
			}
			place, err := newfile.Replace(out)
			if err != nil {
				return err
			}
			defer place.Discard()
			n, err := a.meant(cmd.Context(), args[0], ask.delegation)
			if err != nil {
				return err
			}
			got, err := a.obtain(cmd.Context(), n, order.TimePermit, rest.IssueRequest{Name: args[1], Enrolment: ask.number(cmd), First: first, Days: days}, ask)
			if err != nil {
				return err
			}
			who := got.Request.Request().Subjects[0]
			p := &credential.Permits{Subject: credential.Subject{Realm: realm(got.Network, got.Suite), Name: who.Name, Enrolment: who.Enrolment}}
			if have != nil {
				if !have.Same(p.Realm) || have.Name != p.Name || have.Enrolment > p.Enrolment {
					return fault.New(fault.Conflict, "%s has the permits of %s, enrolment %d, of network %s: another's", out, fault.Foreign(have.Name), have.Enrolment, have.Network)
				}
				if have.Enrolment == p.Enrolment {
					p.Permits = have.Permits
				}
			}
			// Yesterday's are good for some minutes yet.
			if err := p.Merge(got.Permits[0], credential.Today(time.Now())-1); err != nil {
				return fault.New(fault.Invalid, "%w", err)
			}
			if err := place.Write(p.Text()); err != nil {
				return but(err, "the permits of %s were issued", fault.Foreign(p.Name))
			}
			w := describe(out, got, p.Name)
			w.Enrolment = &p.Enrolment
			for _, permit := range p.Permits {
				w.Days = append(w.Days, credential.Day(permit.Day))
			}
			err = a.print(w, func(o io.Writer) {
				fmt.Fprintf(o, "%s: the permits of %s, enrolment %d, for %s\n", out, fault.Foreign(p.Name), p.Enrolment, ranges(p.Permits))
			})
			return but(err, "%s was written", out)
		},
	})
	ask.flags(c)
	ask.numberFlag(c)
	c.Flags().StringVar(&out, "out", "", "write the permits to this `FILE`, to those that are there already")
	c.Flags().StringVar(&first, "first", "", "the first `DAY`, 2026-11-22, in UTC; today by default")
	c.Flags().Uint64Var(&days, "days", 1, "how many days")
	return c
}

// existing reads the permits that a file has, if it is there.
func existing(path string) (*credential.Permits, error) {
	if !exists(path) {
		return nil, nil
	}
	return credential.ReadPermits(path)
}

// ranges prints days, in a row as first to last.
func ranges(permits []*mpin.Permit) string {
	var all []string
	for i := 0; i < len(permits); {
		last := i
		for last+1 < len(permits) && permits[last+1].Day == permits[last].Day+1 {
			last++
		}
		text := credential.Day(permits[i].Day)
		if last > i {
			text += " to " + credential.Day(permits[last].Day)
		}
		all = append(all, text)
		i = last + 1
	}
	if len(all) == 0 {
		return "no day"
	}
	return strings.Join(all, ", ")
}
