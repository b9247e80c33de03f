package order

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// soundNetwork is what an order of a network says of it.
func soundNetwork(names ...dag.CID) *NetworkTerms {
	n := &NetworkTerms{SubjectKey: make([]byte, SubjectKeySize), Version: NetworkVersion, Name: "lab", Suite: mpin.V1.Name, Sharing: Additive, Permits: true, MaxDays: 7}
	for _, k := range IssueKinds() {
		n.Authority = append(n.Authority, Rule{Kind: k, Names: slices.Clone(names), Threshold: 1})
	}
	return n
}

// networkTerms are those of three D-TAs, after edit had a say on the network.
func networkTerms(t testing.TB, edit func(*NetworkTerms)) *Terms {
	t.Helper()
	terms := soundTerms(t)
	n := soundNetwork(inventedNames(2, 'a')...)
	if edit != nil {
		edit(n)
	}
	terms.What, terms.T, terms.Commitments, terms.Size = Network, terms.N, nil, 0
	terms.Redeemers = uniqueNames(append(n.Authorities(), terms.Principal))
	terms.Receivers = []dag.CID{terms.Principal}
	if n.Permits {
		terms.Policy.Enforcement = HostEnforced
	}
	raw, err := dag.NewRaw(n)
	if err != nil {
		t.Fatal(err)
	}
	terms.Critical = dag.Values{criticalNetwork: raw}
	return terms
}

