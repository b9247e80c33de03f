package supervisor

import (
	"context"
	"errors"
	"fmt"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk/contract"
)

// StartError says why a plugin did not become ready. Its kind is that of the error it wraps.
type StartError struct {
	Plugin string
	Err    error
	// Lines are the last that the plugin wrote, at most 20.
	Lines []string

	prepared bool // the program ran, and was not fit
}

func (e *StartError) Error() string { return fmt.Sprintf("starting plugin %q: %v", e.Plugin, e.Err) }

// Unwrap gives the reason.
func (e *StartError) Unwrap() error { return e.Err }

// final says that another start could not help, or could harm. A program that is not there may be on its way; what
// a plugin does not find when it is prepared is lost.
func final(err error) bool {
	switch fault.Of(err) {
	case fault.Invalid, fault.Denied, fault.Conflict, fault.Unsupported:
		return true
	case fault.NotFound:
		se, ok := errors.AsType[*StartError](err)
		return ok && se.prepared
	}
	return false
}

// start launches and prepares. The generation is there also with an error, to tell what the program was; nothing
// runs of it then. The error is a *StartError.
func start(ctx context.Context, s Spec, launched func(*generation)) (*generation, error) {
	g, err := launch(ctx, s)
	prepared := err == nil
	if prepared {
		launched(g)
		err = g.prepare(ctx, s)
	}
	if err != nil {
		return g, &StartError{Plugin: s.Name, Err: err, Lines: g.program.intake.last(), prepared: prepared}
	}
	return g, nil
}

func (g *generation) prepare(ctx context.Context, s Spec) error {
	if s.Prepare == nil {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, s.StartTimeout)
	defer cancel()
	err := g.call(limited, s.Prepare)
	if err == nil {
		return nil
	}
	switch {
	case ctx.Err() != nil:
	case g.life.Err() != nil && fault.Of(err) == fault.Unavailable:
		how, words := g.end()
		err = fault.New(fault.Unavailable, "it %s while it was prepared%s", how, words)
	case limited.Err() != nil:
		err = fault.New(fault.Unavailable, "it was not prepared within %s: %w", s.StartTimeout, err)
	}
	g.shutdown(ctx, "it could not be prepared")
	return err
}

// Once starts a plugin, prepares it if s says so, calls fn, and stops it: for questions that need no plugin in
// service. It returns fn's error, or a *StartError. It is bounded by ctx, and by s.StartTimeout for the start.
func Once(ctx context.Context, s Spec, fn func(context.Context, *contract.Client) error) error {
	if err := s.check(); err != nil {
		return err
	}
	g, err := start(ctx, s.withDefaults(), func(*generation) {})
	if err != nil {
		return err
	}
	defer g.shutdown(ctx, "it was no longer needed")
	return g.call(ctx, fn)
}
