package hostile

import (
	"slices"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/plugintest/internal/scene"
)

// forgery is a request in network n that nothing must be issued for. Everything in it but what is named is as it should
// be, signatures included: some of its authors are of the authority themselves.
type forgery struct {
	name   string
	change func(*issue.Asked)
	// unsigned changes what is shown beside the request, of which it has the hash of before.
	unsigned func(*issue.Asked)
	// approve makes the approvals; nil: the registrar's. Those of who asks lose their signature, for which the seal
	// stands, unless it signs again.
	approve func(*issue.Asked) []issue.Approval
	again   bool
	draft   func(*envelope.Draft)
	by      *identity.Keyring // who asks; nil: the registrar
	kind    fault.Kind        // of the refusal, where all else is n's
}

// settle gives a request that was changed the tags that its kind wants, and the hash of its subjects as they are now.
func settle(t testing.TB, q *issue.Asked) {
	t.Helper()
	q.Tags = nil
	for range q.Subjects {
		if q.Kind == order.ClientSecret {
			q.Tags = append(q.Tags, issue.NewTag())
		}
	}
	var err error
	if q.RollHash, err = q.Roll.Hash(); err != nil {
		t.Fatal(err)
	}
}

// make seals a forgery, for a receiver of the forger's own, and says for whom.
func (f forgery) make(t testing.TB, x *networks) (shown *contract.Shown, roll []byte) {
	t.Helper()
	q, _ := x.n.Draft(t, issue.Wish{Kind: order.ClientSecret, Subjects: []issue.Subject{x.n.Subject("alice")}})
	if f.change != nil {
		f.change(q)
		settle(t, q)
	}
	if f.unsigned != nil {
		f.unsigned(q)
	}
	by, approve := f.by, f.approve
	if by == nil {
		by = x.n.Registrar
	}
	if approve == nil {
		approve = func(q *issue.Asked) []issue.Approval { return []issue.Approval{signed(t, x.n.Registrar, q)} }
	}
	approvals := approve(q)
	for i := range approvals {
		if !f.again && approvals[i].Signer.Name == by.Identity().Name {
			approvals[i].Signature = nil
		}
	}
	d := envelope.Draft{
		Kind: envelope.Request, Recipients: x.readers(t, by),
		Time: time.UnixMilli(q.Time), Expires: time.UnixMilli(q.Expires),
		Previous: []dag.CID{x.n.Verified.CID()},
		Body:     issue.Approved{Version: issue.Version, Request: q.Request, Approvals: approvals, Roll: dag.Sum([]byte("subjects")), Key: make([]byte, seal.KeySize)},
	}
	if f.draft != nil {
		f.draft(&d)
	}
	sealed, err := envelope.Seal(by, d)
	if err != nil {
		t.Fatalf("forging %s: %v", f.name, err)
	}
	if roll, err = q.Roll.Marshal(); err != nil {
		t.Fatal(err)
	}
	return scene.Shown(sealed), roll
}

// signed is an approval, whether or not its signer may give one.
func signed(t testing.TB, k *identity.Keyring, q *issue.Asked, by ...issue.Delegation) issue.Approval {
	t.Helper()
	block, err := q.Request.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return issue.Approval{Signer: k.Identity().Party(), Delegation: by, Signature: k.Sign(sign.Approval, block)}
}

// readers are those for whom a request in n is encrypted.
func (x *networks) readers(t testing.TB, by *identity.Keyring) []*identity.Identity {
	t.Helper()
	names := []dag.CID{by.Identity().Name}
	for _, f := range x.n.Verified.Terms().Fiduciaries {
		names = append(names, f.Node.Name)
	}
	names = append(names, x.n.Registrar.Identity().Name)
	var ids []*identity.Identity
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			continue
		}
		id, err := x.Parties(t).Identity(name, dag.CID{})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// forgedRequests are wrong in what they ask, or in the envelope around it.
