package scene

import (
	"crypto/sha256"
	"testing"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
)

// Deposit is how the sdk writes one: whoever attacks has read the source.
type Deposit struct {
	Version uint64  `cbor:"version"`
	Binding Binding `cbor:"binding"`
	Held    []byte  `cbor:"held"`
	Record  []byte  `cbor:"record"`
}

// Binding is what a deposit's record is bound to.
type Binding struct {
	Purpose string  `cbor:"purpose"`
	Terms   dag.CID `cbor:"terms"`
	Custody dag.CID `cbor:"custody"`
	Epoch   uint64  `cbor:"epoch"`
}

// Take reads a deposit.
func Take(t testing.TB, block []byte) Deposit {
	t.Helper()
	var d Deposit
	if err := dag.Decode(block, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// Block writes it again.
func (d Deposit) Block(t testing.TB) []byte {
	t.Helper()
	b, err := dag.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Material opens the record with the key that the custodian gave back.
func (d Deposit) Material(t testing.TB, key []byte) []byte {
	t.Helper()
	bound, err := d.Bound()
	if err != nil {
		t.Fatal(err)
	}
	m, err := seal.V2.Decrypt(secret.Copy(key), bound, d.Record)
	if err != nil {
		t.Fatalf("the custodian gave back another key than it was given: %v", err)
	}
	return m.Open()
}

// Bound is the associated data of the record.
func (d Deposit) Bound() ([]byte, error) {
	binding, err := dag.Encode(d.Binding)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(d.Held)
	return append(append([]byte("dta/record/v1"), hash[:]...), binding...), nil
}
