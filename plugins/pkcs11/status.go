package pkcs11

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/milagro-dta/dta/plugins/pkcs11/token"
	"github.com/milagro-dta/dta/sdk"
)

// statusLimit bounds the wait for a token that does not answer.
const statusLimit = 4 * time.Second

// Status asks the token, and lists the realm's keys: "token "custody": realm acme, new deposits by gcm; keys: gcm
// 0123456789abcdef".
func (k *Keeper) Status(ctx context.Context) sdk.Status {
	ctx, cancel := context.WithTimeout(ctx, statusLimit)
	defer cancel()
	found, err := twice(ctx, k, func(s *token.Session) (inventory, error) { return takeInventory(s, k.realm) })
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
	if used := k.currentKey(); used != nil && !found.has(k.rung, used) {
		k.doubt(ctx, errVanished, k.rung, used, k.findKey)
		return sdk.Status{Text: text + fmt.Sprintf("its key %x has vanished", used)}
	}
	if len(keys) == 0 {
		text += "no key yet"
	} else {
		text += "keys: " + strings.Join(keys, ", ")
	}
	if stray := found.stray(); len(stray) > 0 {
		text += "; not used for new deposits: " + strings.Join(stray, ", ")
	}
	return sdk.Status{Ready: true, Text: text + k.tenureText()}
}
