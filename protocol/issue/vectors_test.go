package issue

import (
	"bytes"
	"slices"
	"testing"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/vectortest"
)

// vectors are two networks, one of each suite, with all that a reader in
// another language needs to follow them. Its secret keys are published: they
// protect nothing.
type vectors struct {
	About    string          `json:"about"`
	Networks []vectorNetwork `json:"networks"`
}

type vectorNetwork struct {
	Name       string                    `json:"name"`
	Suite      string                    `json:"suite"`
	Keyrings   map[string]vectortest.Hex `json:"keyrings"` // secret halves, as packages identity writes them
	Names      map[string]string         `json:"names"`
	Order      vectortest.Part           `json:"order"`
	TermsCID   dag.CID                   `json:"termsCID"`
	Terms      vectortest.Hex            `json:"terms"`
	Accepted   []vectorAccepted          `json:"acceptances"`
	Charter    vectortest.Hex            `json:"charter"`
	Mandate    vectortest.Hex            `json:"mandate"`
	Requests   []vectorRequest           `json:"requests"`
	Revocation vectortest.Part           `json:"revocation"`
}

type vectorAccepted struct {
	vectortest.Part
	Share      vectortest.Hex `json:"share"` // s_i, which never leaves a plugin
	Commitment vectortest.Hex `json:"commitment"`
	Context    vectortest.Hex `json:"proofContext"`
}

type vectorRequest struct {
	vectortest.Part
	Kind     order.IssueKind  `json:"kind"`
	Signed   vectortest.Hex   `json:"signed"`       // what approvals sign
	Roll     vectortest.Hex   `json:"roll"`         // of which the request has the hash
	Subjects vectortest.Hex   `json:"subjects"`     // the same as the detached block that the body links, and has the key of
	Receiver vectortest.Hex   `json:"receiverSeed"` // X-Wing
	Bases    []vectortest.Hex `json:"bases"`        // compressed
	Grants   []vectorGrant    `json:"grants"`
	Issued   []vectortest.Hex `json:"issued"` // the sums, as the suite encodes them
}

type vectorGrant struct {
	vectortest.Part
	Sealed  vectortest.Sealed `json:"share"`
	Context vectortest.Hex    `json:"proofContext"`
}

func makeVectors(t *testing.T) vectors {
	return vectors{
		About: "Two networks, one of each suite, and what was issued in them. Blocks, plaintexts and points are hexadecimal; secret keys are published and protect nothing.",
		Networks: []vectorNetwork{
			makeVector(t, "two D-TAs, a delegate, two approvals for a server", mpin.V1, 2),
			makeVector(t, "one D-TA, for clients of Apache Milagro", mpin.AMCL, 1),
		},
	}
}

func vectorOf(p *order.Part) vectortest.Part {
	return vectortest.Part{CID: p.CID(), Block: p.Block(), Plain: p.Plain()}
}

func makeVector(t *testing.T, name string, suite mpin.Suite, dtas int) vectorNetwork {
	r := newRealm(t, dtas)
	n := r.found(t, r.terms(suite))
	o := n.Order
	v := vectorNetwork{
		Name: name, Suite: suite.Name, Keyrings: map[string]vectortest.Hex{}, Names: map[string]string{},
		Order: vectorOf(&o.Part), TermsCID: o.TermsCID(), Terms: must(dag.Encode(o.Terms()))(t), Charter: must(n.Charter(r.delegate.Identity()))(t),
	}
	for _, k := range slices.Concat([]*identity.Keyring{r.registrar, r.cosigner, r.delegate}, r.nodes, r.custody) {
		id := k.Identity()
		v.Keyrings[id.Doc.Reference], v.Names[id.Doc.Reference] = k.Marshal().Open(), id.Name.String()
	}
	for i, a := range n.Acceptances {
		v.Accepted = append(v.Accepted, vectorAccepted{vectorOf(&a.Part), n.shares[i].Bytes().Open(), a.Commitment(), order.ShareContext(o, a.Custody())})
	}
	people := subjects(suite, "anna@example.com", "björn@example.com")
	d := n.delegation(t, nil)
	v.Mandate = must(n.Mandate(d))(t)
	enrol, receiver := n.draft(t, Wish{Kind: order.ClientSecret, Subjects: people})
	a := must(Approve(r.delegate, o, enrol, d, n.who))(t)
	sealed := must(Ask(r.delegate, o, enrol, []Approval{*a}, n.who, now))(t)
	delegated := &inquiry{network: n, request: n.verified(t, sealed, n.who), sealed: sealed, receiver: receiver}
	for _, q := range []*inquiry{
		delegated,
		n.ask(t, Wish{Kind: order.ServerSecret, Subjects: []Subject{{Name: "door"}}}, r.registrar, r.cosigner),
		n.ask(t, Wish{Kind: order.TimePermit, Subjects: people, First: Day(now), Days: 2}, r.registrar),
	} {
		v.Requests = append(v.Requests, q.vector(t))
	}
	revoked := must(Revoke(r.registrar, o, people[0], n.who, now))(t)
	v.Revocation = vectortest.Part{CID: dag.Sum(revoked.Block), Block: revoked.Block, Plain: revoked.Plain}
	return v
}

