package pkcs11

import (
	"bytes"
	"context"
	"time"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/plugins/pkcs11/token"
	"github.com/milagro-dta/dta/protocol/fault"
)

// subject finds or makes the key that a proof is about, in the session of that proof.
type subject func(*token.Session) (token.Object, error)

// prove tries a rung on the token, with the realm's key where there is one and with a key that lasts for one proof
// where there is none. Every proof has a session of its own, since a session is useless after a refusal.
func (k *Keeper) prove(ctx context.Context, r rung, id []byte) error {
	passing := func(s *token.Session) (token.Object, error) {
		return s.Generate(token.KeySpec{Use: r.use, Label: "dta/proof", ID: []byte("proof")})
	}
	actual := passing
	if id != nil {
		actual = func(s *token.Session) (token.Object, error) { return k.findKey(s, r, id) }
	}
	// What would harm the key if it succeeded is tried on a passing key, if the token makes such keys.
	disposable := passing
	if err := k.holds(ctx, passing, func(*token.Session, token.Object) error { return nil }); err != nil {
		if id == nil || !token.Refused(err) {
			return err
		}
		disposable = actual
	}

	for _, proof := range []struct {
		name string
		key  subject
		try  func(*token.Session, token.Object) error
	}{
		{"a round trip", actual, r.roundTrip},
		{"another context is refused", actual, r.wrongContext},
		{"a changed first byte is refused", actual, r.tampered(func(d *trial) { d.sealed[0] ^= 1 })},
		{"a changed tag is refused", actual, r.tampered(func(d *trial) { d.sealed[len(d.sealed)-1] ^= 0x80 })},
		{"changed parameters are refused", actual, r.tampered(func(d *trial) { d.parameters[0] ^= 1 })},
		{"a shortened ciphertext is refused", actual, r.tampered(func(d *trial) { d.sealed = d.sealed[:len(d.sealed)-1] })},
		{"the key says that it is guarded", actual, isGuarded},
		{"the key cannot be read", actual, cannotBeRead},
		{"the key cannot be made extractable", disposable, staysUnextractable},
	} {
		if err := k.holds(ctx, proof.key, proof.try); err != nil {
			return fault.New(fault.Of(err), "%s: %w", proof.name, err)
		}
	}
	for _, w := range token.Wrappings {
		if err := k.holds(ctx, disposable, cannotBeWrapped(w)); err != nil {
			return fault.New(fault.Of(err), "the key cannot be wrapped with %s: %w", w, err)
		}
	}
	return nil
}

// proveTwice tries a rung again when the token was lost in the proof. A second loss is the rung's doing, where the token
// is well in between: some libraries lose their server over a mechanism that it does not know. A realm's own key has
// worked before, so there the token is to blame.
func (k *Keeper) proveTwice(ctx context.Context, r rung, id []byte) error {
	err := k.prove(ctx, r, id)
	if !token.Lost(err) {
		return err
	}
	k.log.Warn("the token was lost in the proof of a rung", "rung", r.name, "error", err.Error())
	defer k.token.Exclusive()()
	if err := k.awaitToken(ctx); err != nil {
		return err
	}
	if err = k.prove(ctx, r, id); !token.Lost(err) || id != nil {
		return err
	}
	if away := k.awaitToken(ctx); away != nil {
		return away
	}
	return fault.New(fault.Unsupported, "the connection with the token is lost over it, twice: %w", err)
}

// awaitToken waits for a token that was lost, for as long as its pauses between attempts can be.
func (k *Keeper) awaitToken(ctx context.Context) error {
	end := time.Now().Add(6 * time.Second)
	for {
		_, err := token.Use(ctx, k.token, func(s *token.Session) (struct{}, error) { return struct{}{}, s.Check() })
		if err == nil || fault.Of(err) != fault.Unavailable || time.Now().After(end) {
			return err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

func (k *Keeper) holds(ctx context.Context, key subject, try func(*token.Session, token.Object) error) error {
	_, err := token.Use(ctx, k.token, func(s *token.Session) (struct{}, error) {
		object, err := key(s)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, try(s, object)
	})
	return err
}

// trial is a deposit made to be tried.
type trial struct{ plain, parameters, sealed []byte }

var trialPlace = place{realm: "proof", key: []byte("proof..."), aad: []byte("dta/pkcs11/proof")}

func (r rung) trial(s *token.Session, key token.Object) (t trial, err error) {
	t.plain = secret.Random(32).Open()
	t.parameters, t.sealed, err = r.seal(s, key, trialPlace, t.plain)
	if err == nil && len(t.parameters) != r.parameters {
		err = fault.New(fault.Unsupported, "expected %d bytes of parameters, found %d", r.parameters, len(t.parameters))
	}
	return t, err
}

func (r rung) roundTrip(s *token.Session, key token.Object) error {
	t, err := r.trial(s, key)
	if err != nil {
		return err
	}
	plain, err := r.open(s, key, trialPlace, t.parameters, t.sealed)
	if err == nil && !bytes.Equal(plain, t.plain) {
		err = fault.New(fault.Unsupported, "what was opened is not what was sealed")
	}
	return err
}

func (r rung) wrongContext(s *token.Session, key token.Object) error {
	t, err := r.trial(s, key)
	if err != nil {
		return err
	}
	other := trialPlace
	other.aad = []byte("dta/pkcs11/other")
	_, err = r.open(s, key, other, t.parameters, t.sealed)
	return refusal(err)
}

func (r rung) tampered(change func(*trial)) func(*token.Session, token.Object) error {
	return func(s *token.Session, key token.Object) error {
		t, err := r.trial(s, key)
		if err != nil {
			return err
		}
		change(&t)
		_, err = r.open(s, key, trialPlace, t.parameters, t.sealed)
		return refusal(err)
	}
}

func isGuarded(s *token.Session, key token.Object) error {
	guarded, err := s.Guarded(key)
	if err == nil && !guarded {
		err = fault.New(fault.Unsupported, "CKA_SENSITIVE is false or CKA_EXTRACTABLE is true")
	}
	return err
}

func cannotBeRead(s *token.Session, key token.Object) error {
	value, err := s.Value(key)
	if err == nil && len(value) == 0 {
		return nil // some tokens give an empty value instead of an error
	}
	secret.Clear(value)
	return refusal(err)
}

func staysUnextractable(s *token.Session, key token.Object) error {
	if err := s.MakeExtractable(key); err != nil {
		return refusal(err)
	}
	return isGuarded(s, key) // some tokens say yes and do nothing
}

func cannotBeWrapped(w token.Wrapping) func(*token.Session, token.Object) error {
	return func(s *token.Session, key token.Object) error {
		wrapper, err := s.Generate(token.KeySpec{Use: token.ForWrapping, Label: "dta/proof", ID: []byte("wrapper")})
		if err != nil {
			return refusal(err) // no key can wrap here
		}
		wrapped, err := s.Wrap(w, wrapper, key)
		secret.Clear(wrapped)
		return refusal(err)
	}
}

// refusal turns a refusal into nil. Success is a failed proof, and an error for want of the token proves nothing.
func refusal(err error) error {
	switch {
	case err == nil:
		return fault.New(fault.Unsupported, "the token allowed it")
	case token.Refused(err), fault.Of(err) == fault.Denied:
		return nil
	}
	return err
}
