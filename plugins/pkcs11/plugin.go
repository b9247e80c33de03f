package pkcs11

import (
	"context"

	"github.com/milagro-dta/dta/sdk"
)

// Plugin is the program dta-plugin-pkcs11.
func Plugin() sdk.Plugin[Config] {
	return sdk.Plugin[Config]{
		Type:     "pkcs11",
		Version:  "1",
		Validate: (*Config).check,
		Open: func(ctx context.Context, c *Config, env sdk.Environment) (sdk.Custodian, error) {
			return c.open(ctx, env)
		},
	}
}
