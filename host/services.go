package host

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/host/beneficiary"
	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/host/directory"
	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/host/principal"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/redemption"
	"github.com/milagro-dta/dta/host/registrar"
	"github.com/milagro-dta/dta/host/scrub"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/ipfs"
	"github.com/milagro-dta/dta/protocol/ipfs/gateway"
	"github.com/milagro-dta/dta/protocol/ipfs/kubo"
	"github.com/milagro-dta/dta/protocol/peer"
)

// self is the alias under which a node knows itself.
const self = "self"

// wire makes the services of the roles.
func (n *Node) wire() error {
	c := n.config
	var getters []ipfs.Getter
	if c.IPFS.Kind == config.KindKubo {
		var err error
		if n.ipfs, err = kubo.New(c.IPFS.API, kubo.Options{}); err != nil {
			return err
		}
		getters = append(getters, n.ipfs)
	}
	peers, sources, err := n.peers()
	if err != nil {
		return err
	}
	if len(sources) > 0 {
		g, err := gateway.New(sources, gateway.Options{Prove: n.prove})
		if err != nil {
			return err
		}
		// Nodes that know each other are asked first: that is the fast way.
		getters = append([]ipfs.Getter{g}, getters...)
	}
	handlers := map[string]courier.Handler{
		records.JobFulfil:  func(ctx context.Context, j courier.Job) error { return n.principal.Resume(ctx, j.Payload) },
		records.JobRedeem:  n.resumeRedemption,
		records.JobRevoke:  func(ctx context.Context, j courier.Job) error { return n.registrar.Resume(ctx, j.Payload) },
		records.JobNotice:  n.tell,
		records.JobPublish: n.publishBlocks,
		records.JobForget:  func(ctx context.Context, _ courier.Job) error { return n.records.Forget(ctx) },
		records.JobProve:   func(ctx context.Context, j courier.Job) error { return n.records.ProvePeer(ctx, j.Key) },
	}
	n.courier = courier.New(n.store, handlers, courier.Options{Log: n.log.Named("courier"), Now: n.now})
	n.checker = &scrub.Checker{Store: n.store, Jobs: slices.Collect(maps.Keys(handlers))}
	n.scrub = scrub.New(n.checker, scrub.Options{Log: n.log, Report: func(err error) { n.health.Report("store", err) }})
	n.custody.OnReturn(n.retry)
	n.records = records.New(records.Options{
		Store: n.store, Audit: n.audit, Courier: n.courier, Keys: n.keys, Clock: n.clock,
		Network: ipfs.First(getters...), Publish: n.ipfs != nil, Peers: peers, Log: n.log,
		Accepting: n.health.Accepting, Watch: n.scrub,
	})
	n.checker.Records = n.records
	n.wireFiduciary()
	n.principal = principal.New(n.records, n.defaultFiduciary())
	n.registrar = registrar.New(n.records)
	n.redeems = redemption.New(n.records, principal.Role)
	n.beneficiary = beneficiary.New(n.records)
	n.services = append(n.services, n.principal, n.registrar, n.redeems, n.beneficiary)
	if n.fiduciary != nil {
		n.services = append(n.services, n.fiduciary)
	}
	n.services = append(n.services, n.records)
	return nil
}

// wireFiduciary makes the fiduciary's service, if this node keeps secrets, and
// puts the node into its own directory, so that its own principal reaches it as
// it would reach any other.
func (n *Node) wireFiduciary() {
	me := &directory.Peer{Alias: self, Name: n.keys.Identity().Name, FirstUse: true, Node: myself{n}, Notify: n.deliver}
	n.records.Directory.Add(me)
	if n.config.Fiduciary == nil {
		me.Fiduciary = noFiduciary{}
		return
	}
	o := fiduciary.Options{Records: n.records, Offers: n.Standing}
	for _, p := range n.config.Fiduciary.Principals {
		o.Principals = append(o.Principals, p)
	}
	if n.config.Fiduciary.Self {
		o.Principals = append(o.Principals, me.Name)
	}
	for _, name := range n.config.Fiduciary.Custody {
		if i, err := n.custody.Instance(name); err == nil {
			o.Instances = append(o.Instances, i)
		}
	}
	n.fiduciary = fiduciary.New(o)
	me.Fiduciary = n.fiduciary
}

// peers makes the peers of the configuration.
func (n *Node) peers() (out []*directory.Peer, sources []gateway.Source, err error) {
	for _, p := range n.config.Peers {
		transport := peer.Transport()
		if p.TLSCA != "" {
			if transport.TLSClientConfig, err = trusting(p.TLSCA); err != nil {
				return nil, nil, fmt.Errorf("peer %q: %w", p.Name, err)
			}
		}
		d := &directory.Peer{Alias: p.Name, Name: p.Identity, Pinned: p.Custody, FirstUse: p.AcceptUnpinnedCustodyOnFirstUse}
		out = append(out, d)
		over := &http.Client{Transport: transport}
		client, err := peer.NewClient(p.URL.String(), over)
		if err != nil {
			return nil, nil, fmt.Errorf("peer %q: %w", p.Name, err)
		}
		d.Fiduciary, d.Node, d.Notify, d.Prove = client, client, client.Notice, client.Consistency
		d.Show, d.Document = client.Show, client.Document
		sources = append(sources, gateway.Source{URL: client.URL(), Node: p.Identity, HTTP: over})
	}
	return out, sources, nil
}

