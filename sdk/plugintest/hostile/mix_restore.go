package hostile

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/plugintest"
	"github.com/milagro-dta/dta/sdk/plugintest/internal/scene"
)

// mixPlaintexts shows every envelope of two orders beside every plaintext.
func mixPlaintexts(t *testing.T, x *cast) {
	from := map[string]*contract.RestoreRequest{"a": x.a.Ask(), "b": x.b.Ask()}
	names := []string{"a", "b"}
	product(names, 7, func(pick []string) {
		show := func(part func(*contract.RestoreRequest) *contract.Shown, env, plain string) *contract.Shown {
			return &contract.Shown{Envelope: part(from[env]).GetEnvelope(), Plain: part(from[plain]).GetPlain()}
		}
		req := &contract.RestoreRequest{
			Order:      show((*contract.RestoreRequest).GetOrder, pick[0], pick[1]),
			Acceptance: show((*contract.RestoreRequest).GetAcceptance, pick[2], pick[3]),
			Redemption: show((*contract.RestoreRequest).GetRedemption, pick[4], pick[5]),
			Deposit:    from[pick[6]].GetDeposit(),
			Documents:  x.Documents(),
		}
		req.OperationId = contract.OperationID(operationOf(req.Redemption), plugintest.Instance, "share")
		x.restore(t, fmt.Sprint(pick), req, truth(x, allSame(pick), pick[0]))
	})
}

func truth(x *cast, same bool, name string) *scene.Redeemed {
	switch {
	case !same:
		return nil
	case name == "a":
		return x.a
	}
	return x.b
}

// restore makes one attempt. honest is whose beneficiary may have the answer; nil for a lie.
func (x *cast) restore(t testing.TB, what string, req *contract.RestoreRequest, honest *scene.Redeemed, kinds ...fault.Kind) {
	t.Helper()
	got, err := x.Custody.Restore(t.Context(), req)
	if honest == nil {
		x.refused(t, what, got, err, kinds...)
		return
	}
	if err != nil {
		t.Errorf("%s: the truth was refused: %v", what, err)
		return
	}
	if open := honest.Open(t, got); honest.Secret != nil && string(open) != string(honest.Secret) {
		t.Errorf("%s: another secret came back", what)
	}
	for name, part := range map[string][]byte{"envelope": got.GetRelease().GetEnvelope(), "plaintext": got.GetRelease().GetPlain(), "share": got.GetShare()} {
		x.search(t, what+": the release's "+name, part)
	}
}

// mixParts takes the product of whole parts, forged ones among them.
func mixParts(t *testing.T, x *cast) {
	redemptions := x.redemptions(t)
	histories := map[string]*scene.Redeemed{"a": x.a, "b": x.b, "k": x.k, "a2": x.a2}
	orders := []whole[*contract.Shown]{
		{name: "order a", is: scene.Shown(x.a.Placed.Envelope), belongs: "a", purpose: "share"},
		{name: "order b", is: scene.Shown(x.b.Placed.Envelope), belongs: "b", purpose: "share"},
		{name: "order k", is: scene.Shown(x.k.Placed.Envelope), belongs: "k", purpose: x.k.Purpose()},
	}
	acceptances := append(x.acceptances(t),
		whole[*contract.Shown]{name: "acceptance a", is: x.a.Shown, belongs: "a"},
		whole[*contract.Shown]{name: "second acceptance a", is: x.a2.Shown, belongs: "a2"},
		whole[*contract.Shown]{name: "acceptance b", is: x.b.Shown, belongs: "b"},
		whole[*contract.Shown]{name: "acceptance k", is: x.k.Shown, belongs: "k"},
	)
	deposits := []whole[[]byte]{
		{name: "deposit a", is: x.a.Deposit, belongs: "a"},
		{name: "second deposit a", is: x.a2.Deposit, belongs: "a2"},
		{name: "deposit b", is: x.b.Deposit, belongs: "b"},
		{name: "deposit k", is: x.k.Deposit, belongs: "k"},
		{name: "announced key", is: x.next},
	}
	if len(x.node) > 0 {
		deposits = append(deposits, whole[[]byte]{name: "deposit of the node's key", is: x.node})
	}
	if len(x.Root) > 0 {
		deposits = append(deposits, whole[[]byte]{name: "root", is: x.Root})
	}
	tried, truths := 0, 0
	for _, o := range orders {
		for _, a := range acceptances {
			for _, r := range redemptions {
				for _, d := range deposits {
					req := &contract.RestoreRequest{
						OperationId: contract.OperationID(operationOf(r.is), plugintest.Instance, o.purpose),
						Order:       o.is, Acceptance: a.is, Redemption: r.is, Deposit: d.is, Documents: x.Documents(),
					}
					what := fmt.Sprintf("%s, %s, %s, %s", o.name, a.name, r.name, d.name)
					same := a.belongs != "" && a.belongs == r.belongs && a.belongs == d.belongs &&
						(a.belongs == o.belongs || a.belongs == "a2" && o.belongs == "a")
					var honest *scene.Redeemed
					var kinds []fault.Kind
					switch {
					case same:
						honest = histories[a.belongs]
						truths++
					case o.belongs == "a" && d.belongs == "a" && a.belongs == "a" && r.alone != "":
						kinds = []fault.Kind{r.alone}
					case o.belongs == "a" && d.belongs == "a" && r.belongs == "a" && a.alone != "":
						kinds = []fault.Kind{a.alone}
					case o.belongs == "a" && a.belongs == "a" && r.belongs == "a":
						kinds = []fault.Kind{fault.Denied}
					}
					x.restore(t, what, req, honest, kinds...)
					tried++
				}
			}
		}
	}
	if truths != len(histories) {
		t.Errorf("expected %d true combinations among %d; found %d", len(histories), tried, truths)
	}
	t.Logf("%d combinations, %d of them true", tried, truths)
}

