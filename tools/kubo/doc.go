// Package kubo pins a real IPFS node, Kubo v0.42.0, for tests and for operators.
//
// It is a module of its own, so that none of Kubo's several hundred modules
// reaches dta. `make kubo` builds the program as .tools/ipfs: some ten minutes
// of processor time the first time, seconds afterwards.
//
// To update it, run `go get -tool github.com/ipfs/kubo/cmd/ipfs@VERSION` in this
// directory. `go install …@VERSION` does not work: Kubo's go.mod has excludes.
//
// Who runs a node beside dta sets IPFS_TELEMETRY=off, keeps its RPC interface
// on loopback, and in a private swarm sets LIBP2P_FORCE_PNET=1 beside the
// swarm.key, so that the node does not start without it. A block that Kubo
// acknowledged is not yet safe from a power failure unless the flatfs mount in
// Datastore.Spec has "sync": true; dta does not rely on it.
package kubo
