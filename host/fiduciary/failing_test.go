package fiduciary_test

import (
	"testing"

	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
)

// TestAPluginThatErrsChangesNothing: what does not hold is not recorded, and the
// next answer counts.
func TestAPluginThatErrsChangesNothing(t *testing.T) {
	r := newRealm(t, 2)
	n := r.found(true)
	d, other := r.dtas[0], r.dtas[1]
	q := n.ask(clients(1, "alice"), r.registrar)
	var theirs fiduciary.Issued
	other.plugin.bend = func(_ *issue.VerifiedRequest, i fiduciary.Issued) fiduciary.Issued { theirs = i; return i }
	must(q.to(other))(t)
	var earlier fiduciary.Issued
	d.plugin.bend = func(_ *issue.VerifiedRequest, i fiduciary.Issued) fiduciary.Issued { earlier = i; return i }
	must(n.ask(clients(1, "alice"), r.registrar).to(d))(t)
	granted := d.audited("network.granted")

	for name, bend := range map[string]func(fiduciary.Issued) fiduciary.Issued{
		"another D-TA's grant":    func(fiduciary.Issued) fiduciary.Issued { return theirs },
		"another request's grant": func(fiduciary.Issued) fiduciary.Issued { return earlier },
		"another share": func(i fiduciary.Issued) fiduciary.Issued {
			i.Share = earlier.Share
			return i
		},
		"no share": func(i fiduciary.Issued) fiduciary.Issued {
			i.Share = nil
			return i
		},
		"nothing": func(fiduciary.Issued) fiduciary.Issued { return fiduciary.Issued{} },
		"a bit less": func(i fiduciary.Issued) fiduciary.Issued {
			i.Grant.Block = i.Grant.Block[:len(i.Grant.Block)-1]
			return i
		},
	} {
		d.plugin.bend = func(_ *issue.VerifiedRequest, i fiduciary.Issued) fiduciary.Issued { return bend(i) }
		answer, err := q.to(d)
		if fault.Of(err) != fault.Internal || answer.Blocks.Len() != 0 {
			t.Errorf("%s: expected an internal error; found %v", name, err)
		}
		if d.audited("network.granted") != granted {
			t.Errorf("%s: it was recorded", name)
		}
	}
	d.plugin.bend = nil
	g, share := q.read(d, must(q.to(d))(t))
	must(issue.OpenShare(g, share, q.receiver))(t).Clear()
}

// TestAProcessThatDiesWhileItAnswersLeavesNothingHalfDone: the store is gone when
// the plugin has answered.
func TestAProcessThatDiesWhileItAnswersLeavesNothingHalfDone(t *testing.T) {
	r := newRealm(t, 1)
	n, d := r.found(true), r.dtas[0]
	q := n.ask(clients(1, "alice"), r.registrar)
	d.plugin.during = func() { d.store.Close() }
	answer, err := q.to(d)
	wantKind(t, err, fault.Unavailable)
	if answer.Blocks.Len() != 0 {
		t.Errorf("found %d blocks", answer.Blocks.Len())
	}
	d.plugin.during = nil
	d.restart()
	if links := must(d.records.Envelopes(ctx, records.Chapter(n.Order, q.CID)))(t); len(links) != 0 || d.audited("network.granted") != 0 {
		t.Errorf("found %v", links)
	}
	g, share := q.read(d, must(q.to(d))(t))
	must(issue.OpenShare(g, share, q.receiver))(t).Clear()
}
