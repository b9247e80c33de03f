package identity

import (
	"fmt"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/protocol/fault"
)

// A suite lists the algorithms of which a signature is required. What is here is
// asked for each of them, so that one which a suite requires and nobody has
// implemented is refused, never passed over: fault.Unsupported.

// SignatureSize is the size of a signature, in bytes.
func SignatureSize(algorithm string) (int, error) {
	if algorithm != bls.Algorithm {
		return 0, fault.New(fault.Unsupported, "expected signature algorithm %q, found %.40q", bls.Algorithm, algorithm)
	}
	return bls.SignatureSize, nil
}

// SignIn signs with the key for one of the algorithms of the keyring's suite.
func (k *Keyring) SignIn(algorithm string, d bls.Domain, msg []byte) ([]byte, error) {
	return signIn(algorithm, k.signing, d, msg)
}

// VerifyIn checks a signature by the newest key for one algorithm.
func (i *Identity) VerifyIn(algorithm string, d bls.Domain, msg, signature []byte) error {
	return verifyIn(algorithm, i.SigningKey(), d, msg, signature)
}

func signIn(algorithm string, key *bls.PrivateKey, d bls.Domain, msg []byte) ([]byte, error) {
	if _, err := SignatureSize(algorithm); err != nil {
		return nil, err
	}
	return key.Sign(d, msg), nil
}

func verifyIn(algorithm string, key *bls.PublicKey, d bls.Domain, msg, signature []byte) error {
	if _, err := SignatureSize(algorithm); err != nil {
		return err
	}
	return key.Verify(d, msg, signature)
}

// verifyAll wants a signature of a document in each of the algorithms, in their
// order.
func verifyAll(algorithms []string, key *bls.PublicKey, msg []byte, signatures []Signature) error {
	if len(signatures) != len(algorithms) {
		return fault.New(fault.Invalid, "expected %d signatures, found %d", len(algorithms), len(signatures))
	}
	for i, a := range algorithms {
		if err := verifyIn(a, key, bls.DomainDocument, msg, signatures[i].Signature); err != nil {
			return fmt.Errorf("signature %d: %w", i, err)
		}
	}
	return nil
}