func TestSoundTermsOfANetworkPass(t *testing.T) {
	for name, edit := range map[string]func(*NetworkTerms){
		"with permits":          nil,
		"without":               func(n *NetworkTerms) { n.Permits, n.MaxDays = false, 0 },
		"for AMCL's clients":    func(n *NetworkTerms) { n.Suite = mpin.AMCL.Name },
		"all names must agree":  func(n *NetworkTerms) { n.Authority[1].Threshold = 2 },
		"each kind has its own": func(n *NetworkTerms) { n.Authority[0].Names = inventedNames(3, 'x') },
		"an extra":              func(n *NetworkTerms) { n.Extra = values("colour") },
	} {
		t.Run(name, func(t *testing.T) {
			if err := networkTerms(t, edit).Check(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestUnsoundNetworksAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*NetworkTerms)
		want fault.Kind
	}{
		"another version":                {func(n *NetworkTerms) { n.Version = 2 }, fault.Unsupported},
		"an unknown critical name":       {func(n *NetworkTerms) { n.Critical = values("colour") }, fault.Unsupported},
		"no name":                        {func(n *NetworkTerms) { n.Name = "" }, fault.Invalid},
		"a long name":                    {func(n *NetworkTerms) { n.Name = strings.Repeat("n", MaxLabel+1) }, fault.Invalid},
		"a name that does not show":      {func(n *NetworkTerms) { n.Name = "a\x1b[2J" }, fault.Invalid},
		"an unknown suite":               {func(n *NetworkTerms) { n.Suite = "amcl-bn254" }, fault.Unsupported},
		"an unknown way to share":        {func(n *NetworkTerms) { n.Sharing = "threshold" }, fault.Unsupported},
		"no subject key":                 {func(n *NetworkTerms) { n.SubjectKey = nil }, fault.Invalid},
		"permits for no day":             {func(n *NetworkTerms) { n.MaxDays = 0 }, fault.Invalid},
		"permits for a season":           {func(n *NetworkTerms) { n.MaxDays = MaxPermitDays + 1 }, fault.Invalid},
		"days without permits":           {func(n *NetworkTerms) { n.Permits = false }, fault.Invalid},
		"no authority":                   {func(n *NetworkTerms) { n.Authority = nil }, fault.Invalid},
		"a kind without a rule":          {func(n *NetworkTerms) { n.Authority = n.Authority[:2] }, fault.Invalid},
		"a kind with two rules":          {func(n *NetworkTerms) { n.Authority[1] = n.Authority[0] }, fault.Invalid},
		"a rule too many":                {func(n *NetworkTerms) { n.Authority = append(n.Authority, n.Authority[2]) }, fault.Invalid},
		"an unknown kind":                {func(n *NetworkTerms) { n.Authority[2].Kind = "master-secret" }, fault.Invalid},
		"rules in another order":         {func(n *NetworkTerms) { slices.Reverse(n.Authority) }, fault.Invalid},
		"a rule of nobody":               {func(n *NetworkTerms) { n.Authority[0].Names = nil }, fault.Invalid},
		"a rule of too many":             {func(n *NetworkTerms) { n.Authority[0].Names = inventedNames(MaxAuthority+1, 'a') }, fault.Invalid},
		"a name twice in a rule":         {func(n *NetworkTerms) { n.Authority[0].Names[1] = n.Authority[0].Names[0] }, fault.Invalid},
		"names not sorted":               {func(n *NetworkTerms) { slices.Reverse(n.Authority[0].Names) }, fault.Invalid},
		"a threshold of none":            {func(n *NetworkTerms) { n.Authority[1].Threshold = 0 }, fault.Invalid},
		"a threshold that none reaches":  {func(n *NetworkTerms) { n.Authority[1].Threshold = 3 }, fault.Invalid},
		"a threshold beyond all numbers": {func(n *NetworkTerms) { n.Authority[1].Threshold = 1 << 63 }, fault.Invalid},
		"more names than may ask": {func(n *NetworkTerms) {
			n.Authority[0].Names, n.Authority[1].Names = inventedNames(12, 'x'), inventedNames(12, 'y')
		}, fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) { wantKind(t, networkTerms(t, c.edit).Check(), c.want) })
	}
}

// TestTermsThatDoNotFitTheirNetworkAreRefused: the rest of the terms follows from
// the network, so that nothing in them is anybody's choice.
func TestTermsThatDoNotFitTheirNetworkAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*Terms)
		want fault.Kind
	}{
		"no terms of the network":        {func(t *Terms) { t.Critical = nil }, fault.Invalid},
		"a network's terms for a secret": {func(t *Terms) { t.What = Secret }, fault.Invalid},
		"a network's terms for a key":    {func(t *Terms) { t.What = Key }, fault.Invalid},
		"something else in its place":    {func(t *Terms) { t.Critical = values(criticalNetwork) }, fault.Invalid},
		"an unknown critical name beside": {func(t *Terms) {
			t.Critical["colour"] = t.Critical[criticalNetwork]
		}, fault.Unsupported},
		"fewer than all D-TAs":          {func(t *Terms) { t.T = 2 }, fault.Invalid},
		"commitments beforehand":        {func(t *Terms) { t.Commitments = [][]byte{bls.G1Generator().Bytes()} }, fault.Invalid},
		"a size":                        {func(t *Terms) { t.Size = 32 }, fault.Invalid},
		"an authority that may not ask": {func(t *Terms) { t.Redeemers = t.Redeemers[1:] }, fault.Invalid},
		"one more who may ask": {func(t *Terms) {
			t.Redeemers = uniqueNames(append(t.Redeemers, inventedName('z')))
		}, fault.Invalid},
		"another receiver":         {func(t *Terms) { t.Receivers = []dag.CID{inventedName('z')} }, fault.Invalid},
		"a receiver more":          {func(t *Terms) { t.Receivers = slices.Clone(t.Redeemers) }, fault.Invalid},
		"permits that nobody ends": {func(t *Terms) { t.Policy.Enforcement = "" }, fault.Invalid},
		"more D-TAs than a charter's": {func(t *Terms) {
			t.Fiduciaries = nil
			for i := range byte(MaxMembers + 1) {
				t.Fiduciaries = append(t.Fiduciaries, Fiduciary{Custody: inventedParty('c', i), Node: inventedParty('n', i)})
			}
			t.T, t.N = MaxMembers+1, MaxMembers+1
		}, fault.Invalid},
		"more parties than a charter's": {func(t *Terms) {
			t.Fiduciaries = nil
			for i := range byte(MaxMembers) {
				t.Fiduciaries = append(t.Fiduciaries, Fiduciary{Custody: inventedParty('c', i), Node: inventedParty('n', i)})
			}
			t.T, t.N = MaxMembers, MaxMembers
			n := soundNetwork(inventedNames(7, 'a')...)
			t.Critical[criticalNetwork], _ = dag.NewRaw(n)
			t.Redeemers = uniqueNames(append(n.Authorities(), t.Principal))
		}, fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			terms := networkTerms(t, nil)
			c.edit(terms)
			wantKind(t, terms.Check(), c.want)
		})
	}
	t.Run("a promise to revoke without permits", func(t *testing.T) {
		terms := networkTerms(t, func(n *NetworkTerms) { n.Permits, n.MaxDays = false, 0 })
		terms.Policy.Enforcement = HostEnforced
		wantKind(t, terms.Check(), fault.Invalid)
	})
}

