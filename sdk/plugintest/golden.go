package plugintest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/vss"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/plugintest/internal/scene"
)

// golden is what a version of a plugin kept, and what it takes to see that it comes back. The keys in it keep nothing
// else.
type golden struct {
	Root     []byte          `json:"root"`    // the custody-root deposit; empty where the realm keeps it
	Custody  dag.CID         `json:"custody"` // name of the plugin's identity
	Releases []goldenRelease `json:"releases"`
	Networks []goldenNetwork `json:"networks"`
}

type goldenRelease struct {
	Name       string     `json:"name"`
	Request    []byte     `json:"request"`    // RestoreRequest of the contract
	Chains     [][][]byte `json:"chains"`     // of the parties that it names
	Receiver   []byte     `json:"receiver"`   // keyring
	Reply      []byte     `json:"replyRoot"`  // of the redemption's reply keys
	Ciphertext []byte     `json:"ciphertext"` // detached block; empty for a key
	Opens      []byte     `json:"opensTo"`    // the secret, or the key's private half
}

// goldenNetwork is a network with what its D-TAs issue to two people and a server. Permits depend on the day.
type goldenNetwork struct {
	scene.Written
	Issued [][]byte `json:"issued"`
}

// MakeGolden has a plugin keep a secret, keys of some types, and where it can a secret under a key of its own and a
// network's share for each suite, in the realm that c.Block names and that was never enrolled, and writes down what it
// takes to check later that all of it comes back. It is for the test data of the version that brings a new kind of deposit: the realm's own files belong beside it.
func MakeGolden(t testing.TB, c Config, file string, types ...keytype.Type) {
	t.Helper()
	c.Fresh = nil
	e := Enrol(t, c)
	defer e.Kill()
	g := golden{Root: e.Root, Custody: e.Fiduciary.Name}
	keep := func(name string, what []byte, choose ...scene.Choose) {
		k := e.Keep(t, e.Order(t, what, choose...))
		r := k.Redeem(t, k.Beneficiary)
		ask := r.Ask()
		var chains [][][]byte
		ask.Documents = nil
		for _, party := range []*identity.Keyring{e.Node, k.Principal, k.Beneficiary} {
			ask.Documents = append(ask.Documents, e.Document(party.Identity()))
			chains = append(chains, party.Identity().Blocks())
		}
		request, err := proto.Marshal(ask)
		if err != nil {
			t.Fatal(err)
		}
		reply, receiver := r.Opens()
		kept := goldenRelease{
			Name: name, Request: request, Chains: chains, Receiver: receiver.Marshal().Open(), Reply: reply.Open(), Opens: e.Give(t, r),
		}
		if what != nil {
			kept.Ciphertext = k.Placed.Detached[len(k.Placed.Detached)-1].Bytes
		}
		g.Releases = append(g.Releases, kept)
	}
	keep("a secret", []byte("golden: a secret"))
	for _, typ := range types {
		keep("a key, "+typ.Name(), nil, func(p *order.Plan) { p.KeyType = typ })
	}
	if e.has(t, order.AbilityOwnKey) {
		keep("a secret under a key of its own", []byte("golden: on its own"), func(p *order.Plan) { p.OwnKey = true })
	}
	if e.has(t, string(Networks)) {
		for _, suite := range suites {
			f := e.Found(t, e.Network(t, suite))
			g.Networks = append(g.Networks, goldenNetwork{f.Write(t), e.points(t, goldenRequests(t, f)...)})
		}
	}
	text, err := json.MarshalIndent(g, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
}

func goldenRequests(t testing.TB, f *scene.Founded) []*scene.Inquiry {
	t.Helper()
	return []*scene.Inquiry{f.Clients(t, "alice", "bob"), f.Server(t, "login.example")}
}

// has tells whether the plugin, configured, lists an ability.
func (e *Enrolled) has(t testing.TB, ability string) bool {
	t.Helper()
	about, err := e.Plugin.Describe(t.Context(), &contract.DescribeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range about.GetAbilities() {
		if a == ability {
			return true
		}
	}
	return false
}

// Golden starts a plugin in the realm that c.Block names, whose files are those beside the golden data of a version, and
// has everything given back that MakeGolden had it keep.
func Golden(t *testing.T, c Config, file string) {
	t.Helper()
	c.Fresh = nil
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatalf("%s: %v", filepath.Base(file), err)
	}
	if len(g.Releases) == 0 {
		t.Fatalf("%s: expected releases, found none", filepath.Base(file))
	}
	c = c.searched(t)
	r, answer := Configured(t, c, g.Root, scene.Name(g.Custody))
	if chain := answer.GetCustodyChain(); len(chain) == 0 || dag.Sum(chain[0]) != g.Custody {
		t.Fatal("expected the custody identity of that time, found another")
	}
	for _, kept := range g.Releases {
		t.Run(kept.Name, func(t *testing.T) {
			request := new(contract.RestoreRequest)
			if err := proto.Unmarshal(kept.Request, request); err != nil {
				t.Fatal(err)
			}
			for _, chain := range kept.Chains {
				if _, err := r.Custody.Show(t.Context(), &contract.ShowRequest{Chain: chain}); err != nil {
					t.Fatalf("showing documents: %v\n%s", err, r.told())
				}
			}
			got, err := r.Custody.Restore(t.Context(), request)
			if err != nil {
				t.Fatalf("restoring: %v\n%s", err, r.told())
			}
			if back := kept.open(t, answer.GetCustodyChain(), request, got); !bytes.Equal(back, kept.Opens) {
				t.Error("something else came back")
			}
		})
	}
	for _, n := range g.Networks {
		t.Run("a network, "+n.Suite, func(t *testing.T) { n.reissued(t, c, r, answer.GetCustodyChain()) })
	}
}

// reissued checks that what the plugin and the other D-TA issue today is what they issued then.
func (g goldenNetwork) reissued(t *testing.T, c Config, r *Running, custody [][]byte) {
	f := g.Reopen(t, Instance, r.Mode, custody)
	e, plain := &Enrolled{Scene: f.Scene, Config: c}, r.Client
	e.use(r)
	defer func() { r.Client = plain }()
	again := e.points(t, goldenRequests(t, f)...)
	if len(again) == 0 || !slices.EqualFunc(again, g.Issued, bytes.Equal) {
		t.Error("something else was issued")
	}
}

// open opens a release as its receiver does.
func (g goldenRelease) open(t *testing.T, custody [][]byte, request *contract.RestoreRequest, got *contract.RestoreResponse) []byte {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	who, err := order.NewParties(nil, append(g.Chains, custody)...)
	must(err)
	o, err := order.VerifyOrder(request.GetOrder().GetEnvelope(), request.GetOrder().GetPlain(), who)
	must(err)
	a, err := order.VerifyAcceptance(o, request.GetAcceptance().GetEnvelope(), request.GetAcceptance().GetPlain(), who)
	must(err)
	red, err := order.VerifyRedemption(o, request.GetRedemption().GetEnvelope(), request.GetRedemption().GetPlain(), who)
	must(err)
	receiver, err := identity.ParseKeyring(secret.Copy(g.Receiver))
	must(err)
	rel, err := order.OpenRelease(receiver, red, a, got.GetRelease().GetEnvelope(), who)
	must(err)
	key := order.ReceiverKey{Reply: secret.Copy(g.Reply), Keyring: receiver}
	if o.Terms().What == order.Key {
		material, err := order.OpenReleasedMaterial(rel, got.GetShare(), key)
		must(err)
		return material.Open()
	}
	share, err := order.OpenReleasedShare(rel, got.GetShare(), key)
	must(err)
	whole, err := order.Combine(o, []*vss.Share{share}, g.Ciphertext)
	must(err)
	return whole.Open()
}
