// Package plugintest checks custody plugins. Run is a conformance suite over a plugin in this process or a built
// program; package hostile, beneath it, is a host that lies.
//
//	func TestConformance(t *testing.T) {
//		plugintest.Run(t, plugintest.Config{Type: "my-vault", Command: "../../bin/dta-plugin-my-vault", Block: `pin = "1234"`, Secrets: []string{"1234"}})
//	}
//
// A program runs as it does under a host: through go-plugin, with AutoMTLS, every variable of the environment its
// own. Memory is a plugin to test hosts with: it keeps keys under one from its configuration.
//
// # What is searched
//
// In every case, answers, errors, deposits, the log, what is printed, and files that were written meanwhile are searched
// for the keys that the sdk lends to the custodian, for what the case itself kept, and for Config.Secrets: in digits of
// any base, lists of numbers of any size, quoted, compressed, backwards, over several lines, and one form within
// another. The suite does not know the keys of a program. It tries whatever 32 bytes it finds on the deposits, which a
// key opens and nothing else does; so it finds whole keys, of plugins whose deposits the sdk made. With Config.Twin, of
// the case that shows no key, and with Config.Plugin, of all, the keys are known: then it also finds 8 bytes of one, or
// 12 in pieces wherever each of them is, keys under a constant mask, keys in calls that failed, and networks' shares. A
// line of the run says what was not searched for. Findings are certain; they are named by form and place, and struck out.
//
// No search finds a key that the plugin encrypts for somebody, hides on purpose, sends over a network, or gives away only
// where it is not under test.
//
// # What a plugin is held to
//
// It need not have every ability: cases run for those that it lists, and what it lists it must have. A call that takes
// longer than Config.Deadline ends the run. Custodians must end with their context, leave no goroutine behind and come
// back from Close. How a program ended that nobody asked to is told. Build the program with -race, and a data race
// fails the run.
package plugintest

import (
	"testing"
	"time"

	"github.com/milagro-dta/dta/sdk"
)

// Config says what to test, and how to use it. Exactly one of Plugin and Command is set.
type Config struct {
	// Plugin is served in this process, as an enrolled plugin over a connection in memory.
	Plugin sdk.Program
	// Command is a program, started as a supervised plugin with Args and Env (and no other variable).
	Command string
	Args    []string
	Env     []string

	// Type is the plugin's type. By default it is that of Plugin or Twin; without either it is required.
	Type string
	// Block is the operator's config block for one realm, without the braces. Every start in one test gets the same.
	Block string
	// OtherBlock is one for another realm, where there is a way to have two; empty: those cases are left out.
	OtherBlock string
	// CachedBlock is Block with networks' shares kept opened (sdk.ShareCacher); empty where there is no such choice.
	CachedBlock string
	// Twin is the plugin that Command is, to be opened in this process too once the program has ended. Then the
	// custodian's keys are searched for not only as a whole but in part, and so are networks' shares; and deposits that
	// were changed are shown to the custodian itself, which must notice. Optional; where Plugin is set, that is used.
	Twin sdk.Program
	// Deadline ends every call; one that takes longer hangs, and ends the run. By default it is 10 s, and 15 s for
	// Configure, which is what a host gives it.
	Deadline time.Duration
	// Mistakes are blocks that must be refused, by the line at which (within the block, from 1) and a text in it. Run
	// requires at least one.
	Mistakes []Mistake
	// Secrets are the sensitive values of the blocks: none may appear in an answer of the plugin, a diagnostic, an error
	// or its log, to its end. Let them be long enough not to appear by chance.
	Secrets []string
	// Fresh prepares a realm that was never enrolled, before each test; it may change Block. Optional.
	Fresh func(t testing.TB, c *Config)

	search *search // of one test; nil before it was prepared
	course *course // of one run; nil without
}

// Mistake is a config block with something wrong in it.
type Mistake struct {
	Name  string // as a sentence
	Block string
	Line  int    // within the block, from 1
	Text  string // in the summary or the detail
	// Secret is a sensitive value in the block, as in Config.Secrets. Optional.
	Secret string
}

// Prepared gives the configuration of one test.
func (c Config) Prepared(t testing.TB) Config {
	t.Helper()
	c.check(t)
	c.search = nil
	c = c.searched(t)
	if c.Fresh != nil {
		c.Fresh(t, &c)
	}
	return c
}

// searched gives the test's search for keys, which ends after its last plugin has.
func (c Config) searched(t testing.TB) Config {
	if c.search == nil {
		s := newSearch()
		s.suite, s.here = c.course != nil, c.Plugin != nil
		c.search = s
		t.Cleanup(func() {
			t.Helper()
			s.report(t)
			c.course.see(s)
		})
	}
	return c
}

func (c Config) check(t testing.TB) {
	t.Helper()
	if (c.Plugin == nil) == (c.Command == "") {
		t.Fatal("plugintest: set exactly one of Plugin and Command")
	}
	if c.pluginType() == "" {
		t.Fatal("plugintest: set Type, Plugin or Twin")
	}
}

func (c Config) pluginType() string {
	switch {
	case c.Type != "":
		return c.Type
	case c.Plugin != nil:
		return c.Plugin.PluginType()
	case c.Twin != nil:
		return c.Twin.PluginType()
	}
	return ""
}
