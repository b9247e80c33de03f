package issue

import (
	"slices"
	"time"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
)

// Approved is the body of a request's envelope.
type Approved struct {
	Version   uint64     `cbor:"version"`
	Request   Request    `cbor:"request"`
	Approvals []Approval `cbor:"approvals"` // exactly as many as the rule wants, or more names of it
	Roll      dag.CID    `cbor:"subjects"`  // link to the block of subjects, encrypted
	Key       []byte     `cbor:"key"`       // that opens it
	Critical  dag.Values `cbor:"critical"`
	Extra     dag.Values `cbor:"extra"`
}

// VerifiedRequest is a request that the authority of its network approved.
type VerifiedRequest struct {
	order.Part
	body  Approved
	order *order.VerifiedOrder
	asked Asked // its roll is empty until it is shown
}

// SealedRequest is a request's envelope with the block of its subjects.
type SealedRequest struct {
	*envelope.Sealed
	Subjects order.Block
	roll     []byte
}

// Ask seals an approved request, and its subjects beside it. Its signer is the
// registrar or one of those who approved.
func Ask(k *identity.Keyring, o *order.VerifiedOrder, a *Asked, approvals []Approval, who order.Parties, now time.Time) (_ *SealedRequest, err error) {
	defer fault.Explain("ask", &err)
	if err := a.Check(o); err != nil {
		return nil, err
	}
	out := &SealedRequest{}
	body := Approved{Version: Version, Request: a.Request, Approvals: slices.Clone(approvals)}
	if out.Subjects, body.Key, err = sealRoll(o, a); err != nil {
		return nil, err
	}
	body.Roll = out.Subjects.CID
	for i := range body.Approvals {
		if a := &body.Approvals[i]; a.Signer == k.Identity().Party() {
			a.Signature = nil
		}
	}
	if err := body.check(o, k.Identity().Party(), a.Roll.Subjects, who); err != nil {
		return nil, err
	}
	if a.Expires <= now.UnixMilli() {
		return nil, fault.New(fault.Denied, "the request expired at %s", envelope.Stamp(a.Expires))
	}
	if out.roll, err = a.Roll.Marshal(); err != nil {
		return nil, err
	}
	out.Sealed, err = o.SealBeside(k, order.Writing{
		Kind: envelope.Request, After: &o.Part, For: askParties(o, &a.Request, k.Identity().Name), Previous: []dag.CID{o.CID()},
		Body: body, Expires: time.UnixMilli(a.Expires),
	}, who, now)
	return out, err
}

// VerifyRequest checks a request of which the plaintext is shown. What it says of
// its subjects, [VerifiedRequest.With] or [VerifiedRequest.Unseal] adds.
func VerifyRequest(o *order.VerifiedOrder, block, plain []byte, who order.Parties) (*VerifiedRequest, error) {
	return readRequest(o, block, order.FromPlain(plain), who)
}

// OpenRequest is VerifyRequest for a recipient, who decrypts it itself.
func OpenRequest(k *identity.Keyring, o *order.VerifiedOrder, block []byte, who order.Parties) (*VerifiedRequest, error) {
	return readRequest(o, block, order.FromKeyring(k), who)
}

// MadeRequest is VerifyRequest for who has just sealed it with Ask, its subjects
// included.
func MadeRequest(o *order.VerifiedOrder, s *SealedRequest, who order.Parties) (*VerifiedRequest, error) {
	r, err := readRequest(o, s.Block, order.FromSealed(s.Sealed), who)
	if err != nil {
		return nil, err
	}
	return r.With(s.roll)
}

func readRequest(o *order.VerifiedOrder, block []byte, from order.Source, who order.Parties) (_ *VerifiedRequest, err error) {
	defer fault.Explain("request", &err)
	if _, err := networkOf(o); err != nil {
		return nil, err
	}
	r := &VerifiedRequest{order: o}
	head := func(h *envelope.Header) error { return order.CheckPrevious(h, o.CID()) }
	judge := func(p *order.Part) ([]dag.CID, error) {
		q := &r.body.Request
		if err := r.body.check(o, p.Signer().Party(), nil, who); err != nil {
			return nil, err
		}
		if h := p.Header(); h.Expires > q.Expires || h.Time < q.Time-envelope.MaxSkew.Milliseconds() {
			return nil, fault.New(fault.Invalid, "expected the envelope to last from %d to %d, as the request does, found %d to %d", q.Time, q.Expires, h.Time, h.Expires)
		}
		return askParties(o, q, p.Signer().Name), nil
	}
	r.Part, err = o.Beside(order.Reading{
		Kind: envelope.Request, After: &o.Part, Block: block, From: from, Head: head, Body: &r.body, Judge: judge,
	}, who)
	if err != nil {
		return nil, err
	}
	r.asked.Request = r.body.Request
	return r, nil
}

// askParties are the readers of a request: its signer, the nodes of its quorum,
// the registrar.
func askParties(o *order.VerifiedOrder, r *Request, signer dag.CID) []dag.CID {
	names := []dag.CID{signer}
	for _, i := range r.Quorum {
		names = append(names, o.Terms().Fiduciaries[i].Node.Name)
	}
	return append(names, o.Principal().Name)
}

