package pkcs11

import (
	"context"
	"fmt"
	"strings"

	"github.com/milagro-dta/dta/plugins/pkcs11/token"
	"github.com/milagro-dta/dta/sdk"
)

// Status asks the token, and lists the realm's keys: "token "custody": realm acme, new deposits by gcm; keys: gcm
// 0123456789abcdef".
func (k *Keeper) Status(ctx context.Context) sdk.Status {
	found, err := token.Use(ctx, k.token, func(s *token.Session) (inventory, error) { return takeInventory(s, k.realm) })
	if err != nil {
		return sdk.Status{Text: err.Error()}
	}
	var keys []string
	for _, r := range ladder {
		for _, id := range found.keys[r.name] {
			keys = append(keys, fmt.Sprintf("%s %x", r.name, id))
		}
	}
	text := fmt.Sprintf("%s: realm %s, new deposits by %s; ", k.token, k.realm, k.rung.name)
	switch used := k.currentKey(); {
	case used != nil && !found.has(k.rung, used):
		return sdk.Status{Text: text + fmt.Sprintf("its key %x has vanished", used)}
	case len(keys) == 0:
		return sdk.Status{Ready: true, Text: text + "no key yet"}
	}
	return sdk.Status{Ready: true, Text: text + "keys: " + strings.Join(keys, ", ")}
}
