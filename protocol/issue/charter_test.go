package issue

import (
	"slices"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/identity/identitytest"
	"github.com/milagro-dta/dta/protocol/order"
)

// charter is the network's, as a reader decodes it.
func (n *network) charter(t testing.TB) (c Charter) {
	t.Helper()
	if err := dag.Decode(must(n.Charter())(t), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestACharterThatDoesNotProveANetworkIsRefused(t *testing.T) {
	r := newRealm(t, 2)
	n := r.found(t, r.terms(mpin.V1))
	other := r.found(t, r.terms(mpin.V1)).charter(t)
	stranger := r.stranger.Identity().Blocks()
	for name, c := range map[string]struct {
		edit func(*Charter)
		want fault.Kind
	}{
		"another version":                {func(c *Charter) { c.Version = 2 }, fault.Unsupported},
		"no order":                       {func(c *Charter) { c.Order = OpenedPart{} }, fault.Invalid},
		"another network's order":        {func(c *Charter) { c.Order = other.Order }, fault.Invalid},
		"the order with another's plain": {func(c *Charter) { c.Order.Plain = other.Order.Plain }, fault.Invalid},
		"an acceptance for the order":    {func(c *Charter) { c.Order = c.Acceptances[0] }, fault.Invalid},
		"no acceptances":                 {func(c *Charter) { c.Acceptances = nil }, fault.Invalid},
		"a D-TA that has not accepted":   {func(c *Charter) { c.Acceptances = c.Acceptances[:1] }, fault.Invalid},
		"one D-TA's acceptance twice":    {func(c *Charter) { c.Acceptances[1] = c.Acceptances[0] }, fault.Invalid},
		"acceptances in another order": {func(c *Charter) {
			c.Acceptances[0], c.Acceptances[1] = c.Acceptances[1], c.Acceptances[0]
		}, fault.Invalid},
		"an acceptance too many":            {func(c *Charter) { c.Acceptances = append(c.Acceptances, c.Acceptances[0]) }, fault.Invalid},
		"acceptances without end":           {func(c *Charter) { c.Acceptances = make([]OpenedPart, order.MaxMembers+1) }, fault.Invalid},
		"another network's acceptance":      {func(c *Charter) { c.Acceptances[0] = other.Acceptances[0] }, fault.Invalid},
		"no documents":                      {func(c *Charter) { c.Chains = nil }, fault.NotFound},
		"documents of everybody but one":    {func(c *Charter) { c.Chains = c.Chains[1:] }, fault.NotFound},
		"an empty chain":                    {func(c *Charter) { c.Chains = append(c.Chains, nil) }, fault.Invalid},
		"a chain that begins with no first": {func(c *Charter) { c.Chains[0] = append(c.Chains[0], stranger...) }, fault.Invalid},
		"an order in a chain":               {func(c *Charter) { c.Chains[0] = [][]byte{c.Order.Envelope} }, fault.Invalid},
		"a stranger beside those concerned": {func(c *Charter) { c.Chains = append(c.Chains, stranger) }, ""},
		"documents in another order":        {func(c *Charter) { c.Chains = append(c.Chains[1:], c.Chains[0]) }, ""},
		"everything as it was":              {func(*Charter) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			charter := n.charter(t)
			c.edit(&charter)
			got, err := ReadCharter(must(dag.Encode(charter))(t))
			if fault.Of(err) != c.want {
				t.Fatalf("expected %q; found %v", c.want, err)
			}
			if err == nil && got.Order.CID() != n.Order.CID() {
				t.Error("it proves another network")
			}
		})
	}
}

// TestOneShareUnderTwoNamesIsNoNetwork: two D-TAs of one keeper would be one.
func TestOneShareUnderTwoNamesIsNoNetwork(t *testing.T) {
	r := newRealm(t, 2)
	placed := must(order.Place(r.registrar, r.plan(r.terms(mpin.V1)), nil, now))(t)
	o := must(order.VerifyOrder(placed.Envelope.Block, placed.Envelope.Plain, r.who))(t)
	share := bls.RandomScalar()
	var acceptances []*order.VerifiedAcceptance
	for i, k := range r.custody {
		c := must(order.ProveShare(o, k.Identity().Name, share))(t)
		receipt := order.Receipt{Deposit: dag.Sum([]byte("a deposit")), Mode: order.Supervised, Type: "test", HostEnforced: true}
		sealed := must(order.Accept(k, o, i, c, receipt, nil, r.who, now))(t)
		acceptances = append(acceptances, must(order.VerifyAcceptance(o, sealed.Block, sealed.Plain, r.who))(t))
	}
	_, err := NewNetwork(o, acceptances, r.who)
	wantKind(t, err, fault.Invalid)
}

func TestAMandateThatGivesNoAuthorityIsRefused(t *testing.T) {
	r := newRealm(t, 1)
	n := r.found(t, r.terms(mpin.V1))
	other := r.found(t, r.terms(mpin.V1))
	foreign := must(other.Charter())(t)
	for name, c := range map[string]struct {
		edit func(*Mandate)
		want fault.Kind
	}{
		"another version":                 {func(m *Mandate) { m.Version = 2 }, fault.Unsupported},
		"no charter":                      {func(m *Mandate) { m.Charter = nil }, fault.Invalid},
		"another network's charter":       {func(m *Mandate) { m.Charter = foreign }, fault.Invalid},
		"for another delegate":            {func(m *Mandate) { m.Delegation.To = r.stranger.Identity().Name }, fault.Denied},
		"for longer":                      {func(m *Mandate) { m.Delegation.Expires += time.Hour.Milliseconds() }, fault.Denied},
		"for more names":                  {func(m *Mandate) { m.Delegation.Suffix = "" }, fault.Denied},
		"from another name of the rule":   {func(m *Mandate) { m.Delegation.From = r.cosigner.Identity().Party() }, fault.Denied},
		"from somebody without authority": {func(m *Mandate) { m.Delegation.From = r.stranger.Identity().Party() }, fault.Denied},
		"for permits too": {func(m *Mandate) {
			m.Delegation.Kinds, m.Delegation.MaxDays = append(m.Delegation.Kinds, order.TimePermit), 31
		}, fault.Denied},
		"without a signature": {func(m *Mandate) { m.Delegation.Signature = nil }, fault.Denied},
		"as it was":           {func(*Mandate) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := n.delegation(t, func(d *Delegation) { d.Suffix = "@example.com" })
			m := Mandate{Version: Version, Delegation: *d, Charter: must(n.Charter())(t)}
			c.edit(&m)
			if _, _, err := ReadMandate(must(dag.Encode(m))(t)); fault.Of(err) != c.want {
				t.Errorf("expected %q; found %v", c.want, err)
			}
		})
	}
}

