package cli

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/milagro-dta/dta/cmd/dta/newfile"
	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

func (a *app) orderCommand() *cobra.Command {
	return a.nodeFlags(group("order", "Place, look at and redeem orders", a.orderCreate(), a.orderList(), a.orderShow(), a.orderRedeem()))
}

func (a *app) orderCreate() *cobra.Command {
	var file, keyType, to, beneficiary, publish, once string
	var key, own bool
	c := &cobra.Command{
		Use: "create (--secret-file FILE | --key)", Short: "Have a secret kept, or a key made", Args: none,
		Long: `Have a secret kept, or a key made.

It prints the order's reference, by which the order is shown and redeemed; its
state; the commitment, of a key its public half; and the CID of the order's
envelope. accepted: the fiduciary has it safe. ordered: the fiduciary has not said
so within 30 seconds; the node goes on, and dta order show tells what came of it:
accepted, or failed and why.`,
		Example: `  dta order create --secret-file master.key --to northwind/vault-a
  printf %s "$TOKEN" | dta order create --secret-file - --to northwind/vault-a --beneficiary acme
  dta order create --key --to northwind
  dta order create --key --key-type ed25519 --to northwind`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if key == (file != "") {
				return usagef("expected either --secret-file FILE or --key")
			}
			if keyType != "" && !key {
				return usagef("expected --key-type only with --key")
			}
			req := rest.OrderRequest{BeneficiaryIDDocumentCID: beneficiary, KeyType: keyType, Publish: publish, OwnKey: own}
			req.Fiduciary, req.Custody, _ = strings.Cut(to, "/")
			if file != "" {
				material, err := a.readSecret(file)
				if err != nil {
					return err
				}
				defer material.Clear()
				req.Secret = rest.NewMaterial(material)
			}
			var got rest.OrderAnswer
			if err := a.call(cmd.Context(), http.MethodPost, "/v1/order", once, req, &got); err != nil {
				return err
			}
			err := a.print(got, func(w io.Writer) {
				fmt.Fprintf(w, "reference   %s\nstate       %s\n", got.OrderReference, got.State)
				printKeyType(w, got.KeyType)
				if got.Commitment != "" {
					fmt.Fprintf(w, "commitment  %s\n", got.Commitment)
				}
				fmt.Fprintf(w, "order       %s\n", got.OrderCID)
				if got.State == string(order.Ordered) {
					fmt.Fprintf(a.err, "dta: the fiduciary has not accepted yet; the order goes on: dta order show %s\n", got.OrderReference)
				}
			})
			return but(err, "order %s was placed", fault.Foreign(got.OrderReference))
		},
	}
	c.Flags().StringVar(&file, "secret-file", "", "`FILE` that holds the secret, at most 256 KiB; - is standard input")
	c.Flags().BoolVar(&key, "key", false, "have the fiduciary make a key")
	c.Flags().StringVar(&keyType, "key-type", "", "the `TYPE` of the key: "+strings.Join(keytype.Names(), ", ")+"; "+keytype.Default.Name()+" by default")
	c.Flags().BoolVar(&own, "own-key", false, "have it kept under a key made for this order alone, which its end can destroy")
	c.Flags().StringVar(&to, "to", "", "who keeps it: `PEER` or PEER/INSTANCE, or self; may be left out where there is but one")
	c.Flags().StringVar(&beneficiary, "beneficiary", "", "the `NODE` that is to get it back: a peer's name or identity; the node itself by default")
	c.Flags().StringVar(&publish, "publish", "", "`WHAT` goes to the log: none, chain (the default) or all")
	c.Flags().StringVar(&once, "idempotency-key", "", "sent again with the same `KEY` within a day, the order is placed once")
	fixed(c, "publish", "none", "chain", "all")
	fixed(c, "key-type", keytype.Names()...)
	return c
}

// printKeyType says of which type a key is, and nothing of a secret.
func printKeyType(w io.Writer, keyType string) {
	if keyType != "" {
		fmt.Fprintf(w, "key type    %s\n", keyType)
	}
}

func (a *app) readSecret(file string) (*secret.Bytes, error) {
	in := a.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, usagef("read the secret: %w", err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, order.MaxSecret+1))
	if err != nil {
		return nil, usagef("read the secret: %w", err)
	}
	if len(text) == 0 || len(text) > order.MaxSecret {
		n := strconv.Itoa(len(text))
		if len(text) > order.MaxSecret {
			n = "more"
		}
		secret.Clear(text)
		return nil, usagef("secret: expected 1 to %d bytes; found %s", order.MaxSecret, n)
	}
	return secret.New(text), nil
}