// prove shows a peer's gateway that this node asks.
func (n *Node) prove(audience, c dag.CID) (string, error) {
	now, err := n.clock.Now()
	if err != nil {
		return "", err
	}
	return gateway.Prove(n.keys, audience, c, now)
}

func trusting(file string) (*tls.Config, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fault.New(fault.Invalid, "%s: expected a PEM certificate", file)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}, nil
}

// defaultFiduciary is who an order means that names nobody: this node, where it
// keeps secrets, else the only peer that does.
func (n *Node) defaultFiduciary() string {
	if n.fiduciary != nil {
		return self
	}
	only := ""
	for _, p := range n.config.Peers {
		if len(p.Custody) == 0 {
			continue
		}
		if only != "" {
			return ""
		}
		only = p.Name
	}
	return only
}

// tell delivers a queued notice. A node that is no fiduciary any more keeps the
// notices of the orders that it accepted when it was one.
func (n *Node) tell(ctx context.Context, j courier.Job) error {
	if n.fiduciary == nil {
		return fault.New(fault.Unavailable, "this node is no fiduciary")
	}
	return n.fiduciary.Tell(ctx, j.Payload)
}

// deliver takes the fiduciary's news to the beneficiary of the same node.
func (n *Node) deliver(ctx context.Context, notice peer.Notice) error {
	news, err := n.records.Verify(ctx, notice)
	if err != nil {
		return err
	}
	return n.beneficiary.Notice(ctx, records.Key(news.Order), news)
}

func (n *Node) resumeRedemption(ctx context.Context, j courier.Job) error {
	role, err := redemption.RoleOf(j.Payload)
	if err != nil {
		return err
	}
	if role == beneficiary.Role {
		return n.beneficiary.Resume(ctx, j.Payload)
	}
	return n.redeems.Resume(ctx, j.Payload)
}

// publish queues blocks that are published beside any order.
func (n *Node) publish(tx *store.Tx, now time.Time, blocks ...dag.CID) error {
	if n.config.IPFS.Kind != config.KindKubo {
		return nil
	}
	payload, err := dag.Encode(records.Published{Blocks: blocks})
	if err != nil {
		return err
	}
	return courier.Enqueue(tx, courier.Job{Kind: records.JobPublish, Key: blocks[0].String(), Place: records.PlaceIPFS, Payload: payload, Due: now.UnixMilli()})
}

// publishBlocks hands blocks to the IPFS node.
func (n *Node) publishBlocks(ctx context.Context, j courier.Job) error {
	if n.ipfs == nil {
		return nil
	}
	var p records.Published
	if err := dag.Decode(j.Payload, &p); err != nil {
		return err
	}
	blocks, err := n.records.Blocks(ctx, p.Blocks...)
	if err != nil {
		return err
	}
	for _, block := range blocks {
		if _, err := n.ipfs.Put(ctx, block); err != nil {
			return err
		}
	}
	return nil
}

// myself is this node as its own peer.
type myself struct{ *Node }

// Identity implements [directory.Node].
func (m myself) Identity(context.Context) (peer.Identity, error) {
	id := m.keys.Identity()
	return peer.Identity{IDDocumentCID: id.Name.String(), Document: id.Document.String(), Blocks: peer.NewBag(id.Blocks()...)}, nil
}

// noFiduciary is this node while it keeps secrets for nobody. That can change
// with its configuration, so an order that names it waits.
type noFiduciary struct{}

func (noFiduciary) FulfillOrder(context.Context, peer.FulfillOrder) (peer.FulfilledOrder, error) {
	return peer.FulfilledOrder{}, fault.New(fault.Unavailable, "this node has no fiduciary block: it keeps secrets for nobody")
}

func (noFiduciary) FulfillSecret(context.Context, peer.FulfillSecret) (peer.FulfilledSecret, error) {
	return peer.FulfilledSecret{}, fault.New(fault.Unavailable, "this node has no fiduciary block: it keeps secrets for nobody")
}

func (noFiduciary) FulfillRequest(context.Context, peer.FulfillRequest) (peer.FulfilledRequest, error) {
	return peer.FulfilledRequest{}, fault.New(fault.Unavailable, "this node has no fiduciary block: it issues for nobody")
}

func (noFiduciary) FulfillRevocation(context.Context, peer.FulfillRevocation) error {
	return fault.New(fault.Unavailable, "this node has no fiduciary block: it issues for nobody")
}

func (noFiduciary) Custody(context.Context) (peer.Custody, error) { return peer.Custody{}, nil }
