package pkcs11

import (
	"context"
	"time"

	"github.com/milagro-dta/dta/plugins/pkcs11/token"
	"github.com/milagro-dta/dta/protocol/fault"
)

// writeLimit bounds the wait for the outcome of a write. It is rare and short, but where a realm's keys lie nothing may
// stay half known.
const writeLimit = 20 * time.Second

// write has fn write to the token, and settles what it wrote. Once begun it is seen through: a caller that gave up in
// the middle would leave a realm that has what nobody here knows of. One write at a time is under way, until the module
// has returned and all is settled, also where that takes longer than its caller waits. When the token was lost on the
// way, fn runs again: it must come to the same end.
func write[T any](ctx context.Context, k *Keeper, what string, fn func(*token.Session) (T, error)) (T, error) {
	var none T
	select {
	case k.writing <- struct{}{}:
	case <-ctx.Done():
		return none, fault.New(fault.Of(ctx.Err()), "pkcs11: %s: wait for another write: %w", what, ctx.Err())
	}
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		defer func() { <-k.writing }()
		release := k.token.Exclusive()
		defer release()
		value, err := again(context.WithoutCancel(ctx), k, fn)
		if err == nil {
			if failed := k.settle(); failed != nil {
				err = fault.New(fault.Unavailable, "pkcs11: %s: %w", what, failed)
			}
		}
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-time.After(writeLimit):
		return none, fault.New(fault.Deadline, "pkcs11: %s: %s is still writing after %s", what, k.token, writeLimit)
	}
}

// again has fn use the token, and repeats it when the token was lost meanwhile and is there again. SoftHSM loses a token
// that another process logs in to at the same moment, so others are kept out of the repetition.
func again[T any](ctx context.Context, k *Keeper, fn func(*token.Session) (T, error)) (T, error) {
	value, err := token.Use(ctx, k.token, fn)
	if !token.Lost(err) {
		return value, err
	}
	defer k.token.Exclusive()()
	for range 2 {
		if k.awaitToken(ctx) != nil {
			return value, err
		}
		if value, err = token.Use(ctx, k.token, fn); !token.Lost(err) {
			break
		}
	}
	return value, err
}

// twice is again without a wait: fn, which writes nothing, is repeated once, at once.
func twice[T any](ctx context.Context, k *Keeper, fn func(*token.Session) (T, error)) (T, error) {
	value, err := token.Use(ctx, k.token, fn)
	if !token.Lost(err) {
		return value, err
	}
	defer k.token.Exclusive()()
	return token.Use(ctx, k.token, fn)
}

// awaitWrite waits for a write under way, though not for ever.
func (k *Keeper) awaitWrite() {
	select {
	case k.writing <- struct{}{}:
		<-k.writing
	case <-time.After(closeLimit):
	}
}

// closeLimit bounds the wait of Close for a write under way.
const closeLimit = 500 * time.Millisecond
