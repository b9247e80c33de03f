// Package fiduciary keeps secrets for principals, and is a D-TA of networks. The
// service checks what a node can check — signatures, chain rules, who may order,
// freshness, revocation — and has a custody plugin do what no process that faces
// the network should be able to do: open the share, keep it, seal it to its
// receiver, issue with it.
//
// The first answer to an order, a redemption or a request that is on disk is the
// only one there will ever be; whoever asks again gets the same bytes.
package fiduciary

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/milagro-dta/dta/host/flight"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// Role is the role under which the records hold this service's orders.
const Role = records.KeeperRole

// Custodian is one instance of a custody plugin, as the fiduciary sees it.
type Custodian interface {
	Name() string
	Identity() *identity.Identity
	Safeguard(ctx context.Context, req Safeguard) (Kept, error)
	Restore(ctx context.Context, req Restore) (Restored, error)
	Issue(ctx context.Context, req Issue) (Issued, error)
}

// Shown is an envelope with the plaintext of its body.
type Shown struct{ Block, Plain []byte }

// Safeguard is what a plugin is shown to have a share kept or a key made.
type Safeguard struct {
	Order      Shown
	Operation  dag.CID              // HeaderCID of the order
	Purpose    string               // "share", "key" or "network-share"
	Parties    []*identity.Identity // everybody concerned, as they stand now
	Share      []byte               // detached block; nil but for a secret
	Checkpoint []byte
}

// Kept is a plugin's answer: what the host must store, and the acceptance.
type Kept struct {
	Deposit    []byte // the acceptance links its detached block
	Acceptance Shown
}

// Restore is what a plugin is shown to have a share sealed to its receiver.
type Restore struct {
	Order, Acceptance, Redemption Shown
	Operation                     dag.CID // HeaderCID of the redemption
	Purpose                       string
	Parties                       []*identity.Identity
	Deposit                       []byte
	Checkpoint                    []byte
}

// Restored is a plugin's answer: the release, and the detached block it links.
type Restored struct {
	Release Shown
	Share   []byte
}

// Options says for whom and with what a fiduciary keeps secrets.
type Options struct {
	Records    *records.Records
	Instances  []Custodian
	Principals []dag.CID // who may order; the node itself where it is listed
	Offers     func() []Standing
}

// Standing is an offer that the node stands by.
type Standing struct {
	Instance string
	Custody  *identity.Identity
	Offer    dag.CID
	Block    []byte
}

// Service keeps secrets.
type Service struct {
	Options
	records     *records.Records
	acceptances *flight.Group[[]dag.CID]
	releases    *flight.Group[[]dag.CID]
	grants      *flight.Group[[]dag.CID]
	strangers   chan struct{} // whose requests are being verified
}

var _ peer.Fiduciary = (*Service)(nil)

// New serves orders and redemptions, and the networks' requests.
func New(o Options) *Service {
	return &Service{
		Options: o, records: o.Records,
		acceptances: flight.New[[]dag.CID](), releases: flight.New[[]dag.CID](), grants: flight.New[[]dag.CID](),
		strangers: make(chan struct{}, strangersAtWork),
	}
}

// Close ends the calls under way; whoever made them asks again.
func (s *Service) Close() {
	s.acceptances.Close()
	s.releases.Close()
	s.grants.Close()
}

// flightKey joins only callers who show the same: one who shows less must not
// fail those who show all.
func flightKey(c dag.CID, documents []string, bag peer.Bag) string {
	return c.String() + " " + bag.Digest() + " " + strings.Join(documents, " ")
}

// custodian finds which instance the terms name, and at which place. One node
// answers once: terms that name it twice would have two shares of one keeper.
func (s *Service) custodian(o *order.VerifiedOrder) (found Custodian, place int, err error) {
	self, named := s.records.Self().Name, 0
	for i, f := range o.Terms().Fiduciaries {
		if f.Node.Name != self {
			continue
		}
		named++
		for _, c := range s.Instances {
			if id := c.Identity(); id != nil && id.Name == f.Custody.Name {
				found, place = c, i
			}
		}
	}
	switch {
	case named > 1:
		return nil, 0, fault.New(fault.Unsupported, "order %s: its terms name this node %d times; it keeps one share of an order", o.CID(), named)
	case found == nil:
		return nil, 0, fault.New(fault.Denied, "order %s: expected terms that name a custody identity of this node", o.CID())
	}
	return found, place, nil
}

// doesNotHold is the error for what a plugin has signed and this node cannot
// verify: internal, unless it is the node that fails.
func doesNotHold(c Custodian, err error) error {
	kind := fault.Internal
	if fault.Of(err).Retryable() {
		kind = fault.Of(err)
	}
	return fault.New(kind, "custody %q: what it signed does not hold: %w", c.Name(), err)
}

