package hostile_test

import (
	"os"
	"testing"

	"github.com/milagro-dta/dta/sdk"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/plugintest"
	"github.com/milagro-dta/dta/sdk/plugintest/hostile"
)

// TestMain lets this very program be the plugin, when it is started as one.
func TestMain(m *testing.M) {
	if os.Getenv(contract.Handshake.MagicCookieKey) != "" {
		sdk.Serve(plugintest.Memory())
	}
	os.Exit(m.Run())
}

func TestAPluginInThisProcessWithstandsALyingHost(t *testing.T) {
	c := plugintest.MemoryConfig()
	c.Plugin = plugintest.Memory()
	hostile.Run(t, c)
}

func TestAProgramWithstandsALyingHost(t *testing.T) {
	c := plugintest.MemoryConfig()
	c.Command, c.Twin = os.Args[0], plugintest.Memory()
	hostile.Run(t, c)
}

func TestAPluginThatKeepsItsRootWithstandsALyingHost(t *testing.T) {
	hostile.Run(t, plugintest.RealmConfig())
}
