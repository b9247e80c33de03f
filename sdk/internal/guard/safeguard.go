package guard

import (
	"context"
	"slices"
	"strings"

	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
)

// Safeguard keeps the share, or makes the key or the network's share, of an order that names this custody identity.
func (g *Guard) Safeguard(ctx context.Context, req *contract.SafeguardRequest) (*contract.SafeguardResponse, error) {
	if err := boundSafeguard(req); err != nil {
		return nil, err
	}
	k, err := g.keyring()
	if err != nil {
		return nil, err
	}
	who, err := g.parties(k, req.GetDocuments())
	if err != nil {
		return nil, err
	}
	// The signature is verified before the call joins another one, which may show the same order under another signature.
	o, err := order.VerifyOrder(req.GetOrder().GetEnvelope(), req.GetOrder().GetPlain(), who)
	if err != nil {
		return nil, err
	}
	return g.accepted.do(ctx, safeguardKey(req, o), func(ctx context.Context) (*contract.SafeguardResponse, error) {
		return g.safeguard(ctx, k, o, who, req)
	})
}

func (g *Guard) safeguard(ctx context.Context, k *identity.Keyring, o *order.VerifiedOrder, who order.Parties, req *contract.SafeguardRequest) (*contract.SafeguardResponse, error) {
	if err := o.InForce(who); err != nil {
		return nil, err
	}
	purpose, err := purposeOf(o)
	if err != nil {
		return nil, err
	}
	if err := g.checkOperation(req.GetOperationId(), o.HeaderCID(), purpose); err != nil {
		return nil, err
	}
	terms := o.Terms()
	index, ok := terms.IndexOf(k.Identity().Name)
	if !ok {
		return nil, fault.New(fault.Denied, "the order names other fiduciaries than %s", k.Identity().Name)
	}
	if terms.OwnKey && !g.OwnKeys {
		return nil, fault.New(fault.Unsupported, "the order asks for a key of its own, which this plugin cannot make")
	}
	about := About{Operation: req.GetOperationId(), Principal: terms.Principal, OwnKey: terms.OwnKey}
	b := binding{Purpose: purpose, Terms: o.TermsCID(), Custody: k.Identity().Name}

	material, commitment, err := g.material(ctx, k, o, index, req.GetShare(), g.complete(about, b))
	if err != nil {
		return nil, err
	}
	defer material.Clear()
	deposit, err := g.keep(ctx, b, about, material)
	if err != nil {
		return nil, err
	}
	kept, err := order.PutDeposit(deposit)
	if err != nil {
		return nil, err
	}
	accepted, err := order.Accept(k, o, index, commitment, order.Receipt{
		Deposit:      kept.CID,
		Mode:         g.Mode,
		Type:         g.Type,
		Scheme:       g.Scheme(),
		HostEnforced: terms.Policy.Enforcement == order.HostEnforced,
		OwnKey:       terms.OwnKey,
	}, req.GetCheckpoint(), who, g.Now())
	if err != nil {
		return nil, err
	}
	g.memory.Remember(accepted.Envelope) // it will be shown again at the redemption
	return &contract.SafeguardResponse{
		Deposit:    deposit,
		Acceptance: &contract.Shown{Envelope: accepted.Block, Plain: accepted.Plain},
	}, nil
}

// material opens the share and checks it, or makes what was ordered.
func (g *Guard) material(ctx context.Context, k *identity.Keyring, o *order.VerifiedOrder, index int, block []byte, about About) (*secret.Bytes, order.Commitment, error) {
	what := o.Terms().What
	if what != order.Secret && len(block) != 0 {
		return nil, order.Commitment{}, fault.New(fault.Invalid, "an ordered %s has no share, found one of %d bytes", what, len(block))
	}
	switch what {
	case order.Network:
		return g.makeShare(ctx, k, o, about)
	case order.Key:
		key, err := g.makeKey(ctx, o.Algorithm(), about)
		if err != nil {
			return nil, order.Commitment{}, err
		}
		commitment, err := order.ProveKey(o, k.Identity().Name, key)
		if err != nil {
			key.Clear()
			return nil, order.Commitment{}, err
		}
		return key, commitment, nil
	}
	share, err := order.OpenShare(k, o, index, block)
	if err != nil {
		return nil, order.Commitment{}, err
	}
	defer share.Clear()
	return share.Bytes(), o.SecretCommitment(), nil
}

func (g *Guard) makeKey(ctx context.Context, t keytype.Type, about About) (*secret.Bytes, error) {
	if g.Keys == nil {
		return t.New(), nil
	}
	if !slices.Contains(g.KeyTypes, t.Name()) {
		return nil, fault.New(fault.Unsupported, "this plugin makes no %s keys, only %s", t.Name(), strings.Join(g.KeyTypes, ", "))
	}
	b, err := g.Keys.MakeKey(ctx, t.Name(), about)
	if err != nil {
		return nil, explain(err, "making a key")
	}
	key := secret.New(b)
	if _, err := t.Public(key); err != nil {
		key.Clear()
		return nil, fault.New(fault.Internal, "the key maker made no %s key: %w", t.Name(), err)
	}
	return key, nil
}
