package cli

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
)

// aNetwork says what the argument of most commands is.
const aNetwork = "a network's reference or name"

// onNetwork completes a command's first argument with the names of networks.
func (a *app) onNetwork(c *cobra.Command) *cobra.Command {
	c.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), 2*time.Second)
		defer cancel()
		var names []string
		_ = a.eachNetwork(ctx, func(n *rest.NetworkAnswer) { names = append(names, n.Name) })
		return names, cobra.ShellCompDirectiveNoFileComp
	}
	return c
}

// eachNetwork calls do for every network that the node lists.
func (a *app) eachNetwork(ctx context.Context, do func(*rest.NetworkAnswer)) error {
	const per = 100
	for page := 0; ; page++ {
		var got rest.NetworkList
		if err := a.call(ctx, http.MethodGet, fmt.Sprintf("%s?page=%d&perPage=%d", networkPath, page, per), "", nil, &got); err != nil {
			return err
		}
		for _, n := range got.Networks {
			do(n)
		}
		if len(got.Networks) < per {
			return nil
		}
	}
}

// isReference tells a reference from a name.
func isReference(text string) bool {
	return len(text) == 64 && strings.Trim(text, "0123456789abcdef") == ""
}

// findNetwork finds a network by its reference, or by a name that one alone has.
func (a *app) findNetwork(ctx context.Context, ref string) (*rest.NetworkAnswer, error) {
	if !isReference(ref) {
		var found []string
		err := a.eachNetwork(ctx, func(n *rest.NetworkAnswer) {
			if n.Name == ref {
				found = append(found, n.Reference)
			}
		})
		switch {
		case err != nil:
			return nil, err
		case len(found) == 0:
			return nil, fault.New(fault.NotFound, "network %q: this node knows none of the name", ref)
		case len(found) > 1:
			return nil, fault.New(fault.Conflict, "network %q: %d have the name; expected a reference, such as %s", ref, len(found), found[0])
		}
		ref = found[0]
	}
	var got rest.NetworkAnswer
	if err := a.call(ctx, http.MethodGet, networkPath+"/"+ref, "", nil, &got); err != nil {
		return nil, err
	}
	if got.Reference != ref {
		return nil, fault.New(fault.Unavailable, "the node's answer: expected network %s; found %s", ref, fault.Foreign(got.Reference))
	}
	return &got, nil
}

// orderCID is the network's, where the node names one.
func orderCID(n *rest.NetworkAnswer) dag.CID {
	c, err := dag.Parse(n.OrderCID)
	if err != nil {
		return dag.CID{}
	}
	return c
}

// pinned is the CID that the network's order must have: of the order that the user
// insists on, or has a delegation in; else of the charter's, which proves what has the
// reference. With it comes the delegation, where there is one.
func pinned(n *rest.NetworkAnswer, k asking) (pin dag.CID, mandate []byte, err error) {
	if k.pin == "" && k.delegation == "" {
		pin, err = chartered(n)
		return pin, nil, err
	}
	if k.pin != "" {
		if pin, err = dag.Parse(k.pin); err != nil {
			return pin, nil, usagef("--network-cid: %w", err)
		}
	}
	if k.delegation != "" {
		var network *issue.Network
		if mandate, network, err = readMandate(k.delegation); err != nil {
			return pin, nil, err
		}
		if found := network.Order.CID(); k.pin != "" && found != pin {
			return pin, nil, fault.New(fault.Denied, "--delegation %s: expected the network of order %s; it is in that of %s", k.delegation, pin, found)
		}
		pin = network.Order.CID()
	}
	if n.OrderCID != pin.String() {
		return pin, nil, fault.New(fault.Denied, "expected the network of order %s; the node has %s", pin, fault.Foreign(n.OrderCID))
	}
	return pin, mandate, nil
}

func chartered(n *rest.NetworkAnswer) (dag.CID, error) {
	network, err := issue.ReadCharter(n.Charter)
	if err != nil {
		return dag.CID{}, fault.New(fault.Unavailable, "the node's answer: charter: %w", err)
	}
	if ref := network.Order.Terms().ReferenceHex(); ref != n.Reference {
		return dag.CID{}, fault.New(fault.Unavailable, "the node's answer: expected network %s; found %s", n.Reference, ref)
	}
	return network.Order.CID(), nil
}