func (q *inquiry) vector(t *testing.T) vectorRequest {
	v := vectorRequest{
		Part: vectorOf(&q.request.Part), Kind: q.request.Request().Kind,
		Roll: q.sealed.roll, Subjects: q.sealed.Subjects.Bytes, Signed: must(q.request.Request().Request.Marshal())(t), Receiver: q.receiver.Seed().Open(),
	}
	for _, b := range must(q.request.Bases())(t) {
		v.Bases = append(v.Bases, b.Bytes())
	}
	var answers []Answer
	for i, k := range q.custody {
		sealed, block := q.grant(t, i, q.shares[i])
		g := must(VerifyGrant(q.request, q.Acceptances[i], sealed.Block, sealed.Plain, q.who))(t)
		s := must(OpenShare(g, block.Bytes, q.receiver))(t)
		answers = append(answers, Answer{g, s})
		custody := k.Identity().Name
		v.Grants = append(v.Grants, vectorGrant{
			vectorOf(&g.Part), vectortest.Sealed{
				CID: block.CID, Block: block.Bytes, Info: q.request.grantInfo(custody), AAD: order.IndexAAD(i), Opens: s.marshal().Open(),
			},
			q.request.ProofContext(custody),
		})
	}
	v.Issued = encoded(must(Combine(q.request, answers))(t))
	return v
}

// encoded lists secrets as the suite writes them.
func encoded(s *Secrets) (out []vectortest.Hex) {
	for _, c := range s.Clients {
		out = append(out, c.Bytes().Open())
	}
	if s.Server != nil {
		out = append(out, s.Server.Bytes().Open())
	}
	for _, days := range s.Permits {
		for _, p := range days {
			out = append(out, s.Suite.PointBytes(p.Point))
		}
	}
	return out
}

func TestVectors(t *testing.T) {
	v := vectortest.Read(t, "network.json", makeVectors)
	if len(v.Networks) != 2 {
		t.Fatalf("expected two networks, found %d", len(v.Networks))
	}
	for _, n := range v.Networks {
		t.Run(n.Name, n.check)
	}
}

// TestGoldenNetworksStand: what earlier versions signed and issued is read by this one.
func TestGoldenNetworksStand(t *testing.T) {
	for version, v := range vectortest.Golden[vectors](t, "network.json") {
		for _, n := range v.Networks {
			t.Run(version+"/"+n.Name, n.check)
		}
	}
}