func (x *networks) forgedRequests(t testing.TB) []forgery {
	t.Helper()
	unknown := func() dag.Values {
		raw, err := dag.NewRaw(true)
		if err != nil {
			t.Fatal(err)
		}
		return dag.Values{"quota": raw}
	}
	today := issue.Day(time.Now())
	permits := func(first, days uint64) func(*issue.Asked) {
		return func(q *issue.Asked) { q.Kind, q.First, q.Days = order.TimePermit, first, days }
	}
	server := func(change func(*issue.Asked)) func(*issue.Asked) {
		return func(q *issue.Asked) {
			q.Kind, q.Subjects = order.ServerSecret, []issue.Subject{{Name: "login.example"}}
			change(q)
		}
	}
	both := func(q *issue.Asked) []issue.Approval {
		return []issue.Approval{signed(t, x.n.Registrar, q), signed(t, x.n.Cosigner, q)}
	}
	many := make([]issue.Subject, issue.MaxPoints/2+1)
	for i := range many {
		many[i] = issue.Subject{Name: "person " + string(rune('一'+i)), Enrolment: 1}
	}
	return []forgery{
		// Of another network, order, epoch or quorum.
		{name: "request that names the other network", change: func(q *issue.Asked) {
			q.Order, q.Terms = x.m.Verified.CID(), x.m.Verified.TermsCID().Bytes()
		}, kind: fault.Invalid},
		{name: "request that names the other network's order", change: func(q *issue.Asked) { q.Order = x.m.Verified.CID() }, kind: fault.Invalid},
		{name: "request that names the other network's terms", change: func(q *issue.Asked) { q.Terms = x.m.Verified.TermsCID().Bytes() }, kind: fault.Invalid},
		{name: "request of a later epoch", change: func(q *issue.Asked) { q.Epoch = 1 }, kind: fault.Invalid},
		{name: "request to this D-TA alone", change: func(q *issue.Asked) { q.Quorum = []uint64{uint64(x.n.Index)} }, kind: fault.Invalid},
		{name: "request to the other D-TA alone", change: func(q *issue.Asked) { q.Quorum = []uint64{uint64(1 - x.n.Index)} }, kind: fault.Invalid},
		{name: "request to D-TAs in another order", change: func(q *issue.Asked) { q.Quorum = []uint64{1, 0} }, kind: fault.Invalid},
		{name: "request to a D-TA that is not there", change: func(q *issue.Asked) { q.Quorum = []uint64{0, 1, 2} }, kind: fault.Invalid},
		{name: "request to nobody", change: func(q *issue.Asked) { q.Quorum = nil }, kind: fault.Invalid},
		// For whom and what.
		{name: "request for nobody", change: func(q *issue.Asked) { q.Subjects = nil }, kind: fault.Invalid},
		{name: "request for too many permits", change: func(q *issue.Asked) { permits(today, 2)(q); q.Subjects = many }, kind: fault.Invalid},
		{name: "request for one twice", change: func(q *issue.Asked) { q.Subjects = append(q.Subjects, q.Subjects[0]) }, kind: fault.Invalid},
		{name: "request for one without a name", change: func(q *issue.Asked) { q.Subjects[0].Name = "" }, kind: fault.Invalid},
		{name: "request of an unknown kind", change: func(q *issue.Asked) { q.Kind = "master-secret" }, kind: fault.Unsupported},
		{name: "request for a server of two names", change: server(func(q *issue.Asked) { q.Subjects = append(q.Subjects, issue.Subject{Name: "b"}) }), approve: both, kind: fault.Invalid},
		{name: "request for a server of an enrolment", change: server(func(q *issue.Asked) { q.Subjects[0].Enrolment = 1 }), approve: both, kind: fault.Invalid},
		{name: "request for client secrets with days", change: func(q *issue.Asked) { q.First, q.Days = today, 1 }, kind: fault.Invalid},
		{name: "request for more days than the network allows", change: permits(today, 8), kind: fault.Invalid},
		{name: "request for no days", change: permits(today, 0), kind: fault.Invalid},
		{name: "request for days to come", change: permits(today+7, 3), kind: fault.Denied},
		{name: "request for days that have passed", change: permits(today-3, 1), kind: fault.Denied},
		{name: "request for a day beyond all days", change: permits(1<<63, 1), kind: fault.Invalid},
		{name: "request for others than are shown", unsigned: func(q *issue.Asked) { q.Subjects = []issue.Subject{x.n.Subject("bob")} }, kind: fault.Invalid},
		{name: "request for another enrolment than is shown", unsigned: func(q *issue.Asked) { q.Subjects[0].Enrolment++ }, kind: fault.Invalid},
		{name: "request for more than are shown", unsigned: func(q *issue.Asked) { q.Subjects = nil }, kind: fault.Invalid},
		{name: "request with another salt than is shown", unsigned: func(q *issue.Asked) { q.Salt = make([]byte, issue.SaltSize) }, kind: fault.Invalid},
		// To whom and when.
		{name: "request without a receiver", change: func(q *issue.Asked) { q.Receiver = nil }, kind: fault.Invalid},
		{name: "request to a receiver of zeros", change: func(q *issue.Asked) { q.Receiver = make([]byte, len(q.Receiver)-1) }, kind: fault.Invalid},
		{name: "request without a nonce", change: func(q *issue.Asked) { q.Nonce = nil }, kind: fault.Invalid},
		{name: "request that has expired", change: func(q *issue.Asked) {
			q.Time, q.Expires = q.Time-2*time.Hour.Milliseconds(), q.Time-time.Hour.Milliseconds()
		}, kind: fault.Denied},
		{name: "request from the future", change: func(q *issue.Asked) {
			q.Time, q.Expires = q.Time+time.Hour.Milliseconds(), q.Time+2*time.Hour.Milliseconds()
		}, kind: fault.Denied},
		{name: "request that lasts too long", change: func(q *issue.Asked) { q.Expires = q.Time + issue.MaxLife.Milliseconds() + 1 }, kind: fault.Invalid},
		{name: "request that ends before it begins", change: func(q *issue.Asked) { q.Time = q.Expires + 1 }, draft: func(d *envelope.Draft) {
			d.Time, d.Expires = d.Expires, d.Time
		}, kind: fault.Invalid},
		{name: "request of another version", change: func(q *issue.Asked) { q.Version = 2 }, kind: fault.Unsupported},
		{name: "request with a critical rule that nobody knows", change: func(q *issue.Asked) { q.Critical = unknown() }, kind: fault.Unsupported},
		// The envelope.
		{name: "request asked by a stranger", by: x.stranger, kind: fault.Denied},
		{name: "request asked by the D-TA's node", by: x.Node, kind: fault.Denied},
		{name: "request asked by the other network's registrar", by: x.m.Registrar, kind: fault.Denied},
		{name: "request asked by the order's principal", by: x.a.Principal, kind: fault.Denied},
		{name: "request asked by a D-TA", by: x.n.Other(), kind: fault.Denied},
		{name: "request with a document that was replaced", change: permits(today, 1), approve: func(q *issue.Asked) []issue.Approval {
			return []issue.Approval{signed(t, x.retired, q)}
		}, kind: fault.Denied},
		{name: "request asked with a document that was replaced", change: permits(today, 1), by: x.retired, approve: func(q *issue.Asked) []issue.Approval {
			return []issue.Approval{signed(t, x.retired, q)}
		}, kind: fault.Denied},
		{name: "request read by a stranger too", draft: func(d *envelope.Draft) { d.Recipients = append(d.Recipients, x.stranger.Identity()) }, kind: fault.Invalid},
		{name: "request that not all D-TAs read", draft: func(d *envelope.Draft) { d.Recipients = d.Recipients[:2] }, kind: fault.Invalid},
		{name: "request that follows the other network", draft: func(d *envelope.Draft) { d.Previous[0] = x.m.Verified.CID() }, kind: fault.Invalid},
		{name: "request that follows nothing", draft: func(d *envelope.Draft) { d.Previous = nil }, kind: fault.Invalid},
		{name: "request that follows the acceptance too", draft: func(d *envelope.Draft) { d.Previous = append(d.Previous, x.n.Acceptance.CID()) }, kind: fault.Invalid},
		{name: "request in an envelope that outlasts it", draft: func(d *envelope.Draft) { d.Expires = d.Expires.Add(time.Hour) }, kind: fault.Invalid},
		{name: "request in the envelope of a redemption", draft: func(d *envelope.Draft) { d.Kind = envelope.Redemption }, kind: fault.Invalid},
		{name: "request in the envelope of a revocation", draft: func(d *envelope.Draft) { d.Kind = envelope.Revocation }, kind: fault.Invalid},
		{name: "revocation in the envelope of a request", draft: func(d *envelope.Draft) {
			d.Body = issue.Revocation{Version: issue.Version, Order: x.n.Verified.CID(), Terms: x.n.Verified.TermsCID().Bytes(), Subject: make([]byte, 32), Enrolment: 1}
		}, kind: fault.Invalid},
		{name: "request sealed to a reply key of the node", by: x.Node, change: func(q *issue.Asked) {
			key, err := seal.V2.NewPrivateKey()
			if err != nil {
				t.Fatal(err)
			}
			q.Receiver = key.Public()
		}, kind: fault.Denied},
	}
}
