package issue

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/identity/identitytest"
	"github.com/milagro-dta/dta/protocol/order"
)

var now = time.UnixMilli(1_800_000_000_000)

// realm is a cast: a registrar, a co-signer, a delegate, a stranger, and D-TAs
// with a node and a custody identity each.
type realm struct {
	registrar, cosigner, delegate, stranger *identity.Keyring
	nodes, custody                          []*identity.Keyring
	who                                     *order.KnownParties
	authority                               []*identity.Identity // beside the first two
}

func newRealm(t testing.TB, n int) *realm {
	t.Helper()
	r := &realm{
		registrar: identitytest.Keyring(t, identity.Node, "registrar", now),
		cosigner:  identitytest.Keyring(t, identity.Node, "cosigner", now),
		delegate:  identitytest.Keyring(t, identity.Node, "delegate", now),
		stranger:  identitytest.Keyring(t, identity.Node, "stranger", now),
	}
	for i := range n {
		r.nodes = append(r.nodes, identitytest.Keyring(t, identity.Node, fmt.Sprintf("node %d", i), now))
		r.custody = append(r.custody, identitytest.Keyring(t, identity.Custody, fmt.Sprintf("custody %d", i), now))
	}
	var ids []*identity.Identity
	for _, k := range append(append([]*identity.Keyring{r.registrar, r.cosigner, r.delegate, r.stranger}, r.nodes...), r.custody...) {
		ids = append(ids, k.Identity())
	}
	r.who = must(order.PartiesOf(ids...))(t)
	return r
}

// must(f())(t) is f's value, or the end of the test.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// network is one that all D-TAs of a realm have accepted.
type network struct {
	*realm
	*Network
	suite  mpin.Suite
	shares []*bls.Scalar // what each plugin keeps
}

// terms names the registrar for client secrets and permits, and both the
// registrar and the co-signer for server secrets.
func (r *realm) terms(suite mpin.Suite) *order.NetworkTerms {
	registrar, cosigner := r.registrar.Identity().Name, r.cosigner.Identity().Name
	both := []dag.CID{registrar, cosigner}
	if registrar.Compare(cosigner) > 0 {
		both = []dag.CID{cosigner, registrar}
	}
	return &order.NetworkTerms{
		Version: order.NetworkVersion, Name: "lab", Suite: suite.Name, Sharing: order.Additive, Permits: true, MaxDays: 31,
		SubjectKey: bytes.Repeat([]byte{7}, order.SubjectKeySize),
		Authority: []order.Rule{
			{Kind: order.ClientSecret, Names: []dag.CID{registrar}, Threshold: 1},
			{Kind: order.ServerSecret, Names: both, Threshold: 2},
			{Kind: order.TimePermit, Names: []dag.CID{registrar}, Threshold: 1},
		},
	}
}

func (r *realm) plan(terms *order.NetworkTerms) order.Plan {
	p := order.Plan{
		What: order.Network, Network: terms, T: len(r.nodes),
		Redeemers: append([]*identity.Identity{r.registrar.Identity(), r.cosigner.Identity()}, r.authority...),
	}
	for i := range r.nodes {
		p.Fiduciaries = append(p.Fiduciaries, order.Choice{Custody: r.custody[i].Identity(), Node: r.nodes[i].Identity()})
	}
	return p
}

func (r *realm) found(t testing.TB, terms *order.NetworkTerms) *network {
	t.Helper()
	placed := must(order.Place(r.registrar, r.plan(terms), nil, now))(t)
	n := &network{realm: r, suite: must(mpin.ByName(terms.Suite))(t)}
	o := must(order.VerifyOrder(placed.Envelope.Block, placed.Envelope.Plain, r.who))(t)
	var acceptances []*order.VerifiedAcceptance
	for i, k := range r.custody {
		s := bls.RandomScalar()
		n.shares = append(n.shares, s)
		c := must(order.ProveShare(o, k.Identity().Name, s))(t)
		receipt := order.Receipt{Deposit: dag.Sum([]byte("a deposit")), Mode: order.Supervised, Type: "test", HostEnforced: terms.Permits}
		sealed := must(order.Accept(k, o, i, c, receipt, nil, r.who, now))(t)
		acceptances = append(acceptances, must(order.OpenAcceptance(r.registrar, o, sealed.Block, r.who))(t))
	}
	n.Network = must(NewNetwork(o, acceptances, r.who))(t)
	return n
}

