package sdk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/pluginconf"
)

// asPlugin makes this very program the plugin of the tests, also where go-plugin's cookie is not set.
const asPlugin = "SDK_TEST_PLUGIN"

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(contract.Handshake.MagicCookieKey) != "", os.Getenv(asPlugin) != "":
		sdk.Serve(unruly())
	case os.Getenv(asParent) != "":
		parent()
	}
	os.Exit(m.Run())
}

// unruly is a plugin whose custodian does as its configuration says.
func unruly() sdk.Plugin[behaviour] {
	return sdk.Plugin[behaviour]{
		Type:    "unruly",
		Version: "1.2.3",
		Open: func(_ context.Context, b *behaviour, env sdk.Environment) (sdk.Custodian, error) {
			if b.Do == "fail to open" {
				return nil, fmt.Errorf("token refused PIN %s", b.PIN.Reveal())
			}
			c := custodian{b, env, new(atomic.Int64)}
			if b.Do == "make keys" {
				return maker{c}, nil
			}
			return c, nil
		},
	}
}

type behaviour struct {
	Do  string            `hcl:"do,optional"`
	PIN pluginconf.Secret `hcl:"pin,optional"`
	Arg string            `hcl:"arg,optional"`
}

type custodian struct {
	*behaviour
	env   sdk.Environment
	calls *atomic.Int64 // of those that wait
}

var (
	_ sdk.Custodian      = custodian{}
	_ sdk.StatusReporter = custodian{}
	_ io.Closer          = custodian{}
	_ sdk.Schemer        = custodian{}
)

func (c custodian) Safeguard(ctx context.Context, key []byte, about sdk.Context) ([]byte, error) {
	switch c.Do {
	case "panic":
		panic("with " + c.PIN.Reveal())
	case "name the secret":
		return nil, fault.New(fault.Denied, "PIN %s was refused", c.PIN.Reveal())
	case "fail without a kind":
		return nil, errors.New("token says CKR_GENERAL_ERROR in /opt/hsm")
	case "log":
		log.Print("[WARN] through log, PIN ", c.PIN.Reveal())
		slog.Error("through slog", "pin", c.PIN.Reveal())
		c.env.Logger.Info("through the logger", "pin", c.PIN)
	case "give nothing":
		return nil, nil
	case "give too much":
		return make([]byte, 1<<20), nil
	case "scribble":
		deposit := append([]byte(nil), key...)
		clear(key)
		return deposit, nil
	case "wait":
		// The test is told that the call is inside, and then it takes its time.
		if err := os.WriteFile(c.Arg, nil, 0o600); err != nil {
			return nil, err
		}
		c.calls.Add(1)
		time.Sleep(700 * time.Millisecond)
		c.calls.Add(-1)
	case "wait for the deadline":
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return append([]byte(nil), key...), nil
}

func (c custodian) Restore(_ context.Context, deposit []byte, about sdk.Context) ([]byte, error) {
	if c.Do == "give a short key" {
		return deposit[:16], nil
	}
	return append([]byte(nil), deposit...), nil
}

func (c custodian) Status(context.Context) sdk.Status {
	return sdk.Status{Ready: true, Text: hardening() + " " + c.PIN.Reveal()}
}

func (c custodian) Scheme() string {
	if c.Do == "call its scheme by a long name" {
		return strings.Repeat("x", 65)
	}
	return "unruly"
}

// maker makes keys of the types that its configuration lists, all of which are 32 bytes.
type maker struct{ custodian }

var _ sdk.KeyMaker = maker{}

func (m maker) KeyTypes() []string { return strings.Fields(m.Arg) }

func (m maker) MakeKey(context.Context, string, sdk.Context) ([]byte, error) {
	return bytes.Repeat([]byte{1}, 32), nil
}

func (c custodian) Close() error {
	if c.calls.Load() != 0 {
		c.env.Logger.Error("closed during a call")
	}
	c.env.Logger.Info("custodian closed")
	return nil
}
