package cli

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"

	"golang.org/x/term"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

// counted is a number of things.
func counted[N int | int64 | uint64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// opened is a secret as it was given, or a key in hex.
func opened(got rest.SecretAnswer) ([]byte, error) {
	if got.Kind != string(order.Secret) {
		return []byte(got.Secret), nil
	}
	material, err := base64.StdEncoding.DecodeString(got.Secret)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the node's answer: expected base64")
	}
	return material, nil
}

// deliver writes a secret to the standard output.
func (a *app) deliver(got rest.SecretAnswer) error {
	material, err := opened(got)
	if err != nil {
		return err
	}
	defer secret.Clear(material)
	if f, ok := a.out.(*os.File); ok && term.IsTerminal(int(f.Fd())) && bytes.ContainsFunc(material, unprintable) {
		return usagef("the secret is not text: name a file with --out, or redirect the output")
	}
	_, err = a.out.Write(material)
	return err
}

func unprintable(r rune) bool {
	return r == '\uFFFD' || (r < ' ' && r != '\n' && r != '\r' && r != '\t')
}

// output is a new file for a secret. What is discarded before a secret was
// delivered to it is removed.
type output struct {
	file      *os.File
	delivered bool
}

// create makes the file, which must not exist and which only its owner reads.
func create(path string) (*output, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, usagef("write the secret: %w", err)
	}
	return &output{file: f}, nil
}

// deliver writes a secret, down to the disk.
func (o *output) deliver(got rest.SecretAnswer) error {
	material, err := opened(got)
	if err != nil {
		return err
	}
	defer secret.Clear(material)
	for _, step := range []func() error{
		func() error { _, err := o.file.Write(material); return err }, o.file.Sync, o.file.Close,
	} {
		if err := step(); err != nil {
			return fmt.Errorf("write the secret: %w", err)
		}
	}
	o.delivered = true
	return nil
}

func (o *output) discard() {
	if !o.delivered {
		o.file.Close()
		os.Remove(o.file.Name())
	}
}
