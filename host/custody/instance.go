package custody

import (
	"context"
	"encoding/hex"
	"fmt"
	"sync"
	"sync/atomic"

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
	name    string
	set     *Set
	process *supervisor.Supervisor
	watch   watch

	// rooting is held while a plugin is enrolled, and while one is told of its enrolment: a process that starts
	// meanwhile, because the one that was asked has died, would be told of none.
	rooting sync.Mutex

	claiming sync.Mutex             // held while a claim to the realm is made
	mark     atomic.Pointer[[]byte] // of this host's newest claim; nil while it has none
	replaced atomic.Bool            // by another copy of the node, as last seen

	mu    sync.Mutex // guards what follows
	typ   string
	id    *identity.Identity
	about *contract.DescribeResponse
	rung  string
}

// Name is the operator's name of the instance, Type the plugin's.
func (i *Instance) Name() string { return i.name }

// Type is the plugin's type.
func (i *Instance) Type() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.typ
}

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

// spec is how the plugin of a block is run.
func (i *Instance) spec(p config.Plugin) supervisor.Spec {
	env := make([]string, 0, len(p.Env)+1)
	for name, value := range p.Env {
		env = append(env, name+"="+string(value.Open()))
	}
	if level := i.set.options.Log.GetLevel(); level != hclog.NoLevel && p.Env[contract.EnvLogLevel] == nil {
		env = append(env, contract.EnvLogLevel+"="+level.String())
	}
	return supervisor.Spec{
		Name: p.Name, Type: p.Type,
		Command: p.Command, Args: p.Args, Env: env,
		SHA256: hex.EncodeToString(p.SHA256), StartTimeout: p.Timeout,
		RuntimeDir: i.set.options.RuntimeDir,
		Prepare: func(ctx context.Context, c *contract.Client) error {
			as, err := i.prepare(ctx, c, p)
			if err == nil {
				i.become(as)
			}
			return err
		},
		Logger: i.set.options.Log,
	}
}

// prepared is what a plugin has turned out to be.
type prepared struct {
	typ    string
	id     *identity.Identity
	about  *contract.DescribeResponse
	scheme string
}

func (i *Instance) become(as prepared) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.typ, i.id, i.about, i.rung = as.typ, as.id, as.about, as.scheme
}

// prepare configures a plugin whose process has just started, and refuses one
// that is not what it was.
func (i *Instance) prepare(ctx context.Context, c *contract.Client, p config.Plugin) (as prepared, err error) {
	i.rooting.Lock()
	defer i.rooting.Unlock()
	root, known, err := i.recorded(ctx)
	if err != nil {
		return as, err
	}
	request := &contract.ConfigureRequest{
		Block: Block(p.Config), Instance: p.Name, Type: p.Type,
		Root: root.Deposit, Supervised: true, InUse: known != nil || i.seals(),
	}
	if known != nil {
		request.Custody = known.Name.Bytes()
	}
	answer, err := c.Plugin.Configure(ctx, request)
	if err != nil {
		return as, fmt.Errorf("configure: %w", err)
	}
	if diags := contract.ToHCL(answer.GetDiagnostics(), p.Config.Filename); diags.HasErrors() {
		return as, fault.New(fault.Invalid, "configure: %s", config.OneLine(diags))
	}
	as.typ, as.scheme = p.Type, answer.GetScheme()
	if !order.IsLabel(as.scheme) {
		return as, fault.New(fault.Invalid, "configure: expected a scheme of at most %d printable characters, found %.80q", order.MaxLabel, as.scheme)
	}
	if as.about, err = describe(ctx, c, p); err != nil {
		return as, err
	}
	if tenured(as.about) {
		if err := i.hold(ctx, c); err != nil {
			return as, err
		}
	}
	as.id, err = i.shown(ctx, c, p, known, answer.GetCustodyChain())
	return as, err
}

// seals tells whether the plugin has a node's identity sealed.
func (i *Instance) seals() bool {
	o := i.set.options
	return o.Tenant.Defined() && i.name == o.Seal
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

// call calls the plugin. A failure that may be the plugin's is a reason to look how it is.
func (i *Instance) call(ctx context.Context, fn func(context.Context, *contract.Client) error) error {
	err := i.process.Call(ctx, fn)
	i.watch.heard(err)
	return err
}

// forOperator calls the plugin for this node's operator, who alone learns why a
// plugin does not start. Other nodes and principals learn that it does not.
func (i *Instance) forOperator(ctx context.Context, fn func(context.Context, *contract.Client) error) error {
	err := i.call(ctx, fn)
	if why := i.process.Failure(); why != nil && fault.Of(err) == fault.Unavailable {
		return fmt.Errorf("plugin %q does not start: %w", i.name, why)
	}
	return err
}
