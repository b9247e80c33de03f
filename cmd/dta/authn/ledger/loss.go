package ledger

import (
	"fmt"
	"strconv"

	"github.com/milagro-dta/dta/host/anchor"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Loss is what a ledger has lost: a number of changes, or nobody can tell how many.
type Loss struct {
	Changes uint64
	Unknown bool
}

// unknown is how the loss is written that nobody can count.
const unknown = "unknown"

func (l Loss) String() string {
	if l.Unknown {
		return unknown
	}
	return strconv.FormatUint(l.Changes, 10)
}

// ParseLoss reads what String writes.
func ParseLoss(text string) (Loss, error) {
	if text == unknown {
		return Loss{Unknown: true}, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return Loss{}, fault.New(fault.Invalid, "expected a number of changes, or %q; found %q", unknown, text)
	}
	return Loss{Changes: n}, nil
}

// Lost says that a ledger is not as far as its anchor.
type Lost struct {
	Loss
	dir, how string
}

func (l *Lost) Error() string {
	return fmt.Sprintf("the server's state %s: %s: put back what is missing; dta mpin server --accept-loss %s goes on without it, and forgets wrong PINs",
		l.dir, l.how, l.Loss)
}

// lost is what is missing from a ledger, by its anchor; nil where it is whole.
func (s seen) lost(dir string) *Lost {
	none := Loss{Unknown: true}
	switch {
	case s.silent != nil:
		return &Lost{none, dir, fmt.Sprintf("nobody can tell whether it is whole: %v", s.silent)}
	case s.anchored.Node != s.mark.Node:
		return &Lost{none, dir, fmt.Sprintf("%s belongs to another %s", anchor.File, file)}
	case s.mark.Size < s.anchored.Size:
		n := s.anchored.Size - s.mark.Size
		return &Lost{Loss{Changes: uint64(n)}, dir, fmt.Sprintf("%d of %d changes are missing from %s", n, s.anchored.Size, file)}
	case s.actual != s.mark.Root, s.mark.Size == s.anchored.Size && s.mark.Root != s.anchored.Root:
		return &Lost{none, dir, fmt.Sprintf("the lines in %s are not those that were written", file)}
	}
	return nil
}
