// Package hostile is a host that lies. It has two complete orders of secrets and one of a key, with different
// principals, beneficiaries and terms, and two networks with their requests; it drives a plugin through every mixture
// of what belongs to them and of what it forged, alone or with people of the authority. A plugin keeps its promise when
// all but the true combinations are refused with a kind that says whose fault it is, when the true ones open for the
// true receivers only, and when no secret, share or key is in any reply, error or log.
//
// The mixtures are made, not listed: every slot of a request has its variants, and Run takes their product.
package hostile

import (
	"testing"

	"github.com/milagro-dta/dta/sdk/plugintest"
)

// Run attacks a plugin, with what it lists. The lies are about secrets, so that it must list those; where it lists no
// keys, another secret plays the key.
func Run(t *testing.T, c plugintest.Config) {
	on := func(attack func(*testing.T, *cast)) func(*testing.T, plugintest.Config) {
		return func(t *testing.T, c plugintest.Config) { attack(t, newCast(t, c)) }
	}
	orders := []plugintest.Need{plugintest.Secrets}
	deposits := []plugintest.Need{plugintest.Secrets, plugintest.NodeKeys}
	all := []plugintest.Need{plugintest.Secrets, plugintest.Keys, plugintest.NodeKeys, plugintest.Networks}
	plugintest.RunCases(t, c, []plugintest.Case{
		{Name: "orders, plaintexts and shares are mixed", Needs: orders, Run: on(mixOrders)},
		{Name: "orders are forged around another's share", Needs: orders, Run: on(forgeOrders)},
		{Name: "orders are dated back by a thief of a replaced key", Needs: []plugintest.Need{plugintest.Secrets, plugintest.Keys}, Run: on(orderLate)},
		{Name: "envelopes and plaintexts are mixed", Needs: orders, Run: on(mixPlaintexts)},
		{Name: "orders, acceptances, redemptions and deposits are mixed", Needs: orders, Run: on(mixParts)},
		{Name: "a neighbour signs for this plugin", Needs: orders, Run: on(neighbour)},
		{Name: "identity documents are left out, exchanged, cut and forked", Needs: orders, Run: on(mixDocuments)},
		{Name: "deposits are taken apart and put to other uses", Needs: deposits, Run: on(mixDeposits)},
		{Name: "networks", Needs: all, Run: func(t *testing.T, c plugintest.Config) { attackNetworks(t, newNetworks(t, c)) }},
		{Name: "roots are exchanged", Needs: deposits, Run: on(mixRoots)},
	})
}

// attackNetworks drives one plugin through it all, so that what an attack left behind might serve the next.
func attackNetworks(t *testing.T, x *networks) {
	for _, attack := range []struct {
		name string
		run  func(*testing.T, *networks)
	}{
		{"orders, plaintexts and shares are mixed", mixFoundings},
		{"orders are forged", forgeFoundings},
		{"orders, acceptances, requests and deposits are mixed", mixRequests},
		{"requests, approvals and delegations are forged", forgeRequests},
		{"envelopes and plaintexts are mixed", mixRequestPlaintexts},
		{"identity documents are left out and exchanged", mixRequestDocuments},
		{"a share is redeemed", redeemNetwork},
		{"what was kept for one purpose is put to another", confusePurposes},
	} {
		t.Run(attack.name, func(t *testing.T) { attack.run(t, x) })
	}
	x.end(t)
}
