package guard

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/milagro-dta/dta/protocol/fault"
)

// Panicked turns a recovered panic into an internal error with its stack, for the plugin's own log. Of a value that
// is no run-time error only the type is told: an author's panic may carry anything, a secret included.
func Panicked(v any) error {
	what := fmt.Sprintf("a %T", v)
	if err, ok := v.(runtime.Error); ok {
		what = err.Error()
	}
	return fault.New(fault.Internal, "panic: %s\n%s", what, debug.Stack())
}
