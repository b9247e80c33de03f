package order

import (
	"bytes"
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

// A release travels from custody identity to receiver as
//
//	SealTo(receiver, "dta/release/v1" ‖ CID(terms) ‖ redemption ‖ receiver, index, material)
//
// where the key is the redemption's reply key for this fiduciary, or else that of
// the receiver's document to which the release's own envelope is encrypted.

// ReleaseTo is the custody identity's: it seals the material, a share (s‖r) or
// an ordered key, to the receiver of a verified redemption. It refuses a
// redemption signed with a replaced document, one that does not rely on the
// custody identity's own acceptance, and material that is not what was
// accepted. The material stays the caller's to clear.
func ReleaseTo(k *identity.Keyring, r *VerifiedRedemption, a *VerifiedAcceptance, material *secret.Bytes, checkpoint []byte, who Parties, now time.Time) (_ *envelope.Sealed, _ Block, err error) {
	defer fault.Explain("release", &err)
	if err := r.ReliesOn(a); err != nil {
		return nil, Block{}, err
	}
	o := r.order
	if err := o.CheckCustodian(k.Identity(), a.Index()); err != nil {
		return nil, Block{}, err
	}
	if err := r.InForce(who); err != nil {
		return nil, Block{}, err
	}
	recipients, err := newestRecipients(o.body.Terms.ReadersOf(a.Index()), r.recorded, who)
	if err != nil {
		return nil, Block{}, err
	}
	if err := checkMaterial(a, material); err != nil {
		return nil, Block{}, err
	}
	share, err := sealRelease(r, a, recipients, material)
	if err != nil {
		return nil, Block{}, err
	}
	body := Release{
		Version:    Version,
		Order:      o.cid,
		Terms:      o.termsCID.Bytes(),
		Redemption: r.cid,
		Acceptance: a.cid,
		Index:      a.body.Index,
		Receiver:   r.body.Receiver,
		Share:      share.CID,
		Checkpoint: checkpoint,
		KeyForm:    o.body.Terms.KeyForm,
	}
	if err := body.check(r, a, k.Identity()); err != nil {
		return nil, Block{}, err
	}
	sealed, err := envelope.Seal(k, envelope.Draft{
		Kind: envelope.Release, Recipients: recipients, Time: now, Expires: now.Add(AnswerLife),
		Previous: []dag.CID{r.cid, a.cid}, Body: body,
	})
	if err != nil {
		return nil, Block{}, err
	}
	return sealed, share, nil
}

func sealRelease(r *VerifiedRedemption, a *VerifiedAcceptance, recipients []*identity.Identity, material *secret.Bytes) (Block, error) {
	suite, err := seal.ByName(r.order.body.Terms.Suite)
	if err != nil {
		return Block{}, err
	}
	to := r.ReplyKey(a)
	if to == nil {
		for _, id := range recipients {
			if id.Name == r.body.Receiver {
				to = id.SealingKey()
			}
		}
	}
	sealed, err := suite.SealTo(to, r.releaseInfo(), IndexAAD(a.Index()), material.Open())
	if err != nil {
		return Block{}, err
	}
	return putDetached(detachedRelease, sealed)
}

func (r *VerifiedRedemption) releaseInfo() []byte {
	return releaseInfo(r.order.termsCID, r.cid, r.body.Receiver)
}

// checkMaterial holds what is released to what was accepted: a share to the
// commitments of the terms, a key to its public half.
func checkMaterial(a *VerifiedAcceptance, material *secret.Bytes) error {
	t := &a.order.body.Terms
	if t.What == Secret {
		s, err := checkShare(t, a.Index(), material)
		if err != nil {
			return err
		}
		s.Clear()
		return nil
	}
	if err := a.order.checkOrdersKey(); err != nil {
		return err
	}
	if err := keytype.Belongs(a.order.algorithm, material, a.body.Commitment); err != nil {
		return fault.New(fault.Invalid, "key: %w", err)
	}
	return nil
}

// ReceiverKey is what a receiver opens a release with: the root of the reply keys
// that Redeem returned, or, for a redemption without reply keys, its keyring. The
// other is not looked at.
type ReceiverKey struct {
	Reply   *secret.Bytes
	Keyring *identity.Keyring
}

// OpenReleasedMaterial is the receiver's: it opens the block that a verified release
// links, and checks that it is what the fiduciary accepted: a share (64 bytes) or
// a key, in the form that terms name. A block that is the one linked, yet does not open or holds
// something else, is a *BadFiduciaries: its custody identity signed for it. A key
// that is not the receiver's accuses nobody; it is fault.Denied.
func OpenReleasedMaterial(l *VerifiedRelease, block []byte, key ReceiverKey) (*secret.Bytes, error) {
	material, err := l.unseal(block, key)
	if err != nil {
		return nil, err
	}
	if err := checkMaterial(l.acceptance, material); err != nil {
		material.Clear()
		return nil, l.blame(NotAsAccepted, err)
	}
	return material, nil
}

// OpenReleasedShare is OpenReleasedMaterial for an ordered secret, with the share ready to
// be combined.
func OpenReleasedShare(l *VerifiedRelease, block []byte, key ReceiverKey) (*vss.Share, error) {
	material, err := l.unseal(block, key)
	if err != nil {
		return nil, err
	}
	defer material.Clear()
	t := &l.redemption.order.body.Terms
	if t.What != Secret {
		return nil, fault.New(fault.Invalid, "an ordered %s has no shares", t.What)
	}
	share, err := checkShare(t, l.Index(), material)
	if err != nil {
		return nil, l.blame(NotAsAccepted, err)
	}
	return share, nil
}

// opener opens what is sealed to one key.
type opener func(info, aad, sealed []byte) (*secret.Bytes, error)

func (l *VerifiedRelease) unseal(block []byte, key ReceiverKey) (*secret.Bytes, error) {
	if err := checkVerifiedRelease(l); err != nil {
		return nil, err
	}
	open, done, err := key.opener(l)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := dag.Check(l.body.Share, block); err != nil {
		return nil, fault.New(fault.Invalid, "release of fiduciary %d: not the block that it links: %w", l.Index(), err)
	}
	sealed, err := getDetached(l.body.Share, block, detachedRelease)
	if err != nil {
		return nil, l.blame(NotWellFormed, err)
	}
	material, err := open(l.redemption.releaseInfo(), IndexAAD(l.Index()), sealed)
	if err != nil {
		return nil, l.blame(DoesNotOpen, err)
	}
	return material, nil
}

// opener finds the private half of the very key that the release is sealed to,
// so that a failure to open is the sealer's; done clears what it made.
func (key ReceiverKey) opener(l *VerifiedRelease) (open opener, done func(), err error) {
	r := l.redemption
	if to := r.ReplyKey(l.acceptance); to != nil {
		return key.replyOpener(l, to)
	}
	if key.Keyring == nil || key.Keyring.Identity().Name != r.body.Receiver {
		return nil, nil, fault.New(fault.Denied, "open release: expected the keyring of receiver %s, found another", r.body.Receiver)
	}
	// The document that the release was encrypted to, also where the receiver
	// has rotated since.
	document := l.recorded.last(r.body.Receiver)
	if _, err := key.Keyring.Identity().At(document); err != nil {
		return nil, nil, fault.New(fault.Denied, "open release: the receiver's keyring is older than document %s", document)
	}
	return func(info, aad, sealed []byte) (*secret.Bytes, error) {
		return key.Keyring.OpenAt(document, info, aad, sealed)
	}, func() {}, nil
}

func (key ReceiverKey) replyOpener(l *VerifiedRelease, to []byte) (opener, func(), error) {
	suite, err := seal.ByName(l.redemption.order.body.Terms.Suite)
	if err != nil {
		return nil, nil, err
	}
	another := fault.New(fault.Denied, "open release: expected the reply key of redemption %s, found another", l.redemption.cid)
	if key.Reply == nil {
		return nil, nil, another
	}
	reply, err := DeriveReplyKey(suite, key.Reply, l.Index())
	if err != nil {
		return nil, nil, err
	}
	if !bytes.Equal(reply.Public(), to) {
		reply.Clear()
		return nil, nil, another
	}
	return func(info, aad, sealed []byte) (*secret.Bytes, error) {
		return suite.OpenWith(reply, info, aad, sealed)
	}, reply.Clear, nil
}
