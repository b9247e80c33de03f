package sdk

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/pluginconf"
)

func TestACallThatHangsDoesNotKeepThePluginFromEnding(t *testing.T) {
	begun, resume := make(chan struct{}), make(chan struct{})
	p := Plugin[struct{}]{Type: "x", Validate: func(*struct{}) []pluginconf.Problem {
		close(begun)
		<-resume
		return nil
	}}
	s := &server{plugin: p.program(), logger: hclog.NewNullLogger()}
	g := newGate()
	g.limit = 20 * time.Millisecond
	s.grpcServer(g, nil, contract.ServerOptions)
	s.register(g.server)
	lis := bufconn.Listen(1 << 10)
	go func() { _ = g.server.Serve(lis) }()
	conn, err := grpc.NewClient("passthrough:plugin", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	called := make(chan error, 1)
	go func() {
		_, err := contract.NewClient(conn).Plugin.Validate(t.Context(), &contract.ValidateRequest{Instance: "i"})
		called <- err
	}()
	<-begun
	ended := make(chan bool, 1)
	go func() { ended <- g.drain() }()
	select {
	case left := <-ended:
		if left {
			t.Error("expected to be told of the call that did not end")
		}
	case <-time.After(20 * time.Second):
		t.Error("expected the plugin to end without the call")
	}
	close(resume)
	if err := <-called; err == nil {
		t.Error("expected the call to be ended")
	}
}