// networkPlan is a network whose authority is the principal and the beneficiary.
func (r *realm) networkPlan() Plan {
	p := r.plan(Network, len(r.nodes))
	p.Network = soundNetwork(uniqueNames([]dag.CID{r.principal.Identity().Name, r.beneficiary.Identity().Name})...)
	return p
}

func (r *realm) network(t testing.TB) *VerifiedOrder {
	t.Helper()
	placed, err := Place(r.principal, r.networkPlan(), nil, now)
	if err != nil {
		t.Fatal(err)
	}
	o, err := VerifyOrder(placed.Envelope.Block, placed.Envelope.Plain, r.who)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestPlacingANetworkFillsInWhatFollows(t *testing.T) {
	r := newRealm(t, 3)
	o := r.network(t)
	n, ok := o.Network()
	if !ok || n.Name != "lab" || !bytes.Equal(o.NetworkID(), o.TermsCID().Bytes()) {
		t.Fatalf("expected network lab, found %v", n)
	}
	terms := o.Terms()
	if terms.Policy.Enforcement != HostEnforced || len(terms.Redeemers) != 2 || !slices.Equal(terms.Receivers, []dag.CID{r.principal.Identity().Name}) {
		t.Errorf("found enforcement %q, %d who may ask, receivers %v", terms.Policy.Enforcement, len(terms.Redeemers), terms.Receivers)
	}
	for name, c := range map[string]struct {
		edit func(*Plan)
		what *secret.Bytes
	}{
		"without its terms": {func(p *Plan) { p.Network = nil }, nil},
		"with a secret":     {func(*Plan) {}, secret.New([]byte("a master secret of my own"))},
		"of fewer than all": {func(p *Plan) { p.T = 2 }, nil},
		"with a promise to revoke that it cannot keep": {func(p *Plan) { p.Network.Permits, p.Network.MaxDays, p.Policy.Enforcement = false, 0, HostEnforced }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := r.networkPlan()
			c.edit(&p)
			_, err := Place(r.principal, p, c.what, now)
			wantKind(t, err, fault.Invalid)
		})
	}
}

