package issue

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
)

// MaxDelegation is how long a delegation may last.
const MaxDelegation = 7 * 24 * time.Hour

// maxScope bounds a prefix or suffix, in bytes.
const maxScope = 256

// Delegation hands an authority's signature on, within a scope and for a while.
// A delegate counts for the one that delegated; it cannot delegate further.
type Delegation struct {
	Version   uint64            `cbor:"version"`
	Order     dag.CID           `cbor:"order"`
	Terms     []byte            `cbor:"terms"`
	Epoch     uint64            `cbor:"epoch"`
	From      identity.Party    `cbor:"from"`   // a name of the authority, at the document it signs with
	To        dag.CID           `cbor:"to"`     // a node's name
	Kinds     []order.IssueKind `cbor:"kinds"`  // in the order of order.IssueKinds, at least one
	Prefix    string            `cbor:"prefix"` // with which subjects' names must begin
	Suffix    string            `cbor:"suffix"` // and end
	MaxDays   uint64            `cbor:"max_days"`
	NotBefore int64             `cbor:"not_before"` // unix milliseconds
	Expires   int64             `cbor:"expires"`    // at most MaxDelegation later
	Critical  dag.Values        `cbor:"critical"`
	Extra     dag.Values        `cbor:"extra"`
	Signature []byte            `cbor:"signature"` // for sign.Delegation, over the map with none
}

// Approval is a signature over a request, by a name of the authority or its
// delegate. Who seals the request approves it with that: in the envelope its own
// approval has no signature.
type Approval struct {
	Signer     identity.Party `cbor:"signer"`
	Delegation []Delegation   `cbor:"delegation"` // one where the signer is a delegate, else none
	Signature  []byte         `cbor:"signature"`  // for sign.Approval, over DAG-CBOR(request); the envelope's signer: none
}

// Delegate signs d for k's own name, which must stand in a rule for each of
// d.Kinds. What d repeats of the network is filled in.
func Delegate(k *identity.Keyring, o *order.VerifiedOrder, d Delegation) (*Delegation, error) {
	if _, err := networkOf(o); err != nil {
		return nil, err
	}
	d.Version, d.Order, d.Terms, d.Epoch = Version, o.CID(), o.TermsCID().Bytes(), Epoch
	d.From, d.Signature = k.Identity().Party(), nil
	if err := d.check(o); err != nil {
		return nil, err
	}
	signed, err := d.signed()
	if err != nil {
		return nil, err
	}
	d.Signature = k.Sign(sign.Delegation, signed)
	return &d, nil
}

func (d Delegation) signed() ([]byte, error) {
	d.Signature = nil
	return dag.Encode(d)
}

// Verify checks a delegation of the network, its signature included.
func (d *Delegation) Verify(o *order.VerifiedOrder, who order.Parties) (err error) {
	defer fault.Explain("delegation", &err)
	if err := d.check(o); err != nil {
		return err
	}
	signed, err := d.signed()
	if err != nil {
		return err
	}
	return verify(o, sign.Delegation, d.From, d.NotBefore, signed, d.Signature, who)
}

// verify checks a signature that a party made at a time.
func verify(o *order.VerifiedOrder, purpose sign.Purpose, by identity.Party, at int64, signed, signature []byte, who order.Parties) error {
	id, err := o.CheckSigned(by, at, who)
	if err != nil {
		return err
	}
	if err := id.SigningKey().Verify(purpose, signed, signature); err != nil {
		return fault.New(fault.Denied, "signature of %s: %w", by.Name, err)
	}
	return nil
}

func (d *Delegation) check(o *order.VerifiedOrder) error {
	n, err := networkOf(o)
	if err != nil {
		return err
	}
	if err := checkBody(d.Version, d.Critical); err != nil {
		return err
	}
	if err := checkNetwork(o, d.Order, d.Terms, d.Epoch); err != nil {
		return err
	}
	if !d.To.Defined() || d.To == d.From.Name {
		return fault.New(fault.Invalid, "expected it to be for another name, found %q", d.To)
	}
	if err := d.checkKinds(n); err != nil {
		return err
	}
	if len(d.Prefix) > maxScope || len(d.Suffix) > maxScope {
		return fault.New(fault.Invalid, "expected a prefix and suffix of at most %d bytes, found %d and %d", maxScope, len(d.Prefix), len(d.Suffix))
	}
	if permits := slices.Contains(d.Kinds, order.TimePermit); permits != (d.MaxDays > 0) || d.MaxDays > order.MaxPermitDays {
		return fault.New(fault.Invalid, "expected max_days of 1 to %d for permits and 0 without, found %d", order.MaxPermitDays, d.MaxDays)
	}
	if d.NotBefore < 0 || d.Expires <= d.NotBefore || d.Expires-d.NotBefore > MaxDelegation.Milliseconds() {
		return fault.New(fault.Invalid, "expected it to last at most %s, found %d to %d", MaxDelegation, d.NotBefore, d.Expires)
	}
	return nil
}

func (d *Delegation) checkKinds(n *order.NetworkTerms) error {
	at := -1
	for _, i := range d.Kinds {
		place := slices.Index(order.IssueKinds(), i)
		if place <= at {
			return fault.New(fault.Invalid, "expected kinds of request in their order, each once, found %.40q", i)
		}
		at = place
		if rule, ok := n.Rule(i); !ok || !slices.Contains(rule.Names, d.From.Name) {
			return fault.New(fault.Denied, "%s has no authority over %s, and hands none on", d.From.Name, i)
		}
	}
	if at < 0 {
		return fault.New(fault.Invalid, "expected at least one kind of request")
	}
	return nil
}

