// Package fault holds the kinds of error that keep their meaning across every
// boundary: between packages, between plugin and host (gRPC), between nodes and
// towards principals (HTTP).
//
// The package that detects an error gives it its kind, once, with New; those
// in between wrap it with %w; whoever answers a caller asks Of for the kind and
// Public for the text. An error nobody gave a kind is Internal, and its text
// stays in this process's log: it may speak of paths, addresses or SQL.
//
// The table in kinds.go is the only place where a kind meets a code.
package fault

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/status"
)

// Kind says what a caller can do about an error.
type Kind string

const (
	// Invalid: the request or what it carries is wrong, and will be tomorrow.
	Invalid Kind = "invalid"
	// Denied: well formed, but this caller may not.
	Denied Kind = "denied"
	// Unauthenticated: nobody knows who the caller is; one who is known might.
	Unauthenticated Kind = "unauthenticated"
	// NotFound: what was named is not here.
	NotFound Kind = "not_found"
	// Gone: it was here, and was ended or destroyed for good.
	Gone Kind = "gone"
	// Conflict: it contradicts what was recorded before.
	Conflict Kind = "conflict"
	// Unsupported: understood, but this node or plugin cannot do it.
	Unsupported Kind = "unsupported"
	// Busy: a limit is reached; the same request may succeed later.
	Busy Kind = "busy"
	// Unavailable: a part that is needed does not answer now.
	Unavailable Kind = "unavailable"
	// Deadline: the time allowed ran out, or the caller went away; the
	// outcome is unknown and the request should be repeated.
	Deadline Kind = "deadline"
	// Internal: everything else.
	Internal Kind = "internal"
)

// Error is an error with a kind. It is made by New and found with errors.As.
type Error struct {
	Kind    Kind
	err     error
	missing []string // of Lacking
}

// New makes an error of kind k. The format is that of fmt.Errorf: %w wraps.
func New(k Kind, format string, a ...any) error {
	return &Error{Kind: k, err: fmt.Errorf(format, a...)}
}

func (e *Error) Error() string {
	if e.err == nil {
		return string(e.Kind)
	}
	return e.err.Error()
}

func (e *Error) Unwrap() error { return e.err }

// Of returns the kind of err: that of the outermost *Error in its chain, else
// that of a context error or of a gRPC status, else Internal; "" for nil.
func Of(err error) Kind {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return Deadline
	}
	if s, ok := status.FromError(err); ok {
		return ofStatus(s)
	}
	return Internal
}

// maxPublic bounds, in bytes, the text that a caller may see.
const maxPublic = 2048

// Public returns the text of err that a caller may see, at most 2 KiB of it: a
// refusal is no larger for a request that was.
func Public(err error) string {
	switch Of(err) {
	case "":
		return ""
	case Internal:
		return "internal error"
	}
	return cut(err.Error(), maxPublic, "…")
}
