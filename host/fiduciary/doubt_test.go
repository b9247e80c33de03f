package fiduciary_test

import (
	"context"
	"errors"
	"testing"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/peer"
)

// TestADTAInDoubtTakesNothingNew: neither a network nor a request, before anything
// of it is looked at; what was granted before is answered, and revocations count.
func TestADTAInDoubtTakesNothingNew(t *testing.T) {
	r := newRealm(t, 1)
	n, d := r.found(true), r.dtas[0]
	granted, fresh := n.ask(clients(1, "alice"), r.registrar), n.ask(clients(1, "bob"), r.registrar)
	first := must(granted.to(d))(t)
	placed := r.place(r.terms(true), d)
	d.records.Accepting = func() error { return errors.New("audit log: entry 7 is missing") }
	asked := d.plugin.kept.Load() + d.plugin.issued.Load()

	_, err := fresh.to(d)
	wantKind(t, err, fault.Unavailable)
	_, err = d.FulfillOrder(context.Background(), peer.FulfillOrder{
		OrderPart1CID: placed.Envelope.CID.String(), Blocks: r.everybody().With(placed.Envelope.Block),
	})
	wantKind(t, err, fault.Unavailable)
	if got := d.plugin.kept.Load() + d.plugin.issued.Load(); got != asked {
		t.Errorf("the plugin was asked %d times", got-asked)
	}
	if again := must(granted.to(d))(t); again.GrantCID != first.GrantCID {
		t.Errorf("a repeat: expected grant %s; found %s", first.GrantCID, again.GrantCID)
	}
	n.revoke(d, "alice", 1)

	d.records.Accepting = nil
	must(fresh.to(d))(t)
}
