package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/internal/ownership"
	"github.com/milagro-dta/dta/plugins/pkcs11/token"
	"github.com/milagro-dta/dta/sdk"
	"github.com/milagro-dta/dta/sdk/pluginconf"
)

// Config is the plugin's config block.
type Config struct {
	// Module is the absolute path of the PKCS#11 library.
	Module string `hcl:"module"`
	// TokenLabel and TokenSerial choose the token; at least one is required.
	TokenLabel  string `hcl:"token_label,optional"`
	TokenSerial string `hcl:"token_serial,optional"`
	// Realm is the namespace of this instance within the token.
	Realm string `hcl:"realm"`
	// PIN is the user PIN, usually file("…"). It is tried once.
	PIN pluginconf.Secret `hcl:"pin"`
	// Rung is how deposits are made; by default the first that the token proves.
	Rung string `hcl:"rung,optional"`
	// Sessions is how many operations the token works on at once; by default 4.
	Sessions int `hcl:"sessions,optional"`
	// CreateKeys lets the start make a key for a rung that is new to a realm in use.
	CreateKeys bool `hcl:"create_keys,optional"`
	// ShareCache is how many networks' shares stay opened in locked memory; by default none.
	ShareCache int `hcl:"share_cache,optional"`
}

// check finds what is wrong without touching token, file or network.
func (c *Config) check() []pluginconf.Problem {
	var found []pluginconf.Problem
	add := func(attribute, summary, format string, a ...any) {
		found = append(found, pluginconf.Problem{Attribute: attribute, Summary: summary, Detail: fmt.Sprintf(format, a...)})
	}
	if !filepath.IsAbs(c.Module) {
		add("module", "Module is not an absolute path", "Give the full path of the PKCS#11 library, such as /usr/lib/softhsm/libsofthsm2.so.")
	}
	found = append(found, CheckModule(c.Module)...)
	if c.TokenLabel == "" && c.TokenSerial == "" {
		add("", "No token chosen", "Give token_label or token_serial.")
	}
	if len(c.TokenLabel) > 32 {
		add("token_label", "Token label too long", "A label has at most 32 bytes; this one has %d.", len(c.TokenLabel))
	}
	if len(c.TokenSerial) > 16 {
		add("token_serial", "Token serial number too long", "A serial number has at most 16 bytes; this one has %d.", len(c.TokenSerial))
	}
	if c.PIN.Reveal() == "" {
		add("pin", "Empty PIN", "The token's user PIN is required.")
	}
	return append(found, CheckCommon(c.Realm, c.Rung, c.Sessions, c.ShareCache)...)
}

// RealmName implements [sdk.RealmNamer].
func (c *Config) RealmName() string {
	module, err := filepath.EvalSymlinks(c.Module)
	if err != nil {
		module = c.Module
	}
	return fmt.Sprintf("%q %q %q %q", module, c.TokenLabel, c.TokenSerial, c.Realm)
}

// CheckModule refuses a library that other users could exchange: it runs in the plugin, which has the PIN. One that
// cannot be found is reported when it is loaded.
func CheckModule(path string) []pluginconf.Problem {
	others, ok := errors.AsType[*ownership.Error](ownership.Check(path))
	if path == "" || !ok {
		return nil
	}
	return []pluginconf.Problem{{Attribute: "module", Summary: "Module can be exchanged by others", Detail: others.Error() + "."}}
}

// CheckCommon checks the attributes that every plugin over a Keeper has.
func CheckCommon(realm, rung string, sessions, shareCache int) (found []pluginconf.Problem) {
	if err := checkRealm(realm); err != nil {
		found = append(found, pluginconf.Problem{Attribute: "realm", Summary: "Bad realm name", Detail: err.Error()})
	}
	if _, err := rungByName(rung); rung != "" && err != nil {
		found = append(found, pluginconf.Problem{Attribute: "rung", Summary: "Unknown rung", Detail: err.Error()})
	}
	if sessions < 0 || sessions > token.MaxSessions {
		found = append(found, pluginconf.Problem{Attribute: "sessions", Summary: "Bad number of sessions",
			Detail: fmt.Sprintf("Expected 1 to %d; found %d.", token.MaxSessions, sessions)})
	}
	if shareCache < 0 || shareCache > sdk.MaxShareCache {
		found = append(found, pluginconf.Problem{Attribute: "share_cache", Summary: "Bad number of cached shares",
			Detail: fmt.Sprintf("Expected 0 to %d; found %d.", sdk.MaxShareCache, shareCache)})
	}
	return found
}

// EndProcess is what a plugin does about a library that does not recover: its host starts the program again.
func EndProcess(log Logger) func(error) {
	return func(err error) {
		log.Warn("this process ends so that a new one can load the PKCS#11 library", "error", err.Error())
		os.Exit(1)
	}
}

func (c *Config) open(ctx context.Context, env sdk.Environment) (*Keeper, error) {
	pin := secret.New([]byte(c.PIN.Reveal()))
	defer pin.Clear()
	return Open(ctx, Settings{
		Token:      token.Options{Module: c.Module, Label: c.TokenLabel, Serial: c.TokenSerial, PIN: pin, Sessions: c.Sessions, Stuck: EndProcess(env.Logger)},
		Realm:      c.Realm,
		Rung:       c.Rung,
		CreateKeys: c.CreateKeys,
		ShareCache: c.ShareCache,
		InUse:      env.InUse,
	}, env.Logger)
}
