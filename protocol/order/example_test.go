package order_test

import (
	"fmt"
	"time"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/vss"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
)

// One order, one fiduciary. Each step is another party's; between them the
// blocks travel, here in variables.
func Example() {
	now := time.Now()
	alice := create(identity.Node)    // the principal
	bob := create(identity.Node)      // the beneficiary
	node := create(identity.Node)     // the fiduciary's host
	vault := create(identity.Custody) // and its custody plugin
	who, err := order.PartiesOf(alice.Identity(), bob.Identity(), node.Identity(), vault.Identity())
	check(err)

	// The principal places the secret.
	placed, err := order.Place(alice, order.Plan{
		What:        order.Secret,
		Redeemers:   []*identity.Identity{bob.Identity()},
		Receivers:   []*identity.Identity{bob.Identity()},
		T:           1,
		Fiduciaries: []order.Choice{{Custody: vault.Identity(), Node: node.Identity()}},
	}, secret.New([]byte("open sesame")), now)
	check(err)

	// The fiduciary's host opens the order, and shows it to its plugin.
	opened, err := order.OpenOrder(node, placed.Envelope.Block, who)
	check(err)
	o, err := order.VerifyOrder(opened.Block(), opened.Plain(), who)
	check(err)
	share, err := order.OpenShare(vault, o, 0, placed.Detached[0].Bytes)
	check(err)
	acceptance, err := order.Accept(vault, o, 0, o.SecretCommitment(), order.Receipt{
		Deposit: dag.Sum([]byte("a deposit")), Mode: order.Supervised, Type: "example",
	}, nil, who, now)
	check(err)

	// The beneficiary redeems.
	hers, err := order.OpenOrder(bob, placed.Envelope.Block, who)
	check(err)
	accepted, err := order.OpenAcceptance(bob, hers, acceptance.Block, who)
	check(err)
	redemption, reply, err := order.Redeem(bob, hers, []*order.VerifiedAcceptance{accepted}, bob.Identity().Name, who, now)
	check(err)

	// The plugin is shown redemption and acceptance, and releases.
	red, err := order.VerifyRedemption(o, redemption.Block, redemption.Plain, who)
	check(err)
	own, err := order.VerifyAcceptance(o, acceptance.Block, acceptance.Plain, who)
	check(err)
	release, sealed, err := order.ReleaseTo(vault, red, own, share.Bytes(), nil, who, now)
	check(err)

	// The beneficiary opens the release, and combines.
	asked, err := order.OpenRedemption(bob, hers, redemption.Block, who)
	check(err)
	released, err := order.OpenRelease(bob, asked, accepted, release.Block, who)
	check(err)
	back, err := order.OpenReleasedShare(released, sealed.Bytes, order.ReceiverKey{Reply: reply})
	check(err)
	got, err := order.Combine(hers, []*vss.Share{back}, placed.Detached[1].Bytes)
	check(err)
	fmt.Printf("%s\n", got.Open())
	// Output: open sesame
}

func create(kind identity.Kind) *identity.Keyring {
	k, next, err := identity.Create(kind, "", time.Now())
	check(err)
	next.Clear()
	return k
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
