package pkcs11

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

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

func keyLabel(r rung, realm string) string  { return "dta/" + r.name + "/" + realm }
func usedLabel(r rung, realm string) string { return "dta/key/" + r.name + "/" + realm }
func rootLabel(realm string) string         { return "dta/root/" + realm }

// inventory is what a token holds of a realm.
type inventory struct {
	keys map[string][][]byte // by rung: key ids, in order
	used map[string][]byte   // by rung: id of the key that was decided on
	root []byte              // the custody root's deposit; nil: never enrolled
}

func (i inventory) has(r rung, id []byte) bool {
	return slices.ContainsFunc(i.keys[r.name], func(known []byte) bool { return bytes.Equal(known, id) })
}

// takeInventory looks again when a key was taken back meanwhile.
func takeInventory(s *token.Session, realm string) (found inventory, err error) {
	for range lookAgain {
		if found, err = takeInventoryOnce(s, realm); !errors.Is(err, token.ErrNoObject) {
			break
		}
	}
	return found, err
}

func takeInventoryOnce(s *token.Session, realm string) (inventory, error) {
	found := inventory{keys: map[string][][]byte{}, used: map[string][]byte{}}
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
			if len(id) != keyIDSize {
				return found, fault.New(fault.Conflict, "pkcs11: key %q: expected a CKA_ID of %d bytes, found %d", keyLabel(r, realm), keyIDSize, len(id))
			}
			found.keys[r.name] = append(found.keys[r.name], id)
		}
		slices.SortFunc(found.keys[r.name], bytes.Compare)
		if found.used[r.name], err = readRecord(s, usedLabel(r, realm)); err != nil {
			return found, err
		}
	}
	roots, all, err := contents(s, rootLabel(realm))
	switch {
	case err != nil:
		return found, err
	case len(roots) > 0 && slices.ContainsFunc(all, func(b []byte) bool { return !bytes.Equal(b, all[0]) }):
		return found, fault.New(fault.Conflict, "pkcs11: realm %q has %d custody roots in its token; expected one", realm, len(roots))
	case len(roots) > 0 && len(all[0]) == 0:
		return found, fault.New(fault.Conflict, "pkcs11: realm %q has an empty custody root in its token", realm)
	case len(roots) > 0:
		found.root = all[0]
	}
	return found, nil
}

// settled returns the id of the key that new deposits of a rung are made with, nil while none is certain: the one that
// was decided on or, in a realm from before that was recorded, the one that the custody root was sealed with. A root
// names its key, and eight random bytes are found in it for no other reason.
func (i inventory) settled(r rung) []byte {
	if id := i.used[r.name]; id != nil {
		return id
	}
	for _, id := range i.keys[r.name] {
		if bytes.Contains(i.root, id) {
			return id
		}
	}
	return nil
}

// candidate is the key of a rung that a start proves: the settled one, or else the first.
func (i inventory) candidate(r rung) []byte {
	if id := i.settled(r); id != nil {
		return id
	}
	if ids := i.keys[r.name]; len(ids) > 0 {
		return ids[0]
	}
	return nil
}

// stray lists the keys beside those in use: left by an earlier version, by a process that died or by hand. Deposits may
// have been made with them.
func (i inventory) stray() (names []string) {
	for _, r := range ladder {
		for _, id := range i.keys[r.name] {
			if !bytes.Equal(id, i.candidate(r)) {
				names = append(names, fmt.Sprintf("%s %x", r.name, id))
			}
		}
	}
	return names
}

// makeKey makes the realm's key for a rung and returns its id. Where processes meet they decide on one, and each of the
// others takes back the key that it made; nobody else has used it. A key that is there already, left by a process that
// died before it was decided on, is proposed in place of a new one. A key that this process did not make is proved.
func (k *Keeper) makeKey(ctx context.Context, r rung) ([]byte, error) {
	var mine []byte // what write may repeat knows the key that it made before
	id, err := write(ctx, k, "make a key", func(s *token.Session) ([]byte, error) {
		found, err := takeInventory(s, k.realm)
		if err != nil {
			return nil, err
		}
		used, proposal := found.settled(r), found.candidate(r)
		if proposal == nil {
			mine = secret.Random(keyIDSize).Open()
			if _, err := s.Generate(token.KeySpec{Use: r.use, Label: keyLabel(r, k.realm), ID: mine, Keep: true}); err != nil {
				return nil, err
			}
			proposal = mine
		}
		if used == nil {
			if used, err = decideOnKey(s, usedLabel(r, k.realm), proposal); err != nil {
				return nil, err
			}
		}
		if mine != nil && !bytes.Equal(used, mine) {
			err = s.DestroyAll(token.Query{Class: token.SecretKey, Label: keyLabel(r, k.realm), ID: string(mine)})
		}
		return used, err
	})
	if err != nil {
		return nil, err
	}
	message := "made the realm's key"
	if !bytes.Equal(id, mine) {
		if err := k.prove(ctx, r, id); err != nil {
			return nil, fault.New(fault.Of(err), "pkcs11: realm %q has a key %x for rung %s since a moment ago: %w", k.realm, id, r.name, err)
		}
		message = "took the realm's key, which another process made"
	}
	k.mu.Lock()
	k.known.keys[r.name] = append(k.known.keys[r.name], id)
	k.mu.Unlock()
	k.log.Info(message, "realm", k.realm, "rung", r.name, "key", fmt.Sprintf("%x", id))
	return id, nil
}

// decideOnKey decides on a key's id. A token without data objects has nothing to decide with: a key is used as it is
// found there.
func decideOnKey(s *token.Session, record string, proposal []byte) ([]byte, error) {
	id, err := decide(s, record, proposal)
	if token.CannotStore(err) {
		return proposal, nil
	}
	return id, err
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
		return 0, fault.New(fault.Unavailable, "pkcs11: realm %q: its key %x for rung %s %w: %w", k.realm, id, r.name, errVanished, token.ErrNoObject)
	}
	return 0, fault.New(fault.Denied, "pkcs11: realm %q never had the key %x for rung %s: %w", k.realm, id, r.name, token.ErrNoObject)
}

// errVanished marks the want of a key that was there before: it was removed, or the token answers although it is away.
var errVanished = errors.New("has vanished from the token")
