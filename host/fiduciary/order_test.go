package fiduciary_test

import (
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/offer"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// offers signs an offer of a custody identity, and has the D-TA hold it.
func (d *dta) offers(by *identity.Keyring, custody *identity.Identity, at time.Time) dag.CID {
	d.realm.t.Helper()
	made := must(offer.Make(by, offer.Body{
		Instance: "vault", Type: "test", Custody: custody.Party(), Abilities: []string{"network"}, Mode: order.Supervised,
		Limits: offer.Limits{Secret: order.MaxSecret, Fiduciaries: order.MaxFiduciaries}, Versions: []uint64{1}, Suites: []string{seal.V2.Name},
	}, at))(d.realm.t)
	err := d.records.Write(ctx, func(w *records.Writer) error {
		if err := w.PutBlock(made.CID, made.Block, true, ""); err != nil {
			return err
		}
		return w.Audit("test.offer", dag.CID{}, "", made.CID, "")
	})
	if err != nil {
		d.realm.t.Fatal(err)
	}
	return made.CID
}

// placing is an order of a secret with one D-TA, and what is brought to it.
type placing struct {
	by    *identity.Keyring
	at    time.Time
	to    []order.Choice
	bring func(p *order.Placed, bag peer.Bag) peer.Bag
}

func TestOrdersThatAreRefused(t *testing.T) {
	r := newRealm(t, 2)
	d, other := r.dtas[0], r.dtas[1]
	with := func(offer dag.CID) []order.Choice {
		return []order.Choice{{Custody: d.plugin.Identity(), Node: d.node.Identity(), Offer: offer}}
	}
	whole := func(p *order.Placed, bag peer.Bag) peer.Bag {
		bag.Add(p.Envelope.Block)
		for _, b := range p.Detached {
			bag.Add(b.Bytes)
		}
		return bag
	}
	standing, now := with(d.offer.CID), r.now()
	for _, test := range []struct {
		name string
		placing
		want fault.Kind
	}{
		{"without its block", placing{r.registrar, now, standing, func(p *order.Placed, bag peer.Bag) peer.Bag { return bag }}, fault.Invalid},
		{"without the share", placing{r.registrar, now, standing, func(p *order.Placed, bag peer.Bag) peer.Bag {
			return bag.With(p.Envelope.Block, p.Detached[1].Bytes)
		}}, fault.Invalid},
		{"without the ciphertext", placing{r.registrar, now, standing, func(p *order.Placed, bag peer.Bag) peer.Bag {
			return bag.With(p.Envelope.Block, p.Detached[0].Bytes)
		}}, fault.Invalid},
		{"of a principal that is not served", placing{r.stranger, now, standing, whole}, fault.Denied},
		{"that has expired", placing{r.registrar, now.Add(-order.OrderLife - time.Hour), standing, whole}, fault.Invalid},
		{"of a time to come", placing{r.registrar, now.Add(time.Hour), standing, whole}, fault.Invalid},
		{"to another node's plugin", placing{r.registrar, now, []order.Choice{{Custody: other.plugin.Identity(), Node: other.node.Identity(), Offer: other.offer.CID}}, whole}, fault.Denied},
		{"to a plugin that this node does not have", placing{r.registrar, now, []order.Choice{{Custody: other.plugin.Identity(), Node: d.node.Identity(), Offer: d.offer.CID}}, whole}, fault.Denied},
		{"to this node twice", placing{r.registrar, now, append(with(d.offer.CID), order.Choice{Custody: other.plugin.Identity(), Node: d.node.Identity()}), whole}, fault.Unsupported},
		{"on no offer", placing{r.registrar, now, with(dag.CID{}), whole}, fault.Conflict},
		{"on an offer that nobody has", placing{r.registrar, now, with(dag.Sum([]byte("offer"))), whole}, fault.Conflict},
		{"on another node's offer", placing{r.registrar, now, with(d.offers(other.node, d.plugin.Identity(), now)), whole}, fault.Conflict},
		{"on the offer of another plugin", placing{r.registrar, now, with(d.offers(d.node, other.plugin.Identity(), now)), whole}, fault.Conflict},
		{"on an offer that had ended", placing{r.registrar, now, with(d.offers(d.node, d.plugin.Identity(), now.Add(-offer.Life-time.Hour))), whole}, fault.Conflict},
		{"on something else than an offer", placing{r.registrar, now, with(d.node.Identity().Name), whole}, fault.Conflict},
	} {
		t.Run(test.name, func(t *testing.T) {
			given := secret.Copy([]byte("a secret"))
			defer given.Clear()
			placed := must(order.Place(test.by, order.Plan{
				What: order.Secret, T: len(test.to), Fiduciaries: test.to,
				Redeemers: []*identity.Identity{test.by.Identity()}, Receivers: []*identity.Identity{test.by.Identity()},
			}, given, test.at))(t)
			answer, err := d.FulfillOrder(ctx, peer.FulfillOrder{
				OrderPart1CID: placed.Envelope.CID.String(), Blocks: test.bring(placed, r.everybody(test.by.Identity())),
			})
			wantKind(t, err, test.want)
			if answer.Blocks.Len() != 0 || d.plugin.kept.Load() != 0 || d.audited("order.accepted") != 0 {
				t.Errorf("found %d blocks; the plugin was asked %d times", answer.Blocks.Len(), d.plugin.kept.Load())
			}
		})
	}
}

// TestAnOfferThatWasRenewedStillBinds, and so does the newest.
func TestAnOfferThatWasRenewedStillBinds(t *testing.T) {
	r := newRealm(t, 1)
	d := r.dtas[0]
	newest := d.offer
	for _, of := range []dag.CID{newest.CID, d.offers(d.node, d.plugin.Identity(), r.now().Add(-24*time.Hour))} {
		d.offer = &envelope.Sealed{CID: of}
		placed := r.place(r.terms(true), d)
		d.offer = newest
		if _, err := d.FulfillOrder(ctx, peer.FulfillOrder{
			OrderPart1CID: placed.Envelope.CID.String(), Blocks: r.everybody().With(placed.Envelope.Block),
		}); err != nil {
			t.Errorf("an order on offer %s: %v", of, err)
		}
	}
}

// TestAnAcceptanceThatDoesNotHoldIsNotRecorded: it is the plugin's fault.
func TestAnAcceptanceThatDoesNotHoldIsNotRecorded(t *testing.T) {
	r := newRealm(t, 1)
	d := r.dtas[0]
	placed := r.place(r.terms(true), d)
	fulfil := func() (peer.FulfilledOrder, error) {
		return d.FulfillOrder(ctx, peer.FulfillOrder{OrderPart1CID: placed.Envelope.CID.String(), Blocks: r.everybody().With(placed.Envelope.Block)})
	}
	for name, spoil := range map[string]func(fiduciary.Kept) fiduciary.Kept{
		"its receipt is for another deposit": func(k fiduciary.Kept) fiduciary.Kept { k.Deposit = []byte("another"); return k },
		"no deposit":                         func(k fiduciary.Kept) fiduciary.Kept { k.Deposit = nil; return k },
		"nothing":                            func(fiduciary.Kept) fiduciary.Kept { return fiduciary.Kept{} },
		"a bit less": func(k fiduciary.Kept) fiduciary.Kept {
			k.Acceptance.Block = k.Acceptance.Block[:len(k.Acceptance.Block)-1]
			return k
		},
		"the order instead of an acceptance": func(k fiduciary.Kept) fiduciary.Kept {
			k.Acceptance.Block = placed.Envelope.Block
			return k
		},
	} {
		d.plugin.spoil = spoil
		if answer, err := fulfil(); fault.Of(err) != fault.Internal || answer.Blocks.Len() != 0 || d.audited("order.accepted") != 0 {
			t.Errorf("%s: expected an internal error and nothing on record; found %v", name, err)
		}
	}
	d.plugin.spoil = nil
	must(fulfil())(t)
}
