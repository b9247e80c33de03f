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
	t.Run("envelopes and plaintexts are mixed", func(t *testing.T) { mixPlaintexts(t, newCast(t, c)) })
	t.Run("orders, acceptances, redemptions and deposits are mixed", func(t *testing.T) { mixParts(t, newCast(t, c)) })
	t.Run("a neighbour signs for this plugin", func(t *testing.T) { neighbour(t, newCast(t, c)) })
	t.Run("identity documents are left out, exchanged and cut", func(t *testing.T) { mixDocuments(t, newCast(t, c)) })
	t.Run("deposits are taken apart and put to other uses", func(t *testing.T) { mixDeposits(t, newCast(t, c)) })
	t.Run("orders of networks, plaintexts and shares are mixed", func(t *testing.T) { mixFoundings(t, newNetworks(t, c)) })
	t.Run("orders of networks are forged", func(t *testing.T) { forgeFoundings(t, newNetworks(t, c)) })
	t.Run("networks, acceptances, requests and deposits are mixed", func(t *testing.T) { mixRequests(t, newNetworks(t, c)) })
	t.Run("requests to networks are forged", func(t *testing.T) { forgeRequests(t, newNetworks(t, c)) })
	t.Run("envelopes and plaintexts of requests are mixed", func(t *testing.T) { mixRequestPlaintexts(t, newNetworks(t, c)) })
	t.Run("what was kept for one purpose is put to another", func(t *testing.T) { confusePurposes(t, newNetworks(t, c)) })
	t.Run("a network's share is redeemed", func(t *testing.T) { redeemNetwork(t, newNetworks(t, c)) })
	t.Run("identity documents behind a request are left out, exchanged and cut", func(t *testing.T) { mixRequestDocuments(t, newNetworks(t, c)) })
	t.Run("roots are exchanged", func(t *testing.T) { mixRoots(t, newCast(t, c)) })
}
