// Package custody is the host's side of the custody plugins: it configures each
// instance when its process starts, knows its custody identity, and turns the
// fiduciary's wishes into calls of the plugin contract.
//
// The host stores what a plugin gives it — deposits, the custody root — and can
// open none of it.
package custody

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/supervisor"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/sdk/contract"
)

// Root is what the host keeps of an instance's custody identity: the root
// deposit, which only the plugin can open, the sealed next key, and the chain
// of documents.
type Root struct {
	Deposit []byte   `cbor:"deposit"`
	Next    []byte   `cbor:"next"`
	Chain   [][]byte `cbor:"chain"`
}

// Book is where roots are kept. Root answers fault.NotFound for an instance
// that was never enrolled; KeepRoot records the enrolment and is durable when
// it returns.
type Book interface {
	Root(ctx context.Context, instance string) (Root, error)
	KeepRoot(ctx context.Context, instance string, r Root, automatic bool) error
}

// Options says how instances run.
type Options struct {
	Plugins    []config.Plugin
	Book       Book
	RuntimeDir string // private directory for sockets
	Node       string // the operator's name of the node
	Log        hclog.Logger
}

// Set is the custody plugins of a node, by name.
type Set struct {
	options   Options
	instances []*Instance
}

// Start starts every plugin, all at once. It does not wait for them: an
// instance that cannot start says so in its status and refuses calls, and the
// others serve.
func Start(ctx context.Context, o Options) (*Set, error) {
	if err := supervisor.Sweep(o.RuntimeDir); err != nil {
		return nil, err
	}
	s := &Set{options: o}
	for _, p := range o.Plugins {
		i := &Instance{config: p, set: s}
		// What was enrolled is known by name also while its process is not ready.
		var err error
		if _, i.id, err = i.recorded(ctx); err != nil {
			return nil, fmt.Errorf("plugin %q: %w", p.Name, err)
		}
		i.process = supervisor.New(i.spec(), supervisor.Options{})
		s.instances = append(s.instances, i)
	}
	// A context that has ended begins the supervision and waits for nothing.
	over, end := context.WithCancel(context.Background())
	end()
	for _, i := range s.instances {
		if err := i.process.Start(over); err != nil && !fault.Of(err).Retryable() {
			s.Stop(context.Background())
			return nil, fmt.Errorf("plugin %q: %w", i.config.Name, err)
		}
	}
	return s, nil
}

// Stop drains and ends every plugin.
func (s *Set) Stop(ctx context.Context) {
	var wg sync.WaitGroup
	for _, i := range s.instances {
		wg.Go(func() { i.process.Stop(ctx) })
	}
	wg.Wait()
}

// Instances lists the instances in the order of the configuration.
func (s *Set) Instances() []*Instance { return slices.Clone(s.instances) }

// Instance finds an instance by name.
func (s *Set) Instance(name string) (*Instance, error) {
	for _, i := range s.instances {
		if i.config.Name == name {
			return i, nil
		}
	}
	return nil, fault.New(fault.NotFound, "plugin %q: no plugin block has this name", name)
}

// Instance is one custody plugin.
type Instance struct {
	config  config.Plugin
	set     *Set
	process *supervisor.Supervisor

	mu    sync.Mutex
	id    *identity.Identity
	about *contract.DescribeResponse
	rung  string
}

// Name is the operator's name of the instance, Type the plugin's.
func (i *Instance) Name() string { return i.config.Name }

// Type is the plugin's type.
func (i *Instance) Type() string { return i.config.Type }

// Identity is the instance's custody identity, nil while it is not enrolled.
func (i *Instance) Identity() *identity.Identity {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.id
}

// About is what the plugin said of itself when it was last configured, nil
// before that.
func (i *Instance) About() *contract.DescribeResponse {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.about
}

// Scheme is how the plugin makes deposits, e.g. a rung of the PKCS#11 ladder.
func (i *Instance) Scheme() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.rung
}

// Process is the state of the instance's process.
func (i *Instance) Process() supervisor.Status { return i.process.Status() }

