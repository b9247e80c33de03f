package cli

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"

	"github.com/milagro-dta/dta/cmd/dta/newfile"
	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

// opened is a secret as it was given, or a key in the form asked for, "" for hex.
func opened(got rest.SecretAnswer, form keytype.Output) (*secret.Bytes, error) {
	if got.Kind != string(order.Secret) {
		return writtenKey(got, form)
	}
	material, err := base64.StdEncoding.DecodeString(got.Secret)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the node's answer: expected base64")
	}
	return secret.New(material), nil
}

// handOver writes a secret to its place, or to the standard output where it has
// none, and tells of one that was released to another.
func (a *app) handOver(got rest.SecretAnswer, form keytype.Output, place *newfile.Place) error {
	if place != nil && got.Secret != "" {
		material, err := opened(got, form)
		if err != nil {
			return err
		}
		if err := place.Write(material); err != nil {
			return err
		}
		got.Secret = "" // it is where it was asked to be
		if !a.json {
			return nil
		}
	}
	if !a.json && got.Secret != "" {
		return a.deliver(got, form)
	}
	return a.print(got, func(w io.Writer) { fmt.Fprintf(w, "released to another: %s\n", got.ReleaseCID) })
}

// deliver writes a secret to the standard output.
func (a *app) deliver(got rest.SecretAnswer, form keytype.Output) error {
	material, err := opened(got, form)
	if err != nil {
		return err
	}
	defer material.Clear()
	if a.out.isTerminal() && bytes.ContainsFunc(material.Open(), unprintable) {
		return usagef("the secret is not text: name a file with --out, or redirect the output")
	}
	_, _ = a.out.Write(material.Open())
	return a.out.flush()
}

func unprintable(r rune) bool {
	return r == '\uFFFD' || (r < ' ' && r != '\n' && r != '\r' && r != '\t')
}
