package order

import (
	"bytes"
	"testing"

	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/vss"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/vectortest"
)

// vectors are whole orders, one of a secret of 2-of-3 and one of a key of each
// type, with all that a reader in another language needs to follow them. Its
// secret keys are published: they protect nothing.
type vectors struct {
	About  string        `json:"about"`
	Orders []vectorOrder `json:"orders"`
}

type vectorOrder struct {
	Name     string                    `json:"name"`
	What     What                      `json:"what"`
	Keyrings map[string]vectortest.Hex `json:"keyrings"` // secret halves, as packages identity writes them
	Names    map[string][]string       `json:"names"`    // CIDs of each party's documents; the first is its name
	Order    vectortest.Part           `json:"order"`
	TermsCID dag.CID                   `json:"termsCID"`
	Terms    vectortest.Hex            `json:"terms"`
	Shares   []vectortest.Sealed       `json:"shares"`
	Deposits []vectorBlock             `json:"deposits"` // in the order of the acceptances
	Cipher   *vectorCipher             `json:"ciphertext"`
	Accepted []vectortest.Part         `json:"acceptances"`
	Redeemed vectortest.Part           `json:"redemption"`
	Reply    vectortest.Hex            `json:"replyRoot"`
	Replies  []vectortest.Hex          `json:"replySeeds"` // by the fiduciaries' places
	Released []vectortest.Part         `json:"releases"`
	Sealed   []vectortest.Sealed       `json:"sealedReleases"`
}

type vectorCipher struct {
	CID    dag.CID        `json:"cid"`
	Block  vectortest.Hex `json:"block"`
	Seed   vectortest.Hex `json:"seed"`
	Key    vectortest.Hex `json:"key"`
	Secret vectortest.Hex `json:"secret"`
}

func vectorOf(p *Part) vectortest.Part {
	return vectortest.Part{CID: p.CID(), Block: p.Block(), Plain: p.Plain()}
}

// vectorBlock is a detached block that nobody but its maker opens.
type vectorBlock struct {
	CID   dag.CID        `json:"cid"`
	Block vectortest.Hex `json:"block"`
}

func makeVectors(t *testing.T) vectors {
	r := newRealm(t, 3)
	one := *r
	one.nodes, one.custody = r.nodes[:1], r.custody[:1]
	v := vectors{
		About: "Whole orders. Blocks and plaintexts are hexadecimal; secret keys are published and protect nothing.",
		Orders: []vectorOrder{
			makeVector(t, "a secret of two of three, redeemed by its receiver", r.run(t, r.plan(Secret, 2), secret.New([]byte("correct horse battery staple")), r.beneficiary, r.beneficiary)),
		},
	}
	for _, typ := range keytype.All {
		p := one.plan(Key, 1)
		p.KeyType = typ
		h := one.run(t, p, nil, r.principal, r.beneficiary)
		v.Orders = append(v.Orders, makeVector(t, "a key of type "+typ.Name()+" of one, redeemed by the principal for the receiver", h))
	}
	return v
}

func makeVector(t *testing.T, name string, h *history) vectorOrder {
	terms, err := dag.Encode(h.order.body.Terms)
	if err != nil {
		t.Fatal(err)
	}
	v := vectorOrder{
		Name: name, What: h.order.Terms().What, Keyrings: map[string]vectortest.Hex{}, Names: map[string][]string{},
		Order: vectorOf(&h.order.Part), TermsCID: h.order.TermsCID(), Terms: terms, Redeemed: vectorOf(&h.redemption.Part),
	}
	for _, k := range append([]*identity.Keyring{h.principal, h.beneficiary}, append(h.nodes, h.custody...)...) {
		id := k.Identity()
		v.Keyrings[id.Doc.Reference] = k.Marshal().Open()
		for _, c := range id.Documents() {
			v.Names[id.Doc.Reference] = append(v.Names[id.Doc.Reference], c.String())
		}
	}
	if h.reply != nil {
		v.Reply = h.reply.Open()
		for i := range h.acceptances {
			key, err := DeriveReplyKey(mustSuite(t, h.order), h.reply, i)
			if err != nil {
				t.Fatal(err)
			}
			v.Replies = append(v.Replies, key.Seed().Open())
		}
	}
	for i, a := range h.acceptances {
		v.Deposits = append(v.Deposits, vectorBlock{h.deposits[i].CID, h.deposits[i].Bytes})
		v.Accepted = append(v.Accepted, vectorOf(&a.Part))
		v.Released = append(v.Released, vectorOf(&h.releases[i].Part))
		v.Sealed = append(v.Sealed, vectortest.Sealed{
			CID: h.released[i].CID, Block: h.released[i].Bytes, Info: h.redemption.releaseInfo(), AAD: IndexAAD(i), Opens: h.material[i].Open(),
		})
		if v.What != Secret {
			continue
		}
		v.Shares = append(v.Shares, vectortest.Sealed{
			CID: h.placed.Detached[i].CID, Block: h.placed.Detached[i].Bytes,
			Info: shareInfo(h.order.TermsCID(), h.order.Terms().Principal, a.Custody()), AAD: IndexAAD(i), Opens: h.material[i].Open(),
		})
	}
	if v.What == Secret {
		shares := h.shares(t, 0, 1)
		seed, err := vss.Combine(h.order.Terms().Commitments, shares)
		if err != nil {
			t.Fatal(err)
		}
		what, err := Combine(h.order, shares, h.ciphertext())
		if err != nil {
			t.Fatal(err)
		}
		key := mustSuite(t, h.order).Derive(seed, h.order.TermsCID().Bytes(), tagSecret, seal.KeySize)
		v.Cipher = &vectorCipher{h.order.Ciphertext(), h.ciphertext(), seed.Open(), key.Open(), what.Open()}
	}
	return v
}

