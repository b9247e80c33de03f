package hostile

import (
	"testing"
	"time"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/plugintest"
	"github.com/milagro-dta/dta/sdk/plugintest/internal/scene"
)

// neighbour has a fiduciary of the same order, in league with the host, sign for this plugin's deposit.
func neighbour(t *testing.T, x *cast) {
	other := scene.Keyring(t, identity.Custody, "neighbour")
	x.Know(other.Identity())
	o := x.Order(t, x.canary("secret of two"), func(p *order.Plan) {
		p.Fiduciaries = append(p.Fiduciaries, order.Choice{Custody: other.Identity(), Node: x.Node.Identity()})
	})
	k := x.Keep(t, o)
	for index := range uint64(2) {
		body := order.Acceptance{
			Version: order.Version, Order: o.Verified.CID(), Terms: o.Verified.TermsCID().Bytes(), Index: index,
			Commitment: k.Acceptance.Commitment(), Receipt: k.Acceptance.Receipt(),
		}
		sealed, err := envelope.Seal(other, envelope.Draft{
			Kind: envelope.Acceptance, Recipients: x.Readers(t, o.Verified.Terms().ReadersOf(int(index))), Time: time.Now(), Expires: time.Now().Add(time.Hour),
			Previous: []dag.CID{o.Verified.CID()}, Body: body,
		})
		if err != nil {
			t.Fatal(err)
		}
		redemption := order.Redemption{
			Version: order.Version, Order: body.Order, Terms: body.Terms, Receiver: o.Beneficiary.Identity().Name, Asked: []uint64{index}, Nonce: make([]byte, order.NonceSize),
		}
		redeemed, err := envelope.Seal(o.Principal, envelope.Draft{
			Kind: envelope.Redemption, Recipients: x.Readers(t, o.Verified.Terms().ReadersOf(int(index))), Time: time.Now(), Expires: time.Now().Add(time.Hour),
			Previous: []dag.CID{sealed.CID, o.Verified.CID()}, Body: redemption,
		})
		if err != nil {
			t.Fatal(err)
		}
		x.restore(t, "the neighbour's acceptance for this plugin's deposit", &contract.RestoreRequest{
			OperationId: contract.OperationID(redeemed.Envelope.HeaderCID(), plugintest.Instance, "share"),
			Order:       scene.Shown(o.Placed.Envelope), Acceptance: scene.Shown(sealed), Redemption: scene.Shown(redeemed),
			Documents: x.Documents(), Deposit: k.Deposit,
		}, nil, fault.Denied, fault.Invalid)
	}
}
