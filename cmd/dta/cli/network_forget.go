package cli

import (
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/protocol/fault"
)

func (a *app) networkForget() *cobra.Command {
	var delegation string
	c := a.onNetwork(&cobra.Command{
		Use: "forget NETWORK NAME", Short: "Erase a person's name from this node", Args: networkAndName,
		Long: `Erase a person's name from this node.

The node forgets the name beside its enrolments, and all that it still keeps of
requests for it, before the command ends; a keyed hash of the name stays, so that
nobody who was revoked comes back. Run it at the registrar's node, at that of each
delegate or co-signer who enrolled the person, and, to wait for nothing, at the
D-TAs: these forget by themselves. A D-TA that is asked for nothing here knows a
network by its reference alone.

It revokes nobody: revoke first.`,
		Example: `  dta network forget staff anna@example.com`,
		RunE: func(cmd *cobra.Command, args []string) error {
			req := rest.ForgetRequest{Name: args[1]}
			ref := args[0]
			if delegation != "" {
				var err error
				if req.Delegation, _, err = readMandate(delegation); err != nil {
					return err
				}
			}
			if !isReference(ref) {
				n, err := a.meant(cmd.Context(), ref, delegation)
				if err != nil {
					return err
				}
				ref = n.Reference
			}
			var got rest.ForgetAnswer
			if err := a.call(cmd.Context(), http.MethodPost, networkPath+"/"+ref+"/forget", "", req, &got); err != nil {
				return err
			}
			err := a.print(got, func(w io.Writer) {
				fmt.Fprintf(w, "%s is forgotten here: %s, %s\n", fault.Foreign(args[1]),
					counted(got.Enrolments, "enrolment", "enrolments"), counted(got.Requests, "request", "requests"))
			})
			return but(err, "%s is forgotten", fault.Foreign(args[1]))
		},
	})
	c.Flags().StringVar(&delegation, "delegation", "", "`FILE` of a delegation to this node, where it knows the network from that alone")
	return c
}
