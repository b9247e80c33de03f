//go:build linux

package systest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/clock"
	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/host/directory"
	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/host/principal"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/redemption"
	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/identity/identitytest"
	"github.com/milagro-dta/dta/protocol/offer"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// vault is a custody plugin in this process, whose deposits are what it keeps.
type vault struct{ *identity.Keyring }

func (vault) Name() string { return "vault" }

func (v vault) Safeguard(_ context.Context, req fiduciary.Safeguard) (out fiduciary.Kept, err error) {
	who, err := order.PartiesOf(req.Parties...)
	if err != nil {
		return out, err
	}
	o, err := order.VerifyOrder(req.Order.Block, req.Order.Plain, who)
	if err != nil {
		return out, err
	}
	index, _ := o.Terms().IndexOf(v.Identity().Name)
	c := o.SecretCommitment()
	if o.Terms().What == order.Network {
		s := bls.RandomScalar()
		out.Deposit = s.Bytes().Open()
		c, err = order.ProveShare(o, v.Identity().Name, s)
	} else if share, bad := order.OpenShare(v.Keyring, o, index, req.Share); bad == nil {
		out.Deposit = share.Bytes().Open()
	} else {
		err = bad
	}
	if err != nil {
		return out, err
	}
	deposit, err := order.PutDeposit(out.Deposit)
	if err != nil {
		return out, err
	}
	signed, err := order.Accept(v.Keyring, o, index, c, order.Receipt{
		Deposit: deposit.CID, Mode: order.Supervised, Type: "test", HostEnforced: o.Terms().Policy.Enforcement == order.HostEnforced,
	}, req.Checkpoint, who, time.Now())
	if err != nil {
		return out, err
	}
	out.Acceptance = fiduciary.Shown{Block: signed.Block, Plain: signed.Plain}
	return out, nil
}

func (v vault) Restore(_ context.Context, req fiduciary.Restore) (out fiduciary.Restored, err error) {
	who, err := order.PartiesOf(req.Parties...)
	if err != nil {
		return out, err
	}
	o, err := order.VerifyOrder(req.Order.Block, req.Order.Plain, who)
	if err != nil {
		return out, err
	}
	a, err := order.VerifyAcceptance(o, req.Acceptance.Block, req.Acceptance.Plain, who)
	if err != nil {
		return out, err
	}
	red, err := order.VerifyRedemption(o, req.Redemption.Block, req.Redemption.Plain, who)
	if err != nil {
		return out, err
	}
	signed, share, err := order.ReleaseTo(v.Keyring, red, a, secret.Copy(req.Deposit), req.Checkpoint, who, time.Now())
	if err != nil {
		return out, err
	}
	return fiduciary.Restored{Release: fiduciary.Shown{Block: signed.Block, Plain: signed.Plain}, Share: share.Bytes}, nil
}

func (vault) Issue(context.Context, fiduciary.Issue) (fiduciary.Issued, error) {
	return fiduciary.Issued{}, fault.New(fault.Unsupported, "it does not issue")
}

// keyrings makes identities with as many documents as there may be.
func keyrings(t *testing.T, kind identity.Kind, n int) []*identity.Keyring {
	t.Helper()
	out := make([]*identity.Keyring, n)
	var all sync.WaitGroup
	for i := range out {
		all.Go(func() {
			out[i] = identitytest.Rotated(t, kind, fmt.Sprintf("%s %d", kind, i), time.Now().Add(-time.Hour), identity.MaxDocuments)
		})
	}
	all.Wait()
	return out
}

// inProcess is a node's records in this process.
func inProcess(t *testing.T, keys *identity.Keyring, peers ...*directory.Peer) *records.Records {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "node.db"), store.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	log, err := audit.Open(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	log.SetSigner(audit.NewSigner(keys))
	r := records.New(records.Options{
		Store: db, Audit: log, Courier: courier.New(db, nil, courier.Options{}), Keys: keys, Clock: clock.New(db, nil),
		Peers: peers, Log: hclog.NewNullLogger(),
	})
	t.Cleanup(r.Close)
	return r
}

