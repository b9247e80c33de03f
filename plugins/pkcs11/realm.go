package pkcs11

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/plugins/pkcs11/token"
	"github.com/milagro-dta/dta/protocol/fault"
)

// realmForm keeps realm names free of the slash that ends a rung's name in a label.
var realmForm = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$`)

func checkRealm(name string) error {
	if !realmForm.MatchString(name) {
		return fmt.Errorf("realm %q: expected 1 to 64 of a-z, 0-9, '.', '_', '-', beginning and ending with a letter or digit", name)
	}
	return nil
}

func keyLabel(r rung, realm string) string { return "dta/" + r.name + "/" + realm }
func rootLabel(realm string) string        { return "dta/root/" + realm }

// inventory is what a token holds of a realm.
type inventory struct {
	keys map[string][][]byte // by rung: key ids
	root []byte              // the custody root's deposit; nil: never enrolled
}

func (i inventory) has(r rung, id []byte) bool {
	for _, known := range i.keys[r.name] {
		if bytes.Equal(known, id) {
			return true
		}
	}
	return false
}

func takeInventory(s *token.Session, realm string) (inventory, error) {
	found := inventory{keys: map[string][][]byte{}}
	for _, r := range ladder {
		keys, err := s.Find(token.Query{Class: token.SecretKey, Label: keyLabel(r, realm)})
		if err != nil {
			return found, err
		}
		for _, key := range keys {
			id, err := s.KeyID(key)
			if err != nil {
				return found, err
			}
			found.keys[r.name] = append(found.keys[r.name], id)
		}
	}
	roots, err := s.Find(token.Query{Class: token.Data, Label: rootLabel(realm)})
	switch {
	case err != nil:
		return found, err
	case len(roots) > 1:
		return found, fault.New(fault.Conflict, "pkcs11: realm %q has %d custody roots in its token; expected one", realm, len(roots))
	case len(roots) == 1:
		found.root, err = s.Value(roots[0])
		if err == nil && len(found.root) == 0 {
			err = fault.New(fault.Conflict, "pkcs11: realm %q has an empty custody root in its token", realm)
		}
	}
	return found, err
}

// only returns the id of the realm's key for a rung; nil if there is none.
func (i inventory) only(r rung, realm string) ([]byte, error) {
	switch ids := i.keys[r.name]; len(ids) {
	case 0:
		return nil, nil
	case 1:
		if len(ids[0]) != keyIDSize {
			return nil, fault.New(fault.Conflict, "pkcs11: key %q: expected a CKA_ID of %d bytes, found %d", keyLabel(r, realm), keyIDSize, len(ids[0]))
		}
		return ids[0], nil
	default:
		return nil, fault.New(fault.Conflict, "pkcs11: realm %q has %d keys for rung %s in its token (%x); expected one", realm, len(ids), r.name, ids)
	}
}

// makeKey makes the realm's key for a rung and returns its id. If one has appeared since the inventory it is taken, once
// it is proved: another process was quicker, or a write of which this one never heard the end. A start would take it,
// too.
func (k *Keeper) makeKey(ctx context.Context, r rung) ([]byte, error) {
	type outcome struct {
		id      []byte
		adopted bool
	}
	made, err := write(ctx, k, "make a key", func(s *token.Session) (outcome, error) {
		found, err := takeInventory(s, k.realm)
		if err != nil {
			return outcome{}, err
		}
		if id, err := found.only(r, k.realm); id != nil || err != nil {
			return outcome{id, true}, err
		}
		id := secret.Random(keyIDSize).Open()
		_, err = s.Generate(token.KeySpec{Use: r.use, Label: keyLabel(r, k.realm), ID: id, Keep: true})
		return outcome{id, false}, err
	})
	if err != nil {
		return nil, err
	}
	message := "made the realm's key"
	if made.adopted {
		if err := k.prove(ctx, r, made.id); err != nil {
			return nil, fault.New(fault.Of(err), "pkcs11: realm %q has a key %x for rung %s since a moment ago: %w", k.realm, made.id, r.name, err)
		}
		message = "took the realm's key, which was made since the start"
	}
	k.mu.Lock()
	k.known.keys[r.name] = append(k.known.keys[r.name], made.id)
	k.mu.Unlock()
	k.log.Info(message, "realm", k.realm, "rung", r.name, "key", fmt.Sprintf("%x", made.id))
	return made.id, nil
}

// findKey finds the key that a deposit names.
func (k *Keeper) findKey(s *token.Session, r rung, id []byte) (token.Object, error) {
	key, err := s.One(token.Query{Class: token.SecretKey, Label: keyLabel(r, k.realm), ID: string(id)})
	if !errors.Is(err, token.ErrNoObject) {
		return key, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known.has(r, id) {
		return 0, fault.New(fault.Unavailable, "pkcs11: realm %q: its key %x for rung %s has vanished from the token: %w", k.realm, id, r.name, token.ErrNoObject)
	}
	return 0, fault.New(fault.Denied, "pkcs11: realm %q never had the key %x for rung %s: %w", k.realm, id, r.name, token.ErrNoObject)
}
