// Package identitytest makes identities for tests.
package identitytest

import (
	"testing"
	"time"

	"github.com/milagro-dta/dta/protocol/identity"
)

// Keyring is a new identity, made at a time, that nobody knows yet. Its next key is
// gone: it cannot rotate.
func Keyring(t testing.TB, kind identity.Kind, reference string, at time.Time) *identity.Keyring {
	t.Helper()
	k, next, err := identity.Create(kind, reference, at)
	if err != nil {
		t.Fatal(err)
	}
	next.Clear()
	return k
}
