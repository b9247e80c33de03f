package scene

import (
	"slices"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
)

// Network is one of two D-TAs: the plugin, and another that the scene plays, with a share of its own. Of its
// authority the registrar signs for client secrets and permits, both registrar and co-signer for server secrets.
type Network struct {
	*Scene
	Registrar, Cosigner *identity.Keyring

	Suite    mpin.Suite
	Placed   *order.Placed
	Verified *order.VerifiedOrder
	Index    int // the plugin's place

	other *identity.Keyring // custody identity of the other D-TA
	share *bls.Scalar       // the other's
}

// Govern changes the network's terms before it is ordered.
type Govern func(*order.NetworkTerms)

// Network has a new registrar order one, with permits for up to 31 days.
func (s *Scene) Network(t testing.TB, suite mpin.Suite, govern ...Govern) *Network {
	t.Helper()
	n := &Network{
		Scene: s, Registrar: s.Party(t, "registrar"), Cosigner: s.Party(t, "co-signer"),
		Suite: suite, Index: 1, other: Keyring(t, identity.Custody, "another D-TA"), share: bls.RandomScalar(),
	}
	s.Know(n.other.Identity())
	terms := &order.NetworkTerms{
		Version: order.NetworkVersion, Name: "lab", Suite: suite.Name, Sharing: order.Additive, Permits: true, MaxDays: order.MaxPermitDays,
		SubjectKey: secret.Random(order.SubjectKeySize).Open(),
		Authority: []order.Rule{
			Rule(order.ClientSecret, 1, n.Registrar),
			Rule(order.ServerSecret, 2, n.Registrar, n.Cosigner),
			Rule(order.TimePermit, 1, n.Registrar),
		},
	}
	for _, g := range govern {
		g(terms)
	}
	plan := order.Plan{
		What: order.Network, Network: terms, T: 2,
		Fiduciaries: []order.Choice{
			{Custody: n.other.Identity(), Node: s.Party(t, "another node").Identity()},
			{Custody: s.Fiduciary, Node: s.Node.Identity()},
		},
	}
	// Whoever the terms name reads the order.
	for _, name := range terms.Authorities() {
		id, err := s.Parties(t).Identity(name, dag.CID{})
		if err != nil {
			t.Fatal(err)
		}
		plan.Redeemers = append(plan.Redeemers, id)
	}
	var err error
	if n.Placed, err = order.Place(n.Registrar, plan, nil, time.Now()); err != nil {
		t.Fatalf("ordering a network: %v", err)
	}
	if n.Verified, err = order.OpenOrder(s.Node, n.Placed.Envelope.Block, s.Parties(t)); err != nil {
		t.Fatalf("reading the order of a network: %v", err)
	}
	return n
}

// Other is the custody identity of the D-TA that the scene plays.
func (n *Network) Other() *identity.Keyring { return n.other }

// OtherProof proves that the other D-TA knows its share.
func (n *Network) OtherProof(t testing.TB) []byte {
	t.Helper()
	c, err := order.ProveShare(n.Verified, n.other.Identity().Name, n.share)
	if err != nil {
		t.Fatal(err)
	}
	return c.Proof
}

// Rule is one of an authority.
func Rule(kind order.IssueKind, threshold uint64, who ...*identity.Keyring) order.Rule {
	r := order.Rule{Kind: kind, Threshold: threshold}
	for _, k := range who {
		r.Names = append(r.Names, k.Identity().Name)
	}
	slices.SortFunc(r.Names, dag.CID.Compare)
	return r
}

// Ask is the honest request to make the plugin's share.
func (n *Network) Ask() *contract.SafeguardRequest {
	return &contract.SafeguardRequest{
		OperationId: contract.OperationID(n.Verified.HeaderCID(), n.Instance, "network-share"),
		Order:       Shown(n.Placed.Envelope),
		Documents:   n.Documents(),
		Checkpoint:  []byte("checkpoint of the order"),
	}
}

// Subject is one that the network's suite can name.
func (n *Network) Subject(name string) issue.Subject {
	if n.Suite == mpin.AMCL {
		return issue.Subject{Name: name} // it knows no enrolments
	}
	return issue.Subject{Name: name, Enrolment: 1}
}

// Founded is a network of which all D-TAs have accepted.
type Founded struct {
	*Network
	Deposit    []byte
	Shown      *contract.Shown // the plugin's acceptance
	Acceptance *order.VerifiedAcceptance
	Whole      *issue.Network
}

// Accept checks the plugin's answer, and has the other D-TA accept too.
func (n *Network) Accept(t testing.TB, r *contract.SafeguardResponse) *Founded {
	t.Helper()
	shown := r.GetAcceptance()
	a, err := order.VerifyAcceptance(n.Verified, shown.GetEnvelope(), shown.GetPlain(), n.Parties(t))
	if err != nil {
		t.Fatalf("reading the acceptance: %v", err)
	}
	receipt := a.Receipt()
	enforced := n.Verified.Terms().Policy.Enforcement == order.HostEnforced
	if receipt.Deposit != DepositCID(t, r.GetDeposit()) || receipt.Mode != n.Started || receipt.HostEnforced != enforced {
		t.Fatalf("expected a receipt for the deposit, of mode %q, host-enforced %t; got %+v", n.Started, enforced, receipt)
	}
	c, err := order.ProveShare(n.Verified, n.other.Identity().Name, n.share)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := order.Accept(n.other, n.Verified, 1-n.Index, c, order.Receipt{
		Deposit: dag.Sum([]byte("of the other")), Mode: order.Supervised, Type: "scene", HostEnforced: enforced,
	}, nil, n.Parties(t), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	other, err := order.VerifyAcceptance(n.Verified, sealed.Block, sealed.Plain, n.Parties(t))
	if err != nil {
		t.Fatal(err)
	}
	f := &Founded{Network: n, Deposit: r.GetDeposit(), Shown: shown, Acceptance: a}
	if f.Whole, err = issue.NewNetwork(n.Verified, []*order.VerifiedAcceptance{other, a}, n.shown(t)); err != nil {
		t.Fatalf("putting the network together: %v", err)
	}
	return f
}

func (s *Scene) shown(t testing.TB) *order.KnownParties {
	t.Helper()
	who, err := order.PartiesOf(s.known...)
	if err != nil {
		t.Fatal(err)
	}
	return who
}