// TestACommitmentIsOneDTAsToOneNetwork: the proof of possession ties it down.
func TestACommitmentIsOneDTAsToOneNetwork(t *testing.T) {
	r := newRealm(t, 2)
	o, other := r.network(t), r.network(t)
	custody := r.custody[0].Identity().Name
	share := bls.RandomScalar()
	prove := func(o *VerifiedOrder, custody dag.CID, s *bls.Scalar) Commitment {
		t.Helper()
		c, err := ProveShare(o, custody, s)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	genuine := prove(o, custody, share)
	identityPoint := append([]byte{0xc0}, make([]byte, bls.G1Size-1)...)
	outside := append([]byte{0x80}, make([]byte, bls.G1Size-1)...)
	outside[bls.G1Size-1] = 4
	for name, c := range map[string]struct {
		commitment Commitment
		want       fault.Kind
	}{
		"its own":                           {genuine, ""},
		"that to another network":           {prove(other, custody, share), fault.Invalid},
		"another D-TA's":                    {prove(o, r.custody[1].Identity().Name, share), fault.Invalid},
		"the proof for another share":       {Commitment{genuine.Value, prove(o, custody, bls.RandomScalar()).Proof}, fault.Invalid},
		"no proof":                          {Commitment{genuine.Value, nil}, fault.Invalid},
		"a short proof":                     {Commitment{genuine.Value, genuine.Proof[1:]}, fault.Invalid},
		"no commitment":                     {Commitment{nil, genuine.Proof}, fault.Invalid},
		"the identity":                      {Commitment{identityPoint, genuine.Proof}, fault.Invalid},
		"a point outside the subgroup":      {Commitment{outside, genuine.Proof}, fault.Invalid},
		"a commitment in G2, a BLS key's":   {Commitment{bls.G2Generator().Mul(share).Bytes(), genuine.Proof}, fault.Invalid},
		"the generator, a share that shows": {Commitment{bls.G1Generator().Bytes(), genuine.Proof}, fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			readers, err := newestRecipients(o.Terms().ReadersOf(0), o.recorded, r.who)
			if err != nil {
				t.Fatal(err)
			}
			receipt := receipt(0)
			receipt.HostEnforced = true
			body := Acceptance{
				Version: Version, Order: o.CID(), Terms: o.TermsCID().Bytes(), Commitment: c.commitment.Value, Proof: c.commitment.Proof, Receipt: receipt,
			}
			sealed, err := envelope.Seal(r.custody[0], envelope.Draft{
				Kind: envelope.Acceptance, Recipients: readers, Time: now, Expires: now.Add(time.Hour), Previous: []dag.CID{o.CID()}, Body: body,
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err = VerifyAcceptance(o, sealed.Block, sealed.Plain, r.who); fault.Of(err) != c.want {
				t.Errorf("expected %q; found %v", c.want, err)
			}
		})
	}
	t.Run("a share of zero", func(t *testing.T) {
		if _, err := ProveShare(o, custody, new(bls.Scalar)); err == nil {
			t.Error("expected a refusal")
		}
	})
}

// TestANetworksShareIsNeverReleased: whoever signs the redemption.
func TestANetworksShareIsNeverReleased(t *testing.T) {
	r := newRealm(t, 1)
	o := r.network(t)
	c, err := ProveShare(o, r.custody[0].Identity().Name, bls.RandomScalar())
	if err != nil {
		t.Fatal(err)
	}
	receipt := receipt(0)
	receipt.HostEnforced = true
	sealed, err := Accept(r.custody[0], o, 0, c, receipt, nil, r.who, now)
	if err != nil {
		t.Fatal(err)
	}
	a, err := VerifyAcceptance(o, sealed.Block, sealed.Plain, r.who)
	if err != nil {
		t.Fatal(err)
	}
	principal := r.principal.Identity().Name
	_, _, err = Redeem(r.principal, o, []*VerifiedAcceptance{a}, principal, r.who, now)
	wantKind(t, err, fault.Denied)

	body := Redemption{Version: Version, Order: o.CID(), Terms: o.TermsCID().Bytes(), Receiver: principal, Nonce: make([]byte, NonceSize)}
	for _, k := range []*identity.Keyring{r.principal, r.beneficiary} {
		sealed, err := envelope.Seal(k, envelope.Draft{
			Kind: envelope.Redemption, Recipients: r.readers(t, &o.Part), Time: now, Expires: now.Add(time.Minute), Previous: []dag.CID{a.CID(), o.CID()}, Body: body,
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = VerifyRedemption(o, sealed.Block, sealed.Plain, r.who)
		wantKind(t, err, fault.Denied)
	}
}

func FuzzNetworkTerms(f *testing.F) {
	terms := networkTerms(f, nil)
	seed(f, soundNetwork(inventedNames(2, 'a')...))
	f.Fuzz(func(t *testing.T, block []byte) {
		var n NetworkTerms
		if !decoded(t, block, &n) {
			return
		}
		refusal(t, n.check())
		terms.Critical = dag.Values{criticalNetwork: block}
		refusal(t, terms.Check())
	})
}