// Restart starts a failed instance again.
func (i *Instance) Restart() error { return i.process.Restart() }

func (i *Instance) spec() supervisor.Spec {
	env := make([]string, 0, len(i.config.Env))
	for name, value := range i.config.Env {
		env = append(env, name+"="+string(value.Open()))
	}
	return supervisor.Spec{
		Name: i.config.Name, Type: i.config.Type,
		Command: i.config.Command, Args: i.config.Args, Env: env,
		SHA256: hex.EncodeToString(i.config.SHA256), StartTimeout: i.config.Timeout,
		RuntimeDir: i.set.options.RuntimeDir,
		Prepare:    i.prepare,
		Logger:     i.set.options.Log,
	}
}

// prepare configures a plugin whose process has just started, and refuses one
// that is not what it was.
func (i *Instance) prepare(ctx context.Context, c *contract.Client) error {
	root, known, err := i.recorded(ctx)
	if err != nil {
		return err
	}
	request := &contract.ConfigureRequest{
		Block: Block(i.config.Config), Instance: i.config.Name, Type: i.config.Type,
		Root: root.Deposit, Supervised: true,
	}
	if known != nil {
		request.Custody = known.Name.Bytes()
	}
	answer, err := c.Plugin.Configure(ctx, request)
	if err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	if diags := contract.ToHCL(answer.GetDiagnostics(), i.config.Config.Filename); diags.HasErrors() {
		return fault.New(fault.Invalid, "configure: %s", onOneLine(diags))
	}
	about, err := c.Plugin.Describe(ctx, &contract.DescribeRequest{})
	if err != nil {
		return fmt.Errorf("describe: %w", err)
	}
	if about.GetType() != i.config.Type {
		return fault.New(fault.Invalid, "the program %s is a plugin of type %q; expected %q", i.config.Command, about.GetType(), i.config.Type)
	}
	id, err := i.shown(ctx, c, known, answer.GetCustodyChain())
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.id, i.about, i.rung = id, about, answer.GetScheme()
	return nil
}

// recorded is what the host has kept of the instance's enrolment; nil where it
// was never enrolled.
func (i *Instance) recorded(ctx context.Context) (Root, *identity.Identity, error) {
	root, err := i.set.options.Book.Root(ctx, i.config.Name)
	if fault.Of(err) == fault.NotFound {
		return Root{}, nil, nil
	}
	if err != nil {
		return Root{}, nil, err
	}
	id, err := identity.Verify(root.Chain)
	if err != nil {
		return Root{}, nil, fmt.Errorf("recorded custody identity: %w", err)
	}
	return root, id, nil
}

// shown is the custody identity that a configured plugin has: the recorded one
// or, where none is recorded, the one it shows or is now made.
func (i *Instance) shown(ctx context.Context, c *contract.Client, known *identity.Identity, chain [][]byte) (*identity.Identity, error) {
	switch {
	case len(chain) == 0 && known == nil && i.config.SelfEnrol:
		return i.enrol(ctx, c, true)
	case len(chain) == 0 && known == nil:
		return nil, nil
	}
	id, err := custodyIdentity(chain)
	if err != nil {
		return nil, err
	}
	if known != nil && (id == nil || id.Name != known.Name) {
		return nil, fault.New(fault.Conflict, "custody identity: expected %s, which this instance was enrolled with; the plugin shows another", known.Name)
	}
	if known == nil {
		// The custodian keeps its root itself, and was enrolled before this
		// node's store was made or had heard of it.
		if err := i.set.options.Book.KeepRoot(ctx, i.config.Name, Root{Chain: chain}, false); err != nil {
			return nil, err
		}
	}
	return id, nil
}

func custodyIdentity(chain [][]byte) (*identity.Identity, error) {
	if len(chain) == 0 {
		return nil, nil
	}
	id, err := identity.Verify(chain)
	if err != nil {
		return nil, fault.New(fault.Invalid, "custody identity: %w", err)
	}
	if id.Doc.Kind != identity.Custody {
		return nil, fault.New(fault.Invalid, "custody identity: expected a document of kind %q; found %q", identity.Custody, id.Doc.Kind)
	}
	return id, nil
}

