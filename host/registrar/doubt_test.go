//go:build linux

package registrar_test

import (
	"errors"
	"testing"

	"github.com/milagro-dta/dta/protocol/fault"
)

// TestARegistrarInDoubtAsksForNothingNew, nor creates a network; it revokes.
func TestARegistrarInDoubtAsksForNothingNew(t *testing.T) {
	l := newLab(t, 1, nil)
	l.receives(l.enrol("alice"))
	requested := l.registrar.audited("network.requested")
	l.registrar.records.Accepting = func() error { return errors.New("audit log: entry 7 is missing") }
	refused(t, l.enrol("bob").err, fault.Unavailable)
	if got := l.registrar.audited("network.requested"); got != requested {
		t.Errorf("%d requests were made", got-requested)
	}
	if _, err := l.registrar.registrar.Revoke(t.Context(), l.network.Reference, "alice", nil); err != nil {
		t.Error(err)
	}
}
