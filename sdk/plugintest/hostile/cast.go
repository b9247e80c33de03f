package hostile

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/plugintest"
	"github.com/milagro-dta/dta/sdk/plugintest/internal/scene"
)

// cast is an honest past, of which the host has kept everything, and the forgers.
type cast struct {
	*plugintest.Enrolled
	next []byte // deposit of the announced signing key

	a, b, k *scene.Redeemed // two secrets and a key, from order to redemption
	a2      *scene.Redeemed // order a, accepted a second time: another deposit
	node    []byte          // a deposit of purpose node-identity; nil where the plugin keeps none
	nodeKey []byte

	stranger *identity.Keyring // known to all, party to nothing
	former   *identity.Keyring // may redeem a; at the document it had before it rotated

	canaries map[string][]byte
}

func newCast(t *testing.T, c plugintest.Config) *cast {
	t.Helper()
	e := plugintest.Enrol(t, c)
	x := &cast{Enrolled: e, next: e.Next, canaries: map[string][]byte{}}
	x.stranger = x.Party(t, "stranger")

	former, nextKey, err := identity.Create(identity.Node, "former", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	x.former = former
	x.Know(former.Identity())
	a := x.Order(t, x.canary("secret a"), func(p *order.Plan) { p.Redeemers = append(p.Redeemers, former.Identity()) })
	first, second := x.Keep(t, a), x.Keep(t, a)
	x.a, x.a2 = first.Redeem(t, first.Beneficiary), second.Redeem(t, second.Beneficiary)
	b := x.Keep(t, x.Order(t, x.canary("secret b")))
	x.b = b.Redeem(t, b.Beneficiary)
	var third []byte // none orders a key
	if !c.Lists(plugintest.Keys) {
		third = x.canary("secret k")
	}
	k := x.Keep(t, x.Order(t, third))
	x.k = k.Redeem(t, k.Beneficiary)

	if c.Lists(plugintest.NodeKeys) {
		made, err := x.NodeIdentity.Make(t.Context(), &contract.MakeRequest{})
		if err != nil {
			t.Fatal(err)
		}
		x.node, x.nodeKey = made.GetDeposit(), made.GetKey()
	}

	// What the parties themselves find when all is well is what must not be found elsewhere.
	for name, r := range map[string]*scene.Redeemed{"share a": x.a, "share b": x.b, "key k": x.k} {
		got, err := x.Custody.Restore(t.Context(), r.Ask())
		if err != nil {
			t.Fatalf("the honest past: %v", err)
		}
		_, material := r.Material(t, got)
		x.canaries[name] = material.Open()
		if r.Secret == nil {
			continue
		}
		// A share is s‖r; s alone opens an order of threshold 1.
		x.canaries[name+", first half"] = material.Open()[:32]
	}
	t.Cleanup(func() {
		x.Kill() // what it logs last counts too
		x.search(t, "the log", []byte(x.Log()))
	})
	// Only now does the former redeemer get its new document: what it signed is older.
	rotated, after, err := former.Rotate(nextKey, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	after.Clear()
	nextKey.Clear()
	x.Know(rotated.Identity())
	return x
}

func (x *cast) canary(name string) []byte {
	c := append([]byte("canary "+name+" "), hex.AppendEncode(nil, secret.Random(16).Open())...)
	x.canaries[name] = c
	return c
}

// search looks for every canary, as it is and in the usual clothes.
func (x *cast) search(t testing.TB, where string, in []byte) {
	t.Helper()
	for name, c := range x.canaries {
		for _, form := range plugintest.Forms(c) {
			if bytes.Contains(in, form) {
				t.Errorf("%s holds %s", where, name)
			}
		}
	}
}

// refused holds an attack to its answer: no reply, a kind among those allowed, no canary.
func (x *cast) refused(t testing.TB, what string, reply proto.Message, err error, kinds ...fault.Kind) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: was answered", what)
		return
	}
	x.search(t, what+": the error", []byte(err.Error()))
	if raw, _ := proto.Marshal(reply); len(raw) > 0 {
		t.Errorf("%s: a reply of %d bytes came with the refusal", what, len(raw))
	}
	if len(kinds) == 0 {
		// A mixture contradicts itself in more than one way; which is noticed first is nobody's concern.
		kinds = []fault.Kind{fault.Invalid, fault.Denied, fault.NotFound}
	}
	got := fault.Of(err)
	for _, k := range kinds {
		if got == k {
			return
		}
	}
	t.Errorf("%s: expected a refusal of kind %v; got %s: %v", what, kinds, got, err)
}

// redemption forges one of order a.
func (x *cast) redemption(t testing.TB, by *identity.Keyring, change func(*order.Redemption, *envelope.Draft)) *contract.Shown {
	t.Helper()
	body := order.Redemption{
		Version:  order.Version,
		Order:    x.a.Order.Verified.CID(),
		Terms:    x.a.Order.Verified.TermsCID().Bytes(),
		Receiver: x.a.Beneficiary.Identity().Name,
		Asked:    []uint64{uint64(x.a.Index)},
		Nonce:    secret.Random(order.NonceSize).Open(),
	}
	d := envelope.Draft{
		Kind: envelope.Redemption, Recipients: x.Readers(t, x.a.Order.Verified.Terms().ReadersOf(x.a.Index)),
		Time: time.Now(), Expires: time.Now().Add(order.RedemptionLife),
		Previous: []dag.CID{x.a.Acceptance.CID(), x.a.Order.Verified.CID()},
	}
	if change != nil {
		change(&body, &d)
	}
	d.Body = body
	sealed, err := envelope.Seal(by, d)
	if err != nil {
		t.Fatalf("forging a redemption: %v", err)
	}
	return scene.Shown(sealed)
}

// operationOf is the cause in the operation id of a call about an envelope, whatever is shown as one.
func operationOf(e *contract.Shown) dag.CID {
	c, _ := envelope.HeaderCID(e.GetEnvelope())
	return c
}