func TestVectors(t *testing.T) {
	v := vectortest.Read(t, "order.json", makeVectors)
	if want := 1 + len(keytype.All); len(v.Orders) != want {
		t.Fatalf("expected %d orders, found %d", want, len(v.Orders))
	}
	for _, o := range v.Orders {
		t.Run(o.Name, o.check)
	}
}

// TestGoldenOrdersStand: what earlier versions signed and sealed is read by this one.
func TestGoldenOrdersStand(t *testing.T) {
	for version, v := range vectortest.Golden[vectors](t, "order.json") {
		for _, o := range v.Orders {
			t.Run(version+"/"+o.Name, o.check)
		}
	}
}

// check follows a published order with nothing but what the file has.
func (v vectorOrder) check(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	same := func(what string, want, got []byte) {
		t.Helper()
		if !bytes.Equal(want, got) {
			t.Fatalf("%s: expected %x, found %x", what, want, got)
		}
	}
	keys := map[dag.CID]*identity.Keyring{}
	var chains [][][]byte
	for name, b := range v.Keyrings {
		k, err := identity.ParseKeyring(secret.Copy(b))
		must(err)
		if k.Identity().Name.String() != v.Names[name][0] {
			t.Fatalf("%s: expected the name %s, found %s", name, v.Names[name][0], k.Identity().Name)
		}
		keys[k.Identity().Name] = k
		chains = append(chains, k.Identity().Blocks())
	}
	who, err := NewParties(nil, chains...)
	must(err)

	o, err := VerifyOrder(v.Order.Block, v.Order.Plain, who)
	must(err)
	if o.CID() != v.Order.CID || o.TermsCID() != v.TermsCID || dag.Sum(v.Terms) != v.TermsCID {
		t.Fatal("order or terms have other names")
	}
	for _, id := range o.Recipients() {
		opened, err := OpenOrder(keys[id.Name], v.Order.Block, who)
		must(err)
		same("plaintext", v.Order.Plain, opened.Plain())
	}
	var accepted []*VerifiedAcceptance
	for i, p := range v.Accepted {
		a, err := VerifyAcceptance(o, p.Block, p.Plain, who)
		must(err)
		accepted = append(accepted, a)
		if _, err := GetDeposit(a.Receipt().Deposit, v.Deposits[i].Block); err != nil {
			t.Fatal(err)
		}
		if v.What == Secret {
			s, err := OpenShare(keys[a.Custody()], o, i, v.Shares[i].Block)
			must(err)
			same("share", v.Shares[i].Opens, s.Bytes().Open())
			same("share info", v.Shares[i].Info, shareInfo(o.TermsCID(), o.Terms().Principal, a.Custody()))
		}
	}
	red, err := VerifyRedemption(o, v.Redeemed.Block, v.Redeemed.Plain, who)
	must(err)
	receiver := ReceiverKey{Keyring: keys[red.Receiver()]}
	if len(v.Reply) > 0 {
		receiver.Reply = secret.Copy(v.Reply)
		for i, seed := range v.Replies {
			key, err := DeriveReplyKey(mustSuite(t, o), receiver.Reply, i)
			must(err)
			same("reply seed", seed, key.Seed().Open())
			same("reply key", red.ReplyKey(accepted[i]), key.Public())
		}
	}
	var shares []*vss.Share
	for i, p := range v.Released {
		rel, err := VerifyRelease(red, accepted[i], p.Block, p.Plain, who)
		must(err)
		material, err := OpenReleasedMaterial(rel, v.Sealed[i].Block, receiver)
		must(err)
		same("released", v.Sealed[i].Opens, material.Open())
		same("release info", v.Sealed[i].Info, red.releaseInfo())
		same("index", v.Sealed[i].AAD, IndexAAD(i))
		if v.What == Key {
			public, err := o.Algorithm().Public(material)
			must(err)
			same("public key", accepted[i].Commitment(), public)
			continue
		}
		s, err := OpenReleasedShare(rel, v.Sealed[i].Block, receiver)
		must(err)
		shares = append(shares, s)
	}
	if v.What == Key {
		return
	}
	for _, pair := range [][]*vss.Share{{shares[0], shares[1]}, {shares[2], shares[0]}, shares} {
		what, err := Combine(o, pair, v.Cipher.Block)
		must(err)
		same("secret", v.Cipher.Secret, what.Open())
	}
	same("content key", v.Cipher.Key, mustSuite(t, o).Derive(secret.Copy(v.Cipher.Seed), o.TermsCID().Bytes(), tagSecret, seal.KeySize).Open())
}
