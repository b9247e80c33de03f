package issue

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
)

// RevocationLife is how long a D-TA may take a revocation for the first time.
const RevocationLife = 30 * 24 * time.Hour

// Revocation is the body after which nothing more is issued to a subject: neither
// its client secret again nor a permit. It covers the enrolment it names and all
// before. What enforces it is the hosts' memory: one honest D-TA of an additive
// network is enough.
type Revocation struct {
	Version   uint64     `cbor:"version"`
	Order     dag.CID    `cbor:"order"`
	Terms     []byte     `cbor:"terms"`
	Epoch     uint64     `cbor:"epoch"`
	Subject   []byte     `cbor:"subject"`   // keyed hash of the name: see Mark
	Enrolment uint64     `cbor:"enrolment"` // and all before it
	Critical  dag.Values `cbor:"critical"`
	Extra     dag.Values `cbor:"extra"`
}

// VerifiedRevocation is a revocation by one who may revoke.
type VerifiedRevocation struct {
	order.Part
	body  Revocation
	order *order.VerifiedOrder
}

// Revoke seals a revocation for all D-TAs' nodes. Its signer is the registrar or
// a name of the authority over permits; one is enough. fault.Unsupported in a
// network without permits: a client secret that is out needs nothing more.
func Revoke(k *identity.Keyring, o *order.VerifiedOrder, s Subject, who order.Parties, now time.Time) (_ *envelope.Sealed, err error) {
	defer fault.Explain("revoke", &err)
	n, err := networkOf(o)
	if err != nil {
		return nil, err
	}
	if n.Permits {
		suite, err := mpin.ByName(n.Suite)
		if err != nil {
			return nil, fault.New(fault.Unsupported, "%w", err)
		}
		if _, err := suite.IdentityOf(o.NetworkID(), s.Name, s.Enrolment); err != nil {
			return nil, fault.New(fault.Invalid, "subject: %w", err)
		}
	}
	return revoke(k, o, mark(n, s.Name), s.Enrolment, who, now)
}

// Again seals a revocation anew for those who may no longer take it for the first
// time.
func (v *VerifiedRevocation) Again(k *identity.Keyring, who order.Parties, now time.Time) (_ *envelope.Sealed, err error) {
	defer fault.Explain("revoke", &err)
	return revoke(k, v.order, v.body.Subject, v.body.Enrolment, who, now)
}

func revoke(k *identity.Keyring, o *order.VerifiedOrder, subject []byte, enrolment uint64, who order.Parties, now time.Time) (*envelope.Sealed, error) {
	body := Revocation{
		Version: Version, Order: o.CID(), Terms: o.TermsCID().Bytes(), Epoch: Epoch, Subject: subject, Enrolment: enrolment,
	}
	signer := k.Identity().Name
	if err := body.check(o, signer); err != nil {
		return nil, err
	}
	return o.SealBeside(k, order.Writing{
		Kind: envelope.Revocation, After: &o.Part, For: revocationParties(o, signer), Previous: []dag.CID{o.CID()},
		Body: body, Expires: now.Add(RevocationLife),
	}, who, now)
}

// VerifyRevocation checks a revocation of which the plaintext is shown.
func VerifyRevocation(o *order.VerifiedOrder, block, plain []byte, who order.Parties) (*VerifiedRevocation, error) {
	return readRevocation(o, block, order.FromPlain(plain), who)
}

// OpenRevocation is VerifyRevocation for a recipient, who decrypts it itself.
func OpenRevocation(k *identity.Keyring, o *order.VerifiedOrder, block []byte, who order.Parties) (*VerifiedRevocation, error) {
	return readRevocation(o, block, order.FromKeyring(k), who)
}

func readRevocation(o *order.VerifiedOrder, block []byte, from order.Source, who order.Parties) (_ *VerifiedRevocation, err error) {
	defer fault.Explain("revocation", &err)
	if _, err := networkOf(o); err != nil {
		return nil, err
	}
	v := &VerifiedRevocation{order: o}
	head := func(h *envelope.Header) error {
		if err := mayRevoke(o, h.Signer.Name); err != nil {
			return err
		}
		return order.CheckPrevious(h, o.CID())
	}
	judge := func(p *order.Part) ([]dag.CID, error) {
		return revocationParties(o, p.Signer().Name), v.body.check(o, p.Signer().Name)
	}
	v.Part, err = o.Beside(order.Reading{
		Kind: envelope.Revocation, After: &o.Part, Block: block, From: from, Head: head, Body: &v.body, Judge: judge,
	}, who)
	if err != nil {
		return nil, err
	}
	return v, nil
}

func revocationParties(o *order.VerifiedOrder, signer dag.CID) []dag.CID {
	names := []dag.CID{signer}
	for _, f := range o.Terms().Fiduciaries {
		names = append(names, f.Node.Name)
	}
	return append(names, o.Principal().Name)
}

func mayRevoke(o *order.VerifiedOrder, name dag.CID) error {
	n, err := networkOf(o)
	if err != nil {
		return err
	}
	if rule, _ := n.Rule(order.TimePermit); name != o.Principal().Name && !slices.Contains(rule.Names, name) {
		return fault.New(fault.Denied, "%s may not revoke: it is neither the registrar nor an authority over permits", name)
	}
	return nil
}

func (b *Revocation) check(o *order.VerifiedOrder, signer dag.CID) error {
	n, err := networkOf(o)
	if err != nil {
		return err
	}
	if err := checkBody(b.Version, b.Critical); err != nil {
		return err
	}
	if err := checkNetwork(o, b.Order, b.Terms, b.Epoch); err != nil {
		return err
	}
	if !n.Permits {
		return fault.New(fault.Unsupported, "this network has no permits, and cannot revoke")
	}
	if len(b.Subject) != sha256.Size {
		return fault.New(fault.Invalid, "expected the keyed hash of a subject's name, %d bytes, found %d", sha256.Size, len(b.Subject))
	}
	return mayRevoke(o, signer)
}

// Mark is whose enrolments are revoked, as [Mark] writes it.
func (v *VerifiedRevocation) Mark() string { return hex.EncodeToString(v.body.Subject) }

// Enrolment is the newest that is revoked; all before it are.
func (v *VerifiedRevocation) Enrolment() uint64 { return v.body.Enrolment }

// Covers tells whether nothing more is issued to a subject.
func (v *VerifiedRevocation) Covers(s Subject) bool {
	n, err := networkOf(v.order)
	return err == nil && Mark(n, s.Name) == v.Mark() && s.Enrolment <= v.Enrolment()
}

// Mark stands for a subject's name where it has to be remembered for ever, in
// hexadecimal: HMAC-SHA256 under the network's subject key of
// "dta/network/subject/v1" ‖ name.
func Mark(n *order.NetworkTerms, name string) string { return hex.EncodeToString(mark(n, name)) }

func mark(n *order.NetworkTerms, name string) []byte {
	mac := hmac.New(sha256.New, n.SubjectKey)
	mac.Write([]byte("dta/network/subject/v1"))
	mac.Write([]byte(name))
	return mac.Sum(nil)
}
