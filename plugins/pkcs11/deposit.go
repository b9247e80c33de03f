package pkcs11

import (
	"fmt"

	"github.com/milagro-dta/dta/plugins/pkcs11/token"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk"
)

const (
	depositVersion = 1
	keyIDSize      = 8   // bytes of CKA_ID
	maxKey         = 256 // bytes that one deposit can hold; package sdk asks for 32
	maxDeposit     = 1024
)

// deposit is what the host stores, in canonical DAG-CBOR.
type deposit struct {
	Version    uint64 `cbor:"version"`
	Rung       string `cbor:"rung"`
	Realm      string `cbor:"realm"`
	Key        []byte `cbor:"key"`           // CKA_ID of the token's key, 8 bytes
	Parameters []byte `cbor:"parameters"`    // what the rung needs beside the key: IV, salt
	Sealed     []byte `cbor:"sealed"`        // ciphertext ‖ tag
	Own        bool   `cbor:"own,omitempty"` // the key was made for this deposit alone
}

func parseDeposit(b []byte) (d deposit, r rung, err error) {
	if len(b) > maxDeposit {
		return d, r, fault.New(fault.Invalid, "pkcs11: deposit: expected at most %d bytes, found %d", maxDeposit, len(b))
	}
	if err := dag.Decode(b, &d); err != nil {
		return d, r, fault.New(fault.Invalid, "pkcs11: deposit: %w", err)
	}
	if d.Version != depositVersion {
		return d, r, fault.New(fault.Unsupported, "pkcs11: deposit: expected version %d, found %d", depositVersion, d.Version)
	}
	r, err = rungByName(d.Rung)
	if err != nil {
		return d, r, fault.New(fault.Unsupported, "pkcs11: deposit: %w", err)
	}
	refuse := func(what string, want string, got int) error {
		return fault.New(fault.Invalid, "pkcs11: deposit of rung %s: %s: expected %s bytes, found %d", r.name, what, want, got)
	}
	switch {
	case checkRealm(d.Realm) != nil:
		return d, r, fault.New(fault.Invalid, "pkcs11: deposit: %w", checkRealm(d.Realm))
	case len(d.Key) != keyIDSize:
		return d, r, refuse("key id", fmt.Sprint(keyIDSize), len(d.Key))
	case len(d.Parameters) != r.parameters:
		return d, r, refuse("parameters", fmt.Sprint(r.parameters), len(d.Parameters))
	case len(d.Sealed) <= token.TagSize || len(d.Sealed) > maxKey+token.TagSize:
		return d, r, refuse("ciphertext", fmt.Sprintf("%d to %d", token.TagSize+1, maxKey+token.TagSize), len(d.Sealed))
	}
	return d, r, nil
}

// binding is what a deposit is bound to beside its key. It is not carried: who restores must know it.
type binding struct {
	Version uint64  `cbor:"version"`
	Rung    string  `cbor:"rung"`
	Realm   string  `cbor:"realm"`
	Key     []byte  `cbor:"key"`
	Purpose string  `cbor:"purpose"`
	Terms   dag.CID `cbor:"terms"`
	Custody dag.CID `cbor:"custody"`
	Epoch   uint64  `cbor:"epoch"`
	Own     bool    `cbor:"own,omitempty"`
}

// associate is the associated data under which the deposit is sealed.
func (d deposit) associate(about sdk.Context) ([]byte, error) {
	return dag.Encode(binding{
		Version: d.Version, Rung: d.Rung, Realm: d.Realm, Key: d.Key,
		Purpose: string(about.Purpose), Terms: about.Terms, Custody: about.Custody, Epoch: about.Epoch, Own: d.Own,
	})
}
