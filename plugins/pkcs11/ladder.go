package pkcs11

import (
	"fmt"
	"strings"

	"github.com/milagro-dta/dta/plugins/pkcs11/token"
)

// rung is one way of keeping a key with the help of a token. It is a value: nothing outside its own file asks which
// rung it is.
type rung struct {
	name       string
	use        token.KeyUse // what the realm's key must be able to do
	parameters int          // bytes that seal returns beside the ciphertext

	seal func(s *token.Session, key token.Object, p place, plain []byte) (parameters, sealed []byte, err error)
	// open fails for anything but what seal returned, at the same place.
	open func(s *token.Session, key token.Object, p place, parameters, sealed []byte) ([]byte, error)
}

// place is where a deposit belongs.
type place struct {
	realm string
	key   []byte // key id
	aad   []byte // associated data, with realm and key id in it
}

// ladder lists the rungs, best first.
var ladder = []rung{
	gcm,
	hmacDerive,
}

func rungByName(name string) (rung, error) {
	for _, r := range ladder {
		if r.name == name {
			return r, nil
		}
	}
	return rung{}, fmt.Errorf("no rung is named %q: expected %s", name, rungNames())
}

func rungNames() string {
	names := make([]string, len(ladder))
	for i, r := range ladder {
		names[i] = r.name
	}
	return strings.Join(names, " or ")
}
