package sdk_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"os"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk"
	"github.com/milagro-dta/dta/sdk/pluginconf"
)

// A whole plugin. It keeps keys encrypted under one derived from a file that only the plugin's uid can read.
func Example() {
	sdk.Serve(sdk.Plugin[config]{
		Type:     "key-file",
		Version:  "1.0",
		Validate: validate,
		Open:     open,
	})
}

// What the operator writes:
//
//	plugin "key-file" "vault-b" {
//	  command = "dta-plugin-key-file"
//	  config {
//	    key   = file("/etc/dta/vault-b.key")   # read by the plugin, not by the host
//	    realm = "acme"
//	  }
//	}
type config struct {
	Key   pluginconf.Secret `hcl:"key"`
	Realm string            `hcl:"realm,optional"`
}

func validate(c *config) []pluginconf.Problem {
	if len(c.Key) < 32 {
		return []pluginconf.Problem{{Attribute: "key", Summary: "Key too short", Detail: "Expected 32 characters or more."}}
	}
	return nil
}

func open(_ context.Context, c *config, env sdk.Environment) (sdk.Custodian, error) {
	key := sha256.Sum256([]byte(c.Key.Reveal()))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	env.Logger.Info("ready", "realm", c.Realm, "pid", os.Getpid())
	return keyFile{aead}, nil
}

type keyFile struct{ aead cipher.AEAD }

// Safeguard binds the deposit to its purpose, which is more than it must.
func (k keyFile) Safeguard(_ context.Context, key []byte, about sdk.Context) ([]byte, error) {
	return k.aead.Seal(nil, nil, key, []byte(about.Purpose)), nil
}

func (k keyFile) Restore(_ context.Context, deposit []byte, about sdk.Context) ([]byte, error) {
	key, err := k.aead.Open(nil, nil, deposit, []byte(about.Purpose))
	if err != nil {
		return nil, fault.New(fault.Denied, "the deposit is not of this realm")
	}
	return key, nil
}
