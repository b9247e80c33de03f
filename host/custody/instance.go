package custody

import (
	"context"
	"encoding/hex"
	"fmt"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/host/supervisor"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
)

// Instance is one custody plugin.
type Instance struct {
	config  config.Plugin
	set     *Set
	process *supervisor.Supervisor

	// rooting is held while a plugin is enrolled, and while one is told of its enrolment: a process that starts
	// meanwhile, because the one that was asked has died, would be told of none.
	rooting sync.Mutex

	mu    sync.Mutex // guards what follows
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
	env := make([]string, 0, len(i.config.Env)+1)
	for name, value := range i.config.Env {
		env = append(env, name+"="+string(value.Open()))
	}
	if level := i.set.options.Log.GetLevel(); level != hclog.NoLevel && i.config.Env[contract.EnvLogLevel] == nil {
		env = append(env, contract.EnvLogLevel+"="+level.String())
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
	i.rooting.Lock()
	defer i.rooting.Unlock()
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
	if scheme := answer.GetScheme(); !order.IsLabel(scheme) {
		return fault.New(fault.Invalid, "configure: expected a scheme of at most %d printable characters, found %.80q", order.MaxLabel, scheme)
	}
	about, err := describe(ctx, c, i.config)
	if err != nil {
		return err
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

// describe asks a plugin what it is, and refuses one of another type than its block says.
func describe(ctx context.Context, c *contract.Client, p config.Plugin) (*contract.DescribeResponse, error) {
	about, err := c.Plugin.Describe(ctx, &contract.DescribeRequest{})
	if err != nil {
		return nil, fmt.Errorf("describe: %w", err)
	}
	if about.GetType() != p.Type {
		return nil, fault.New(fault.Invalid, "the program %s is a plugin of type %.80q; expected %q", p.Command, about.GetType(), p.Type)
	}
	return about, nil
}

// Block is a configuration block as it travels to a plugin.
func Block(b config.Block) *contract.ConfigBlock {
	return &contract.ConfigBlock{
		Filename: b.Filename, Source: b.Source,
		Start: &contract.Position{Line: int64(b.StartLine), Column: int64(b.StartColumn), Byte: int64(b.StartByte)},
	}
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