// covers tells whether a request lies within the delegation's scope.
func (d *Delegation) covers(r *Request) error {
	if !slices.Contains(d.Kinds, r.Kind) {
		return fault.New(fault.Denied, "it is for %q, not for %s", d.Kinds, r.Kind)
	}
	if err := checkAhead(r, d.MaxDays, r.Time); err != nil {
		return err
	}
	if r.Time < d.NotBefore || r.Time > d.Expires {
		return fault.New(fault.Denied, "it was in force from %d to %d, not when the request was made, %d", d.NotBefore, d.Expires, r.Time)
	}
	return nil
}

// coversAll tells whether subjects have names of the delegation's scope.
func (d *Delegation) coversAll(subjects []Subject) error {
	for i, s := range subjects {
		// They do not overlap: "ab…bc" covers "abbc", not "abc".
		rest, begins := strings.CutPrefix(s.Name, d.Prefix)
		if !begins || !strings.HasSuffix(rest, d.Suffix) {
			return fault.New(fault.Denied, "it is for other names than that of subject %d", i)
		}
	}
	return nil
}

// Approve signs a request, for k's own name or, with a delegation, for that of
// another. The caller has decided that what is asked is right.
func Approve(k *identity.Keyring, o *order.VerifiedOrder, asked *Asked, by *Delegation, who order.Parties) (*Approval, error) {
	if err := asked.Check(o); err != nil {
		return nil, err
	}
	r := &asked.Request
	a := &Approval{Signer: k.Identity().Party()}
	if by != nil {
		a.Delegation = []Delegation{*by}
	}
	if _, err := a.authority(o, r, asked.Roll.Subjects, who); err != nil {
		return nil, err
	}
	signed, err := r.Marshal()
	if err != nil {
		return nil, err
	}
	a.Signature = k.Sign(sign.Approval, signed)
	return a, nil
}

// ParseApproval reads an approval on its own.
func ParseApproval(block []byte) (*Approval, error) {
	a := new(Approval)
	if err := dag.Decode(block, a); err != nil {
		return nil, fault.New(fault.Invalid, "approval: %w", err)
	}
	return a, nil
}

// Marshal is what ParseApproval reads.
func (a *Approval) Marshal() ([]byte, error) { return dag.Encode(a) }

// authority finds the name for which an approval counts; the approval's own
// signature is not looked at. A delegate's scope is held to the subjects given:
// none where they are not known yet.
func (a *Approval) authority(o *order.VerifiedOrder, r *Request, subjects []Subject, who order.Parties) (dag.CID, error) {
	n, err := networkOf(o)
	if err != nil {
		return dag.CID{}, err
	}
	rule, _ := n.Rule(r.Kind)
	name := a.Signer.Name
	switch len(a.Delegation) {
	case 0:
	case 1:
		d := &a.Delegation[0]
		if d.To != a.Signer.Name {
			return dag.CID{}, fault.New(fault.Denied, "the delegation is for %s, and %s signed", d.To, a.Signer.Name)
		}
		if err := cmp.Or(d.covers(r), d.coversAll(subjects)); err != nil {
			return dag.CID{}, fault.New(fault.Denied, "delegation: %w", err)
		}
		if err := d.Verify(o, who); err != nil {
			return dag.CID{}, err
		}
		name = d.From.Name
	default:
		return dag.CID{}, fault.New(fault.Invalid, "expected at most one delegation, found %d", len(a.Delegation))
	}
	if !slices.Contains(rule.Names, name) {
		return dag.CID{}, fault.New(fault.Denied, "%s has no authority over %s in this network", name, r.Kind)
	}
	return name, nil
}

// Missing checks a request, verifies its approvals and says how many more it
// needs. Two that count for one name, or that one signer made, are refused:
// nobody counts twice.
func Missing(o *order.VerifiedOrder, a *Asked, approvals []Approval, who order.Parties) (int, error) {
	if err := a.Check(o); err != nil {
		return 0, err
	}
	return missing(o, &a.Request, a.Roll.Subjects, approvals, identity.Party{}, who)
}

// missing is Missing for approvals of which one may be that of the envelope's
// signer.
func missing(o *order.VerifiedOrder, r *Request, subjects []Subject, approvals []Approval, sealed identity.Party, who order.Parties) (int, error) {
	n, err := networkOf(o)
	if err != nil {
		return 0, err
	}
	rule, _ := n.Rule(r.Kind)
	if len(approvals) > len(rule.Names) {
		return 0, fault.New(fault.Invalid, "expected at most %d approvals, found %d", len(rule.Names), len(approvals))
	}
	signed, err := r.Marshal()
	if err != nil {
		return 0, err
	}
	var names, signers []dag.CID
	for i := range approvals {
		a := &approvals[i]
		if slices.Contains(signers, a.Signer.Name) {
			return 0, fault.New(fault.Denied, "approval %d: %s signed before", i, a.Signer.Name)
		}
		name, err := a.authority(o, r, subjects, who)
		if err != nil {
			return 0, fault.New(fault.Of(err), "approval %d: %w", i, err)
		}
		if slices.Contains(names, name) {
			return 0, fault.New(fault.Denied, "approval %d: %s, or a delegate of it, signed before", i, name)
		}
		names, signers = append(names, name), append(signers, a.Signer.Name)
		if a.Signer.Name == sealed.Name {
			if a.Signer != sealed || len(a.Signature) != 0 {
				return 0, fault.New(fault.Invalid, "approval %d: expected that of the envelope's signer without a signature of its own, at document %s", i, sealed.Document)
			}
			continue
		}
		if err := verify(o, sign.Approval, a.Signer, r.Time, signed, a.Signature, who); err != nil {
			return 0, fault.New(fault.Of(err), "approval %d: %w", i, err)
		}
	}
	return max(0, int(rule.Threshold)-len(names)), nil
}

func nonce() []byte { return secret.Random(NonceSize).Open() }