// redemptions are the true ones, and forgeries of one for order a.
func (x *cast) redemptions(t testing.TB) []whole[*contract.Shown] {
	t.Helper()
	toStranger := func(b *order.Redemption, _ *envelope.Draft) { b.Receiver = x.stranger.Identity().Name }
	withReplyKey := func(b *order.Redemption, _ *envelope.Draft) {
		key, err := seal.V2.NewPrivateKey()
		if err != nil {
			t.Fatal(err)
		}
		b.ReplyKeys = [][]byte{key.Public()}
	}
	forged := []struct {
		name   string
		by     *identity.Keyring
		change func(*order.Redemption, *envelope.Draft)
		alone  fault.Kind
	}{
		{"redemption by a stranger", x.stranger, nil, fault.Denied},
		{"redemption by the fiduciary's node", x.Node, nil, fault.Denied},
		{"redemption by the other order's principal", x.b.Principal, nil, fault.Denied},
		{"redemption by the other order's beneficiary", x.b.Beneficiary, nil, fault.Denied},
		{"redemption by the principal for a stranger", x.a.Principal, toStranger, fault.Denied},
		{"redemption by the principal for itself", x.a.Principal, func(b *order.Redemption, _ *envelope.Draft) {
			b.Receiver = x.a.Principal.Identity().Name
		}, fault.Denied},
		{"redemption by a stranger for itself", x.stranger, toStranger, fault.Denied},
		{"redemption by the principal with a reply key of its own", x.a.Principal, withReplyKey, fault.Denied},
		{"redemption by the node with a reply key of its own", x.Node, withReplyKey, fault.Denied},
		{"redemption with a document that was replaced", x.former, nil, fault.Denied},
		{"redemption that had expired before the order", x.a.Beneficiary, func(_ *order.Redemption, d *envelope.Draft) {
			d.Time, d.Expires = d.Time.Add(-48*time.Hour), d.Time.Add(-47*time.Hour)
		}, fault.Denied},
		{"redemption that names other terms", x.a.Beneficiary, func(b *order.Redemption, _ *envelope.Draft) {
			b.Terms = x.b.Order.Verified.TermsCID().Bytes()
		}, fault.Invalid},
		{"redemption that names another order", x.a.Beneficiary, func(b *order.Redemption, _ *envelope.Draft) {
			b.Order = x.b.Order.Verified.CID()
		}, fault.Invalid},
		{"redemption that relies on another order's acceptance", x.a.Beneficiary, func(_ *order.Redemption, d *envelope.Draft) {
			d.Previous[0] = x.b.Acceptance.CID()
		}, fault.Invalid},
		{"redemption that relies on nothing", x.a.Beneficiary, func(_ *order.Redemption, d *envelope.Draft) {
			d.Previous = d.Previous[1:]
		}, fault.Invalid},
		{"redemption that asks a fiduciary that there is not", x.a.Beneficiary, func(b *order.Redemption, _ *envelope.Draft) {
			b.Asked[0]++
		}, fault.Invalid},
		{"redemption read by a stranger too", x.a.Beneficiary, func(_ *order.Redemption, d *envelope.Draft) {
			d.Recipients = append(d.Recipients[:len(d.Recipients):len(d.Recipients)], x.stranger.Identity())
		}, fault.Invalid},
		{"an order in place of a redemption", x.a.Principal, func(_ *order.Redemption, d *envelope.Draft) {
			d.Kind, d.Previous = envelope.Order, nil
		}, fault.Invalid},
	}
	all := []whole[*contract.Shown]{
		{name: "redemption a", is: scene.Shown(x.a.Envelope), belongs: "a"},
		{name: "second redemption a", is: scene.Shown(x.a2.Envelope), belongs: "a2"},
		{name: "redemption b", is: scene.Shown(x.b.Envelope), belongs: "b"},
		{name: "redemption k", is: scene.Shown(x.k.Envelope), belongs: "k"},
	}
	for _, f := range forged {
		all = append(all, whole[*contract.Shown]{name: f.name, is: x.redemption(t, f.by, f.change), alone: f.alone})
	}
	return all
}

