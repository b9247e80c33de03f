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

// Rotated is a new identity with so many documents, a second apart.
func Rotated(t testing.TB, kind identity.Kind, reference string, at time.Time, documents int) *identity.Keyring {
	t.Helper()
	k, next, err := identity.Create(kind, reference, at)
	for n := 1; err == nil && n < documents; n++ {
		k, next, err = k.Rotate(next, at.Add(time.Duration(n)*time.Second))
	}
	if err != nil {
		t.Fatal(err)
	}
	next.Clear()
	return k
}
