package records

import (
	"fmt"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Person is who an enrolment is of, as the node that enrols remembers it: a
// fiduciary remembers nobody. It is kept sealed under the node's state key, so
// that no copy of the database, and no page that SQLite has left behind, holds a
// name.
type Person struct {
	Name string `cbor:"name"`
	Tag  []byte `cbor:"tag"` // under which permits are served
}

// SealPerson seals a person for an enrolment's row.
func (r *Records) SealPerson(e store.Enrolment, p Person) ([]byte, error) {
	plain, err := dag.Encode(p)
	if err != nil {
		return nil, err
	}
	key := r.personKey()
	defer key.Clear()
	return seal.V2.Encrypt(key, personAAD(e), plain)
}

// OpenPerson reads who an enrolment is of; fault.NotFound where that was forgotten
// or never known.
func (r *Records) OpenPerson(e store.Enrolment) (p Person, err error) {
	if len(e.Person) == 0 {
		return p, fault.New(fault.NotFound, "whose enrolment it is was forgotten")
	}
	key := r.personKey()
	defer key.Clear()
	plain, err := seal.V2.Decrypt(key, personAAD(e), e.Person)
	if err != nil {
		return p, fault.New(fault.Internal, "enrolment in network %s: %w", e.Reference, err)
	}
	defer plain.Clear()
	return p, dag.Decode(plain.Open(), &p)
}

func (r *Records) personKey() *secret.Bytes {
	state := r.Keys.StateKey()
	defer state.Clear()
	return seal.V2.Derive(state, nil, "dta/enrolment/v1", seal.KeySize)
}

// personAAD binds what is sealed to its row.
func personAAD(e store.Enrolment) []byte {
	return fmt.Appendf(nil, "%s/%s/%s/%d", e.Role, e.Reference, e.Mark, e.Number)
}
