package order

import (
	"slices"
	"time"

	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/vss"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// Choice is a fiduciary that the principal chose.
type Choice struct {
	Custody *identity.Identity // pinned by the principal: the share is sealed to it
	Node    *identity.Identity // where it is reached
	Offer   dag.CID            // the offer accepted, or undefined
}

// Plan is what a principal wants. Every identity is at its newest document.
type Plan struct {
	What        What
	KeyType     keytype.Type         // of a key; nil: keytype.Default
	Network     *NetworkTerms        // of a network, else nil
	Redeemers   []*identity.Identity // who may ask; in any order, repeats ignored; of a network its authority
	Receivers   []*identity.Identity // to whom it may be released; likewise; of a network ignored
	T           int                  // how many of the fiduciaries are needed; of a network all, or 0 for that
	Fiduciaries []Choice             // n of them; the place in the list is the index
	Publish     Publish              // "": PublishChain
	OwnKey      bool                 // a key made for this order alone keeps it
	Policy      Policy
	Expires     time.Duration // how long the order may be accepted; 0: OrderLife
	Extra       dag.Values    // kept in the order's body, signed and encrypted
}

// Placed is an order ready to be stored and sent.
type Placed struct {
	Envelope *envelope.Sealed
	Terms    Terms
	TermsCID dag.CID
	Detached []Block // the shares in the order of the terms, then the ciphertext; none for a key
}

// Place makes an order of the secret given, or of a key or network, for which given
// is nil. The secret stays the caller's to clear; what else could open it (the seed,
// the shares) is gone when Place returns.
func Place(k *identity.Keyring, p Plan, given *secret.Bytes, now time.Time) (_ *Placed, err error) {
	defer fault.Explain("place order", &err)
	suite := seal.V2
	terms, err := p.terms(k.Identity(), suite, given)
	if err != nil {
		return nil, err
	}
	placed := &Placed{}
	body := Order{Version: Version, Extra: p.Extra}
	if p.What == Secret {
		err = placed.safeguard(suite, p, terms, &body, given)
	} else {
		err = placed.name(terms)
	}
	if err != nil {
		return nil, err
	}
	body.Terms = *terms
	if err := body.check(); err != nil {
		return nil, err
	}
	recipients, err := p.recipients(k.Identity(), terms)
	if err != nil {
		return nil, err
	}
	life := p.Expires
	if life == 0 {
		life = OrderLife
	}
	placed.Terms = *terms
	placed.Envelope, err = envelope.Seal(k, envelope.Draft{
		Kind: envelope.Order, Recipients: recipients, Time: now, Expires: now.Add(life), Body: body,
	})
	if err != nil {
		return nil, err
	}
	return placed, nil
}

// terms writes down everything but the commitments.
func (p *Plan) terms(principal *identity.Identity, suite seal.Suite, given *secret.Bytes) (*Terms, error) {
	if (p.What == Secret) != (given != nil) {
		return nil, fault.New(fault.Invalid, "expected a secret to keep, or a key or network to be made and no secret")
	}
	if given != nil && (given.Len() < 1 || given.Len() > MaxSecret) {
		return nil, fault.New(fault.Invalid, "expected a secret of 1 to %d bytes, found %d", MaxSecret, given.Len())
	}
	if (p.What == Network) != (p.Network != nil) {
		return nil, fault.New(fault.Invalid, "expected the terms of a network where, and only where, one is ordered")
	}
	if p.What != Key && p.KeyType != nil {
		return nil, fault.New(fault.Invalid, "expected a key type only where a key is ordered, found %s of a %s", p.KeyType.Name(), p.What)
	}
	n, needed := len(p.Fiduciaries), p.T
	if p.What == Network && needed == 0 {
		needed = n
	}
	if n < 1 || n > MaxFiduciaries || needed < 1 || needed > n {
		return nil, fault.New(fault.Invalid, "expected a threshold of 1 to n and n of 1 to %d fiduciaries, found %d of %d", MaxFiduciaries, needed, n)
	}
	publish := p.Publish
	if publish == "" {
		publish = PublishChain
	}
	t := &Terms{
		Version:   Version,
		Suite:     suite.Name,
		Reference: secret.Random(ReferenceSize).Open(),
		What:      p.What,
		Principal: principal.Name,
		Redeemers: sortedNames(p.Redeemers),
		Receivers: sortedNames(p.Receivers),
		Policy:    p.Policy,
		T:         uint64(needed),
		N:         uint64(n),
		Publish:   publish,
		OwnKey:    p.OwnKey,
		Size:      uint64(given.Len()),
	}
	if p.KeyType != nil {
		t.KeyForm = formOf(p.KeyType)
	}
	for i, c := range p.Fiduciaries {
		if c.Custody == nil || c.Node == nil {
			return nil, fault.New(fault.Invalid, "fiduciary %d lacks an identity", i)
		}
		if err := ofKind(c.Custody, identity.Custody); err != nil {
			return nil, err
		}
		t.Fiduciaries = append(t.Fiduciaries, Fiduciary{Custody: c.Custody.Party(), Node: c.Node.Party(), Offer: c.Offer})
	}
	if p.What == Network {
		return t, p.describe(t)
	}
	return t, nil
}

// describe writes down the network, and what follows from it: who may ask, that
// all fiduciaries are needed, and who enforces a revocation.
func (p *Plan) describe(t *Terms) error {
	raw, err := dag.NewRaw(p.Network)
	if err != nil {
		return err
	}
	t.Critical = dag.Values{criticalNetwork: raw}
	t.Redeemers = uniqueNames(append(p.Network.Authorities(), t.Principal))
	t.Receivers = []dag.CID{t.Principal}
	if p.Network.Permits {
		t.Policy.Enforcement = HostEnforced
	}
	return nil
}

// name fixes CID(terms), after which the terms do not change.
func (d *Placed) name(t *Terms) (err error) {
	if err := t.Check(); err != nil {
		return err
	}
	d.TermsCID, err = t.CID()
	return err
}

// safeguard shares a fresh seed among the fiduciaries and encrypts the secret
// under it.
func (d *Placed) safeguard(suite seal.Suite, p Plan, t *Terms, body *Order, given *secret.Bytes) error {
	seed := vss.NewSeed()
	defer seed.Clear()
	commitments, shares, err := vss.Deal(seed, p.T, len(p.Fiduciaries))
	if err != nil {
		return err
	}
	defer func() {
		for _, s := range shares {
			s.Clear()
		}
	}()
	t.Commitments = commitments
	if err := d.name(t); err != nil {
		return err
	}
	for i, c := range p.Fiduciaries {
		block, err := sealShare(suite, d.TermsCID, t.Principal, c.Custody, i, shares[i])
		if err != nil {
			return err
		}
		d.Detached = append(d.Detached, block)
		body.Shares = append(body.Shares, block.CID)
	}
	block, err := encryptSecret(suite, d.TermsCID, seed, given)
	if err != nil {
		return err
	}
	d.Detached = append(d.Detached, block)
	body.Ciphertext = block.CID
	return nil
}

// recipients gives every party of the terms its identity.
func (p *Plan) recipients(principal *identity.Identity, t *Terms) ([]*identity.Identity, error) {
	ids := []*identity.Identity{principal}
	for _, c := range p.Fiduciaries {
		ids = append(ids, c.Node)
	}
	ids = append(append(ids, p.Redeemers...), p.Receivers...)
	// Two documents of one name among the identities given: the newer stands.
	known, err := PartiesOf(ids...)
	if err != nil {
		return nil, err
	}
	before, err := termsRecord(t)
	if err != nil {
		return nil, err
	}
	recipients, err := newestRecipients(t.Parties(), before, known)
	if err != nil {
		return nil, err
	}
	if recipients[0].Document != principal.Document {
		return nil, fault.New(fault.Conflict, "the keyring is at document %s of the principal, the plan knows the newer %s", principal.Document, recipients[0].Document)
	}
	return recipients, nil
}

func sortedNames(ids []*identity.Identity) []dag.CID {
	names := make([]dag.CID, 0, len(ids))
	for _, id := range ids {
		names = append(names, id.Name)
	}
	slices.SortFunc(names, dag.CID.Compare)
	return slices.Compact(names)
}
