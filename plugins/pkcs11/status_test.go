package pkcs11

import (
	"strings"
	"testing"

	"github.com/milagro-dta/dta/plugins/pkcs11/token"
)

func TestStatusSaysWhatTheTokenHolds(t *testing.T) {
	k := open(t, settings(t, ""))
	expect := func(ready bool, text string) {
		t.Helper()
		got := k.Status(t.Context())
		if got.Ready != ready || !strings.Contains(got.Text, text) {
			t.Errorf("expected ready %t with %q, got %t: %s", ready, text, got.Ready, got.Text)
		}
	}
	expect(true, "no key yet")
	enrol(t, k)
	expect(true, "keys: gcm ")

	destroyAll(t, k, token.Query{Class: token.SecretKey, Label: keyLabel(gcm, k.realm)})
	expect(false, "has vanished")
}
