package order

import (
	"bytes"
	"time"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secp"
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
// where the key is the redemption's reply key, or else that of the receiver's
// document to which the release's own envelope is encrypted.

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
	recipients, err := newestRecipients(o.body.Terms.Parties(), r.floor, who)
	if err != nil {
		return nil, Block{}, err
	}
	if err := checkMaterial(a, material); err != nil {
		return nil, Block{}, err
	}
	share, err := sealRelease(r, recipients, a.Index(), material)
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

func sealRelease(r *VerifiedRedemption, recipients []*identity.Identity, index int, material *secret.Bytes) (Block, error) {
	suite, err := seal.ByName(r.order.body.Terms.Suite)
	if err != nil {
		return Block{}, err
	}
	to := r.body.ReplyKey
	if len(to) == 0 {
		for _, id := range recipients {
			if id.Name == r.body.Receiver {
				to = id.SealingKey()
			}
		}
	}
	sealed, err := suite.SealTo(to, r.releaseInfo(), IndexAAD(index), material.Open())
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
	key, err := secp.ParsePrivateKey(material)
	if err != nil {
		return fault.New(fault.Invalid, "key: %w", err)
	}
	defer key.Clear()
	if !bytes.Equal(key.Public(), a.body.Commitment) {
		return fault.New(fault.Invalid, "key: expected the private half of the accepted public key")
	}
	return nil
}

// ReceiverKey is what a receiver opens a release with: the reply key that Redeem
// returned, or, for a redemption without one, its keyring. The other is not
// looked at.
type ReceiverKey struct {
	Reply   *seal.PrivateKey
	Keyring *identity.Keyring
}

// OpenReleasedMaterial is the receiver's: it opens the block that a verified release
// links, and checks that it is what the fiduciary accepted: a share (64 bytes) or
// a key (32 bytes). A block that is the one linked, yet does not open or holds
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

func (l *VerifiedRelease) unseal(block []byte, key ReceiverKey) (*secret.Bytes, error) {
	if err := checkVerifiedRelease(l); err != nil {
		return nil, err
	}
	open, err := key.opener(l)
	if err != nil {
		return nil, err
	}
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
// so that a failure to open is the sealer's.
func (key ReceiverKey) opener(l *VerifiedRelease) (func(info, aad, sealed []byte) (*secret.Bytes, error), error) {
	r := l.redemption
	if to := r.body.ReplyKey; len(to) > 0 {
		if key.Reply == nil || !bytes.Equal(key.Reply.Public(), to) {
			return nil, fault.New(fault.Denied, "open release: expected the reply key of redemption %s, found another", r.cid)
		}
		suite, err := seal.ByName(r.order.body.Terms.Suite)
		if err != nil {
			return nil, err
		}
		return func(info, aad, sealed []byte) (*secret.Bytes, error) {
			return suite.OpenWith(key.Reply, info, aad, sealed)
		}, nil
	}
	if key.Keyring == nil || key.Keyring.Identity().Name != r.body.Receiver {
		return nil, fault.New(fault.Denied, "open release: expected the keyring of receiver %s, found another", r.body.Receiver)
	}
	// The document that the release was encrypted to, also where the receiver
	// has rotated since.
	document := l.floor[r.body.Receiver]
	if _, err := key.Keyring.Identity().At(document); err != nil {
		return nil, fault.New(fault.Denied, "open release: the receiver's keyring is older than document %s", document)
	}
	return func(info, aad, sealed []byte) (*secret.Bytes, error) {
		return key.Keyring.OpenAt(document, info, aad, sealed)
	}, nil
}
