package contract

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// Client calls a plugin. Its errors are those of protocol/fault, and a call without a deadline gets
// DefaultDeadline, whatever the connection under it was dialled with.
type Client struct {
	Plugin       PluginClient
	Custody      CustodyClient
	Issuing      IssuingClient
	NodeIdentity NodeIdentityClient
	Tenure       TenureClient

	health grpc_health_v1.HealthClient
}

// NewClient works over any connection: go-plugin's, a socket of an enrolled plugin, or one in memory.
func NewClient(conn grpc.ClientConnInterface) *Client {
	c := civil{conn}
	return &Client{
		Plugin:       NewPluginClient(c),
		Custody:      NewCustodyClient(c),
		Issuing:      NewIssuingClient(c),
		NodeIdentity: NewNodeIdentityClient(c),
		Tenure:       NewTenureClient(c),
		health:       grpc_health_v1.NewHealthClient(c),
	}
}

// Ping asks whether the plugin serves at all, which is not the same as being able to work: see Plugin.Status.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.health.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: HealthService})
	return err
}

// HealthService is the name under which a plugin reports its health; go-plugin fixed it.
const HealthService = "plugin"

// civil is a connection with the manners of this contract.
type civil struct{ grpc.ClientConnInterface }

func (c civil) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	ctx, cancel := withDeadline(ctx, DefaultDeadline)
	defer cancel()
	opts = append([]grpc.CallOption{grpc.MaxCallRecvMsgSize(MaxMessage), grpc.MaxCallSendMsgSize(MaxMessage)}, opts...)
	return fromStatus(ctx, c.ClientConnInterface.Invoke(ctx, method, args, reply, opts...))
}
