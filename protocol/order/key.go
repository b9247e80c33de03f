package order

import (
	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// KeyForm names an ordered key's algorithm and the form of its private half. Terms
// say it, and receipts and releases repeat it. Each member is absent from the
// encoding, and refused in it, where it is the default: keytype.Default, and
// keytype.Scalar. Both are absent where no key is ordered.
type KeyForm struct {
	KeyType string `cbor:"key_type,omitempty"`
	Form    string `cbor:"form,omitempty"`
}

// formOf is what terms say of a type.
func formOf(t keytype.Type) (f KeyForm) {
	if t != keytype.Default {
		f.KeyType = t.Name()
	}
	if t.Form() != keytype.Scalar {
		f.Form = string(t.Form())
	}
	return f
}

// algorithm finds the type that is named. The error is fault.Unsupported for a type
// or a form that this version does not know.
func (f KeyForm) algorithm() (keytype.Type, error) {
	if f.KeyType == keytype.Default.Name() {
		return nil, fault.New(fault.Invalid, "key type %q is the default and is not named", f.KeyType)
	}
	if f.Form == string(keytype.Scalar) {
		return nil, fault.New(fault.Invalid, "form %q is the default and is not named", f.Form)
	}
	t := keytype.Default
	if f.KeyType != "" {
		var err error
		if t, err = keytype.ByName(f.KeyType); err != nil {
			return nil, fault.New(fault.Unsupported, "%w", err)
		}
	}
	if f != formOf(t) {
		form := f.Form
		if form == "" {
			form = string(keytype.Scalar)
		}
		return nil, fault.New(fault.Unsupported, "key type %s: expected form %q, found %.40q", t.Name(), t.Form(), form)
	}
	return t, nil
}

// Algorithm is the type of the key that is ordered, nil where none is. It fails
// only on terms that Check refuses.
func (t *Terms) Algorithm() (keytype.Type, error) {
	if t.What != Key {
		if t.KeyForm != (KeyForm{}) {
			return nil, fault.New(fault.Invalid, "terms: a %s has no key type and no form, found %.40q and %.40q", t.What, t.KeyType, t.Form)
		}
		return nil, nil
	}
	algorithm, err := t.algorithm()
	if err != nil {
		return nil, fault.New(fault.Of(err), "terms: %w", err)
	}
	return algorithm, nil
}

// AlgorithmName is the name of the type of the key that is ordered, "" where none
// is.
func (t *Terms) AlgorithmName() string {
	algorithm, err := t.Algorithm()
	if err != nil || algorithm == nil {
		return ""
	}
	return algorithm.Name()
}

// Algorithm is the type of the key that is ordered, nil where none is.
func (o *VerifiedOrder) Algorithm() keytype.Type { return o.algorithm }

// ProveKey commits a custody identity to the key that it made for an order, in the
// form of the order's type. The proof of possession is the type's, bound to
// "dta/order/key/v1" ‖ CID(terms) ‖ custody name: it proves the key for this order
// and this custody identity only. The key stays the caller's.
func ProveKey(o *VerifiedOrder, custody dag.CID, key *secret.Bytes) (Commitment, error) {
	if err := o.checkOrdersKey(); err != nil {
		return Commitment{}, err
	}
	public, proof, err := o.algorithm.Prove(key, keyContext(o.termsCID, custody))
	if err != nil {
		return Commitment{}, fault.New(fault.Invalid, "key: %w", err)
	}
	return Commitment{Value: public, Proof: proof}, nil
}

func (o *VerifiedOrder) checkOrdersKey() error {
	if err := checkVerifiedOrder(o); err != nil {
		return err
	}
	if o.algorithm == nil {
		return fault.New(fault.Invalid, "expected the order of a key, found that of a %s", o.body.Terms.What)
	}
	return nil
}

func keyContext(terms, custody dag.CID) []byte { return bind(tagKey, terms, custody) }

func checkKeyCommitment(o *VerifiedOrder, custody dag.CID, c Commitment) error {
	if err := o.algorithm.CheckPublic(c.Value); err != nil {
		return fault.New(fault.Invalid, "commitment: %w", err)
	}
	if err := o.algorithm.Verify(c.Value, keyContext(o.termsCID, custody), c.Proof); err != nil {
		return fault.New(fault.Invalid, "commitment: proof of possession: %w", err)
	}
	return nil
}

// checkKeyForm holds what an answer repeats of an order's key to its terms.
func checkKeyForm(o *VerifiedOrder, where string, f KeyForm) error {
	if want := o.body.Terms.KeyForm; f != want {
		return fault.New(fault.Invalid, "%s: expected key type %q and form %q as the terms say, found %.40q and %.40q", where, want.KeyType, want.Form, f.KeyType, f.Form)
	}
	return nil
}
