package plugintest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/sdk"
	"github.com/milagro-dta/dta/sdk/pluginconf"
	"github.com/milagro-dta/dta/sdk/plugintest/internal/scene"
)

// Look ends the plugin, opens its custodian in this process and gives what deposits hold, so that a test can search
// for it; false where Config says of no plugin to open. The keys that the custodian gives back are searched for in part
// too.
func (e *Enrolled) Look(t testing.TB, deposits ...[]byte) ([][]byte, bool) {
	t.Helper()
	p := e.Config.Plugin
	if p == nil {
		p = e.Config.Twin
	}
	if p == nil {
		return nil, false
	}
	e.Kill()
	c, err := p.OpenBlock(t.Context(), pluginconf.FromWire(wire(e.Config.Block)), sdk.Environment{Logger: hclog.NewNullLogger(), Instance: Instance})
	if err != nil {
		t.Fatalf("opening the realm: %v", err)
	}
	if closer, ok := c.(io.Closer); ok {
		defer func() {
			if err := closer.Close(); err != nil {
				t.Error(err)
			}
		}()
	}
	var found, held, keys [][]byte
	for _, block := range deposits {
		d := scene.Take(t, block)
		about := sdk.Context{
			Purpose: sdk.Purpose(d.Binding.Purpose), Terms: d.Binding.Terms, Custody: d.Binding.Custody, Epoch: d.Binding.Epoch, Instance: Instance,
		}
		key, err := c.Restore(t.Context(), d.Held, about)
		if err != nil {
			t.Fatalf("opening a deposit: %v", err)
		}
		for _, at := range []int{0, len(d.Held) / 2, len(d.Held) - 1} {
			if other, err := c.Restore(t.Context(), flip(d.Held, at), about); err == nil && !bytes.Equal(other, key) && !e.search.knows(other) {
				t.Errorf("the custodian does not notice a change in a deposit, byte %d of %d: it gave back another key without an error", at, len(d.Held))
				break
			}
		}
		found = append(found, d.Material(t, key))
		e.search.give("the custodian's key of "+purposes[d.Binding.Purpose], key)
		held, keys = append(held, d.Held), append(keys, bytes.Clone(key))
	}
	padded(t, held, keys)
	return found, true
}

// Forms are the clothes in which a secret might come out: as it is, reversed, in hex and in base64.
func Forms(secret []byte) [][]byte {
	if len(secret) == 0 {
		return nil
	}
	reversed := bytes.Clone(secret)
	slices.Reverse(reversed)
	return [][]byte{
		secret, reversed,
		[]byte(hex.EncodeToString(secret)), []byte(strings.ToUpper(hex.EncodeToString(secret))), []byte(hex.EncodeToString(reversed)),
		[]byte(base64.StdEncoding.EncodeToString(secret)), []byte(base64.RawURLEncoding.EncodeToString(secret)),
		[]byte(fmt.Sprint(secret)),
	}
}
