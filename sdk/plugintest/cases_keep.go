package plugintest

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/plugintest/internal/scene"
)

// canary is a secret that a search will find.
func canary() []byte {
	return append([]byte("canary in a coal mine: "), secret.Random(16).Open()...)
}

// Keep has an order safeguarded.
func (e *Enrolled) Keep(t testing.TB, o *scene.Order) *scene.Kept {
	t.Helper()
	got, err := e.Custody.Safeguard(t.Context(), o.Ask())
	if err != nil {
		t.Fatalf("safeguarding: %v\n%s", err, e.told())
	}
	return o.Accept(t, got)
}

// Give has it restored, and gives what the beneficiary ends up with.
func (e *Enrolled) Give(t testing.TB, r *scene.Redeemed) []byte {
	t.Helper()
	got, err := e.Custody.Restore(t.Context(), r.Ask())
	if err != nil {
		t.Fatalf("restoring: %v\n%s", err, e.told())
	}
	back := r.Open(t, got)
	what := "an ordered key"
	if r.Secret != nil {
		what = "a secret"
	}
	e.search.know(what, back)
	return back
}

// Something is an order that the plugin can keep: of a secret, or else of a key.
func (e *Enrolled) Something(t testing.TB, choose ...scene.Choose) *scene.Order {
	t.Helper()
	if e.Config.Lists(Secrets) {
		return e.Order(t, canary(), choose...)
	}
	return e.Order(t, nil, choose...)
}

// wantBack checks that what a redemption gave is what the order asked to keep.
func wantBack(t testing.TB, k *scene.Kept, got []byte) {
	t.Helper()
	if k.Secret != nil {
		if !bytes.Equal(got, k.Secret) {
			t.Error("another secret came back")
		}
		return
	}
	if err := keytype.Belongs(k.Verified.Algorithm(), secret.Copy(got), k.Acceptance.Commitment()); err != nil {
		t.Errorf("the key that came back is not the one committed to: %v", err)
	}
}

func keepsSecret(t *testing.T, c Config) {
	e := Enrol(t, c)
	for _, size := range []int{1, 31, 32, 33, order.MaxSecret} {
		want := secret.Random(size).Open()
		k := e.Keep(t, e.Order(t, want))
		if got := e.Give(t, k.Redeem(t, k.Beneficiary)); !bytes.Equal(got, want) {
			t.Errorf("a secret of %d bytes came back as another", size)
		}
		if got := k.Acceptance.Receipt(); got.Type != c.pluginType() || got.HostEnforced {
			t.Errorf("expected a receipt of a %q; got %+v", c.pluginType(), got)
		}
		if string(k.Acceptance.Checkpoint()) != "checkpoint of the order" {
			t.Error("the acceptance lost the node's checkpoint")
		}
	}
	k := e.Keep(t, e.Order(t, canary(), func(p *order.Plan) { p.Policy.Enforcement = order.HostEnforced }))
	if !k.Acceptance.Receipt().HostEnforced {
		t.Error("expected the receipt to say host-enforced as the terms do")
	}
}

