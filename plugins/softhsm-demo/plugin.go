package softhsmdemo

import (
	"context"

	"github.com/milagro-dta/dta/sdk"
	"github.com/milagro-dta/dta/sdk/pluginconf"
)

// Plugin is the program dta-plugin-softhsm-demo.
func Plugin() sdk.Plugin {
	return sdk.Plugin{
		Type:     "softhsm-demo",
		Version:  "1",
		Config:   func() any { return &Config{} },
		Validate: func(c any) []pluginconf.Problem { return c.(*Config).check() },
		Open: func(ctx context.Context, c any, env sdk.Environment) (sdk.Custodian, error) {
			k, err := c.(*Config).open(ctx, env.Logger)
			if err != nil {
				return nil, err // not a nil *keeper in an interface
			}
			return k, nil
		},
	}
}
