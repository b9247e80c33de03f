package pkcs11

import (
	"context"

	"github.com/milagro-dta/dta/sdk"
	"github.com/milagro-dta/dta/sdk/pluginconf"
)

// Plugin is the program dta-plugin-pkcs11.
func Plugin() sdk.Plugin {
	return sdk.Plugin{
		Type:     "pkcs11",
		Version:  "1",
		Config:   func() any { return &Config{} },
		Validate: func(c any) []pluginconf.Problem { return c.(*Config).check() },
		Open: func(ctx context.Context, c any, env sdk.Environment) (sdk.Custodian, error) {
			k, err := c.(*Config).open(ctx, env.Logger)
			if err != nil {
				return nil, err // not a nil *Keeper in an interface
			}
			return k, nil
		},
	}
}
