package cli

import (
	"context"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"

	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

// checkForm refuses a form in which the secret of an order cannot be written,
// before it is asked for.
func (a *app) checkForm(ctx context.Context, ref string, form keytype.Output, file bool) error {
	if form == "" {
		return nil
	}
	if !slices.Contains(keytype.Outputs, form) {
		return usagef("--form: expected hex, pem or raw, found %.40q", string(form))
	}
	if a.json && !file {
		return usagef("expected --form with --json only beside --out: JSON has a key in hex")
	}
	var shown rest.ShownOrder
	if err := a.call(ctx, http.MethodGet, "/v1/order/"+url.PathEscape(ref), "", nil, &shown); err != nil {
		return err
	}
	if shown.Kind != string(order.Key) {
		return usagef("expected --form only for an ordered key; order %s is a %s, which is written as it was given", ref, shown.Kind)
	}
	t, err := keyTypeOf(shown.KeyType)
	if err != nil {
		return err
	}
	if err := keytype.Writes(t, form); err != nil {
		return fault.New(fault.Unsupported, "--form: %w", err)
	}
	return nil
}

// writtenKey turns the hex of an answer into another form. Hex is not looked at.
func writtenKey(got rest.SecretAnswer, form keytype.Output) (*secret.Bytes, error) {
	if form == "" || form == keytype.Hex {
		return secret.New([]byte(got.Secret)), nil
	}
	t, err := keyTypeOf(got.KeyType)
	if err != nil {
		return nil, err
	}
	b, err := hex.DecodeString(got.Secret)
	key := secret.New(b)
	defer key.Clear()
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the node's answer: expected a key in hex")
	}
	written, err := keytype.Write(t, key, form)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the node's answer: %w", err)
	}
	return written, nil
}

func keyTypeOf(name string) (keytype.Type, error) {
	t, err := keytype.ByName(name)
	if err != nil {
		return nil, fault.New(fault.Unsupported, "the node's answer: %w", err)
	}
	return t, nil
}