func TestACutMandateIsInvalid(t *testing.T) {
	r := newRealm(t, 1)
	n := r.found(t, r.terms(mpin.V1))
	block := must(n.Mandate(n.delegation(t, nil)))(t)
	for cut := range block {
		_, _, err := ReadMandate(block[:cut])
		wantKind(t, err, fault.Invalid)
	}
	_, _, err := ReadMandate(append(block, 0))
	wantKind(t, err, fault.Invalid)
}

// TestNetworksOfOneAndOfMostDTAs: what they issue adds up, and their charter fits
// one block.
func TestNetworksOfOneAndOfMostDTAs(t *testing.T) {
	most := order.MaxMembers
	if testing.Short() {
		most = 4
	}
	for _, dtas := range []int{1, most} {
		r := newRealm(t, dtas)
		n := r.found(t, r.terms(mpin.V1))
		if got := must(ReadCharter(must(n.Charter())(t)))(t); len(got.Acceptances) != dtas {
			t.Errorf("expected %d acceptances; found %d", dtas, len(got.Acceptances))
		}
		q := n.ask(t, Wish{Kind: order.ServerSecret, Subjects: []Subject{{Name: "door"}}}, r.registrar, r.cosigner)
		got := must(Combine(q.request, q.answers(t)))(t)
		if !got.Server.Point().Equal(bls.G2Generator().Mul(n.master())) {
			t.Errorf("%d D-TAs: the server secret is another", dtas)
		}
		got.Clear()
	}
}

// TestTheLargestCharterLeavesRoom for the documents that its parties will have.
func TestTheLargestCharterLeavesRoom(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes the identities of the most parties")
	}
	r := newRealm(t, order.MaxMembers)
	ids := []*identity.Identity{r.registrar.Identity()}
	for len(ids)+len(r.nodes) < order.MaxSealings/(order.MaxMembers+1) {
		ids = append(ids, identitytest.Keyring(t, identity.Node, "authority", now).Identity())
	}
	var names []dag.CID
	for _, id := range ids {
		names = append(names, id.Name)
	}
	slices.SortFunc(names, dag.CID.Compare)
	terms := r.terms(mpin.V1)
	for i := range terms.Authority {
		terms.Authority[i].Names = names
	}
	r.authority = ids
	for _, k := range slices.Concat(r.nodes, r.custody) {
		ids = append(ids, k.Identity())
	}
	r.who = must(order.PartiesOf(ids...))(t)
	charter := must(r.found(t, terms).Charter())(t)
	if limit := dag.MaxBlock * 7 / 8; len(charter) > limit {
		t.Errorf("expected a charter of at most %d bytes with one document each; found %d", limit, len(charter))
	}
	must(ReadCharter(charter))(t)
}

// TestNothingIsAddedUpButOneCheckedAnswerOfEach: an answer less would be some other
// secret, which no server knows.
func TestNothingIsAddedUpButOneCheckedAnswerOfEach(t *testing.T) {
	r := newRealm(t, 2)
	n := r.found(t, r.terms(mpin.V1))
	ask := Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "anna")}
	q, again := n.ask(t, ask, r.registrar), n.ask(t, ask, r.registrar)
	a, b := q.answers(t), again.answers(t)
	for name, c := range map[string]struct {
		answers []Answer
		want    fault.Kind
	}{
		"none":                       {nil, fault.Unavailable},
		"one of two":                 {a[:1], fault.Unavailable},
		"one twice":                  {[]Answer{a[0], a[0]}, fault.Invalid},
		"one too many":               {append(a[:2:2], a[0]), fault.Unavailable},
		"one to another request":     {[]Answer{a[0], b[1]}, fault.Invalid},
		"another request's":          {b, fault.Invalid},
		"one's share with another's": {[]Answer{a[0], {a[1].Grant, a[0].Share}}, fault.Invalid},
		"nothing verified":           {make([]Answer, 2), fault.Internal},
		"both":                       {a, ""},
		"both, the other way round":  {[]Answer{a[1], a[0]}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Combine(q.request, c.answers)
			if fault.Of(err) != c.want {
				t.Errorf("expected %q; found %v", c.want, err)
			}
			if bad := (*BadShare)(nil); asBad(err, &bad) {
				t.Errorf("D-TA %d is accused of what the receiver mixed up", bad.Index)
			}
			got.Clear()
		})
	}
}