// enrol makes the custody identity and records it before anybody is told.
func (i *Instance) enrol(ctx context.Context, c *contract.Client, automatic bool) (*identity.Identity, error) {
	answer, err := c.Plugin.Enrol(ctx, &contract.EnrolRequest{Reference: i.set.options.Node + "/" + i.config.Name})
	if err != nil {
		return nil, fmt.Errorf("enrol: %w", err)
	}
	root := Root{Deposit: answer.GetRoot(), Next: answer.GetNext(), Chain: answer.GetCustodyChain()}
	id, err := custodyIdentity(root.Chain)
	if err != nil {
		return nil, err
	}
	if id == nil {
		return nil, fault.New(fault.Internal, "enrol: the plugin made no custody identity")
	}
	return id, i.set.options.Book.KeepRoot(ctx, i.config.Name, root, automatic)
}

// forOperator calls the plugin for this node's operator, who alone learns why a
// plugin is failed. Other nodes and principals learn that it is.
func (i *Instance) forOperator(ctx context.Context, fn func(context.Context, *contract.Client) error) error {
	err := i.process.Call(ctx, fn)
	if why := i.process.Failure(); why != nil && fault.Of(err) == fault.Unavailable {
		return fmt.Errorf("plugin %q is failed: %w", i.config.Name, why)
	}
	return err
}

// Enrol makes the instance's custody identity; fault.Conflict when it has one.
func (i *Instance) Enrol(ctx context.Context) (id *identity.Identity, err error) {
	err = i.forOperator(ctx, func(ctx context.Context, c *contract.Client) error {
		if known := i.Identity(); known != nil {
			return fault.New(fault.Conflict, "plugin %q: it is enrolled already, as %s", i.config.Name, known.Name)
		}
		if id, err = i.enrol(ctx, c, false); err != nil {
			return err
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		i.id = id
		return nil
	})
	return id, err
}

// Ready waits until the plugin can be called.
func (i *Instance) Ready(ctx context.Context) error {
	return i.forOperator(ctx, func(context.Context, *contract.Client) error { return nil })
}

// Status asks the plugin how it is.
func (i *Instance) Status(ctx context.Context) (*contract.StatusResponse, error) {
	var answer *contract.StatusResponse
	err := i.process.Call(ctx, func(ctx context.Context, c *contract.Client) (err error) {
		answer, err = c.Plugin.Status(ctx, &contract.StatusRequest{})
		return err
	})
	return answer, err
}

// MakeKey has the plugin make a key for the node's own identity.
func (i *Instance) MakeKey(ctx context.Context) (key *secret.Bytes, deposit []byte, err error) {
	err = i.forOperator(ctx, func(ctx context.Context, c *contract.Client) error {
		answer, err := c.NodeIdentity.Make(ctx, &contract.MakeRequest{})
		if err != nil {
			return err
		}
		key, deposit = secret.New(answer.GetKey()), answer.GetDeposit()
		return nil
	})
	return key, deposit, err
}

// OpenKey has the plugin open a key that it made for the node's own identity.
func (i *Instance) OpenKey(ctx context.Context, deposit []byte) (key *secret.Bytes, err error) {
	err = i.forOperator(ctx, func(ctx context.Context, c *contract.Client) error {
		answer, err := c.NodeIdentity.Open(ctx, &contract.OpenRequest{Deposit: deposit})
		if err != nil {
			return err
		}
		key = secret.New(answer.GetKey())
		return nil
	})
	return key, err
}

// Block is a configuration block as it travels to a plugin.
func Block(b config.Block) *contract.ConfigBlock {
	return &contract.ConfigBlock{
		Filename: b.Filename, Source: b.Source,
		Start: &contract.Position{Line: int64(b.StartLine), Column: int64(b.StartColumn), Byte: int64(b.StartByte)},
	}
}
