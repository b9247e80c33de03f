package store

import (
	"context"
	"database/sql/driver"
	"errors"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/milagro-dta/dta/protocol/fault"
)

// causes are the failures of the database itself, after which nothing of the
// transaction can be relied on: SQLite may already have rolled it back.
var causes = map[int]string{
	lib.SQLITE_BUSY:      "locked by another program",
	lib.SQLITE_LOCKED:    "locked by another program",
	lib.SQLITE_FULL:      "disk full",
	lib.SQLITE_IOERR:     "input/output error",
	lib.SQLITE_NOMEM:     "out of memory",
	lib.SQLITE_CORRUPT:   "damaged",
	lib.SQLITE_NOTADB:    "damaged",
	lib.SQLITE_READONLY:  "not writable",
	lib.SQLITE_PERM:      "not writable",
	lib.SQLITE_CANTOPEN:  "cannot be opened",
	lib.SQLITE_PROTOCOL:  "locked by another program",
	lib.SQLITE_INTERRUPT: "interrupted",
	lib.SQLITE_ABORT:     "interrupted",
	lib.SQLITE_NOLFS:     "file too large",
	lib.SQLITE_TOOBIG:    "value too large",
	lib.SQLITE_MISUSE:    "misused",
	lib.SQLITE_SCHEMA:    "changed by another program",
	lib.SQLITE_AUTH:      "not authorised",
	lib.SQLITE_EMPTY:     "damaged",
	lib.SQLITE_FORMAT:    "damaged",
	lib.SQLITE_NOTFOUND:  "damaged",
	lib.SQLITE_INTERNAL:  "internal failure",
}

// ErrDamaged is within the error where the database holds something else than was
// written. It is fault.Conflict: asking again does not help.
var ErrDamaged = errors.New("damaged")

// failed gives a driver's error its kind: fault.Unavailable when the database
// cannot serve, fault.Conflict when it is damaged, fault.Internal when the
// statement was wrong.
func failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch cause := causes[e.Code()&0xff]; cause {
		case "":
		case ErrDamaged.Error():
			return fault.New(fault.Conflict, "store %s: %w: %w; %s", doing, ErrDamaged, err, remedy)
		default:
			return fault.New(fault.Unavailable, "store %s: %s: %w", doing, cause, err)
		}
		return fault.New(fault.Internal, "store %s: %w", doing, err)
	}
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fault.New(fault.Unavailable, "store %s: connection lost: %w", doing, err)
	}
	var typed *fault.Error
	if errors.As(err, &typed) {
		return err
	}
	return fault.New(fault.Internal, "store %s: %w", doing, err)
}
