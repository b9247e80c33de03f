package plugintest

import (
	"context"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/plugintest/internal/scene"
)

// showsNoKey has the custodian keep something of each purpose and give it back, before and after a restart. What the
// plugin said of it is searched for the keys at the end, as in every case; here the deposits are looked at too, under
// the masks of who thinks that a deposit is encrypted when it looks like it.
func showsNoKey(t *testing.T, c Config) {
	e := Enrol(t, c)
	deposits := [][]byte{e.Next}
	if len(e.Root) > 0 {
		deposits = append(deposits, e.Root)
	}
	var kept []*scene.Kept
	for _, what := range []struct {
		need   Need
		secret []byte
	}{{Secrets, canary()}, {Secrets, canary()}, {Keys, nil}} {
		if c.Lists(what.need) {
			k := e.Keep(t, e.Order(t, what.secret))
			kept, deposits = append(kept, k), append(deposits, k.Deposit)
		}
	}
	var network *scene.Founded
	if c.Lists(Networks) {
		network = e.Found(t, e.Network(t, mpin.V1))
		deposits = append(deposits, network.Deposit)
	}
	var node *contract.MakeResponse
	if c.Lists(NodeKeys) {
		var err error
		if node, err = e.NodeIdentity.Make(t.Context(), &contract.MakeRequest{}); err != nil {
			t.Fatalf("making the node's key: %v\n%s", err, e.told())
		}
		deposits = append(deposits, node.GetDeposit())
	}
	for again := range 2 {
		if again == 1 {
			e.Restart(t)
		}
		for _, k := range kept {
			wantBack(t, k, e.Give(t, k.Redeem(t, k.Beneficiary)))
		}
		if network != nil {
			e.Issue(t, network.Clients(t, "alice"))
		}
		if node != nil {
			if _, err := e.NodeIdentity.Open(t.Context(), &contract.OpenRequest{Deposit: node.GetDeposit()}); err != nil {
				t.Errorf("opening the node's key: %v", err)
			}
		}
		if _, err := e.Plugin.Status(t.Context(), &contract.StatusRequest{}); err != nil {
			t.Errorf("asking for the status: %v", err)
		}
	}
	e.Terminate() // a custodian may log something at its end
	e.search.masked(t)
	e.Look(t, deposits...)
}

// unhurried is how long a call takes of which one can tell whether it ends when it is given up.
const unhurried = 500 * time.Millisecond

// endsWithItsCaller gives up calls that take their time, and looks whether the custodian is still busy with them a good
// while later. Of a quick custodian there is nothing to see.
func endsWithItsCaller(t *testing.T, c Config) {
	e := Enrol(t, c)
	o := e.Something(t)
	k := e.Keep(t, o)
	redeem := k.Redeem(t, k.Beneficiary)
	e.Give(t, redeem)
	calls := []*struct {
		name string
		make func(context.Context) error
		took time.Duration
	}{
		{name: "Safeguard", make: func(ctx context.Context) error { _, err := e.Custody.Safeguard(ctx, o.Ask()); return err }},
		{name: "Restore", make: func(ctx context.Context) error { _, err := e.Custody.Restore(ctx, redeem.Ask()); return err }},
	}
	for _, call := range calls {
		begun := time.Now()
		if err := call.make(t.Context()); err != nil {
			t.Fatalf("%s: %v\n%s", call.name, err, e.told())
		}
		call.took = time.Since(begun)
	}
	for _, call := range calls {
		if call.took < unhurried {
			continue
		}
		ctx, cancel := context.WithTimeout(t.Context(), call.took/5)
		_ = call.make(ctx)
		cancel()
		before := map[string]frame{}
		if e.Config.Plugin != nil { // other plugins may be busy in this process
			before = authors(e.dump())
		}
		time.Sleep(call.took / 2)
		for id, f := range authors(e.dump()) {
			if _, was := before[id]; was || e.Config.Plugin == nil {
				t.Errorf("the custodian ignores its context: %s was given up after %s and is still in %s another %s later",
					call.name, (call.took / 5).Round(time.Millisecond), f, (call.took / 2).Round(time.Millisecond))
			}
		}
		if t.Failed() {
			c.course.stop("the custodian ignores its context, so that the run would take very long")
			return
		}
		if e.Config.Plugin == nil {
			e.Restart(t)
		}
	}
}

