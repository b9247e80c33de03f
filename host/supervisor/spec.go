package supervisor

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk/contract"
)

// Spec says which program is a plugin and how it is made ready.
type Spec struct {
	// Name is the operator's name of the instance, e.g. "vault-a".
	Name string
	// Type is the operator's word for the kind of plugin, e.g. "pkcs11".
	Type string
	// Command is the path of the program.
	Command string
	Args    []string
	// Env is "NAME=value" pairs. The plugin gets these, PATH, LANG and what go-plugin needs: nothing else of the
	// host's environment.
	Env []string
	// Dir is the working directory; empty means the host's.
	Dir string
	// SHA256 is the digest the program must have, in hex. Empty runs it unpinned, which Status tells.
	SHA256 string
	// RuntimeDir holds a private directory per launch. Where it is too long for a socket's path, the system's
	// temporary directory takes its place and a link stays here, so that Sweep finds it.
	RuntimeDir string
	// StartTimeout bounds the time to the first answer and then, again, that of Prepare. Default 10 s.
	StartTimeout time.Duration
	// Prepare makes a started plugin ready; usually it sends Configure. Its error fails the start. It must end
	// when its context does.
	Prepare func(context.Context, *contract.Client) error
	// Logger takes what the plugin logs and what happens to it. Default: none.
	Logger hclog.Logger
}

// Options tune a Supervisor. Zero fields get the defaults.
type Options struct {
	// HealthEvery is the time between health checks, HealthTimeout the deadline of one, HealthMisses how many
	// in a row kill the plugin. Defaults 5 s, 2 s, 3.
	HealthEvery, HealthTimeout time.Duration
	HealthMisses               int
	// BackoffMin and BackoffMax bound the back-off. Defaults 250 ms and 30 s.
	BackoffMin, BackoffMax time.Duration
	// SteadyAfter is how long a plugin has to stay ready before its end says nothing against its next start.
	// Default 30 s.
	SteadyAfter time.Duration
	// MaxCalls bounds the calls in flight or waiting; more are refused as busy. Default 512.
	MaxCalls int
	// Drain is how long Stop and Restart wait for calls in flight. Default 1.5 s.
	Drain time.Duration
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

func (o Options) withDefaults() Options {
	o.HealthEvery = or(o.HealthEvery, 5*time.Second)
	o.HealthTimeout = or(o.HealthTimeout, 2*time.Second)
	o.HealthMisses = or(o.HealthMisses, 3)
	o.BackoffMin = or(o.BackoffMin, 250*time.Millisecond)
	o.BackoffMax = or(o.BackoffMax, 30*time.Second)
	o.SteadyAfter = or(o.SteadyAfter, 30*time.Second)
	o.MaxCalls = or(o.MaxCalls, 512)
	o.Drain = or(o.Drain, 1500*time.Millisecond)
	return o
}

func (s Spec) withDefaults() Spec {
	s.StartTimeout = or(s.StartTimeout, 10*time.Second)
	if s.Logger == nil {
		s.Logger = hclog.NewNullLogger()
	}
	s.Logger = s.Logger.Named(s.Name)
	s.SHA256 = strings.ToLower(s.SHA256)
	return s
}

// check finds what no start could cure.
func (s Spec) check() error {
	switch {
	case s.Name == "":
		return fault.New(fault.Invalid, "a plugin needs a name")
	case s.Command == "":
		return fault.New(fault.Invalid, "plugin %q: expected a command, found none", s.Name)
	case s.RuntimeDir == "":
		return fault.New(fault.Invalid, "plugin %q: expected a runtime directory, found none", s.Name)
	}
	if s.SHA256 != "" {
		if b, err := hex.DecodeString(s.SHA256); err != nil || len(b) != 32 {
			return fault.New(fault.Invalid, "plugin %q: expected a sha256 of 64 hex digits, found %q", s.Name, s.SHA256)
		}
	}
	for _, e := range s.Env {
		name, _, ok := strings.Cut(e, "=")
		if !ok || name == "" {
			return fault.New(fault.Invalid, "plugin %q: expected an environment variable as NAME=value", s.Name)
		}
		if strings.HasPrefix(name, "PLUGIN_") || name == contract.Handshake.MagicCookieKey {
			return fault.New(fault.Invalid, "plugin %q: the environment variable %s belongs to the handshake", s.Name, name)
		}
	}
	return nil
}

// environment is what the plugin sees besides the variables of go-plugin.
func (s Spec) environment() []string {
	path := or(os.Getenv("PATH"), "/usr/local/bin:/usr/bin:/bin")
	lang := or(os.Getenv("LANG"), "C.UTF-8")
	return append([]string{fmt.Sprintf("PATH=%s", path), fmt.Sprintf("LANG=%s", lang)}, s.Env...)
}
