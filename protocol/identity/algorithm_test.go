package identity

import (
	"slices"
	"testing"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// TestEveryAlgorithmOfASuiteIsSignedAndVerified with one that is required twice,
// and one that nobody has implemented.
func TestEveryAlgorithmOfASuiteIsSignedAndVerified(t *testing.T) {
	k, _ := create(t, Node, "acme")
	key, msg := k.Identity().SigningKey(), []byte("a document")
	good := Signature{Algorithm: bls.Algorithm, Signature: k.Sign(bls.DomainDocument, msg)}
	bad := Signature{Algorithm: bls.Algorithm, Signature: k.Sign(bls.DomainDocument, []byte("another"))}
	later := Signature{Algorithm: "ml-dsa-65", Signature: good.Signature}
	twice := []string{bls.Algorithm, bls.Algorithm}
	if err := verifyAll(twice, key, msg, []Signature{good, good}); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		algorithms []string
		signatures []Signature
		want       fault.Kind
	}{
		"the second is wrong":           {twice, []Signature{good, bad}, fault.Internal}, // the caller gives a kind
		"the second is missing":         {twice, []Signature{good}, fault.Invalid},
		"the second is not implemented": {[]string{bls.Algorithm, "ml-dsa-65"}, []Signature{good, later}, fault.Unsupported},
	} {
		if err := verifyAll(c.algorithms, key, msg, c.signatures); err == nil || fault.Of(err) != c.want {
			t.Errorf("%s: expected it to be refused as %s; found %v", name, c.want, err)
		}
	}
	if _, err := k.SignIn("ml-dsa-65", bls.DomainDocument, msg); fault.Of(err) != fault.Unsupported {
		t.Errorf("expected no signature in an algorithm that is not implemented; found %v", err)
	}
	if err := k.Identity().VerifyIn("ml-dsa-65", bls.DomainDocument, msg, good.Signature); fault.Of(err) != fault.Unsupported {
		t.Errorf("expected no signature in an algorithm that is not implemented to be believed; found %v", err)
	}
}

func TestARecoveryIsSignedInEveryAlgorithm(t *testing.T) {
	msg, twice := []byte("a document"), []string{bls.Algorithm, bls.Algorithm}
	friends := map[dag.CID]*Keyring{}
	var names []dag.CID
	for range 2 {
		k, _ := create(t, Node, "friend")
		friends[k.Identity().Name], names = k, append(names, k.Identity().Name)
	}
	slices.SortFunc(names, dag.CID.Compare)
	by := func(name dag.CID, text string) Signature {
		k := friends[name]
		return Signature{Signer: name, Document: k.Identity().Document, Algorithm: bls.Algorithm, Signature: k.Sign(bls.DomainDocument, []byte(text))}
	}
	who := func(name, _ dag.CID) (*Identity, error) { return friends[name].Identity(), nil }
	set := Recovery{Names: names, Threshold: 2}
	a, b := by(names[0], "a document"), by(names[1], "a document")
	if err := verifyRecovery(set, twice, []Signature{a, a, b, b}, msg, who); err != nil {
		t.Error(err)
	}
	for name, signatures := range map[string][]Signature{
		"one algorithm each":                 {a, b},
		"the algorithms of two signers":      {a, b, a, b},
		"a second signature of another text": {a, a, b, by(names[1], "another")},
	} {
		if err := verifyRecovery(set, twice, signatures, msg, who); err == nil {
			t.Errorf("%s: expected it to be refused", name)
		}
	}
}
