package fiduciary_test

import (
	"context"
	"slices"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// inquiry is a request with the key for its answers.
type inquiry struct {
	*network
	*envelope.Sealed
	roll     order.Block
	by       *identity.Keyring // who asks
	receiver *seal.PrivateKey
	bag      peer.Bag
}

func (n *network) draft(q issue.Wish) (*issue.Asked, *seal.PrivateKey) {
	n.t.Helper()
	receiver := must(seal.V2.NewPrivateKey())(n.t)
	q.Receiver = receiver.Public()
	return must(issue.Draft(n.Order, q, n.now()))(n.t), receiver
}

// ask seals a request that all the signers have approved; the first of them asks.
func (n *network) ask(q issue.Wish, signers ...*identity.Keyring) *inquiry {
	n.t.Helper()
	drafted, receiver := n.draft(q)
	var approvals []issue.Approval
	for _, k := range signers {
		approvals = append(approvals, *must(issue.Approve(k, n.Order, drafted, nil, n.Who))(n.t))
	}
	return n.sealed(signers[0], drafted, receiver, approvals)
}

func (n *network) sealed(by *identity.Keyring, q *issue.Asked, receiver *seal.PrivateKey, approvals []issue.Approval) *inquiry {
	n.t.Helper()
	sealed := must(issue.Ask(by, n.Order, q, approvals, n.Who, n.now()))(n.t)
	return &inquiry{n, sealed.Sealed, sealed.Subjects, by, receiver, n.everybody(by.Identity()).With(sealed.Block, sealed.Subjects.Bytes)}
}

func clients(enrolment uint64, names ...string) issue.Wish {
	q := issue.Wish{Kind: order.ClientSecret}
	for _, name := range names {
		q.Subjects = append(q.Subjects, issue.Subject{Name: name, Enrolment: enrolment})
	}
	return q
}

func (n *network) permits(enrolment uint64, names ...string) issue.Wish {
	q := clients(enrolment, names...)
	q.Kind, q.First, q.Days = order.TimePermit, issue.Day(n.now()), 2
	return q
}

func server(name string) issue.Wish {
	return issue.Wish{Kind: order.ServerSecret, Subjects: []issue.Subject{{Name: name}}}
}

func (q *inquiry) request() peer.FulfillRequest {
	return peer.FulfillRequest{RequestCID: q.CID.String(), Blocks: q.bag}
}

// to brings the inquiry to a D-TA.
func (q *inquiry) to(d *dta) (peer.FulfilledRequest, error) {
	return d.FulfillRequest(context.Background(), q.request())
}

// read verifies a D-TA's answer as the asker does. The sealed share is nil where
// the answer came without.
func (q *inquiry) read(d *dta, answer peer.FulfilledRequest) (g *issue.VerifiedGrant, share []byte) {
	q.t.Helper()
	who := must(order.PartiesOf(append(q.identities(), q.by.Identity())...))(q.t)
	asked := must(must(issue.OpenRequest(q.by, q.Order, q.Block, who))(q.t).Unseal(q.roll.Bytes))(q.t)
	block, ok := answer.Blocks.Get(must(dag.Parse(answer.GrantCID))(q.t))
	if !ok {
		q.t.Fatal("the answer came without the grant")
	}
	g = must(issue.OpenGrant(q.by, asked, q.acceptance(d), block, who))(q.t)
	share, _ = answer.Blocks.Get(g.Share())
	return g, share
}

func (q *inquiry) identities() (ids []*identity.Identity) {
	for _, k := range []*identity.Keyring{q.registrar, q.cosigner, q.delegate} {
		ids = append(ids, k.Identity())
	}
	for _, d := range q.dtas {
		ids = append(ids, d.node.Identity(), d.plugin.Identity())
	}
	return ids
}

func (n *network) acceptance(d *dta) *order.VerifiedAcceptance {
	i := slices.IndexFunc(n.Acceptances, func(a *order.VerifiedAcceptance) bool { return a.Custody() == d.plugin.Identity().Name })
	return n.Acceptances[i]
}

// revocation is one that a D-TA may be shown.
func (n *network) revocation(by *identity.Keyring, name string, enrolment uint64) peer.FulfillRevocation {
	n.t.Helper()
	sealed := must(issue.Revoke(by, n.Order, issue.Subject{Name: name, Enrolment: enrolment}, n.Who, n.now()))(n.t)
	return peer.FulfillRevocation{RevocationCID: sealed.CID.String(), Blocks: n.everybody().With(sealed.Block)}
}

func (n *network) revoke(d *dta, name string, enrolment uint64) {
	n.t.Helper()
	if err := d.FulfillRevocation(context.Background(), n.revocation(n.registrar, name, enrolment)); err != nil {
		n.t.Fatal(err)
	}
}

// view reads a D-TA's store.
func (d *dta) view(read func(*store.Tx) error) {
	d.realm.t.Helper()
	if err := d.store.View(context.Background(), read); err != nil {
		d.realm.t.Fatal(err)
	}
}

// audited counts the entries of a kind in a D-TA's log.
func (d *dta) audited(kind string) (n int) {
	d.view(func(tx *store.Tx) error {
		rows, err := tx.AuditEntries(0, 1000)
		for _, row := range rows {
			if e := must(audit.ParseEntry(row.Entry))(d.realm.t); e.Kind == kind {
				n++
			}
		}
		return err
	})
	return n
}
