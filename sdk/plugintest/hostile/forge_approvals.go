package hostile

import (
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
)

// unforged are made in the same way, and nothing is wrong with them: what is refused is refused for the forgery.
func (x *networks) unforged(t testing.TB) []forgery {
	t.Helper()
	r, c := x.n.Registrar, x.n.Cosigner
	server := func(q *issue.Asked) {
		q.Kind, q.Subjects = order.ServerSecret, []issue.Subject{{Name: "login.example"}}
	}
	return []forgery{
		{name: "client secret"},
		{name: "permits", change: func(q *issue.Asked) { q.Kind, q.First, q.Days = order.TimePermit, issue.Day(time.Now()), 7 }},
		{name: "server secret", change: server, approve: func(q *issue.Asked) []issue.Approval {
			return []issue.Approval{signed(t, r, q), signed(t, c, q)}
		}},
		{name: "client secret under a delegation", by: x.desk, approve: func(q *issue.Asked) []issue.Approval {
			d := x.n.Delegate(t, r, x.desk, issue.Delegation{Kinds: []order.IssueKind{order.ClientSecret}, Prefix: "al", Suffix: "ce"})
			return []issue.Approval{signed(t, x.desk, q, *d)}
		}},
	}
}

// forgedApprovals ask what would be right, but without the authority's word for it.
func (x *networks) forgedApprovals(t testing.TB) []forgery {
	t.Helper()
	r, c := x.n.Registrar, x.n.Cosigner
	by := func(signers ...*identity.Keyring) func(*issue.Asked) []issue.Approval {
		return func(q *issue.Asked) (all []issue.Approval) {
			for _, k := range signers {
				all = append(all, signed(t, k, q))
			}
			return all
		}
	}
	// spoilt is what the co-signer adds to the registrar's own, which is that it seals the request.
	spoilt := func(spoil func(*issue.Asked) issue.Approval) func(*issue.Asked) []issue.Approval {
		return func(q *issue.Asked) []issue.Approval {
			another := *q
			return []issue.Approval{signed(t, r, q), spoil(&another)}
		}
	}
	// under is the co-signer's true signature, but under another request.
	under := func(change func(*issue.Asked)) func(*issue.Asked) []issue.Approval {
		return spoilt(func(q *issue.Asked) issue.Approval {
			change(q)
			settle(t, q)
			return signed(t, c, q)
		})
	}
	permit := func(q *issue.Asked) { q.Kind, q.First, q.Days = order.TimePermit, issue.Day(time.Now()), 1 }
	server := func(q *issue.Asked) {
		q.Kind, q.Subjects = order.ServerSecret, []issue.Subject{{Name: "login.example"}}
	}
	delegated := func(from, to *identity.Keyring) issue.Delegation {
		return *x.n.Delegate(t, from, to, issue.Delegation{Kinds: []order.IssueKind{order.ServerSecret}})
	}
	return []forgery{
		{name: "request that nobody approved", approve: by(), kind: fault.Denied},
		{name: "request that a stranger approved", approve: by(x.stranger), kind: fault.Denied},
		{name: "request that a stranger approved and asked", approve: by(x.stranger), by: x.stranger, kind: fault.Denied},
		{name: "request that its node approved", approve: by(x.Node), by: x.Node, kind: fault.Denied},
		{name: "request that the other network's registrar approved", approve: by(x.m.Registrar), kind: fault.Denied},
		{name: "request that one approved with authority over another kind", approve: by(c), by: c, kind: fault.Denied},
		{name: "request with more approvals than names", approve: by(r, c), kind: fault.Invalid},
		{name: "request that its asker signed besides", approve: by(r), again: true, kind: fault.Invalid},
		{name: "request that its asker approved with an older document", change: permit, approve: by(x.retired), by: x.rotated, kind: fault.Invalid},
		// Two must sign for a server.
		{name: "server secret with one approval", change: server, approve: by(r), kind: fault.Denied},
		{name: "server secret with its asker's approval twice", change: server, approve: by(r, r), kind: fault.Denied},
		{name: "server secret with another's approval twice", change: server, approve: by(c, c), kind: fault.Denied},
		{name: "server secret with a stranger's approval", change: server, approve: by(r, x.stranger), kind: fault.Denied},
		{name: "server secret with too many approvals", change: server, approve: by(r, c, r), kind: fault.Invalid},
		{name: "server secret asked by a stranger", change: server, approve: by(r, c), by: x.stranger, kind: fault.Denied},
		{name: "server secret with one name's approval and its delegate's", change: server, approve: func(q *issue.Asked) []issue.Approval {
			return []issue.Approval{signed(t, r, q), signed(t, x.desk, q, delegated(r, x.desk))}
		}, kind: fault.Denied},
		{name: "server secret with one delegate of two names", change: server, approve: func(q *issue.Asked) []issue.Approval {
			return []issue.Approval{signed(t, x.desk, q, delegated(r, x.desk)), signed(t, x.desk, q, delegated(c, x.desk))}
		}, by: x.desk, kind: fault.Denied},
		{name: "server secret with one name that delegates to the other", change: server, approve: func(q *issue.Asked) []issue.Approval {
			return []issue.Approval{signed(t, c, q), signed(t, c, q, delegated(r, c))}
		}, kind: fault.Denied},
		// The second signature is none, or stands under something else.
		{name: "server secret with an approval without a signature", change: server, approve: spoilt(func(q *issue.Asked) issue.Approval {
			return issue.Approval{Signer: c.Identity().Party()}
		}), kind: fault.Denied},
		{name: "server secret with a stranger's signature in a name's place", change: server, approve: spoilt(func(q *issue.Asked) issue.Approval {
			a := signed(t, x.stranger, q)
			a.Signer = c.Identity().Party()
			return a
		}), kind: fault.Denied},
		{name: "server secret with a name's signature in a stranger's place", change: server, approve: spoilt(func(q *issue.Asked) issue.Approval {
			a := signed(t, c, q)
			a.Signer = x.stranger.Identity().Party()
			return a
		}), kind: fault.Denied},
		{name: "server secret with a signature for another purpose", change: server, approve: spoilt(func(q *issue.Asked) issue.Approval {
			block, err := q.Request.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			return issue.Approval{Signer: c.Identity().Party(), Signature: c.Sign(sign.Envelope, block)}
		}), kind: fault.Denied},
		{name: "server secret with an approval of another receiver", change: server, approve: under(func(q *issue.Asked) {
			q.Receiver = x.server.Request.Request().Receiver
		}), kind: fault.Denied},
		{name: "server secret with an approval of another server", change: server, approve: under(func(q *issue.Asked) {
			q.Subjects = []issue.Subject{{Name: "login.example.org"}}
		}), kind: fault.Denied},
		{name: "server secret with an approval of another nonce", change: server, approve: under(func(q *issue.Asked) { q.Nonce = make([]byte, issue.NonceSize) }), kind: fault.Denied},
		{name: "server secret with an approval of another time", change: server, approve: under(func(q *issue.Asked) { q.Time-- }), kind: fault.Denied},
		{name: "server secret with an approval of a client secret", change: server, approve: under(func(q *issue.Asked) {
			q.Kind, q.Subjects = order.ClientSecret, []issue.Subject{x.n.Subject("alice")}
		}), kind: fault.Denied},
		{name: "server secret with an approval in the other network", change: server, approve: under(func(q *issue.Asked) {
			q.Order, q.Terms = x.m.Verified.CID(), x.m.Verified.TermsCID().Bytes()
		}), kind: fault.Denied},
		{name: "server secret with the approvals of the true one", change: server, approve: func(*issue.Asked) []issue.Approval {
			return x.server.Request.Approvals()
		}, kind: fault.Denied},
	}
}

