package plugintest_test

import (
	"os"
	"testing"

	"github.com/milagro-dta/dta/sdk"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/plugintest"
)

// TestMain lets this very program be the plugin, when it is started as one.
func TestMain(m *testing.M) {
	if os.Getenv(contract.Handshake.MagicCookieKey) != "" {
		sdk.Serve(plugintest.Memory())
	}
	os.Exit(m.Run())
}

func TestAPluginInThisProcessConforms(t *testing.T) {
	c := plugintest.MemoryConfig()
	c.Plugin = plugintest.Memory()
	plugintest.Run(t, c)
}

func TestAProgramConforms(t *testing.T) {
	c := plugintest.MemoryConfig()
	c.Command, c.Twin = os.Args[0], plugintest.Memory()
	plugintest.Run(t, c)
}

func TestAPluginWithEveryAbilityConforms(t *testing.T) {
	plugintest.Run(t, plugintest.RealmConfig())
}
