package fault

import (
	"errors"
	"strings"
)

const (
	// MaxMissing bounds what an error says to be missing, and maxMissing each
	// name, in bytes.
	MaxMissing = 256
	maxMissing = 128
)

// Lacking is an error for a request that names what its receiver does not have
// and can be shown: NotFound, with the list of it. The same request holds once
// it was shown, so that a caller who can show it never takes this for a refusal.
func Lacking(missing []string, format string, a ...any) error {
	e := New(NotFound, format, a...).(*Error)
	e.missing = listed(missing)
	return e
}

// Missing returns what an error says that its request's receiver lacks; nil for
// any other error. An error of a kind of its own hides the list of the one that
// it wraps, as it hides its kind.
func Missing(err error) []string {
	var e *Error
	if !errors.As(err, &e) {
		return nil
	}
	return e.missing
}

// listed bounds a list, which may come from another process.
func listed(missing []string) (out []string) {
	for _, m := range missing {
		if m != "" && len(m) <= maxMissing && len(out) < MaxMissing {
			out = append(out, m)
		}
	}
	return out
}

// metaMissing is the member of google.rpc.ErrorInfo in which the list travels.
const metaMissing = "missing"

func joined(missing []string) map[string]string {
	if len(missing) == 0 {
		return nil
	}
	return map[string]string{metaMissing: strings.Join(missing, " ")}
}
