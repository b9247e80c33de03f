package plugintest_test

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/plugintest"
)

// lesser is a plugin that is not of this sdk: it lists what it is told to, and has Memory do the work.
type lesser struct {
	contract.UnimplementedPluginServer
	contract.UnimplementedCustodyServer
	contract.UnimplementedIssuingServer
	contract.UnimplementedNodeIdentityServer
	*contract.Client

	abilities, services []string
}

// serveLesser serves the abilities and, after a semicolon, the services beside Plugin that a list names.
func serveLesser(list string) {
	abilities, services, _ := strings.Cut(list, ";")
	l := &lesser{abilities: strings.Fields(abilities)}
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{contract.EnvLogLevel + "=error"}
	memory := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: contract.Handshake, VersionedPlugins: contract.Plugins(), AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS: true, SkipHostEnv: true, Cmd: cmd, Logger: hclog.NewNullLogger(), GRPCDialOptions: contract.DialOptions(),
	})
	defer memory.Kill()
	client, err := memory.Client()
	if err != nil {
		panic(err)
	}
	raw, err := client.Dispense(contract.Name)
	if err != nil {
		panic(err)
	}
	l.Client = raw.(*contract.Client)
	register := map[string]func(grpc.ServiceRegistrar){
		"Custody":      func(r grpc.ServiceRegistrar) { contract.RegisterCustodyServer(r, l) },
		"Issuing":      func(r grpc.ServiceRegistrar) { contract.RegisterIssuingServer(r, l) },
		"NodeIdentity": func(r grpc.ServiceRegistrar) { contract.RegisterNodeIdentityServer(r, l) },
	}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: contract.Handshake,
		VersionedPlugins: contract.Served(func(r grpc.ServiceRegistrar) {
			contract.RegisterPluginServer(r, l)
			for _, s := range strings.Fields(services) {
				l.services = append(l.services, "dta.custody.v1."+strings.TrimSuffix(s, "?"))
				if add, ok := register[s]; ok { // with a question mark it is listed only
					add(r)
				}
			}
		}),
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(options, contract.ServerOptions()...)...)
		},
		Logger: hclog.NewNullLogger(),
	})
}

func (l *lesser) Describe(ctx context.Context, q *contract.DescribeRequest) (*contract.DescribeResponse, error) {
	d, err := l.Client.Plugin.Describe(ctx, q)
	if err == nil {
		d.Abilities, d.Services = l.abilities, append([]string{"dta.custody.v1.Plugin"}, l.services...)
		if !slices.Contains(l.abilities, "key") {
			d.KeyTypes = nil
		}
	}
	return d, err
}

func (l *lesser) Validate(ctx context.Context, q *contract.ValidateRequest) (*contract.ValidateResponse, error) {
	return l.Client.Plugin.Validate(ctx, q)
}

func (l *lesser) Configure(ctx context.Context, q *contract.ConfigureRequest) (*contract.ConfigureResponse, error) {
	return l.Client.Plugin.Configure(ctx, q)
}

func (l *lesser) Enrol(ctx context.Context, q *contract.EnrolRequest) (*contract.EnrolResponse, error) {
	return l.Client.Plugin.Enrol(ctx, q)
}

func (l *lesser) Status(ctx context.Context, q *contract.StatusRequest) (*contract.StatusResponse, error) {
	return l.Client.Plugin.Status(ctx, q)
}

func (l *lesser) Safeguard(ctx context.Context, q *contract.SafeguardRequest) (*contract.SafeguardResponse, error) {
	return l.Custody.Safeguard(ctx, q)
}

func (l *lesser) Restore(ctx context.Context, q *contract.RestoreRequest) (*contract.RestoreResponse, error) {
	return l.Custody.Restore(ctx, q)
}

func (l *lesser) Show(ctx context.Context, q *contract.ShowRequest) (*contract.ShowResponse, error) {
	return l.Custody.Show(ctx, q)
}

func (l *lesser) Issue(ctx context.Context, q *contract.IssueRequest) (*contract.IssueResponse, error) {
	return l.Issuing.Issue(ctx, q)
}

func (l *lesser) Make(ctx context.Context, q *contract.MakeRequest) (*contract.MakeResponse, error) {
	return l.NodeIdentity.Make(ctx, q)
}

func (l *lesser) Open(ctx context.Context, q *contract.OpenRequest) (*contract.OpenResponse, error) {
	return l.NodeIdentity.Open(ctx, q)
}

func lesserAuthor(list string) testing.InternalTest {
	return testing.InternalTest{Name: "Author", F: func(t *testing.T) {
		c := plugintest.MemoryConfig()
		c.Type, c.Command, c.Env = plugintest.MemoryType, os.Args[0], []string{asLesser + "=" + list}
		plugintest.Run(t, c)
	}}
}

// TestAPluginIsHeldToWhatItLists: it may list less than the sdk does, and must do what it lists.
func TestAPluginIsHeldToWhatItLists(t *testing.T) {
	for name, c := range map[string]struct{ lists, cases, want string }{
		"secrets only":                           {"secret; Custody", "", ""},
		"keys only":                              {"key; Custody", ofLeaks, ""},
		"networks only":                          {"network; Custody Issuing", ofLeaks, ""},
		"nothing":                                {";", "it describes itself before it is configured", "the plugin lists no ability"},
		"networks without the service":           {"secret network; Custody", "it describes itself before it is configured", "need service dta.custody.v1.Issuing"},
		"an ability that nobody knows":           {"secret dance; Custody", "it describes itself before it is configured", `got "dance"`},
		"networks, which it does not serve":      {"network; Custody Issuing?", ofLeaks, "unknown service dta.custody.v1.Issuing"},
		"the node's key, which it does not hold": {"secret; Custody NodeIdentity?", ofLeaks, "unknown service dta.custody.v1.NodeIdentity"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report, failed := conformance(t, c.cases, asVictim+"="+name, asLesser+"="+c.lists)
			if failed != (c.want != "") || !strings.Contains(report, c.want) {
				t.Errorf("expected a report with %q:\n%s", c.want, report)
			}
			if c.want == "" && !strings.Contains(report, "--- PASS: Author/") {
				t.Errorf("expected cases to have run:\n%s", report)
			}
		})
	}
}