func makesKey(t *testing.T, c Config) {
	e := Enrol(t, c)
	d, err := e.Plugin.Describe(t.Context(), &contract.DescribeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	makes := d.GetKeyTypes()
	if len(makes) == 0 {
		makes = []string{keytype.Default.Name()}
	}
	for _, typ := range keytype.All {
		of := func(p *order.Plan) { p.KeyType = typ }
		if !slices.Contains(makes, typ.Name()) {
			_, err := e.Custody.Safeguard(t.Context(), e.Order(t, nil, of).Ask())
			wantKind(t, err, fault.Unsupported)
			continue
		}
		a, b := e.Keep(t, e.Order(t, nil, of)), e.Keep(t, e.Order(t, nil, of))
		if bytes.Equal(a.Acceptance.Commitment(), b.Acceptance.Commitment()) {
			t.Errorf("two orders got one %s key", typ.Name())
		}
		wantBack(t, a, e.Give(t, a.Redeem(t, a.Beneficiary)))
		ask := e.Order(t, nil, of).Ask()
		ask.Share = []byte("a share")
		_, err = e.Custody.Safeguard(t.Context(), ask)
		wantKind(t, err, fault.Invalid)
	}
}

func keepsShareOfSeveral(t *testing.T, c Config) {
	e := Enrol(t, c)
	var others []*identity.Identity
	for range 2 {
		others = append(others, scene.Keyring(t, identity.Custody, "another fiduciary").Identity())
	}
	e.Know(others...)
	o := e.Order(t, canary(), func(p *order.Plan) {
		p.T = 2
		node := e.Node.Identity()
		p.Fiduciaries = []order.Choice{{Custody: others[0], Node: node}, p.Fiduciaries[0], {Custody: others[1], Node: node}}
	})
	k := e.Keep(t, o)
	if k.Acceptance.Index() != 1 {
		t.Errorf("expected index 1; got %d", k.Acceptance.Index())
	}
	// The neighbour's share is not for this identity.
	ask := o.Ask()
	ask.Share = o.Placed.Detached[0].Bytes
	_, err := e.Custody.Safeguard(t.Context(), ask)
	wantKind(t, err, fault.Invalid)
}

func survivesProcess(t *testing.T, c Config) {
	e := Enrol(t, c)
	k := e.Keep(t, e.Something(t))
	e.Restart(t)
	wantBack(t, k, e.Give(t, k.Redeem(t, k.Beneficiary)))
}

func redeemsForAnother(t *testing.T, c Config) {
	e := Enrol(t, c)
	k := e.Keep(t, e.Something(t))
	wantBack(t, k, e.Give(t, k.Redeem(t, k.Principal)))
}

func followsReceiver(t *testing.T, c Config) {
	e := Enrol(t, c)
	old, next, err := identity.Create(identity.Node, "beneficiary", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	o := e.Something(t, func(p *order.Plan) {
		p.Redeemers[1], p.Receivers[0] = old.Identity(), old.Identity()
		e.Know(old.Identity())
	})
	o.Beneficiary = old
	k := e.Keep(t, o)
	if o.Beneficiary, next, err = old.Rotate(next, time.Now()); err != nil {
		t.Fatal(err)
	}
	next.Clear()
	e.Know(o.Beneficiary.Identity())
	wantBack(t, k, e.Give(t, k.Redeem(t, k.Principal)))
}

// takesLongChains has an order for a receiver with as many documents as there may be, and names each of them, as a
// host may: the chains that end there are larger together than a message. The plugin is shown them once, and again
// after a restart.
func takesLongChains(t *testing.T, c Config) {
	e := Enrol(t, c)
	long, err := longest()
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, document := range long.Identity().Documents() {
		until, err := long.Identity().At(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range until.Blocks() {
			size += len(block)
		}
		e.Know(until)
	}
	if size < contract.MaxMessage {
		t.Fatalf("expected chains of more than %d bytes; found %d", contract.MaxMessage, size)
	}
	o := e.Something(t, func(p *order.Plan) {
		p.Redeemers[1], p.Receivers[0] = long.Identity(), long.Identity()
	})
	o.Beneficiary = long
	k := e.Keep(t, o)
	r := k.Redeem(t, k.Principal)
	wantBack(t, k, e.Give(t, r))
	e.Restart(t)
	wantBack(t, k, e.Give(t, r))
}

// longest is an identity with as many documents as there may be, which takes its time to make.
var longest = sync.OnceValues(func() (*identity.Keyring, error) {
	k, next, err := identity.Create(identity.Node, "longest", time.Now())
	for err == nil && len(k.Identity().Documents()) < identity.MaxDocuments {
		k, next, err = k.Rotate(next, time.Now())
	}
	return k, err
})

func answersRepeats(t *testing.T, c Config) {
	e := Enrol(t, c)
	o := e.Something(t)
	first, second := e.Keep(t, o), e.Keep(t, o)
	for _, k := range []*scene.Kept{first, second} {
		r := k.Redeem(t, k.Beneficiary)
		for range 2 {
			wantBack(t, k, e.Give(t, r))
		}
	}
	// A deposit belongs to the acceptance given with it.
	ask := first.Redeem(t, first.Beneficiary).Ask()
	ask.Deposit = second.Deposit
	_, err := e.Custody.Restore(t.Context(), ask)
	wantKind(t, err, fault.Denied)
}

// knowsOrderResigned shows an order under several signatures of its principal, of which anybody who has two makes a
// third. The first answer stays the one that counts, under the order that it names.
func knowsOrderResigned(t *testing.T, c Config) {
	e := Enrol(t, c)
	o := e.Something(t)
	first := e.Keep(t, o)
	other := o.Resigned(t)
	orders := []*scene.Order{o, other, o.Resigned(t)}
	var wg sync.WaitGroup
	for i := range 4 * len(orders) {
		wg.Go(func() {
			shown := orders[i%len(orders)]
			got, err := e.Custody.Safeguard(t.Context(), shown.Ask())
			if err != nil {
				t.Errorf("safeguarding the same order under another signature: %v", err)
				return
			}
			// One call may have joined another, and got the answer to it.
			at := slices.IndexFunc(orders, func(o *scene.Order) bool { return o.Answered(t, got) })
			if at < 0 {
				t.Error("the acceptance is of none of the orders that were shown")
				return
			}
			again := orders[at].Accept(t, got)
			if o.Secret != nil && !bytes.Equal(again.Acceptance.Commitment(), first.Acceptance.Commitment()) {
				t.Error("another signature under the order made another commitment")
			}
		})
	}
	wg.Wait()
	redeem := first.Redeem(t, first.Beneficiary)
	wantBack(t, first, e.Give(t, redeem))
	for _, shown := range orders[1:] {
		ask := redeem.Ask()
		ask.Order = shown.Ask().GetOrder()
		_, err := e.Custody.Restore(t.Context(), ask)
		wantRefusal(t, err)
	}
	broken := other.Ask()
	broken.Order.Envelope = flip(broken.Order.Envelope, len(broken.Order.Envelope)-8)
	_, err := e.Custody.Safeguard(t.Context(), broken)
	wantRefusal(t, err)
	wantBack(t, first, e.Give(t, redeem))
}

func refusesChangedDeposit(t *testing.T, c Config) {
	e := Enrol(t, c)
	made, err := e.NodeIdentity.Make(t.Context(), &contract.MakeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	d := made.GetDeposit()
	step := max(1, len(d)/64)
	for at := 0; at < len(d); at += step {
		got, err := e.NodeIdentity.Open(t.Context(), &contract.OpenRequest{Deposit: flip(d, at)})
		if err == nil && !bytes.Equal(got.GetKey(), made.GetKey()) {
			t.Fatalf("byte %d changed: another key came back", at)
		}
		wantRefusal(t, err)
	}
	for n := 0; n < len(d); n += step {
		_, err := e.NodeIdentity.Open(t.Context(), &contract.OpenRequest{Deposit: d[:n]})
		wantRefusal(t, err)
	}
}

func keepsNodeKey(t *testing.T, c Config) {
	// Before the enrolment: a node has its identity before its plugins have theirs.
	r, _ := Configured(t, c, nil, nil)
	made, err := r.NodeIdentity.Make(t.Context(), &contract.MakeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if len(made.GetKey()) != 32 {
		t.Errorf("expected a key of 32 bytes; got %d", len(made.GetKey()))
	}
	r.Kill()

	e := Enrol(t, c)
	got, err := e.NodeIdentity.Open(t.Context(), &contract.OpenRequest{Deposit: made.GetDeposit()})
	if err != nil || !bytes.Equal(got.GetKey(), made.GetKey()) {
		t.Errorf("expected the key back; got %v", err)
	}
	another, err := e.NodeIdentity.Make(t.Context(), &contract.MakeRequest{})
	if err != nil || bytes.Equal(another.GetKey(), made.GetKey()) {
		t.Errorf("expected another key the second time; got %v", err)
	}
	others := [][]byte{e.Root, e.Next}
	if c.Lists(Orders) {
		others = append(others, e.Keep(t, e.Something(t)).Deposit)
	}
	for _, deposit := range slices.DeleteFunc(others, func(d []byte) bool { return len(d) == 0 }) {
		_, err = e.NodeIdentity.Open(t.Context(), &contract.OpenRequest{Deposit: deposit})
		wantKind(t, err, fault.Denied)
	}
}
