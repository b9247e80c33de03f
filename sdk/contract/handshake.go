// Package contract is everything that a host and a custody plugin share: the gRPC services (custody.proto, with
// the rules of every call), the handshake of go-plugin, the limits, and what both ends do to every call.
//
// A host reaches a plugin in one of two ways and uses the same Client for both:
//
//	supervised  the host starts the program through go-plugin; Plugins gives the glue, DialOptions the options of
//	            the connection, and Dispense(Name) returns a *Client
//	enrolled    another service manager started it; NewClient works over its socket
//
// Errors of a Client are those of protocol/fault: a kind, and a text that is safe to show.
package contract

import (
	"context"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

// Name is the one thing that a plugin dispenses: a *Client.
const Name = "custody"

// Version1 is the protocol version of package dta.custody.v1.
const Version1 = 1

// Handshake tells a plugin that a D-TA host started it. The cookie is no secret and proves nothing: it only gives
// a kind answer to someone who runs the program by hand.
var Handshake = plugin.HandshakeConfig{
	MagicCookieKey:   "DTA_CUSTODY_PLUGIN",
	MagicCookieValue: "9f1b5b0c6a3f4c6d8d7e2a41c0e3b7a5",
}

// Plugins gives the host's glue for every version known here, in the form of plugin.ClientConfig.VersionedPlugins.
func Plugins() map[int]plugin.PluginSet {
	return map[int]plugin.PluginSet{Version1: {Name: &glue{}}}
}

// Served gives a plugin's glue for the versions it can speak, in the form of plugin.ServeConfig.VersionedPlugins.
// register adds the plugin's services to the server that go-plugin makes.
func Served(register func(grpc.ServiceRegistrar)) map[int]plugin.PluginSet {
	return map[int]plugin.PluginSet{Version1: {Name: &glue{register: register}}}
}

// glue joins the services to go-plugin.
type glue struct {
	plugin.NetRPCUnsupportedPlugin
	register func(grpc.ServiceRegistrar) // adds the services; only a plugin has it
}

var _ plugin.GRPCPlugin = (*glue)(nil)

// GRPCServer adds the services to the server of a plugin.
func (g *glue) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	if g.register != nil {
		g.register(s)
	}
	return nil
}

// GRPCClient returns a *Client.
func (g *glue) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return NewClient(conn), nil
}
