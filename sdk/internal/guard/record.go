package guard

import (
	"context"
	"crypto/sha256"
	"errors"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk/contract"
)

// binding is what a deposit's material is bound to.
type binding struct {
	Purpose Purpose `cbor:"purpose"`
	Terms   dag.CID `cbor:"terms"`   // CID(terms); null for custody-root and node-identity
	Custody dag.CID `cbor:"custody"` // name of the custody identity; null for node-identity, which needs none
	// Epoch counts what replaced the material: amendments of an order; for custody-root the sequence number of the
	// document whose keys it holds.
	Epoch uint64 `cbor:"epoch"`
}

// deposit is what the host stores. Nothing in it is secret by itself, and nothing in it is believed: the binding
// says which record this claims to be, the seal whether that is true.
type deposit struct {
	Version uint64  `cbor:"version"`
	Binding binding `cbor:"binding"`
	Held    []byte  `cbor:"held"`   // what the custodian answered
	Record  []byte  `cbor:"record"` // material under the custodian's key: nonce ‖ ciphertext
}

const (
	depositVersion = 1
	maxHeld        = contract.MaxDeposit - 320<<10 // bytes; leaves room for the record, a keyring of 45 documents included
	recordTag      = "dta/record/v1"
)

// recordSuite seals records. It is not the suite of an order: deposits never leave the plugin's own custody.
var recordSuite = seal.V2

// sealed is the associated data of a record: the binding, and what the custodian answered, so that neither can be
// put together with another record.
func (b binding) sealed(held []byte) ([]byte, error) {
	block, err := dag.Encode(b)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(held)
	return append(append([]byte(recordTag), hash[:]...), block...), nil
}

// keep seals material under a fresh key, has the custodian keep the key, and gives the deposit.
func (g *Guard) keep(ctx context.Context, b binding, about About, material *secret.Bytes) ([]byte, error) {
	key := secret.Random(seal.KeySize)
	defer key.Clear()
	// Beyond this point something may happen in an HSM that cannot be taken back.
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	lent := secret.Copy(key.Open()) // a custodian may scribble on what it is given
	defer lent.Clear()
	held, err := g.Custodian.Safeguard(ctx, lent.Open(), g.complete(about, b))
	if err != nil {
		return nil, explain(err, "keeping a %s", b.Purpose)
	}
	if len(held) == 0 || len(held) > maxHeld {
		return nil, fault.New(fault.Internal, "the custodian answered with a deposit of %d bytes; expected 1 to %d", len(held), maxHeld)
	}
	aad, err := b.sealed(held)
	if err != nil {
		return nil, err
	}
	record, err := recordSuite.Encrypt(key, aad, material.Open())
	if err != nil {
		return nil, err
	}
	return dag.Encode(deposit{Version: depositVersion, Binding: b, Held: held, Record: record})
}

// open gives back the material of a deposit that must be bound to exactly want.
func (g *Guard) open(ctx context.Context, want binding, about About, block []byte) (*secret.Bytes, error) {
	d, err := readDeposit(block)
	if err != nil {
		return nil, err
	}
	if err := d.Binding.mustBe(want); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b, err := g.Custodian.Restore(ctx, d.Held, g.complete(about, want))
	if err != nil {
		return nil, explain(err, "opening a %s", want.Purpose)
	}
	key := secret.New(b)
	defer key.Clear()
	if key.Len() != seal.KeySize {
		return nil, fault.New(fault.Internal, "the custodian answered with a key of %d bytes; expected %d", key.Len(), seal.KeySize)
	}
	// want, not what the deposit claims, is what the seal must confirm.
	aad, err := want.sealed(d.Held)
	if err != nil {
		return nil, err
	}
	material, err := recordSuite.Decrypt(key, aad, d.Record)
	if err != nil {
		return nil, fault.New(fault.Denied, "the deposit does not open: %w", errAnotherKey)
	}
	return material, nil
}

// errAnotherKey is of a record that the custodian's key does not open.
var errAnotherKey = errors.New("it was changed, or another realm made it")

// openOwn is open for a deposit that this identity's own signature names: nobody has changed it, so that a key which does
// not open it is the custodian's mistake, or its back end's, and may be right the next time.
func (g *Guard) openOwn(ctx context.Context, want binding, about About, block []byte) (*secret.Bytes, error) {
	material, err := g.open(ctx, want, about, block)
	if errors.Is(err, errAnotherKey) {
		return nil, fault.New(fault.Internal, "the custodian gave back another key of %d bytes than it was given", seal.KeySize)
	}
	return material, err
}

func readDeposit(block []byte) (*deposit, error) {
	if len(block) == 0 || len(block) > contract.MaxDeposit {
		return nil, fault.New(fault.Invalid, "expected a deposit of 1 to %d bytes, found %d", contract.MaxDeposit, len(block))
	}
	var d deposit
	if err := dag.Decode(block, &d); err != nil {
		return nil, fault.New(fault.Invalid, "reading the deposit: %w", err)
	}
	if d.Version != depositVersion {
		return nil, fault.New(fault.Unsupported, "expected a deposit of version %d, found %d", depositVersion, d.Version)
	}
	if len(d.Held) == 0 {
		return nil, fault.New(fault.Invalid, "the deposit holds nothing")
	}
	return &d, nil
}

// mustBe names the first field that differs.
func (b binding) mustBe(want binding) error {
	switch {
	case b.Purpose != want.Purpose:
		return fault.New(fault.Denied, "expected a deposit for purpose %q, found one for %q", want.Purpose, b.Purpose)
	case b.Terms != want.Terms:
		return fault.New(fault.Denied, "the deposit was made for the terms of another order")
	case b.Custody != want.Custody:
		return fault.New(fault.Denied, "the deposit was made by another custody identity")
	case b.Epoch != want.Epoch:
		return fault.New(fault.Denied, "expected a deposit of epoch %d, found one of %d", want.Epoch, b.Epoch)
	}
	return nil
}

func (g *Guard) complete(about About, b binding) About {
	about.Purpose, about.Terms, about.Custody, about.Epoch = b.Purpose, b.Terms, b.Custody, b.Epoch
	about.Instance = g.Instance
	return about
}

// explain says what was attempted and keeps the kind.
func explain(err error, format string, a ...any) error {
	return fault.New(fault.Of(err), format+": %w", append(a, err)...)
}
