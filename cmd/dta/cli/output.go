package cli

import (
	"bytes"
	"encoding/base64"
	"os"

	"golang.org/x/term"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

// opened is a secret as it was given, or a key in hex.
func opened(got rest.SecretAnswer) (*secret.Bytes, error) {
	if got.Kind != string(order.Secret) {
		return secret.New([]byte(got.Secret)), nil
	}
	material, err := base64.StdEncoding.DecodeString(got.Secret)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the node's answer: expected base64")
	}
	return secret.New(material), nil
}

// deliver writes a secret to the standard output.
func (a *app) deliver(got rest.SecretAnswer) error {
	material, err := opened(got)
	if err != nil {
		return err
	}
	defer material.Clear()
	if f, ok := a.out.(*os.File); ok && term.IsTerminal(int(f.Fd())) && bytes.ContainsFunc(material.Open(), unprintable) {
		return usagef("the secret is not text: name a file with --out, or redirect the output")
	}
	_, err = a.out.Write(material.Open())
	return err
}

func unprintable(r rune) bool {
	return r == '\uFFFD' || (r < ' ' && r != '\n' && r != '\r' && r != '\t')
}