func meet(t *testing.T, r *records.Records, ids ...*identity.Identity) {
	t.Helper()
	err := r.Write(t.Context(), func(w *records.Writer) error {
		for _, id := range ids {
			if err := w.Chain(id); err != nil {
				return err
			}
		}
		return w.Audit("test.met", dag.CID{}, "", dag.CID{}, "")
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestNothingDependsOnTheLengthOfChains: everybody has rotated as often as can be, so
// that all their documents together are twice as large as a call may be.
func TestNothingDependsOnTheLengthOfChains(t *testing.T) {
	const n = 16
	nodes, custodies := keyrings(t, identity.Node, n+1), keyrings(t, identity.Custody, n)
	self := nodes[n]

	var largest, shown atomic.Int64 // of the calls that are no showing; showings
	var peers []*directory.Peer
	request := principal.Request{Secret: secret.Copy([]byte("kept by many")), Threshold: n}
	for i := range n {
		r, v := inProcess(t, nodes[i]), vault{custodies[i]}
		meet(t, r, nodes[i].Identity(), v.Identity())
		made, err := offer.Make(nodes[i], offer.Body{
			Instance: "vault", Type: "test", Custody: v.Identity().Party(), Abilities: []string{"secret", "network"}, Mode: order.Supervised,
			Limits: offer.Limits{Secret: order.MaxSecret, Fiduciaries: order.MaxFiduciaries}, Versions: []uint64{1}, Suites: []string{seal.V2.Name},
		}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		f := fiduciary.New(fiduciary.Options{
			Records: r, Instances: []fiduciary.Custodian{v}, Principals: []dag.CID{self.Identity().Name},
			Offers: func() []fiduciary.Standing {
				return []fiduciary.Standing{{Instance: "vault", Custody: v.Identity(), Offer: made.CID, Block: made.Block}}
			},
		})
		t.Cleanup(f.Close)
		handler := rest.New(rest.Services{Records: r, Fiduciary: f, Courier: r.Courier}, rest.Faces{Nodes: true}, hclog.NewNullLogger()).Handler()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			body, err := io.ReadAll(req.Body)
			if err != nil {
				return
			}
			req.Body = io.NopCloser(bytes.NewReader(body))
			switch {
			case req.URL.Path == peer.PathIdentity && req.Method == http.MethodPost:
				shown.Add(1)
			default:
				for was := largest.Load(); int64(len(body)) > was && !largest.CompareAndSwap(was, int64(len(body))); was = largest.Load() {
				}
			}
			handler.ServeHTTP(w, req)
		}))
		t.Cleanup(server.Close)
		c, err := peer.NewClient(server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		peers = append(peers, &directory.Peer{
			Alias: fmt.Sprint("dta-", i), Name: nodes[i].Identity().Name, Pinned: []dag.CID{v.Identity().Name},
			Node: c, Fiduciary: c, Show: c.Show, Document: c.Document,
		})
		request.Keepers = append(request.Keepers, principal.Keeper{Fiduciary: fmt.Sprint("dta-", i)})
	}
	r := inProcess(t, self, peers...)
	r.Directory.Add(&directory.Peer{Alias: "self", Name: self.Identity().Name})
	meet(t, r, self.Identity())
	s, redeem := principal.New(r, ""), redemption.New(r, principal.Role)
	t.Cleanup(s.Close)
	t.Cleanup(redeem.Close)

	placed, err := s.Place(t.Context(), request)
	if err != nil || placed.State != order.Accepted {
		t.Fatalf("expected an accepted order; found it %q, %v", placed.State, err)
	}
	got, err := redeem.Redeem(t.Context(), placed.OrderCID.String(), dag.CID{}, nil)
	if err != nil || string(got.Material.Open()) != "kept by many" {
		t.Fatalf("expected the secret; found %v", err)
	}
	// Every reader of a network is shown to every D-TA.
	terms := order.NetworkTerms{Suite: mpin.V1.Name, Name: "lab"}
	for _, kind := range order.IssueKinds() {
		terms.Authority = append(terms.Authority, order.Rule{Kind: kind, Names: []dag.CID{self.Identity().Name}, Threshold: 1})
	}
	network, err := s.PlaceNetwork(t.Context(), principal.NetworkRequest{Terms: terms, Keepers: request.Keepers[:4]})
	if err != nil || network.State != order.Accepted {
		t.Fatalf("expected a network; found it %q, %v", network.State, err)
	}
	if largest.Load() > 512<<10 || shown.Load() < n {
		t.Errorf("expected calls of envelopes alone, and documents shown beside them; found one of %d bytes, and %d showings", largest.Load(), shown.Load())
	}
	before := shown.Load()
	request.Secret = secret.Copy([]byte("again"))
	if again, err := s.Place(t.Context(), request); err != nil || again.State != order.Accepted || shown.Load() != before {
		t.Errorf("expected another order without a document; found it %q after %d further showings, %v", again.State, shown.Load()-before, err)
	}
	t.Logf("the largest call has %d bytes; documents were shown %d times", largest.Load(), shown.Load())
}