// signed is what was verified, and may be signed with a document that was
// replaced since.
type signed interface {
	InForce(order.Parties) error
}

// inForce finds all concerned as they stand now, and refuses what is signed with
// a key that this node knows to be replaced: the plugin, which remembers nothing,
// can refuse it only where it is shown what came after.
func (s *Service) inForce(ctx context.Context, it signed, bag peer.Bag, concerned ...identity.Party) ([]*identity.Identity, error) {
	parties, err := s.records.NewestOf(ctx, bag, concerned...)
	if err != nil {
		return nil, err
	}
	who, err := order.PartiesOf(parties...)
	if err != nil {
		return nil, err
	}
	return parties, it.InForce(who)
}

// onRecord is the CID under which this node has an envelope: that of the call, or
// another where the envelope was seen before under another signature, which is
// verified: a known header under a forged one is no envelope.
func (s *Service) onRecord(ctx context.Context, c dag.CID, bag peer.Bag) (dag.CID, error) {
	block, ok := bag.Get(c)
	if !ok {
		return c, nil
	}
	e, err := envelope.Parse(block)
	if err != nil {
		return c, err
	}
	var link store.Link
	err = s.records.Store.View(ctx, func(tx *store.Tx) error {
		link, err = tx.Seen(e.HeaderCID())
		return err
	})
	switch {
	case fault.Of(err) == fault.NotFound || err == nil && link.CID == c:
		return c, nil
	case err != nil:
		return c, err
	}
	signer, err := s.records.Directory.Identity(ctx, e.Header.Signer.Name, e.Header.Signer.Document, bag)
	if err != nil {
		return c, err
	}
	return link.CID, e.Verify(signer)
}

// first finds the answer that an envelope has had, under whatever signature.
func (s *Service) first(ctx context.Context, c dag.CID, bag peer.Bag) (envelope, detached dag.CID, err error) {
	if c, err = s.onRecord(ctx, c, bag); err != nil {
		return dag.CID{}, dag.CID{}, err
	}
	return s.answer(ctx, c)
}

// answer finds the answer that a request has had, if it has had one.
func (s *Service) answer(ctx context.Context, request dag.CID) (envelope, detached dag.CID, err error) {
	err = s.records.Store.View(ctx, func(tx *store.Tx) error {
		envelope, detached, err = tx.Answer(request)
		return err
	})
	if fault.Of(err) == fault.NotFound {
		return dag.CID{}, dag.CID{}, nil
	}
	return envelope, detached, err
}

// reply puts an answer in a bag. Who asked has the documents of who signed it, or
// asks for them.
func (s *Service) reply(ctx context.Context, blocks ...dag.CID) (peer.Bag, error) {
	var wanted []dag.CID
	for _, c := range blocks {
		if c.Defined() {
			wanted = append(wanted, c)
		}
	}
	found, err := s.records.Blocks(ctx, wanted...)
	return peer.NewBag(found...), err
}

// allowed refuses the orders of principals that the operator has not listed,
// before anything of them is verified.
func (s *Service) allowed(principal dag.CID) error {
	if !slices.Contains(s.Principals, principal) {
		return fault.New(fault.Denied, "principal %s: this fiduciary keeps nothing for it", principal)
	}
	return nil
}

// fresh refuses what comes for the first time and is no longer, or not yet, in time,
// before anything of it is verified.
func (s *Service) fresh(e *envelope.Envelope) error {
	now, err := s.records.Clock.Now()
	if err != nil {
		return err
	}
	return e.Fresh(now)
}

// offeredBytes bounds the documents that come with the offers, in bytes: the rest
// is asked for by who lacks it.
const offeredBytes = 64 << 10

// Custody implements [peer.Fiduciary]: the node's offers.
func (s *Service) Custody(context.Context) (peer.Custody, error) {
	out, size := peer.Custody{Offers: []peer.Offer{}}, 0
	for _, o := range s.Offers() {
		out.Offers = append(out.Offers, peer.Offer{
			Instance: o.Instance,
			Custody:  o.Custody.Name.String(),
			Document: o.Custody.Document.String(),
			OfferCID: o.Offer.String(),
		})
		out.Blocks.Add(o.Block)
		chain := o.Custody.Blocks()
		for _, block := range chain {
			size += len(block)
		}
		if size <= offeredBytes {
			out.Blocks.Add(chain...)
		}
	}
	return out, nil
}

func kept(o *order.VerifiedOrder, a *order.VerifiedAcceptance) string {
	return fmt.Sprintf("%s kept as %s", o.Terms().What, a.Receipt().Scheme)
}
