package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/ipfs/gateway"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// forger is a stranger who does not stop at what its own node allows: it has an
// identity of its own, speaks the protocol itself, and knows the CIDs of the
// whole chain.
type forger struct {
	keys              *identity.Keyring
	fiduciary         *identity.Identity
	url               string
	order, acceptance dag.CID
}

func newForger(ctx context.Context, s *stage, o shownOrder) (*forger, error) {
	f := &forger{url: s.url["fiduciary"]}
	var err error
	if f.order, err = dag.Parse(o.part("order").CID); err != nil {
		return nil, err
	}
	if f.acceptance, err = dag.Parse(o.part("acceptance").CID); err != nil {
		return nil, err
	}
	keys, next, err := identity.Create(identity.Node, stranger, time.Now())
	if err != nil {
		return nil, err
	}
	next.Clear()
	f.keys = keys
	f.fiduciary, err = f.meet(ctx)
	return f, err
}

// meet asks the fiduciary for its documents, as anyone may.
func (f *forger) meet(ctx context.Context) (*identity.Identity, error) {
	client, err := peer.NewClient(f.url, nil)
	if err != nil {
		return nil, err
	}
	shown, err := client.Identity(ctx)
	if err != nil {
		return nil, err
	}
	var chain [][]byte
	for _, text := range shown.Documents {
		c, err := dag.Parse(text)
		if err != nil {
			return nil, err
		}
		block, ok := shown.Blocks.Get(c)
		if !ok {
			return nil, fmt.Errorf("the fiduciary did not show its document %s", c)
		}
		chain = append(chain, block)
	}
	return identity.Verify(chain)
}

// redemption sends a well-formed redemption that names the forger as receiver.
func (f *forger) redemption(ctx context.Context) (string, error) {
	reply, err := seal.V2.NewPrivateKey()
	if err != nil {
		return "", err
	}
	defer reply.Clear()
	now := time.Now()
	forged, err := envelope.Seal(f.keys, envelope.Draft{
		Kind: envelope.Redemption, Recipients: []*identity.Identity{f.keys.Identity(), f.fiduciary},
		Time: now, Expires: now.Add(order.RedemptionLife), Previous: []dag.CID{f.acceptance, f.order},
		Body: order.Redemption{
			Version: order.Version, Order: f.order, Terms: f.order.Bytes(), Receiver: f.keys.Identity().Name,
			Asked: []uint64{0}, ReplyKeys: [][]byte{reply.Public()}, Nonce: secret.Random(order.NonceSize).Open(),
		},
	})
	if err != nil {
		return "", err
	}
	client, err := peer.NewClient(f.url, nil)
	if err != nil {
		return "", err
	}
	_, err = client.FulfillSecret(ctx, peer.FulfillSecret{
		OrderPart3CID: forged.CID.String(), DocumentCID: f.keys.Identity().Document.String(),
		Blocks: peer.NewBag(append(f.keys.Identity().Blocks(), forged.Block)...),
	})
	if kind := fault.Of(err); kind != fault.Denied {
		return "", fmt.Errorf("expected the fiduciary to deny it, found %q: %w", kind, err)
	}
	return last(err.Error()), nil
}

// block asks the fiduciary's gateway for a block, first as anyone, then with
// proof of being the forger.
func (f *forger) block(c dag.CID) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		proof, err := gateway.Prove(f.keys, f.fiduciary.Name, c, time.Now())
		if err != nil {
			return "", err
		}
		if _, err := f.get(ctx, c, proof); err != nil {
			return "", err
		}
		return f.get(ctx, c, "")
	}
}

func (f *forger) get(ctx context.Context, c dag.CID, proof string) (reason string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url+gateway.PathPrefix+c.String()+"?format=raw", nil)
	if err != nil {
		return "", err
	}
	if proof != "" {
		req.Header.Set(gateway.HeaderParty, proof)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusForbidden && res.StatusCode != http.StatusNotFound {
		return "", fmt.Errorf("expected 403 or 404, found %s", res.Status)
	}
	var problem struct {
		Detail string `json:"detail"`
	}
	if err := json.Unmarshal(body, &problem); err != nil {
		return "", fmt.Errorf("expected problem details with %s: %w", res.Status, err)
	}
	return problem.Detail, nil
}
