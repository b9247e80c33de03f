package order

import (
	"bytes"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// VerifiedRelease is a release for a verified redemption, by the fiduciary of a
// verified acceptance.
type VerifiedRelease struct {
	Part
	body       Release
	redemption *VerifiedRedemption
	acceptance *VerifiedAcceptance
}

// VerifyRelease checks a release of which the plaintext is shown: signed by the
// custody identity that accepted, linked to the redemption and its acceptance,
// for the receiver that the redemption names. What it releases, OpenReleasedMaterial
// checks.
func VerifyRelease(r *VerifiedRedemption, a *VerifiedAcceptance, block, plain []byte, who Parties) (*VerifiedRelease, error) {
	return verifyRelease(r, a, block, FromPlain(plain), who)
}

// OpenRelease is VerifyRelease for a recipient, who decrypts it itself.
func OpenRelease(k *identity.Keyring, r *VerifiedRedemption, a *VerifiedAcceptance, block []byte, who Parties) (*VerifiedRelease, error) {
	return verifyRelease(r, a, block, FromKeyring(k), who)
}

func verifyRelease(r *VerifiedRedemption, a *VerifiedAcceptance, block []byte, from Source, who Parties) (_ *VerifiedRelease, err error) {
	defer fault.Explain("release", &err)
	if err := r.ReliesOn(a); err != nil {
		return nil, err
	}
	rel := &VerifiedRelease{redemption: r, acceptance: a}
	head := func(h *envelope.Header) error {
		if err := CheckPrevious(h, r.cid, a.cid); err != nil {
			return err
		}
		return checkCustodySigner(r.order, h)
	}
	part, err := readPart(block, envelope.Release, who, head, from, &rel.body)
	if err != nil {
		return nil, err
	}
	rel.Part = *part
	if err := rel.body.check(r, a, rel.signer); err != nil {
		return nil, err
	}
	if err := rel.admit(r.order.body.Terms.ReadersOf(a.Index()), r.recorded); err != nil {
		return nil, err
	}
	return rel, nil
}

// check holds a release, about to be signed or just read, to its chain.
func (b *Release) check(r *VerifiedRedemption, a *VerifiedAcceptance, signer *identity.Identity) error {
	if err := checkBody(b.Version, b.Critical); err != nil {
		return err
	}
	o := r.order
	if err := o.CheckLink(b.Order, b.Terms); err != nil {
		return err
	}
	if b.Redemption != r.cid || b.Acceptance != a.cid {
		return fault.New(fault.Invalid, "expected the body to name redemption %s and acceptance %s, found %s and %s", r.cid, a.cid, b.Redemption, b.Acceptance)
	}
	if b.Index != a.body.Index {
		return fault.New(fault.Invalid, "expected index %d as in the acceptance, found %d", a.body.Index, b.Index)
	}
	if err := o.CheckCustodian(signer, a.Index()); err != nil {
		return err
	}
	// The custody identity goes on from where it accepted, never back.
	if err := descends(signer, a.signer.Document); err != nil {
		return err
	}
	if b.Receiver != r.body.Receiver {
		return fault.New(fault.Denied, "the redemption asks for a release to %s, not to %s", r.body.Receiver, b.Receiver)
	}
	if err := checkKeyForm(o, "release", b.KeyForm); err != nil {
		return err
	}
	if !b.Share.Defined() || b.Share.Raw() {
		return fault.New(fault.Invalid, "expected a link to the sealed share, found %q", b.Share)
	}
	return checkCheckpoint(b.Checkpoint)
}

// Index is the fiduciary's place in the terms.
func (l *VerifiedRelease) Index() int { return l.acceptance.Index() }

// Custody is the name of the custody identity that released.
func (l *VerifiedRelease) Custody() dag.CID { return l.signer.Name }

// Share links the detached block that OpenReleasedMaterial opens.
func (l *VerifiedRelease) Share() dag.CID { return l.body.Share }

// Checkpoint is the node's audit checkpoint, or empty.
func (l *VerifiedRelease) Checkpoint() []byte { return bytes.Clone(l.body.Checkpoint) }

func checkVerifiedRelease(l *VerifiedRelease) error {
	if l == nil || !l.verified() {
		return fault.New(fault.Internal, "the release was not verified")
	}
	return nil
}