// forgedDelegations have the service desk sign for the registrar, who did not mean this.
func (x *networks) forgedDelegations(t testing.TB) []forgery {
	t.Helper()
	r := x.n.Registrar
	now := time.Now().UnixMilli()
	hour := time.Hour.Milliseconds()
	permit := func(days uint64) func(*issue.Asked) {
		return func(q *issue.Asked) { q.Kind, q.First, q.Days = order.TimePermit, issue.Day(time.Now()), days }
	}
	delegating := func(kinds ...order.IssueKind) issue.Delegation { return issue.Delegation{Kinds: kinds} }
	clients := delegating(order.ClientSecret)
	with := func(d issue.Delegation, change func(*issue.Delegation)) issue.Delegation {
		change(&d)
		return d
	}
	// allowed is one that the protocol itself lets the registrar sign.
	allowed := func(d issue.Delegation) func() []issue.Delegation {
		return func() []issue.Delegation { return []issue.Delegation{*x.n.Delegate(t, r, x.desk, d)} }
	}
	// forged is one that from signs whatever stands in it.
	forged := func(from *identity.Keyring, d issue.Delegation, change func(*issue.Delegation)) func() []issue.Delegation {
		return func() []issue.Delegation {
			made := *x.n.Delegate(t, r, x.desk, d)
			made.From, made.Signature = from.Identity().Party(), nil
			change(&made)
			block, err := dag.Encode(made)
			if err != nil {
				t.Fatal(err)
			}
			made.Signature = from.Sign(sign.Delegation, block)
			return []issue.Delegation{made}
		}
	}
	as := func(*issue.Delegation) {}
	unknown, err := dag.NewRaw(true)
	if err != nil {
		t.Fatal(err)
	}
	var all []forgery
	for _, f := range []struct {
		name   string
		change func(*issue.Asked)
		made   func() []issue.Delegation
		kind   fault.Kind
	}{
		{"that has expired", nil, allowed(with(clients, func(d *issue.Delegation) { d.NotBefore, d.Expires = now-2*hour, now-hour })), fault.Denied},
		{"that has expired since the request", func(q *issue.Asked) { q.Time -= hour }, allowed(with(clients, func(d *issue.Delegation) {
			d.NotBefore, d.Expires = now-2*hour, now-hour/2
		})), fault.Denied},
		{"that has not begun", nil, allowed(with(clients, func(d *issue.Delegation) { d.NotBefore, d.Expires = now+hour, now+2*hour })), fault.Denied},
		{"for other names", nil, allowed(with(clients, func(d *issue.Delegation) { d.Prefix = "bob" })), fault.Denied},
		{"for names that end otherwise", nil, allowed(with(clients, func(d *issue.Delegation) { d.Suffix = "@example.org" })), fault.Denied},
		{"for longer names", nil, allowed(with(clients, func(d *issue.Delegation) { d.Prefix, d.Suffix = "alic", "ice" })), fault.Denied},
		{"for one of two names", func(q *issue.Asked) { q.Subjects = append(q.Subjects, x.n.Subject("bob")) }, allowed(with(clients, func(d *issue.Delegation) {
			d.Prefix = "alice"
		})), fault.Denied},
		{"for another kind", nil, allowed(delegating(order.ServerSecret)), fault.Denied},
		{"for fewer days", permit(4), allowed(with(delegating(order.TimePermit), func(d *issue.Delegation) { d.MaxDays = 2 })), fault.Denied},
		{"for days sooner", func(q *issue.Asked) { permit(1)(q); q.First += 3 }, allowed(with(delegating(order.TimePermit), func(d *issue.Delegation) {
			d.MaxDays = 2
		})), fault.Denied},
		{"to another delegate", nil, forged(r, clients, func(d *issue.Delegation) { d.To = x.stranger.Identity().Name }), fault.Denied},
		{"by a stranger", nil, forged(x.stranger, clients, as), fault.Denied},
		{"by one with authority over another kind", nil, forged(x.n.Cosigner, clients, as), fault.Denied},
		{"by the delegate itself", nil, forged(x.desk, clients, as), fault.Invalid},
		{"of the other network", nil, func() []issue.Delegation {
			return []issue.Delegation{*x.m.Delegate(t, x.m.Registrar, x.desk, clients)}
		}, fault.Invalid},
		{"of the other network by this one's registrar", nil, forged(r, clients, func(d *issue.Delegation) {
			d.Order, d.Terms = x.m.Verified.CID(), x.m.Verified.TermsCID().Bytes()
		}), fault.Invalid},
		{"of a later epoch", nil, forged(r, clients, func(d *issue.Delegation) { d.Epoch = 1 }), fault.Invalid},
		{"for ever", nil, forged(r, clients, func(d *issue.Delegation) { d.Expires = d.NotBefore + 365*24*hour }), fault.Invalid},
		{"for all the days there are", permit(1), forged(r, with(delegating(order.TimePermit), func(d *issue.Delegation) { d.MaxDays = 2 }), func(d *issue.Delegation) {
			d.MaxDays = 1 << 40
		}), fault.Invalid},
		{"with a critical rule that nobody knows", nil, forged(r, clients, func(d *issue.Delegation) { d.Critical = dag.Values{"quota": unknown} }), fault.Unsupported},
		{"of another version", nil, forged(r, clients, func(d *issue.Delegation) { d.Version = 2 }), fault.Unsupported},
		{"whose scope was widened", nil, func() []issue.Delegation {
			d := *x.n.Delegate(t, r, x.desk, with(clients, func(d *issue.Delegation) { d.Prefix = "bob" }))
			d.Prefix = ""
			return []issue.Delegation{d}
		}, fault.Denied},
		{"whose kind was changed", permit(1), func() []issue.Delegation {
			d := *x.n.Delegate(t, r, x.desk, clients)
			d.Kinds, d.MaxDays = []order.IssueKind{order.TimePermit}, 7
			return []issue.Delegation{d}
		}, fault.Denied},
		{"given twice", nil, func() []issue.Delegation {
			d := *x.n.Delegate(t, r, x.desk, clients)
			return []issue.Delegation{d, d}
		}, fault.Invalid},
		{"left out", nil, func() []issue.Delegation { return nil }, fault.Denied},
	} {
		all = append(all, forgery{
			name: "request under a delegation " + f.name, change: f.change, by: x.desk, kind: f.kind,
			approve: func(q *issue.Asked) []issue.Approval { return []issue.Approval{signed(t, x.desk, q, f.made()...)} },
		})
	}
	// The desk's true delegation is no stranger's.
	return append(all, forgery{
		name: "request of a stranger under the desk's delegation", by: x.stranger, kind: fault.Denied,
		approve: func(q *issue.Asked) []issue.Approval {
			return []issue.Approval{signed(t, x.stranger, q, *x.n.Delegate(t, r, x.desk, clients))}
		},
	})
}
