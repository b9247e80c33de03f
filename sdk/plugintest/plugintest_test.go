package plugintest_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/milagro-dta/dta/sdk"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/plugintest"
)

// TestMain lets this very program be the plugin, when it is started as one, and the test of a plugin's author.
func TestMain(m *testing.M) {
	if os.Getenv(contract.Handshake.MagicCookieKey) != "" {
		asPlugin()
	}
	if name := os.Getenv(asVictim); name != "" {
		author := victim(name)
		if list, ok := os.LookupEnv(asLesser); ok {
			author = lesserAuthor(list)
		}
		testing.Main(regexp.MatchString, []testing.InternalTest{author}, nil, nil)
	}
	os.Exit(m.Run())
}

func asPlugin() {
	if list, ok := os.LookupEnv(asLesser); ok {
		serveLesser(list)
		os.Exit(0)
	}
	name := os.Getenv(asBroken)
	if start := mistakes[name].start; start != nil {
		start()
	}
	if name != "" {
		sdk.Serve(broken(name))
	}
	sdk.Serve(plugintest.Memory())
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