// acceptances forges acceptances of order a, for the very deposit that the plugin made.
func (x *cast) acceptances(t testing.TB) []whole[*contract.Shown] {
	t.Helper()
	body := order.Acceptance{
		Version: order.Version, Order: x.a.Order.Verified.CID(), Terms: x.a.Order.Verified.TermsCID().Bytes(),
		Commitment: x.a.Acceptance.Commitment(), Receipt: x.a.Acceptance.Receipt(),
	}
	forge := func(name string, by *identity.Keyring) whole[*contract.Shown] {
		sealed, err := envelope.Seal(by, envelope.Draft{
			Kind: envelope.Acceptance, Recipients: x.Readers(t, x.a.Order.Verified.Terms().ReadersOf(x.a.Index)), Time: time.Now(), Expires: time.Now().Add(time.Hour),
			Previous: []dag.CID{x.a.Order.Verified.CID()}, Body: body,
		})
		if err != nil {
			t.Fatal(err)
		}
		return whole[*contract.Shown]{name: name, is: scene.Shown(sealed), alone: fault.Denied}
	}
	other := scene.Keyring(t, identity.Custody, "another custody identity")
	x.Know(other.Identity())
	return []whole[*contract.Shown]{
		forge("acceptance by another custody identity", other),
		forge("acceptance by the node", x.Node),
		forge("acceptance by the principal", x.a.Principal),
	}
}

// mixDocuments makes a true request that names other identity documents than it needs.
func mixDocuments(t *testing.T, x *cast) {
	full := x.a.Ask().GetDocuments()
	for i := range full {
		req := x.a.Ask()
		req.Documents = slices.Delete(slices.Clone(full), i, i+1)
		x.eitherWay(t, fmt.Sprintf("document %d left out", i), req)
		for j := range full {
			req := x.a.Ask()
			req.Documents[i] = full[j]
			x.eitherWay(t, fmt.Sprintf("document %d named in place of %d", j, i), req)
		}
	}
	x.cutReceiver(t)
	x.showOthers(t)
}

// eitherWay accepts a refusal, or the answer for the one who may have it.
func (x *cast) eitherWay(t testing.TB, what string, req *contract.RestoreRequest) {
	t.Helper()
	got, err := x.Custody.Restore(t.Context(), req)
	if err != nil {
		x.refused(t, what, got, err)
		return
	}
	if string(x.a.Open(t, got)) != string(x.a.Secret) {
		t.Errorf("%s: another secret came back", what)
	}
}

// cutReceiver has an order for a receiver who had rotated before, and shows the chain without the new document, as
// one would who has stolen the old key.
func (x *cast) cutReceiver(t testing.TB) {
	t.Helper()
	old, next, err := identity.Create(identity.Node, "receiver", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	receiver, after, err := old.Rotate(next, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	after.Clear()
	x.Know(receiver.Identity())
	o := x.Order(t, x.canary("secret of one who rotated"), func(p *order.Plan) {
		p.Redeemers[1], p.Receivers[0] = receiver.Identity(), receiver.Identity()
	})
	o.Beneficiary = receiver
	k := x.Keep(t, o)
	req := k.Redeem(t, k.Principal).Ask()
	x.restore(t, "the receiver's chain cut behind the recorded document", withOnly(req, x.Document(old.Identity()), receiver.Identity()), nil)
}