func (a *app) orderList() *cobra.Command {
	var pages paging
	c := &cobra.Command{
		Use: "list", Short: "List orders, newest first", Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query, err := pages.query()
			if err != nil {
				return err
			}
			var got rest.OrderList
			if err := a.call(cmd.Context(), http.MethodGet, "/v1/order?"+query, "", nil, &got); err != nil {
				return err
			}
			return a.print(got, func(w io.Writer) {
				t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
				fmt.Fprintln(t, "REFERENCE\tKIND\tSTATE\tROLE\tCREATED\tKEY TYPE")
				for _, o := range got.Orders {
					created := time.Unix(o.CreatedAt, 0).UTC().Format(time.DateTime)
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", o.OrderReference, o.Kind, o.State, o.Role, created, cmp.Or(o.KeyType, "-"))
				}
				_ = t.Flush()
				pages.more(a.err, len(got.Orders), got.Total)
			})
		},
	}
	pages.flags(c, "orders")
	return c
}

func (a *app) orderShow() *cobra.Command {
	return &cobra.Command{
		Use: "show REFERENCE", Short: "Show an order's chain of envelopes and its state, never a secret", Args: exactly(1, "an order's reference"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var got rest.ShownOrder
			if err := a.call(cmd.Context(), http.MethodGet, "/v1/order/"+url.PathEscape(args[0]), "", nil, &got); err != nil {
				return err
			}
			return a.print(got, func(w io.Writer) { printOrder(w, got) })
		},
	}
}

func printOrder(w io.Writer, o rest.ShownOrder) {
	fmt.Fprintf(w, "reference   %s\nkind        %s\n", o.OrderReference, o.Kind)
	printKeyType(w, o.KeyType)
	fmt.Fprintf(w, "state       %s\n", o.State)
	if o.Reason != "" {
		fmt.Fprintf(w, "reason      %s\n", o.Reason)
	}
	fmt.Fprintf(w, "role        %s\ncommitment  %s\n\n", o.Role, o.Commitment)
	for _, e := range o.Chain {
		fmt.Fprintf(w, "%-10s  %s\n  signed by   %s\n", e.Kind, e.CID, e.Signer)
		for i, r := range e.Recipients {
			label := "read by"
			if i > 0 {
				label = ""
			}
			fmt.Fprintf(w, "  %-10s  %s\n", label, r)
		}
	}
}

func (a *app) orderRedeem() *cobra.Command {
	var beneficiary, once, out, form string
	c := &cobra.Command{
		Use: "redeem REFERENCE", Short: "Get a secret back", Args: exactly(1, "an order's reference"),
		Long: `Get a secret back.

A given secret is written as it was given, an ordered key in hex; --out writes it
to a new file that only its owner can read. Without --out a secret that is not
text is not written to a terminal. A principal who redeems for another gets the
CID of the release instead, and no file is left.

--form says how an ordered key is written:
  hex  as it is kept, in hex: a scalar, of ed25519 the scalar and the prefix to
       which a seed expands
  pem  PKCS#8, as openssl reads it; of secp256k1 only
  raw  as it is kept, in bytes`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.checkForm(cmd.Context(), args[0], keytype.Output(form), out != ""); err != nil {
				return err
			}
			var place *newfile.Place
			if out != "" {
				var err error
				if place, err = newfile.New(out); err != nil {
					return err
				}
				defer place.Discard()
			}
			req := rest.SecretRequest{OrderReference: args[0], BeneficiaryIDDocumentCID: beneficiary}
			var got rest.SecretAnswer
			if err := a.call(cmd.Context(), http.MethodPost, "/v1/order/secret", once, req, &got); err != nil {
				return err
			}
			return but(a.handOver(got, keytype.Output(form), place), "order %s was redeemed", args[0])
		},
	}
	c.Flags().StringVar(&beneficiary, "beneficiary", "", "the `NODE` to which it is to be released; as the order's terms say by default")
	c.Flags().StringVar(&form, "form", "", "write an ordered key as `FORM`: hex (the default), pem or raw")
	c.Flags().StringVar(&out, "out", "", "write the secret to this `FILE`, which must not exist")
	c.Flags().StringVar(&once, "idempotency-key", "", "sent again with the same `KEY` within a day, the answer is the same")
	fixed(c, "form", "hex", "pem", "raw")
	return c
}