// check holds a request, about to be signed or just read, to its network; its
// subjects too where they are known.
func (b *Approved) check(o *order.VerifiedOrder, signer identity.Party, subjects []Subject, who order.Parties) error {
	if err := checkBody(b.Version, b.Critical); err != nil {
		return err
	}
	if err := b.Request.check(o); err != nil {
		return err
	}
	if !b.Roll.Defined() || b.Roll.Raw() {
		return fault.New(fault.Invalid, "expected a link to the block of subjects, found %q", b.Roll)
	}
	if len(b.Key) != seal.KeySize {
		return fault.New(fault.Invalid, "expected a key of %d bytes to the subjects, found %d", seal.KeySize, len(b.Key))
	}
	approved := slices.ContainsFunc(b.Approvals, func(a Approval) bool { return a.Signer.Name == signer.Name })
	if signer.Name != o.Principal().Name && !approved {
		return fault.New(fault.Denied, "expected the registrar or an approver to ask, found %s", signer.Name)
	}
	missing, err := missing(o, &b.Request, subjects, b.Approvals, signer, who)
	if err != nil {
		return err
	}
	if missing > 0 {
		more := "approvals"
		if missing == 1 {
			more = "approval"
		}
		return fault.New(fault.Denied, "the authority over %s wants %d more %s", b.Request.Kind, missing, more)
	}
	return nil
}

func (r *VerifiedRequest) verified() error {
	if r == nil || r.order == nil || r.Signer() == nil {
		return fault.New(fault.Internal, "the request was not verified")
	}
	return nil
}

// Order is the network's.
func (r *VerifiedRequest) Order() *order.VerifiedOrder { return r.order }

// Rolled tells whether the request's subjects were shown.
func (r *VerifiedRequest) Rolled() bool { return len(r.asked.Roll.Subjects) > 0 }

// rolled refuses what nothing can be issued for.
func (r *VerifiedRequest) rolled() error {
	if err := r.verified(); err != nil {
		return err
	}
	if !r.Rolled() {
		return fault.New(fault.Invalid, "request: its subjects are not shown")
	}
	return nil
}

// Request is what is asked, with its roll where that was shown. Its lists must not
// be changed.
func (r *VerifiedRequest) Request() *Asked {
	a := r.asked
	return &a
}

// Roll links the block of its subjects.
func (r *VerifiedRequest) Roll() dag.CID { return r.body.Roll }

// Approvals are the authority's. The list must not be changed.
func (r *VerifiedRequest) Approvals() []Approval { return r.body.Approvals }

// Current refuses a request that is not yet, or no longer, to be answered for
// the first time: expired, approved under a delegation that has ended, or for
// permits beyond today and the days that the network allows. It is for whoever
// has a clock, and fault.Denied.
func (r *VerifiedRequest) Current(now time.Time) error {
	if err := r.verified(); err != nil {
		return err
	}
	q, at := &r.body.Request, now.UnixMilli()
	if q.Time > at+envelope.MaxSkew.Milliseconds() || q.Expires < at {
		return fault.New(fault.Denied, "the request was for %s to %s; it is %s", envelope.Stamp(q.Time), envelope.Stamp(q.Expires), envelope.Stamp(at))
	}
	for _, a := range r.body.Approvals {
		for _, d := range a.Delegation {
			if d.NotBefore > at+envelope.MaxSkew.Milliseconds() || d.Expires < at {
				return fault.New(fault.Denied, "the delegation to %s was for %s to %s; it is %s", d.To, envelope.Stamp(d.NotBefore), envelope.Stamp(d.Expires), envelope.Stamp(at))
			}
		}
	}
	n, _ := r.order.Network()
	return checkAhead(q, n.MaxDays, at)
}

// checkAhead wants permits from yesterday on and for no more than days ahead of a
// time, whether one request asks for them or several.
func checkAhead(r *Request, days uint64, at int64) error {
	if r.Kind != order.TimePermit {
		return nil
	}
	if today := Day(time.UnixMilli(at)); r.First+1 < today || r.First+r.Days > today+days+1 {
		return fault.New(fault.Denied, "expected permits from %s to %s, found %s to %s", date(max(1, today)-1), date(today+days), date(r.First), date(r.First+r.Days-1))
	}
	return nil
}

// InForce refuses a request if a document that the asker, an approver or who
// delegated signed with has been replaced since: the key may be a thief's. An old
// request still reads well, but nothing more is issued for it.
func (r *VerifiedRequest) InForce(who order.Parties) error {
	if err := r.verified(); err != nil {
		return err
	}
	parties := []identity.Party{r.Signer().Party()}
	for _, a := range r.body.Approvals {
		parties = append(parties, a.Signer)
		for _, d := range a.Delegation {
			parties = append(parties, d.From)
		}
	}
	for _, p := range parties {
		if err := order.CheckNewest(p, who); err != nil {
			return fault.New(fault.Of(err), "request: %w", err)
		}
	}
	return nil
}

// date is a day of permits as people write it.
func date(day uint64) string { return time.Unix(int64(day)*24*60*60, 0).UTC().Format(time.DateOnly) }

// Day is the day of permits at a time: days since 1970-01-01 UTC.
func Day(now time.Time) uint64 {
	return uint64(max(0, now.Unix())) / uint64(24*time.Hour/time.Second)
}