// check follows a published network with nothing but what the file has.
func (v vectorNetwork) check(t *testing.T) {
	keys := map[dag.CID]*identity.Keyring{}
	for name, b := range v.Keyrings {
		k := must(identity.ParseKeyring(secret.Copy(b)))(t)
		if k.Identity().Name.String() != v.Names[name] {
			t.Fatalf("%s: expected the name %s, found %s", name, v.Names[name], k.Identity().Name)
		}
		keys[k.Identity().Name] = k
	}
	n := must(ReadCharter(v.Charter))(t)
	o := n.Order
	if o.CID() != v.Order.CID || o.TermsCID() != v.TermsCID || dag.Sum(v.Terms) != v.TermsCID || n.Terms.Suite != v.Suite {
		t.Fatal("order or terms have other names")
	}
	for _, id := range o.Recipients() {
		same(t, "the order's plaintext", v.Order.Plain, must(order.OpenOrder(keys[id.Name], v.Order.Block, n.Who))(t).Plain())
	}
	for i, a := range v.Accepted {
		s := must(bls.ParseScalar(a.Share))(t)
		same(t, "acceptance", a.Block, n.Acceptances[i].Block())
		same(t, "commitment", a.Commitment, bls.G1Generator().Mul(s).Bytes())
		same(t, "accepted commitment", a.Commitment, n.Acceptances[i].Commitment())
		same(t, "proof's context", a.Context, order.ShareContext(o, n.Acceptances[i].Custody()))
	}
	mandated, d, err := ReadMandate(v.Mandate)
	if err != nil || mandated.Order.CID() != o.CID() {
		t.Fatalf("mandate: expected one for %s, found %v", o.CID(), err)
	}
	if _, found := keys[d.To]; !found {
		t.Errorf("the delegate %s has no keyring", d.To)
	}
	for _, q := range v.Requests {
		t.Run(string(q.Kind), func(t *testing.T) { q.check(t, n, keys) })
	}
	revoked := must(VerifyRevocation(o, v.Revocation.Block, v.Revocation.Plain, n.Who))(t)
	if revoked.CID() != v.Revocation.CID || !revoked.Covers(must(must(VerifyRequest(o, v.Requests[0].Block, v.Requests[0].Plain, n.Who))(t).With(v.Requests[0].Roll))(t).Request().Subjects[0]) {
		t.Error("the revocation is another")
	}
}

func (v vectorRequest) check(t *testing.T, n *Network, keys map[dag.CID]*identity.Keyring) {
	r := must(must(VerifyRequest(n.Order, v.Block, v.Plain, n.Who))(t).Unseal(v.Subjects))(t)
	same(t, "the roll", v.Roll, must(r.Request().Roll.Marshal())(t))
	if r.CID() != v.CID || r.Request().Kind != v.Kind {
		t.Fatalf("expected request %s, found %s", v.CID, r.CID())
	}
	for _, id := range r.Recipients() {
		same(t, "the request's plaintext", v.Plain, must(OpenRequest(keys[id.Name], n.Order, v.Block, n.Who))(t).Plain())
	}
	same(t, "what is signed", v.Signed, must(r.Request().Request.Marshal())(t))
	receiver := must(seal.V2.ParsePrivateKey(secret.Copy(v.Receiver)))(t)
	bases := must(r.Bases())(t)
	if len(bases) != len(v.Bases) {
		t.Fatalf("expected %d bases, found %d", len(v.Bases), len(bases))
	}
	for i, b := range bases {
		same(t, "base", v.Bases[i], b.Bytes())
	}
	delivery := Delivery{Charter: must(n.Charter(keysOf(keys)...))(t), Request: OpenedPart{v.Block, v.Plain}, Roll: v.Roll}
	for i, p := range v.Grants {
		g := must(VerifyGrant(r, n.Acceptances[i], p.Block, p.Plain, n.Who))(t)
		if g.CID() != p.CID || g.Share() != p.Sealed.CID {
			t.Errorf("D-TA %d: expected grant %s of share %s, found %s of %s", i, p.CID, p.Sealed.CID, g.CID(), g.Share())
		}
		same(t, "share", p.Sealed.Opens, must(OpenShare(g, p.Sealed.Block, receiver))(t).marshal().Open())
		same(t, "share's info", p.Sealed.Info, r.grantInfo(g.Custody()))
		same(t, "index", p.Sealed.AAD, order.IndexAAD(i))
		same(t, "proof's context", p.Context, r.ProofContext(g.Custody()))
		delivery.Grants = append(delivery.Grants, Delivered{OpenedPart{p.Block, p.Plain}, p.Sealed.Block})
	}
	got := must(Receive(delivery, n.Order.CID(), receiver))(t)
	issued := encoded(got.Secrets)
	if len(issued) != len(v.Issued) {
		t.Fatalf("expected %d secrets, found %d", len(v.Issued), len(issued))
	}
	for i := range issued {
		same(t, "issued", v.Issued[i], issued[i])
	}
}

func keysOf(keys map[dag.CID]*identity.Keyring) (ids []*identity.Identity) {
	for _, k := range keys {
		ids = append(ids, k.Identity())
	}
	return ids
}

func same(t *testing.T, what string, want, got []byte) {
	t.Helper()
	if !bytes.Equal(want, got) {
		t.Errorf("%s: expected %x, found %x", what, want, got)
	}
}
