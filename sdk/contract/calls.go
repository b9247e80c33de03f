package contract

import (
	"context"
	"time"

	"google.golang.org/grpc"

	"github.com/milagro-dta/dta/protocol/fault"
)

// DialOptions are those of the connection that go-plugin makes, for plugin.ClientConfig.GRPCDialOptions. They bound
// messages and give a deadline to go-plugin's own calls, which have none and would hang on a stopped process.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessage), grpc.MaxCallSendMsgSize(MaxMessage)),
		grpc.WithChainUnaryInterceptor(controlDeadline),
	}
}

func controlDeadline(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	ctx, cancel := withDeadline(ctx, ControlDeadline)
	defer cancel()
	return call(ctx, method, req, reply, conn, opts...)
}

// ServerOptions are those of a plugin's server: bounded messages, a deadline for every call, errors with their kind.
// more run inside these, in order, so that what they return still gets its kind.
func ServerOptions(more ...grpc.UnaryServerInterceptor) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(MaxMessage),
		grpc.MaxSendMsgSize(MaxMessage),
		grpc.ChainUnaryInterceptor(append([]grpc.UnaryServerInterceptor{answer}, more...)...),
	}
}

func answer(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	ctx, cancel := withDeadline(ctx, DefaultDeadline)
	defer cancel()
	reply, err := handle(ctx, req)
	if err != nil {
		return nil, fault.ToStatus(err)
	}
	return reply, nil
}

func withDeadline(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, d)
}

// fromStatus gives an error its kind. A call that the caller's own context ended is a deadline, whatever the
// transport made of it.
func fromStatus(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fault.New(fault.Deadline, "calling the plugin: %w", ctx.Err())
	}
	return fault.FromStatus(err)
}
