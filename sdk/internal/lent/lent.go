// Package lent lets a test know the keys that the sdk lends to a custodian in its own process, so that it can look for
// them where they must not be. A plugin that is served as a program has no listener.
package lent

import "context"

// Listener hears of each key before the custodian does. It must not keep the slice.
type Listener func(key []byte)

type listener struct{}

// With gives a context for [sdk.ServeListener] with a listener.
func With(ctx context.Context, l Listener) context.Context {
	return context.WithValue(ctx, listener{}, l)
}

// From gives the listener of a context; nil if there is none.
func From(ctx context.Context) Listener {
	l, _ := ctx.Value(listener{}).(Listener)
	return l
}