// inquiry is a request with the key for its answers.
type inquiry struct {
	*network
	request  *VerifiedRequest
	sealed   *SealedRequest
	receiver *seal.PrivateKey
}

func (n *network) draft(t testing.TB, r Wish) (*Asked, *seal.PrivateKey) {
	t.Helper()
	receiver := must(seal.V2.NewPrivateKey())(t)
	r.Receiver = receiver.Public()
	return must(Draft(n.Order, r, now))(t), receiver
}

func (n *network) ask(t testing.TB, r Wish, signers ...*identity.Keyring) *inquiry {
	t.Helper()
	q, receiver := n.draft(t, r)
	var approvals []Approval
	for _, k := range signers {
		approvals = append(approvals, *must(Approve(k, n.Order, q, nil, n.who))(t))
	}
	sealed := must(Ask(signers[0], n.Order, q, approvals, n.who, now))(t)
	request := n.verified(t, sealed, n.who)
	return &inquiry{network: n, request: request, sealed: sealed, receiver: receiver}
}

// verified is a request as the D-TAs read it, its subjects included.
func (n *network) verified(t testing.TB, s *SealedRequest, who order.Parties) *VerifiedRequest {
	t.Helper()
	r := must(VerifyRequest(n.Order, s.Block, s.Plain, who))(t)
	return must(r.Unseal(s.Subjects.Bytes))(t)
}

// linked and keyed stand for a block of subjects that nobody opens.
var linked, keyed = dag.Sum([]byte("subjects")), make([]byte, seal.KeySize)

// shown verifies a sealed request and shows it a roll.
func (n *network) shown(s *envelope.Sealed, roll *Roll) error {
	r, err := VerifyRequest(n.Order, s.Block, s.Plain, n.who)
	if err != nil {
		return err
	}
	block, err := roll.Marshal()
	if err != nil {
		return err
	}
	_, err = r.With(block)
	return err
}

// resign gives a request that was changed the hash of its roll as it is now.
func resign(t testing.TB, a *Asked) *Asked {
	t.Helper()
	a.RollHash = must(a.Roll.Hash())(t)
	return a
}

// grant answers as D-TA i does, with a share of the caller's choice.
func (q *inquiry) grant(t testing.TB, i int, s *bls.Scalar) (*envelope.Sealed, order.Block) {
	t.Helper()
	k, a := q.custody[i], q.Acceptances[i]
	share := must(Issue(q.request, k.Identity().Name, a.Commitment(), s))(t)
	defer share.Clear()
	sealed, block, err := GrantTo(k, q.request, a, share, nil, q.who, now)
	if err != nil {
		t.Fatal(err)
	}
	return sealed, block
}

func (q *inquiry) answers(t testing.TB) []Answer {
	t.Helper()
	var out []Answer
	for i := range q.custody {
		sealed, block := q.grant(t, i, q.shares[i])
		g := must(VerifyGrant(q.request, q.Acceptances[i], sealed.Block, sealed.Plain, q.who))(t)
		out = append(out, Answer{g, must(OpenShare(g, block.Bytes, q.receiver))(t)})
	}
	return out
}

func (n *network) master() *bls.Scalar {
	s := new(bls.Scalar)
	for _, share := range n.shares {
		s = s.Add(share)
	}
	return s
}

func wantKind(t testing.TB, err error, kind fault.Kind) {
	t.Helper()
	if err == nil || fault.Of(err) != kind {
		t.Errorf("expected %s; found %v", kind, err)
	}
}

func asBad(err error, bad **BadShare) bool { return errors.As(err, bad) }
