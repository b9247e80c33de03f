package scene

import (
	"slices"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
)

// Inquiry is an approved request to a network's D-TAs, with the key of its receiver.
type Inquiry struct {
	*Founded
	Envelope *envelope.Sealed
	Request  *issue.VerifiedRequest
	Roll     []byte // whom the request is for
	Receiver *seal.PrivateKey
}

// Clients asks for the client secrets of some names.
func (f *Founded) Clients(t testing.TB, names ...string) *Inquiry {
	t.Helper()
	r := issue.Wish{Kind: order.ClientSecret}
	for _, name := range names {
		r.Subjects = append(r.Subjects, f.Subject(name))
	}
	return f.Inquire(t, r, f.Registrar)
}

// Server asks for a server secret, which two must sign for.
func (f *Founded) Server(t testing.TB, name string) *Inquiry {
	t.Helper()
	return f.Inquire(t, issue.Wish{Kind: order.ServerSecret, Subjects: []issue.Subject{{Name: name}}}, f.Registrar, f.Cosigner)
}

// Permits asks for some names' permits, from today on.
func (f *Founded) Permits(t testing.TB, days uint64, names ...string) *Inquiry {
	t.Helper()
	r := issue.Wish{Kind: order.TimePermit, First: issue.Day(time.Now()), Days: days}
	for _, name := range names {
		r.Subjects = append(r.Subjects, f.Subject(name))
	}
	return f.Inquire(t, r, f.Registrar)
}

// Draft fills a request in, for a receiver of its own.
func (f *Founded) Draft(t testing.TB, w issue.Wish) (*issue.Asked, *seal.PrivateKey) {
	t.Helper()
	receiver, err := seal.V2.NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	w.Receiver = receiver.Public()
	q, err := issue.Draft(f.Verified, w, time.Now())
	if err != nil {
		t.Fatalf("drafting a request: %v", err)
	}
	return q, receiver
}

// Inquire has signers approve a request, the first of whom asks.
func (f *Founded) Inquire(t testing.TB, w issue.Wish, signers ...*identity.Keyring) *Inquiry {
	t.Helper()
	q, receiver := f.Draft(t, w)
	var approvals []issue.Approval
	for _, k := range signers {
		approvals = append(approvals, f.Approve(t, k, q, nil))
	}
	return f.Send(t, signers[0], q, approvals, receiver)
}

// Approve is one signature, for a name or, with a delegation, for another's.
func (f *Founded) Approve(t testing.TB, k *identity.Keyring, q *issue.Asked, by *issue.Delegation) issue.Approval {
	t.Helper()
	a, err := issue.Approve(k, f.Verified, q, by, f.Parties(t))
	if err != nil {
		t.Fatalf("approving: %v", err)
	}
	return *a
}

// Send seals an approved request.
func (f *Founded) Send(t testing.TB, k *identity.Keyring, q *issue.Asked, approvals []issue.Approval, receiver *seal.PrivateKey) *Inquiry {
	t.Helper()
	sealed, err := issue.Ask(k, f.Verified, q, approvals, f.Parties(t), time.Now())
	if err != nil {
		t.Fatalf("asking: %v", err)
	}
	r, err := issue.OpenRequest(f.Node, f.Verified, sealed.Block, f.Parties(t))
	if err != nil {
		t.Fatalf("reading the request: %v", err)
	}
	if r, err = r.Unseal(sealed.Subjects.Bytes); err != nil {
		t.Fatalf("reading whom the request is for: %v", err)
	}
	roll, err := q.Roll.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return &Inquiry{Founded: f, Envelope: sealed.Sealed, Request: r, Roll: roll, Receiver: receiver}
}

// Delegate hands a name's signature on.
func (f *Founded) Delegate(t testing.TB, from, to *identity.Keyring, d issue.Delegation) *issue.Delegation {
	t.Helper()
	d.To = to.Identity().Name
	if d.NotBefore == 0 {
		d.NotBefore = time.Now().Add(-time.Minute).UnixMilli()
	}
	if d.Expires == 0 {
		d.Expires = time.Now().Add(time.Hour).UnixMilli()
	}
	made, err := issue.Delegate(from, f.Verified, d)
	if err != nil {
		t.Fatalf("delegating: %v", err)
	}
	return made
}

// Ask is the honest request to issue.
func (q *Inquiry) Ask() *contract.IssueRequest {
	return &contract.IssueRequest{
		OperationId: contract.OperationID(q.Request.HeaderCID(), q.Instance, "network-share"),
		Order:       Shown(q.Placed.Envelope),
		Acceptance:  q.Shown,
		Request:     Shown(q.Envelope),
		Documents:   q.Documents(),
		Deposit:     q.Deposit,
		Checkpoint:  []byte("checkpoint of the request"),
		Roll:        q.Roll,
	}
}

// Open gives what the receiver ends up with: it believes nothing but the charter, checks both D-TAs' answers and adds
// them up.
func (q *Inquiry) Open(t testing.TB, got *contract.IssueResponse) *issue.Secrets {
	t.Helper()
	received, err := q.Receive(t, got)
	if err != nil {
		t.Fatalf("receiving what was issued: %v", err)
	}
	return received
}

// Receive is Open for an answer that may be wrong.
func (q *Inquiry) Receive(t testing.TB, got *contract.IssueResponse) (*issue.Secrets, error) {
	t.Helper()
	charter, err := q.Whole.Charter(slices.Clone(q.known)...)
	if err != nil {
		t.Fatal(err)
	}
	received, err := issue.Receive(issue.Delivery{
		Charter: charter,
		Request: shownTo(Shown(q.Envelope)),
		Roll:    q.Roll,
		Grants:  []issue.Delivered{q.others(t), {OpenedPart: shownTo(got.GetGrant()), Share: got.GetShare()}},
	}, q.Verified.CID(), q.Receiver)
	if err != nil {
		return nil, err
	}
	return received.Secrets, nil
}

// Own gives what the plugin alone contributed, point by point: what must be seen by nobody but the receiver.
func (q *Inquiry) Own(t testing.TB, got *contract.IssueResponse) [][]byte {
	t.Helper()
	all := q.Open(t, got)
	var own [][]byte
	bases, err := q.Request.Bases()
	if err != nil {
		t.Fatal(err)
	}
	for i, base := range bases {
		var sum *bls.G1
		if all.Clients != nil {
			sum = all.Clients[i].Point()
		} else {
			days := int(q.Request.Request().Days)
			sum = all.Permits[i/days][i%days].Point
		}
		own = append(own, sum.Sub(base.Mul(q.share)).Bytes())
	}
	if all.Server != nil {
		own = append(own, all.Server.Point().Sub(bls.G2Generator().Mul(q.share)).Bytes())
	}
	return own
}

// others is the other D-TA's answer.
func (q *Inquiry) others(t testing.TB) issue.Delivered {
	t.Helper()
	a := q.Whole.Acceptances[1-q.Index]
	share, err := issue.Issue(q.Request, a.Custody(), a.Commitment(), q.share)
	if err != nil {
		t.Fatal(err)
	}
	sealed, block, err := issue.GrantTo(q.other, q.Request, a, share, nil, q.Parties(t), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return issue.Delivered{OpenedPart: shownTo(Shown(sealed)), Share: block.Bytes}
}

func shownTo(s *contract.Shown) issue.OpenedPart {
	return issue.OpenedPart{Envelope: s.GetEnvelope(), Plain: s.GetPlain()}
}
