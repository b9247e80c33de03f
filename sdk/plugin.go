package sdk

import (
	"context"
	"fmt"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/pluginconf"
)

// Plugin is a plugin program. C is a struct with hcl tags into which the operator's block is decoded; struct{} where the
// block must be empty. Package pluginconf says what to do about secrets.
type Plugin[C any] struct {
	// Type is what the operator writes in plugin "<type>" "<name>"; 1 to 64 printable characters of ASCII. Required.
	Type string
	// Version of the program, free text.
	Version string
	// Defaults gives what holds for options that the operator leaves out. By default that is the zero value of C.
	Defaults func() C
	// Validate finds problems in a decoded configuration, without touching token, file or network. Optional.
	Validate func(config *C) []pluginconf.Problem
	// Open starts the custodian with the decoded configuration. Where it returns an error, the Custodian is not looked
	// at. Required.
	Open func(ctx context.Context, config *C, env Environment) (Custodian, error)
}

// Environment is what a Custodian may use of its surroundings.
type Environment struct {
	Logger   hclog.Logger
	Instance string // the operator's name of this plugin, e.g. "vault-a"
	// InUse says that the host has something that only this realm opens, so that a realm which is missing must not be
	// made anew: the operator is to put it back.
	InUse bool
}

// Program is a Plugin, whatever its configuration. Nothing else is one.
type Program interface {
	// PluginType is the plugin's Type.
	PluginType() string
	// OpenBlock opens the custodian with an operator's block, as Serve does when it is configured. It is for tests
	// that look behind a plugin.
	OpenBlock(ctx context.Context, block pluginconf.Block, env Environment) (Custodian, error)

	program() program
}

// PluginType implements Program.
func (p Plugin[C]) PluginType() string { return p.Type }

// OpenBlock implements Program.
func (p Plugin[C]) OpenBlock(ctx context.Context, block pluginconf.Block, env Environment) (Custodian, error) {
	config, check := p.program().config()
	if r := pluginconf.Decode(block, config, check); r.HasErrors() {
		return nil, fault.New(fault.Invalid, "the block of a plugin of type %q: %w", p.Type, r.Diagnostics)
	}
	return p.program().open(ctx, config, env)
}

// program is a Plugin to the server, which does not know its C.
type program struct {
	typ, version string
	// config makes what a block is decoded into, and the author's check over it; nil if there is none.
	config func() (config any, check func() []pluginconf.Problem)
	open   func(ctx context.Context, config any, env Environment) (Custodian, error) // nil if there is none
}

func (p Plugin[C]) program() program {
	made := program{typ: p.Type, version: p.Version}
	made.config = func() (any, func() []pluginconf.Problem) {
		config := new(C)
		if p.Defaults != nil {
			*config = p.Defaults()
		}
		if p.Validate == nil {
			return config, nil
		}
		return config, func() []pluginconf.Problem { return p.Validate(config) }
	}
	if p.Open != nil {
		made.open = func(ctx context.Context, config any, env Environment) (Custodian, error) {
			custodian, err := p.Open(ctx, config.(*C), env)
			if err != nil {
				return nil, err
			}
			if custodian == nil {
				return nil, fmt.Errorf("a plugin of type %q opened no custodian", p.Type)
			}
			return custodian, nil
		}
	}
	return made
}

func (p program) check() error {
	switch {
	case p.typ == "" || !order.IsLabel(p.typ):
		return fmt.Errorf("expected a plugin type of 1 to %d printable characters, found %q", order.MaxLabel, p.typ)
	case p.open == nil:
		return fmt.Errorf("plugin %q has no Open", p.typ)
	}
	return nil
}
