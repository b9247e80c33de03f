package kubo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/ipfs"
	"github.com/milagro-dta/dta/protocol/ipfs/gateway"
	"github.com/milagro-dta/dta/protocol/ipfs/ipfstest"
	"github.com/milagro-dta/dta/protocol/ipfs/kubo"
	"github.com/milagro-dta/dta/protocol/ipfs/kubo/kubotest"
)

func client(t *testing.T, n *kubotest.Node) *kubo.Kubo {
	t.Helper()
	k, err := kubo.New(n.API, kubo.Options{Lookup: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestARealNodeIsALog(t *testing.T) {
	k := client(t, kubotest.Start(t, 1).Nodes[0])
	ipfstest.Test(t, k, k)
}

func TestTwoRealNodesInAPrivateSwarmAreOneLog(t *testing.T) {
	swarm := kubotest.Start(t, 2)
	ipfstest.Test(t, client(t, swarm.Nodes[0]), client(t, swarm.Nodes[1]))
}

// TestAChainIsWalkedByTheNodesOwnTool is what an operator does with
// `ipfs dag get`: from the newest block along its links to the first.
func TestAChainIsWalkedByTheNodesOwnTool(t *testing.T) {
	type header struct {
		Previous []dag.CID `cbor:"previous"`
		Part     string    `cbor:"part"`
	}
	type envelope struct {
		Header header `cbor:"header"`
	}
	ctx := context.Background()
	swarm := kubotest.Start(t, 2)
	writer := client(t, swarm.Nodes[0])
	var previous []dag.CID
	var newest dag.CID
	for _, part := range []string{"order", "acceptance", "redemption", "release"} {
		block, err := dag.Encode(envelope{header{Previous: previous, Part: part}})
		if err != nil {
			t.Fatal(err)
		}
		if newest, err = writer.Put(ctx, block); err != nil {
			t.Fatal(err)
		}
		previous = []dag.CID{newest}
	}
	path := newest.String()
	for _, part := range []string{"release", "redemption", "acceptance", "order"} {
		// The other node has none of it until it is asked.
		out := swarm.Nodes[1].Run(t, "dag", "get", "--timeout=20s", path+"/header/part")
		var found string
		if err := json.Unmarshal(out, &found); err != nil || found != part {
			t.Errorf("%s: expected %q, found %s (%v)", path, part, out, err)
		}
		path += "/header/previous/0"
	}
	// What an operator keeps from the node's garbage collection, all it links included.
	swarm.Nodes[1].Run(t, "pin", "add", "--recursive", newest.String())
	pins := swarm.Nodes[1].Run(t, "pin", "ls", "--type=recursive", "--quiet")
	if !bytes.Contains(pins, []byte(newest.String())) {
		t.Errorf("expected %s to be pinned, found %s", newest, pins)
	}
}

func TestAStoppedNodeIsUnavailableUntilItReturns(t *testing.T) {
	node := kubotest.Start(t, 1).Nodes[0]
	k := client(t, node)
	ctx := context.Background()
	block := []byte{0x63, 'a', 'b', 'c'}
	c, err := k.Put(ctx, block)
	if err != nil {
		t.Fatal(err)
	}
	node.Stop(t)
	_, err = k.Get(ctx, c)
	ipfstest.Expect(t, err, fault.Unavailable)
	_, err = k.Put(ctx, block)
	ipfstest.Expect(t, err, fault.Unavailable)
	node.Start(t)
	found, err := k.Get(ctx, c)
	if err != nil || !bytes.Equal(found, block) {
		t.Errorf("after its return: found % x, %v", found, err)
	}
}

// TestTheGatewaysClientReadsFromARealGateway: both sides speak the trustless
// gateway interface of IPFS, not one of our own.
func TestTheGatewaysClientReadsFromARealGateway(t *testing.T) {
	node := kubotest.Start(t, 1).Nodes[0]
	c, err := gateway.New([]gateway.Source{{URL: node.Gateway}}, gateway.Options{Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	k := client(t, node)
	block, err := dag.Encode("over the gateway")
	if err != nil {
		t.Fatal(err)
	}
	name, err := k.Put(context.Background(), block)
	if err != nil {
		t.Fatal(err)
	}
	for _, getter := range []ipfs.Getter{c, ipfs.First(c, k)} {
		found, err := getter.Get(context.Background(), name)
		if err != nil || !bytes.Equal(found, block) {
			t.Errorf("found % x, %v", found, err)
		}
	}
}
