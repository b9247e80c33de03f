package pkcs11

import (
	"context"
	"errors"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/plugins/pkcs11/token"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk"
)

// An order may ask for a key of its own. Its deposit is then made as any other of the rung, but under a key that the
// token made for it alone, which Destroy takes out of the token. From then on nobody opens the deposit, whoever has a
// copy of it. The realm's own key opens none of these deposits.

var _ sdk.Destroyer = (*Keeper)(nil)

func ownLabel(r rung, realm string) string { return "dta/own/" + r.name + "/" + realm }

// makeOwnKey makes a key for one deposit and returns its id.
func (k *Keeper) makeOwnKey(ctx context.Context) ([]byte, error) {
	id := secret.Random(keyIDSize).Open()
	return write(ctx, k, "make a key for one order", func(s *token.Session) ([]byte, error) {
		// What a lost connection has write repeat may have made the key before.
		found, err := s.Find(ownKey(k.rung, k.realm, id))
		if err != nil || len(found) > 0 {
			return id, err
		}
		_, err = s.Generate(token.KeySpec{Use: k.rung.use, Label: ownLabel(k.rung, k.realm), ID: id, Keep: true})
		return id, err
	})
}

func ownKey(r rung, realm string, id []byte) token.Query {
	return token.Query{Class: token.SecretKey, Label: ownLabel(r, realm), ID: string(id)}
}

// findOwn finds the key of one deposit. Where the token has the realm's key and not this one, the key was destroyed.
func (k *Keeper) findOwn(s *token.Session, r rung, id []byte) (token.Object, error) {
	key, err := s.One(ownKey(r, k.realm, id))
	if !errors.Is(err, token.ErrNoObject) {
		return key, err
	}
	if _, err := k.findKey(s, k.rung, k.currentKey()); err != nil {
		return 0, err
	}
	return 0, fault.New(fault.Gone, "pkcs11: realm %q: the key %x, which one order alone was kept under, was destroyed: %w", k.realm, id, token.ErrNoObject)
}

// find finds a rung's key by its id.
type find func(s *token.Session, r rung, id []byte) (token.Object, error)

// finder finds the key that a deposit names.
func (k *Keeper) finder(d deposit) find {
	if d.Own {
		return k.findOwn
	}
	return k.findKey
}

// Destroy takes the key of a deposit out of the token, for good. It succeeds where the key is gone already.
func (k *Keeper) Destroy(ctx context.Context, b []byte, about sdk.Context) error {
	d, r, err := parseDeposit(b)
	if err != nil {
		return err
	}
	if d.Realm != k.realm {
		return fault.New(fault.Invalid, "pkcs11: deposit: expected realm %q, found %q", k.realm, d.Realm)
	}
	if !d.Own {
		return fault.New(fault.Unsupported, "pkcs11: the deposit has no key of its own: the realm's key opens others too")
	}
	// A forged deposit must not have another order's key destroyed: one that opens here is what it claims to be.
	key, err := k.Restore(ctx, b, about)
	if fault.Of(err) == fault.Gone {
		return nil
	}
	secret.Clear(key)
	if err != nil {
		return err
	}
	_, err = write(ctx, k, "destroy the key of one order", func(s *token.Session) (struct{}, error) {
		return struct{}{}, s.DestroyAll(ownKey(r, k.realm, d.Key))
	})
	return err
}
