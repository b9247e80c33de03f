// Package custody is the host's side of the custody plugins: it configures each
// instance when its process starts, knows its custody identity, and turns the
// fiduciary's wishes into calls of the plugin contract.
//
// The host stores what a plugin gives it — deposits, the custody root — and can
// open none of it.
package custody

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/host/health"
	"github.com/milagro-dta/dta/host/supervisor"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Options says how instances run.
type Options struct {
	Plugins    []config.Plugin
	Book       Book
	RuntimeDir string // private directory for sockets
	Node       string // the operator's name of the node
	Log        hclog.Logger

	// Tenant is the node whose realms the plugins' are; undefined while a node is
	// being made, which has none. Serving tells a host, which claims its realms,
	// from a command that only looks whose they are.
	Tenant  dag.CID
	Serving bool
	// Seal names the plugin that seals the tenant's identity.
	Seal string

	// Health is told when a plugin that Needed names cannot do its work, or one
	// that Enrolled names too has no custody identity. Nil: nobody is told.
	Health           *health.Board
	Needed, Enrolled []string
	// StatusEvery is how often a plugin is asked how it is, at least: 10 s when
	// zero. StatusTime is how long it may take to answer: 5 s when zero.
	StatusEvery, StatusTime time.Duration
}

// Set is the custody plugins of a node, by name.
type Set struct {
	options   Options
	instances []*Instance

	watching context.CancelFunc
	watches  sync.WaitGroup
	back     atomic.Pointer[func(context.Context)]
}

// Start starts every plugin, all at once. It does not wait for them: an
// instance that cannot start says so in its status and refuses calls, and the
// others serve.
func Start(ctx context.Context, o Options) (*Set, error) {
	// What cannot be swept, a plugin may have left so. Every launch has a directory of its own, so none is hindered.
	if err := supervisor.Sweep(o.RuntimeDir); fault.Of(err) == fault.Denied {
		return nil, err
	} else if err != nil {
		o.Log.Warn("what earlier plugins left cannot be cleared away", "error", err)
	}
	o.StatusEvery, o.StatusTime = cmp.Or(o.StatusEvery, statusEvery), cmp.Or(o.StatusTime, statusTime)
	s := &Set{options: o}
	for _, p := range o.Plugins {
		i := &Instance{name: p.Name, typ: p.Type, set: s, watch: newWatch()}
		// What was enrolled is known by name also while its process is not ready.
		var err error
		if _, i.id, err = i.recorded(ctx); err != nil {
			return nil, fmt.Errorf("plugin %q: %w", p.Name, err)
		}
		i.process = supervisor.New(i.spec(p), supervisor.Options{})
		s.instances = append(s.instances, i)
	}
	// A context that has ended begins the supervision and waits for nothing.
	over, end := context.WithCancel(context.Background())
	end()
	for _, i := range s.instances {
		if err := i.process.Start(over); err != nil && !fault.Of(err).Retryable() {
			s.Stop(context.Background())
			return nil, fmt.Errorf("plugin %q: %w", i.name, err)
		}
	}
	watched, end := context.WithCancel(context.Background())
	s.watching = end
	for _, i := range s.instances {
		s.watches.Go(func() { i.look(watched) })
	}
	return s, nil
}

// OnReturn has a function called whenever a plugin that could not work can again.
func (s *Set) OnReturn(f func(context.Context)) { s.back.Store(&f) }

// Stop drains and ends every plugin.
func (s *Set) Stop(ctx context.Context) {
	if s.watching != nil {
		s.watching()
		s.watches.Wait()
	}
	var wg sync.WaitGroup
	for _, i := range s.instances {
		wg.Go(func() {
			i.leave(ctx)
			i.process.Stop(ctx)
		})
	}
	wg.Wait()
}

// Instances lists the instances in the order of the configuration.
func (s *Set) Instances() []*Instance { return slices.Clone(s.instances) }

// Instance finds an instance by name.
func (s *Set) Instance(name string) (*Instance, error) {
	for _, i := range s.instances {
		if i.name == name {
			return i, nil
		}
	}
	return nil, fault.New(fault.NotFound, "plugin %q: no plugin block has this name", name)
}
