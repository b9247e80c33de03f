package gateway_test

import (
	"context"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/ipfs"
	"github.com/milagro-dta/dta/protocol/ipfs/gateway"
	"github.com/milagro-dta/dta/protocol/ipfs/ipfstest"
)

// now is what every clock shows.
var now = time.UnixMilli(1_800_000_000_000)

// rotating makes an identity whose next key is at hand.
func rotating(t testing.TB) (*identity.Keyring, *sign.PrivateKey) {
	t.Helper()
	k, next, err := identity.Create(identity.Kind("node"), "rotating", now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Clear)
	return k, next
}

// cast are identities that the tests share, since they are never changed.
var cast = sync.OnceValue(func() map[string]*identity.Keyring {
	all := make(map[string]*identity.Keyring)
	for _, name := range []string{"node", "party", "stranger", "other node"} {
		k, _, err := identity.Create(identity.Kind("node"), name, now)
		if err != nil {
			panic(err)
		}
		all[name] = k
	}
	return all
})

// shelf is a node's store: a public log, and detached blocks with their parties.
type shelf struct {
	ipfstest.Memory
	mu       sync.Mutex
	detached map[dag.CID]dag.CID // block → name of the party entitled to it
	asked    int
}

func (s *shelf) Block(ctx context.Context, c dag.CID, party *identity.Party) ([]byte, bool, error) {
	s.mu.Lock()
	s.asked++
	owner, detached := s.detached[c]
	s.mu.Unlock()
	if detached && (party == nil || party.Name != owner) {
		return nil, false, fault.New(fault.Denied, "block %s is not for you", c)
	}
	block, err := s.Get(ctx, c)
	return block, !detached, err
}

// keep stores a detached block for one party.
func (s *shelf) keep(t testing.TB, block []byte, owner dag.CID) dag.CID {
	t.Helper()
	c, err := s.Put(context.Background(), block)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.detached == nil {
		s.detached = make(map[dag.CID]dag.CID)
	}
	s.detached[c] = owner
	return c
}

// known resolves the identities of a fixed set of keyrings.
type known []*identity.Identity

func (k known) Party(_ context.Context, p identity.Party) (*identity.Identity, error) {
	for _, id := range k {
		if id.Name == p.Name {
			return id, nil
		}
	}
	return nil, fault.New(fault.NotFound, "identity %s", p.Name)
}

// node serves a shelf; its name is that of cast "node".
func node(t testing.TB, s *shelf, who ...*identity.Keyring) (url string) {
	t.Helper()
	h := &gateway.Handler{
		Node: cast()["node"].Identity().Name, Blocks: s, Now: func() time.Time { return now },
	}
	var ids known
	for _, k := range who {
		ids = append(ids, k.Identity())
	}
	h.Identities = ids
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// reader asks a node as a party, or as anyone when k is nil.
func reader(t testing.TB, url string, k *identity.Keyring) *gateway.Client {
	t.Helper()
	o := gateway.Options{Timeout: 5 * time.Second}
	if k != nil {
		o.Prove = func(audience, c dag.CID) (string, error) { return gateway.Prove(k, audience, c, now) }
	}
	c, err := gateway.New([]gateway.Source{{URL: url, Node: cast()["node"].Identity().Name}}, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var _ ipfs.Getter = (*gateway.Client)(nil)
