package softhsmdemo

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/plugins/pkcs11/token"
	"github.com/milagro-dta/dta/protocol/fault"
)

const (
	tokenLabel = "dta-demo"
	pinSize    = 32 // hex digits of 16 random bytes
)

// userPIN returns the PIN of the token in the directory, which it makes if there is none.
func (d *directory) userPIN(ctx context.Context, module string) (*secret.Bytes, error) {
	// Never finished, so never used.
	if err := os.RemoveAll(d.join("token.new")); err != nil {
		return nil, fault.New(fault.Invalid, "softhsm-demo: clear away an unfinished token: %w", err)
	}
	if _, err := os.Stat(d.join("token")); errors.Is(err, fs.ErrNotExist) {
		if err := d.makeToken(ctx, module); err != nil {
			return nil, fault.New(fault.Of(err), "softhsm-demo: make a token: %w", err)
		}
	} else if err != nil {
		return nil, fault.New(fault.Invalid, "softhsm-demo: %w", err)
	} else if err := restore(d.join("token")); err != nil {
		return nil, err
	}
	_, user, err := readPINs(d.join("token", "pins"))
	return user, err
}

// makeToken builds a token beside its place and moves it there when it is known to work.
func (d *directory) makeToken(ctx context.Context, module string) error {
	objects := d.join("token.new", "objects")
	if err := os.MkdirAll(objects, 0o700); err != nil {
		return fault.New(fault.Invalid, "%w", err)
	}
	if err := d.configure(objects); err != nil {
		return fault.New(fault.Invalid, "%w", err)
	}
	officer, user := newPIN(), newPIN()
	defer officer.Clear()
	defer user.Clear()
	if err := writePINs(d.join("token.new", "pins"), officer, user); err != nil {
		return fault.New(fault.Invalid, "%w", err)
	}
	if err := token.Initialise(module, tokenLabel, officer, user); err != nil {
		return err
	}
	trial, err := token.Open(ctx, token.Options{Module: module, Label: tokenLabel, PIN: user})
	if err != nil {
		return err
	}
	if err := trial.Close(); err != nil {
		return err
	}
	err = settle(d.join("token.new"))
	if err == nil {
		err = syncTree(d.join("token.new"))
	}
	if err == nil {
		err = os.Rename(d.join("token.new"), d.join("token"))
	}
	if err == nil {
		err = sync(d.path)
	}
	if err != nil {
		return fault.New(fault.Invalid, "%w", err)
	}
	return nil
}

func newPIN() *secret.Bytes {
	random := secret.Random(pinSize / 2)
	defer random.Clear()
	return secret.New(hex.AppendEncode(nil, random.Open()))
}

// writePINs writes two lines: the officer's PIN, the user's.
func writePINs(path string, officer, user *secret.Bytes) error {
	text := make([]byte, 0, 2*(pinSize+1))
	text = append(append(text, officer.Open()...), '\n')
	text = append(append(text, user.Open()...), '\n')
	defer secret.Clear(text)
	return writeFile(path, text)
}

func readPINs(path string) (officer, user *secret.Bytes, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fault.New(fault.Invalid, "softhsm-demo: read the PINs: %w", err)
	}
	defer secret.Clear(text)
	officer, user, err = parsePINs(text)
	if err != nil {
		return nil, nil, fault.New(fault.Invalid, "softhsm-demo: read the PINs in %s: %w", path, err)
	}
	return officer, user, nil
}

func parsePINs(text []byte) (officer, user *secret.Bytes, err error) {
	const line = pinSize + 1
	if len(text) != 2*line || bytes.IndexByte(text, '\n') != pinSize || bytes.IndexByte(text[line:], '\n') != pinSize {
		return nil, nil, fmt.Errorf("expected two lines of %d characters", pinSize)
	}
	return secret.Copy(text[:pinSize]), secret.Copy(text[line : line+pinSize]), nil
}