const (
	// repeats is how often each call is made that must leave nothing behind.
	repeats = 24
	// stray is how many goroutines of one origin may be more after the repeats than before.
	stray = repeats / 3
)

// leavesNothing counts the plugin's goroutines before and after some repeats of each call, refused ones among them.
func leavesNothing(t *testing.T, c Config) {
	e := Enrol(t, c)
	calls := e.everyCall(t)
	before := byOrigin(e.dump())
	if c.Plugin == nil {
		e.Restart(t)
		for _, call := range calls {
			call()
		}
	}
	for range repeats {
		for _, call := range calls {
			call()
		}
	}
	for origin, n := range e.strays(before) {
		t.Errorf("goroutines are left behind: %d more than before after %d calls, started by %s", n, repeats*len(calls), origin)
	}
}

// everyCall gives one of each that the plugin lists, made as the plugin runs that e is at the time.
func (e *Enrolled) everyCall(t *testing.T) (calls []func()) {
	t.Helper()
	answered := func(what string, call func() error) {
		calls = append(calls, func() {
			if err := call(); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		})
	}
	refused := func(call func() error) { calls = append(calls, func() { wantRefusal(t, call()) }) }
	answered("asking for the status", func() error { _, err := e.Plugin.Status(t.Context(), &contract.StatusRequest{}); return err })
	answered("checking a block", func() error {
		_, err := e.Plugin.Validate(t.Context(), &contract.ValidateRequest{Block: wire(e.Config.Block), Instance: Instance})
		return err
	})
	if e.Config.Lists(Orders) {
		o := e.Something(t)
		k := e.Keep(t, o)
		redeem := k.Redeem(t, k.Beneficiary)
		calls = append(calls, func() { e.Keep(t, o) }, func() { e.Give(t, redeem) }, func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			_, _ = e.Custody.Restore(ctx, redeem.Ask()) // it may be answered nevertheless
		})
	}
	if e.Config.Lists(NodeKeys) {
		made, err := e.NodeIdentity.Make(t.Context(), &contract.MakeRequest{})
		if err != nil {
			t.Fatalf("making the node's key: %v\n%s", err, e.told())
		}
		d := scene.Take(t, made.GetDeposit())
		d.Held = flip(d.Held, len(d.Held)/2) // so that the custodian itself refuses
		changed := d.Block(t)
		answered("opening the node's key", func() error {
			_, err := e.NodeIdentity.Open(t.Context(), &contract.OpenRequest{Deposit: made.GetDeposit()})
			return err
		})
		refused(func() error {
			_, err := e.NodeIdentity.Open(t.Context(), &contract.OpenRequest{Deposit: changed})
			return err
		})
	}
	if e.Config.Lists(Networks) {
		q := e.Found(t, e.Network(t, mpin.V1)).Clients(t, "alice")
		calls = append(calls, func() { e.Issue(t, q) })
	}
	return calls
}

// strays gives the origins of which there are more goroutines than before. In this process others come and go: those
// count that stay.
func (e *Enrolled) strays(before map[string]int) map[string]int {
	more := map[string]int{}
	for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		clear(more)
		for origin, n := range byOrigin(e.dump()) {
			if n -= before[origin]; n >= stray {
				more[origin] = n
			}
		}
		if len(more) == 0 || e.Config.Plugin == nil || time.Since(begun) > 3*time.Second {
			return more
		}
	}
}

// ends asks an idle plugin to end, in both ways.
func ends(t *testing.T, c Config) {
	e := Enrol(t, c)
	e.Terminate()
	if t.Failed() {
		return // it would only take its time once more
	}
	e.Restart(t)
	e.Shutdown()
}
