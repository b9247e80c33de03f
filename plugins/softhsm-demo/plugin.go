package softhsmdemo

import (
	"context"

	"github.com/milagro-dta/dta/sdk"
)

// Plugin is the program dta-plugin-softhsm-demo.
func Plugin() sdk.Plugin[Config] {
	return sdk.Plugin[Config]{
		Type:     "softhsm-demo",
		Version:  "1",
		Validate: (*Config).check,
		Open: func(ctx context.Context, c *Config, env sdk.Environment) (sdk.Custodian, error) {
			return c.open(ctx, env)
		},
	}
}
