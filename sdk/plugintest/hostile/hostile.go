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

// Run attacks a plugin.
func Run(t *testing.T, c plugintest.Config) {
	t.Run("orders, plaintexts and shares are mixed", func(t *testing.T) { mixOrders(t, newCast(t, c)) })
	t.Run("orders are forged around another's share", func(t *testing.T) { forgeOrders(t, newCast(t, c)) })
	t.Run("orders are dated back by a thief of a replaced key", func(t *testing.T) { orderLate(t, newCast(t, c)) })
	t.Run("envelopes and plaintexts are mixed", func(t *testing.T) { mixPlaintexts(t, newCast(t, c)) })
	t.Run("orders, acceptances, redemptions and deposits are mixed", func(t *testing.T) { mixParts(t, newCast(t, c)) })
	t.Run("a neighbour signs for this plugin", func(t *testing.T) { neighbour(t, newCast(t, c)) })
	t.Run("identity documents are left out, exchanged and cut", func(t *testing.T) { mixDocuments(t, newCast(t, c)) })
	t.Run("deposits are taken apart and put to other uses", func(t *testing.T) { mixDeposits(t, newCast(t, c)) })
	t.Run("networks", func(t *testing.T) { attackNetworks(t, newNetworks(t, c)) })
	t.Run("roots are exchanged", func(t *testing.T) { mixRoots(t, newCast(t, c)) })
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
