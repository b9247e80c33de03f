package health_test

import (
	"errors"
	"testing"

	"github.com/milagro-dta/dta/host/health"
	"github.com/milagro-dta/dta/protocol/fault"
)

func TestANodeIsReadyWhenEveryPartIs(t *testing.T) {
	b := health.New()
	expect := func(what string, err error, want string) {
		t.Helper()
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: expected nil, found %v", what, err)
		case want != "" && (err == nil || err.Error() != want || fault.Of(err) != fault.Unavailable):
			t.Errorf("%s: expected unavailable %q, found %v", what, want, err)
		}
	}
	expect("ready", b.Ready(), "")
	expect("accepting", b.Accepting(), "")

	b.Report("store", errors.New("disk full"))
	expect("ready", b.Ready(), "store: disk full")
	expect("accepting", b.Accepting(), "")

	b.Doubt("audit log", errors.New("entry 3 is missing"))
	expect("ready", b.Ready(), "audit log: entry 3 is missing; store: disk full")
	expect("accepting", b.Accepting(), "audit log: entry 3 is missing")

	b.Report("store", nil)
	expect("ready", b.Ready(), "audit log: entry 3 is missing")

	b.Doubt("audit log", nil)
	expect("ready", b.Ready(), "")
	expect("accepting", b.Accepting(), "")
}
