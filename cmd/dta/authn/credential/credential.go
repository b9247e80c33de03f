// Package credential is what people and servers of a network keep in files:
//
//	token    what a person has beside the PIN; a thief of it needs the PIN still
//	permits  one per day, where the network has them; no secret
//	server   the server secret s·Q; with somebody's token it gives that PIN away
//
// The files are JSON, readable by their owner alone: others are refused. They are
// written as a whole or not at all. Nothing in a token's file depends on the PIN
// but the token, so that there is nothing to try PINs on.
package credential

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/strict"
)

// Kinds of file.
const (
	KindToken   = "mpin-token"
	KindServer  = "mpin-server"
	KindPermits = "mpin-permits"
)

// Version of the files.
const Version = 1

// Realm is the network that a file belongs to.
type Realm struct {
	Suite     mpin.Suite
	Network   dag.CID // of the network's terms
	Reference string  // of the network's order, 64 hex digits
}

// Same tells whether two files belong to one network.
func (r Realm) Same(other Realm) bool {
	return r.Suite.Name == other.Suite.Name && r.Network == other.Network
}

// Identity is that of a subject of the network.
func (r Realm) Identity(name string, enrolment uint64) ([]byte, error) {
	id, err := r.Suite.IdentityOf(r.Network.Bytes(), name, enrolment)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%w", err)
	}
	return id, nil
}

// Subject is a person of a network, as enrolled.
type Subject struct {
	Realm
	Name      string
	Enrolment uint64
}

// Identity is the subject's.
func (s Subject) Identity() ([]byte, error) { return s.Realm.Identity(s.Name, s.Enrolment) }

// head is how all files begin.
type head struct {
	Kind      string
	Version   uint64
	Suite     string
	Network   string
	Reference string
	Name      string
}

// head is filled with what is there, in the words of the files.
func (r Realm) head(kind, name string) head {
	return head{Kind: kind, Version: Version, Suite: r.Suite.Name, Network: r.Network.String(), Reference: r.Reference, Name: name}
}

// expect tells apart what is no file of ours, another kind and a newer version,
// before the members are looked at. The error of Unmarshal is Decode's to tell.
func expect(kind string, text []byte) error {
	var h struct {
		Kind    string `json:"kind"`
		Version uint64 `json:"version"`
	}
	switch err := json.Unmarshal(text, &h); {
	case err != nil:
		return nil
	case h.Kind != kind:
		return fmt.Errorf("expected a file of kind %q; found %.40q", kind, h.Kind)
	case h.Version != Version:
		return fmt.Errorf("expected version %d; found %d", Version, h.Version)
	}
	return nil
}

func (h head) realm() (r Realm, err error) {
	if r.Suite, err = mpin.ByName(h.Suite); err != nil {
		return r, fmt.Errorf("suite: %w", err)
	}
	if r.Network, err = dag.Parse(h.Network); err != nil {
		return r, fmt.Errorf("network: %w", err)
	}
	if len(h.Reference) != 64 || strings.Trim(h.Reference, "0123456789abcdef") != "" {
		return r, fmt.Errorf("reference: expected 64 hex digits")
	}
	r.Reference = h.Reference
	return r, nil
}

// decode reads a file's text, which read has bounded, into a struct that embeds
// nothing: its members are those of the file.
func decode(kind string, text []byte, into any) error {
	if err := expect(kind, text); err != nil {
		return err
	}
	return strict.Decode(text, into)
}

// encode writes members in their order. A value is JSON already.
func encode(members ...member) *secret.Bytes {
	size := 4
	for _, m := range members {
		size += len(m.name) + len(m.value) + 8
	}
	// Of full size at once: what is outgrown could not be cleared.
	text := append(make([]byte, 0, size), "{\n"...)
	for i, m := range members {
		text = append(append(append(append(text, "  \""...), m.name...), "\": "...), m.value...)
		if i < len(members)-1 {
			text = append(text, ',')
		}
		text = append(text, '\n')
		secret.Clear(m.value)
	}
	return secret.New(append(text, "}\n"...))
}

type member struct {
	name  string
	value []byte
}

// plain is a member of what is no secret.
func plain(name string, v any) member {
	value, err := json.MarshalIndent(v, "  ", "  ")
	if err != nil {
		panic(err) // strings, numbers and lists of them
	}
	return member{name, value}
}

// hidden is a member of what is one, which it clears.
func hidden(name string, s *secret.Bytes) member {
	defer s.Clear()
	return member{name, strict.AppendMaterial(make([]byte, 0, 2*s.Len()+8), s)}
}

func (h head) members() []member {
	return []member{plain("kind", h.Kind), plain("version", h.Version), plain("suite", h.Suite), plain("network", h.Network), plain("reference", h.Reference), plain("name", h.Name)}
}
