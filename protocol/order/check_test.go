package order

import (
	"bytes"
	"slices"
	"testing"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/vss"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/identity/identitytest"
)

// inventedName is a name, or a document, that nobody has.
func inventedName(seed ...byte) dag.CID { return dag.Sum(append([]byte("invented"), seed...)) }

func inventedParty(seed ...byte) identity.Party {
	return identity.Party{Name: inventedName(seed...), Document: inventedName(append(seed, 'd')...)}
}

func inventedNames(n int, seed byte) []dag.CID {
	names := make([]dag.CID, n)
	for i := range names {
		names[i] = inventedName(seed, byte(i))
	}
	slices.SortFunc(names, dag.CID.Compare)
	return names
}

// soundTerms are 2-of-3 terms that Check accepts.
func soundTerms(t testing.TB) *Terms {
	t.Helper()
	seed := vss.NewSeed()
	commitments, _, err := vss.Deal(seed, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	terms := &Terms{
		Version: Version, Suite: seal.V2.Name, Reference: bytes.Repeat([]byte{7}, ReferenceSize), What: Secret,
		Principal: inventedName('p'), Redeemers: inventedNames(2, 'r'), Receivers: inventedNames(2, 'b'),
		T: 2, N: 3, Commitments: commitments, Publish: PublishChain, Size: 32,
	}
	for i := range byte(3) {
		terms.Fiduciaries = append(terms.Fiduciaries, Fiduciary{Custody: inventedParty('c', i), Node: inventedParty('n', i), Offer: inventedName('o', i)})
	}
	return terms
}

func TestSoundTermsPass(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*Terms)
	}{
		{"a secret", func(*Terms) {}},
		{"a policy that hosts enforce", func(t *Terms) { t.Policy.Enforcement = HostEnforced }},
		{"no offer relied upon", func(t *Terms) { t.Fiduciaries[0].Offer = dag.CID{} }},
		{"two custody identities of one node", func(t *Terms) { t.Fiduciaries[1].Node = t.Fiduciaries[0].Node }},
		{"an unknown name in extra", func(t *Terms) { t.Extra = values("colour") }},
		{"a key of one fiduciary", func(t *Terms) {
			t.What, t.T, t.N, t.Fiduciaries, t.Commitments, t.Size = Key, 1, 1, t.Fiduciaries[:1], nil, 0
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			terms := soundTerms(t)
			tt.edit(terms)
			if err := terms.Check(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func values(name string) dag.Values {
	raw, err := dag.NewRaw("x")
	if err != nil {
		panic(err)
	}
	return dag.Values{name: raw}
}

func TestUnsoundTermsAreRefused(t *testing.T) {
	// x = 4 lies on the curve, but not in the subgroup of order r.
	outside := append([]byte{0x80}, make([]byte, 47)...)
	outside[47] = 4
	for _, tt := range []struct {
		name string
		edit func(*Terms)
		want fault.Kind
	}{
		{"another version", func(t *Terms) { t.Version = 2 }, fault.Unsupported},
		{"no version", func(t *Terms) { t.Version = 0 }, fault.Unsupported},
		{"an unknown suite", func(t *Terms) { t.Suite = "dta-v9" }, fault.Unsupported},
		{"an unknown critical name", func(t *Terms) { t.Critical = values("colour") }, fault.Unsupported},
		{"an unknown critical name of the policy", func(t *Terms) { t.Policy.Critical = values("colour") }, fault.Unsupported},
		{"a policy of unknown enforcement", func(t *Terms) { t.Policy.Enforcement = "witnessed" }, fault.Unsupported},
		{"something unknown to keep", func(t *Terms) { t.What = "wallet" }, fault.Unsupported},
		{"an unknown publication", func(t *Terms) { t.Publish = "some" }, fault.Unsupported},
		{"no publication", func(t *Terms) { t.Publish = "" }, fault.Unsupported},
		{"a short reference", func(t *Terms) { t.Reference = t.Reference[1:] }, fault.Invalid},
		{"a long reference", func(t *Terms) { t.Reference = append(t.Reference, 0) }, fault.Invalid},
		{"no principal", func(t *Terms) { t.Principal = dag.CID{} }, fault.Invalid},
		{"no redeemers", func(t *Terms) { t.Redeemers = nil }, fault.Invalid},
		{"no receivers", func(t *Terms) { t.Receivers = nil }, fault.Invalid},
		{"too many redeemers", func(t *Terms) { t.Redeemers = inventedNames(MaxRedeemers+1, 'r') }, fault.Invalid},
		{"too many receivers", func(t *Terms) { t.Receivers = inventedNames(MaxReceivers+1, 'b') }, fault.Invalid},
		{"redeemers not sorted", func(t *Terms) { slices.Reverse(t.Redeemers) }, fault.Invalid},
		{"receivers not sorted", func(t *Terms) { slices.Reverse(t.Receivers) }, fault.Invalid},
		{"a redeemer twice", func(t *Terms) { t.Redeemers[1] = t.Redeemers[0] }, fault.Invalid},
		{"an empty receiver", func(t *Terms) { t.Receivers[0] = dag.CID{} }, fault.Invalid},
		{"more parties than recipients may be", func(t *Terms) {
			t.Redeemers, t.Receivers = inventedNames(MaxRedeemers, 'x'), inventedNames(MaxReceivers, 'y')
			t.N = 16
			for i := byte(3); i < 16; i++ {
				t.Fiduciaries = append(t.Fiduciaries, Fiduciary{Custody: inventedParty('c', i), Node: inventedParty('n', i)})
			}
		}, fault.Invalid},
		{"no fiduciaries", func(t *Terms) { t.T, t.N, t.Fiduciaries = 0, 0, nil }, fault.Invalid},
		{"a threshold of none", func(t *Terms) { t.T, t.Commitments = 0, nil }, fault.Invalid},
		{"a threshold above n", func(t *Terms) { t.T, t.Commitments = 4, append(t.Commitments, t.Commitments...) }, fault.Invalid},
		{"an n other than the list's length", func(t *Terms) { t.N = 4 }, fault.Invalid},
		{"an n beyond every bound", func(t *Terms) { t.N = 1 << 63 }, fault.Invalid},
		{"too many fiduciaries", func(t *Terms) {
			t.N = MaxFiduciaries + 1
			for i := byte(3); i < MaxFiduciaries+1; i++ {
				t.Fiduciaries = append(t.Fiduciaries, Fiduciary{Custody: inventedParty('c', i), Node: t.Fiduciaries[0].Node})
			}
		}, fault.Invalid},
		{"a custody identity twice", func(t *Terms) { t.Fiduciaries[1].Custody.Name = t.Fiduciaries[0].Custody.Name }, fault.Invalid},
		{"a custody identity without a name", func(t *Terms) { t.Fiduciaries[1].Custody.Name = dag.CID{} }, fault.Invalid},
		{"a custody identity without a document", func(t *Terms) { t.Fiduciaries[1].Custody.Document = dag.CID{} }, fault.Invalid},
		{"an offer that is no envelope", func(t *Terms) { t.Fiduciaries[1].Offer = dag.SumRaw([]byte("offer")) }, fault.Invalid},
		{"a node without a document", func(t *Terms) { t.Fiduciaries[1].Node.Document = dag.CID{} }, fault.Invalid},
		{"a custody identity as its own node", func(t *Terms) { t.Fiduciaries[1].Node = t.Fiduciaries[1].Custody }, fault.Invalid},
		{"a custody identity as receiver", func(t *Terms) { t.Receivers = []dag.CID{t.Fiduciaries[2].Custody.Name} }, fault.Invalid},
		{"a custody identity as redeemer", func(t *Terms) { t.Redeemers = []dag.CID{t.Fiduciaries[2].Custody.Name} }, fault.Invalid},
		{"a custody identity as principal", func(t *Terms) { t.Principal = t.Fiduciaries[2].Custody.Name }, fault.Invalid},
		{"too few commitments", func(t *Terms) { t.Commitments = t.Commitments[:1] }, fault.Invalid},
		{"too many commitments", func(t *Terms) { t.Commitments = append(t.Commitments, t.Commitments[0]) }, fault.Invalid},
		{"a commitment that is no point", func(t *Terms) { t.Commitments[1] = make([]byte, 48) }, fault.Invalid},
		{"a commitment cut short", func(t *Terms) { t.Commitments[1] = t.Commitments[1][:47] }, fault.Invalid},
		{"the identity as commitment", func(t *Terms) { t.Commitments[1] = append([]byte{0xc0}, make([]byte, 47)...) }, fault.Invalid},
		{"a commitment outside the subgroup", func(t *Terms) { t.Commitments[1] = outside }, fault.Invalid},
		{"an empty secret", func(t *Terms) { t.Size = 0 }, fault.Invalid},
		{"too large a secret", func(t *Terms) { t.Size = MaxSecret + 1 }, fault.Invalid},
		{"a key of several fiduciaries", func(t *Terms) { t.What, t.Commitments, t.Size = Key, nil, 0 }, fault.Unsupported},
		{"a key with commitments beforehand", func(t *Terms) {
			t.What, t.T, t.N, t.Fiduciaries, t.Size = Key, 1, 1, t.Fiduciaries[:1], 0
		}, fault.Invalid},
		{"a key with a size", func(t *Terms) {
			t.What, t.T, t.N, t.Fiduciaries, t.Commitments = Key, 1, 1, t.Fiduciaries[:1], nil
		}, fault.Invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			terms := soundTerms(t)
			tt.edit(terms)
			wantKind(t, terms.Check(), tt.want)
		})
	}
}

func TestEveryFieldOfTheTermsIsPartOfTheirName(t *testing.T) {
	terms := soundTerms(t)
	name := func(t *testing.T) dag.CID {
		t.Helper()
		c, err := terms.CID()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	before := name(t)
	for _, leaf := range leaves(terms) {
		t.Run(leaf.path, func(t *testing.T) {
			restore := leaf.change()
			defer restore()
			if name(t) == before {
				t.Fatal("the terms changed and kept their name")
			}
		})
	}
	if name(t) != before {
		t.Fatal("the terms did not change back")
	}
}

func TestPlaceRefusesPlansThatNobodyCouldKeep(t *testing.T) {
	r := newRealm(t, 2)
	what := secret.Random(32)
	for _, tt := range []struct {
		name string
		what *secret.Bytes
		edit func(*Plan)
		want fault.Kind
	}{
		{"a secret without a secret", nil, func(*Plan) {}, fault.Invalid},
		{"a key with a secret", what, func(p *Plan) { p.What = Key }, fault.Invalid},
		{"an empty secret", secret.New(nil), func(*Plan) {}, fault.Invalid},
		{"too large a secret", secret.Random(MaxSecret + 1), func(*Plan) {}, fault.Invalid},
		{"no fiduciaries", what, func(p *Plan) { p.Fiduciaries = nil }, fault.Invalid},
		{"a threshold of none", what, func(p *Plan) { p.T = 0 }, fault.Invalid},
		{"a threshold above n", what, func(p *Plan) { p.T = 3 }, fault.Invalid},
		{"no receivers", what, func(p *Plan) { p.Receivers = nil }, fault.Invalid},
		{"a fiduciary twice", what, func(p *Plan) { p.Fiduciaries[1] = p.Fiduciaries[0] }, fault.Invalid},
		{"a node in place of a custody identity", what, func(p *Plan) { p.Fiduciaries[1].Custody = r.stranger.Identity() }, fault.Invalid},
		{"a custody identity in place of a node", what, func(p *Plan) { p.Fiduciaries[1].Node = identitytest.Keyring(t, identity.Custody, "x", now).Identity() }, fault.Invalid},
		{"a fiduciary without a node", what, func(p *Plan) { p.Fiduciaries[1].Node = nil }, fault.Invalid},
		{"something unknown to keep", nil, func(p *Plan) { p.What = "wallet" }, fault.Unsupported},
		{"a key of several fiduciaries", nil, func(p *Plan) { p.What = Key }, fault.Unsupported},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := r.plan(Secret, 1)
			tt.edit(&p)
			_, err := Place(r.principal, p, tt.what, now)
			wantKind(t, err, tt.want)
		})
	}
}
