// Package hostile is a host that lies. It has two complete orders of secrets and one of a key, with different
// principals, beneficiaries and terms, and drives a plugin through every mixture of what belongs to them and of what
// it forged. A plugin keeps its promise when all but the true combinations are refused with a kind that says whose
// fault it is, when the true ones open for the true receivers only, and when no secret, share or key is in any
// reply, error or log.
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
	t.Run("roots are exchanged", func(t *testing.T) { mixRoots(t, newCast(t, c)) })
}
