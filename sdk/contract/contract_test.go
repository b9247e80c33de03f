package contract_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk/contract"
)

// plugin answers Status as the test says.
type plugin struct {
	contract.UnimplementedPluginServer
	status func(context.Context) (*contract.StatusResponse, error)
}

func (p plugin) Status(ctx context.Context, _ *contract.StatusRequest) (*contract.StatusResponse, error) {
	return p.status(ctx)
}

func serve(t *testing.T, status func(context.Context) (*contract.StatusResponse, error)) *contract.Client {
	t.Helper()
	lis := bufconn.Listen(1 << 20)
	server := grpc.NewServer(contract.ServerOptions()...)
	contract.RegisterPluginServer(server, plugin{status: status})
	done := make(chan error, 1)
	go func() { done <- server.Serve(lis) }()
	conn, err := grpc.NewClient("passthrough:plugin",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		server.Stop()
		<-done
	})
	return contract.NewClient(conn)
}

func TestErrorsKeepTheirKindAcrossTheWire(t *testing.T) {
	for _, kind := range []fault.Kind{fault.Invalid, fault.Denied, fault.NotFound, fault.Conflict, fault.Unsupported, fault.Busy, fault.Unavailable, fault.Deadline} {
		t.Run(string(kind), func(t *testing.T) {
			c := serve(t, func(context.Context) (*contract.StatusResponse, error) {
				return nil, fault.New(kind, "token %q is away", "custody")
			})
			_, err := c.Plugin.Status(t.Context(), &contract.StatusRequest{})
			if fault.Of(err) != kind || err.Error() != `token "custody" is away` {
				t.Errorf("expected %s with its text; got %s: %v", kind, fault.Of(err), err)
			}
		})
	}
}

func TestTheTextOfAnInternalErrorStaysInThePlugin(t *testing.T) {
	c := serve(t, func(context.Context) (*contract.StatusResponse, error) {
		return nil, errors.New("canary in a path")
	})
	_, err := c.Plugin.Status(t.Context(), &contract.StatusRequest{})
	if fault.Of(err) != fault.Internal || strings.Contains(err.Error(), "canary") {
		t.Errorf("expected an internal error without text; got %s: %v", fault.Of(err), err)
	}
}

func TestEveryCallHasADeadline(t *testing.T) {
	left := make(chan time.Duration, 1)
	c := serve(t, func(ctx context.Context) (*contract.StatusResponse, error) {
		at, ok := ctx.Deadline()
		if !ok {
			t.Error("a call without a deadline reached the plugin")
		}
		left <- time.Until(at)
		return &contract.StatusResponse{}, nil
	})
	if _, err := c.Plugin.Status(context.Background(), &contract.StatusRequest{}); err != nil {
		t.Fatal(err)
	}
	if d := <-left; d <= 0 || d > contract.DefaultDeadline {
		t.Errorf("expected at most %s; got %s", contract.DefaultDeadline, d)
	}
}

func TestACallThatTheCallerGaveUpIsADeadline(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := serve(t, func(inner context.Context) (*contract.StatusResponse, error) {
		cancel()
		<-inner.Done()
		return nil, inner.Err()
	})
	_, err := c.Plugin.Status(ctx, &contract.StatusRequest{})
	if fault.Of(err) != fault.Deadline {
		t.Errorf("expected deadline; got %s: %v", fault.Of(err), err)
	}
}

func TestAMessageOverTheLimitIsRefused(t *testing.T) {
	c := serve(t, func(context.Context) (*contract.StatusResponse, error) {
		return &contract.StatusResponse{Text: strings.Repeat("x", contract.MaxMessage)}, nil
	})
	if _, err := c.Plugin.Status(t.Context(), &contract.StatusRequest{}); fault.Of(err) != fault.Busy {
		t.Errorf("answer: expected busy (resource exhausted); got %s: %v", fault.Of(err), err)
	}
	_, err := c.Plugin.Configure(t.Context(), &contract.ConfigureRequest{Root: make([]byte, contract.MaxMessage)})
	if fault.Of(err) != fault.Busy {
		t.Errorf("request: expected busy (resource exhausted); got %s: %v", fault.Of(err), err)
	}
}

func TestOperationIDsDifferInEachPart(t *testing.T) {
	a, b := dag.Sum([]byte("a")), dag.Sum([]byte("b"))
	ids := map[string]string{}
	for name, id := range map[string]string{
		"first":            contract.OperationID(a, "vault", "share"),
		"another cause":    contract.OperationID(b, "vault", "share"),
		"another instance": contract.OperationID(a, "vault2", "share"),
		"another purpose":  contract.OperationID(a, "vault", "key"),
		"moved border":     contract.OperationID(a, "vaults", "hare"),
	} {
		if was, ok := ids[id]; ok {
			t.Errorf("%s and %s have one id", name, was)
		}
		if len(id) != 64 {
			t.Errorf("%s: expected 64 hex digits, found %q", name, id)
		}
		ids[id] = name
	}
}

func TestDiagnosticsTravelWithoutValues(t *testing.T) {
	at := hcl.Range{Filename: "node.hcl", Start: hcl.Pos{Line: 7, Column: 5, Byte: 90}, End: hcl.Pos{Line: 7, Column: 9, Byte: 94}}
	sent := hcl.Diagnostics{
		{
			Severity: hcl.DiagError, Summary: "Bad PIN", Detail: "Too short.", Subject: &at, Extra: contract.Sensitive{},
			EvalContext: &hcl.EvalContext{Variables: map[string]cty.Value{"pin": cty.StringVal("canary")}},
		},
		{Severity: hcl.DiagWarning, Summary: "Old module"},
	}
	got := contract.ToHCL(contract.FromHCL(sent), "node.hcl")
	want := hcl.Diagnostics{
		{Severity: hcl.DiagError, Summary: "Bad PIN", Detail: "Too short.", Subject: &at, Extra: contract.Sensitive{}},
		{Severity: hcl.DiagWarning, Summary: "Old module"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !contract.IsSensitive(got[0]) || contract.IsSensitive(got[1]) {
		t.Error("the mark of sensitive lines was lost or invented")
	}
}

func TestAPluginCannotPointAtOtherFilesOrNowhere(t *testing.T) {
	for name, r := range map[string]*contract.Range{
		"another file":   {Filename: "/etc/shadow", Start: &contract.Position{Line: 1, Column: 1}, End: &contract.Position{Line: 1, Column: 2, Byte: 1}},
		"before line 1":  {Filename: "node.hcl", Start: &contract.Position{}, End: &contract.Position{Line: 1, Column: 2, Byte: 1}},
		"ends too early": {Filename: "node.hcl", Start: &contract.Position{Line: 2, Column: 1, Byte: 9}, End: &contract.Position{Line: 1, Column: 2, Byte: 1}},
		"no positions":   {Filename: "node.hcl"},
	} {
		t.Run(name, func(t *testing.T) {
			got := contract.ToHCL([]*contract.Diagnostic{{Summary: "look here", Range: r}}, "node.hcl")
			if len(got) != 1 || got[0].Subject != nil {
				t.Errorf("expected the diagnostic without its range; got %v", got)
			}
		})
	}
}
