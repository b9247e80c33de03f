package plugintest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/milagro-dta/dta/sdk/contract"
)

// Case is one of a suite: what it shows of a plugin, and what the plugin must list for it.
type Case struct {
	Name  string // as a sentence
	Needs []Need
	Run   func(*testing.T, Config)
}

// Need is something that a plugin lists in its DescribeResponse, or does not.
type Need string

const (
	Secrets  Need = "secret"  // shares of given secrets
	Keys     Need = "key"     // ordered keys
	Networks Need = "network" // shares of networks' master secrets
	Orders   Need = "secret or key"
	NodeKeys Need = "NodeIdentity" // the host's own identity
)

// lists tells whether a plugin says of itself that it has something.
func lists(d *contract.DescribeResponse, n Need) bool {
	switch n {
	case Orders:
		return lists(d, Secrets) || lists(d, Keys)
	case NodeKeys:
		return slices.Contains(d.GetServices(), contract.NodeIdentity_ServiceDesc.ServiceName)
	}
	return slices.Contains(d.GetAbilities(), string(n))
}

// Lists is for a case that leaves something out where the plugin does not list it. Without a run everything is tried.
func (c Config) Lists(n Need) bool { return c.course == nil || lists(c.course.offers, n) }

// course is one run of a suite.
type course struct {
	mu      sync.Mutex
	offers  *contract.DescribeResponse
	why     string // why it stops; "" while it goes on
	foreign bool   // deposits were seen that are not of this sdk
	heard   int    // what plugins have written
	cut     bool   // a search ended before its end
	doubted bool   // something may have been a key that was lent
}

// stop ends the run after the case under way. Of a nil course nothing is left to run.
func (c *course) stop(format string, a ...any) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why == "" {
		c.why = fmt.Sprintf(format, a...)
	}
}

func (c *course) stopped() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.why
}

// maxHeard bounds what all plugins of a run may write.
const maxHeard = 32 << 20

// hear counts what plugins write. Of one that floods its log each case takes very long.
func (c *course) hear(octets int) {
	if c == nil {
		return
	}
	c.mu.Lock()
	c.heard += octets
	flooded := c.heard > maxHeard
	c.mu.Unlock()
	if flooded {
		c.stop("the plugin floods its log: %d KiB in all", maxHeard>>10)
	}
}

// see takes what the search of a case leaves open.
func (c *course) see(s *search) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.foreign = c.foreign || s.foreign > 0
	c.doubted = c.doubted || len(s.doubts) > 0
	c.cut = c.cut || s.opened >= maxOpened
}

// RunCases runs those cases of a suite for which the plugin lists what they need. A call that hangs ends the run: the
// others would only take their time to find the same.
func RunCases(t *testing.T, c Config, cases []Case) {
	t.Helper()
	c.check(t)
	c.course = &course{}
	c.course.offers = describe(t, c)
	// A test binary may have been asked for some of the cases, so that this cannot count those that ran.
	for _, test := range cases {
		if why := c.course.stopped(); why != "" {
			t.Errorf("the cases from %q on were not run: %s", test.Name, why)
			break
		}
		t.Run(test.Name, func(t *testing.T) {
			for _, n := range test.Needs {
				if !lists(c.course.offers, n) {
					t.Skipf("the plugin does not list %s", n)
				}
			}
			test.Run(t, c.Prepared(t))
		})
	}
	warn(t, c)
}

// describe asks a plugin what it is.
func describe(t *testing.T, c Config) *contract.DescribeResponse {
	t.Helper()
	c = c.searched(t)
	r := Launch(t, c)
	defer r.Kill()
	d, err := r.Plugin.Describe(t.Context(), &contract.DescribeRequest{})
	if err != nil {
		t.Fatalf("asking the plugin what it is: %v\n%s", err, r.told())
	}
	return d
}

// warn says what was not searched, in a line that a passing run shows too.
func warn(t *testing.T, c Config) {
	t.Helper()
	c.course.mu.Lock()
	defer c.course.mu.Unlock()
	if c.course.doubted {
		fmt.Fprintf(os.Stderr, "WARNING: %s: calls that lend a key have failed, and what the plugin said of it may be the key: run it with Config.Plugin, where the keys are known\n", t.Name())
	}
	if c.course.cut {
		fmt.Fprintf(os.Stderr, "WARNING: %s: the plugin logs too much that looks like keys to try all of it; set Config.Plugin, where the keys are known\n", t.Name())
	}
	var left []string
	switch {
	case c.course.foreign:
		left = append(left, "the custodian's keys, for the deposits are not of this sdk and nobody outside of the plugin can tell a key")
	case c.Plugin == nil && c.Twin == nil:
		left = append(left, "parts of the custodian's keys, and networks' shares: set Config.Twin")
	}
	if len(left) > 0 {
		fmt.Fprintf(os.Stderr, "WARNING: %s: not searched for in what the plugin says: %s\n", t.Name(), strings.Join(left, "; "))
	}
}
