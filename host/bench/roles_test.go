//go:build linux

package bench

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/systest/rig"
)

// roleRounds is how many orders a row of the table is measured over.
const roleRounds = 200

// role is one process of the three nodes that pays for a part of an order.
type role struct {
	name string
	pid  int
}

// BenchmarkRoles measures what each role pays for an order and for its redemption by
// the beneficiary, on three nodes: a fiduciary pays for its own processes only. What
// the nodes tell each other afterwards is counted: a row ends when no work is left.
func BenchmarkRoles(b *testing.B) {
	c := rig.Three(b, rig.Options{})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	b.Cleanup(cancel)
	roles := []role{
		{"principal's host", c.Principal.PID()},
		{"fiduciary's host", c.Fiduciary.PID()},
		{"fiduciary's plugin", c.Fiduciary.PluginPIDs()["vault"]},
		{"beneficiary's host", c.Beneficiary.PID()},
	}
	settle := func() {
		for _, n := range c.Nodes() {
			n.AwaitDone(ctx)
		}
	}
	place := func() (string, error) {
		placed, err := c.Principal.Client().Place(ctx, rig.Order{Secret: make([]byte, 32), Beneficiary: c.Beneficiary.Identity()})
		return placed.OrderReference, err
	}
	redeem := func(ref string) error {
		_, err := c.Beneficiary.Client().Redeem(ctx, ref)
		return err
	}
	for range b.N {
		ref, err := place() // the first of all meets the parties' documents, and fills caches
		fatal(b, err)
		settle()
		fatal(b, redeem(ref))
		settle()
		fmt.Printf("\n| CPU ms | callers |")
		for _, r := range roles {
			fmt.Printf(" %s |", r.name)
		}
		fmt.Printf(" sum |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n")
		for _, callers := range []int{1, 64} {
			refs := make([]string, roleRounds)
			row := func(what string, work func(i int) error) {
				before := spentBy(b, roles)
				share(b, roleRounds, callers, work)
				settle()
				fmt.Printf("| %s | %d |", what, callers)
				var sum time.Duration
				for i, after := range spentBy(b, roles) {
					each := (after - before[i]) / roleRounds
					sum += each
					fmt.Printf(" %.1f |", ms(each))
				}
				fmt.Printf(" %.1f |\n", ms(sum))
				b.ReportMetric(ms(sum), fmt.Sprintf("%s-%d-ms", what, callers))
			}
			row("order", func(i int) (err error) { refs[i], err = place(); return err })
			row("redemption", func(i int) error { return redeem(refs[i]) })
		}
	}
	b.ReportMetric(0, "ns/op")
}

func spentBy(b *testing.B, roles []role) []time.Duration {
	b.Helper()
	spent := make([]time.Duration, len(roles))
	for i, r := range roles {
		spent[i] = cpuOf(b, r.pid)
	}
	return spent
}
