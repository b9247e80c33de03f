// Package ledger is what an authentication server must not forget: how many
// wrong PINs each subject has had, on disk, in a directory of the server's own.
//
// A try is written down before it is looked at:
//
//	try, err := l.Begin(ctx, subject)   // ErrLocked, or one of its tries is spent
//	…verify…
//	try.Right(ctx)                      // forget its wrong PINs
//	try.Wrong(ctx)                      // it stays spent
//	try.Void(ctx)                       // it was no try of a PIN: give it back
//
// So sessions side by side have no more tries together than one after the other,
// and what a crash interrupts counts as wrong: to interrupt a server gives nobody
// a further guess.
package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the SQL driver named "sqlite"

	"github.com/milagro-dta/dta/host/lockfile"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Subject is whose PIN is tried.
type Subject struct {
	Name      string
	Enrolment uint64
}

// Owner is the server whose ledger it is. Another server's is refused: the same
// name is another person elsewhere.
type Owner struct {
	Network string // CID of the network's terms
	Server  string // the server's name in it
}

// ErrLocked: the subject has no tries left until somebody unlocks it.
var ErrLocked = fault.New(fault.Denied, "too many wrong PINs: locked until the server's operator unlocks it")

// file is the database, in the directory of the state.
const file = "logins.db"

// Ledger is an open ledger. It is for many goroutines, and one process.
type Ledger struct {
	db       *sql.DB
	lock     *os.File
	attempts int
	now      func() time.Time
}

// Options are the server's.
type Options struct {
	// Attempts is the number of wrong PINs that lock a subject.
	Attempts int
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// Open opens the ledger in a directory, which is made when missing. What a
// process that ended had begun is counted as wrong. A second server on the same
// directory is fault.Unavailable, another owner's directory fault.Conflict.
func Open(ctx context.Context, dir string, of Owner, o Options) (_ *Ledger, err error) {
	if o.Attempts < 1 {
		return nil, fault.New(fault.Invalid, "expected 1 wrong PIN or more until a subject is locked; found %d", o.Attempts)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.New(fault.Invalid, "make the server's state: %w", err)
	}
	l := &Ledger{attempts: o.Attempts, now: o.Now}
	defer func() {
		if err != nil {
			l.Close()
		}
	}()
	if l.lock, err = lockfile.Take(filepath.Join(dir, file+".lock")); err != nil {
		if held, ok := errors.AsType[*lockfile.Held](err); ok {
			err = fmt.Errorf("another server uses it (%w)", held)
		}
		return nil, fault.New(fault.Unavailable, "open the server's state %s: %w", dir, err)
	}
	if l.db, err = open(ctx, dir, os.O_CREATE); err != nil {
		return nil, err
	}
	if err := l.own(ctx, of); err != nil {
		return nil, fmt.Errorf("open the server's state %s: %w", dir, err)
	}
	if _, err := l.db.ExecContext(ctx, `update tries set wrong = wrong + pending, pending = 0 where pending > 0`); err != nil {
		return nil, failed("count what was interrupted", err)
	}
	return l, nil
}

// Close ends the use of the ledger. It may be called again.
func (l *Ledger) Close() error {
	var err error
	if l.db != nil {
		err = l.db.Close()
	}
	if l.lock != nil {
		l.lock.Close()
	}
	return err
}

// version is that of the schema.
const version = 1

const schema = `
create table owner (
	one     integer primary key check (one = 1),
	network text not null,
	server  text not null
) strict;
create table tries (
	name      text    not null,
	enrolment integer not null,
	wrong     integer not null default 0, -- since the last right PIN
	pending   integer not null default 0, -- begun and not ended
	changed   integer not null,           -- unix milliseconds
	primary key (name, enrolment)
) strict, without rowid;
pragma user_version = 1;`

// open opens the database file, with its schema. mode is os.O_CREATE where it
// may be missing, else 0.
func open(ctx context.Context, dir string, mode int) (*sql.DB, error) {
	path, err := filepath.Abs(filepath.Join(dir, file))
	if err != nil {
		return nil, fault.New(fault.Invalid, "open the server's state: %w", err)
	}
	// SQLite gives its journals the mode of the database.
	f, err := os.OpenFile(path, os.O_RDWR|mode, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "open the server's state: no server has kept any in %s", dir)
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "open the server's state: %w", err)
	}
	f.Close()
	q := url.Values{"_txlock": {"immediate"}}
	for name, value := range map[string]string{"busy_timeout": "5000", "journal_mode": "WAL", "synchronous": "FULL", "trusted_schema": "OFF"} {
		q.Add("_pragma", name+"("+value+")")
	}
	db, err := sql.Open("sqlite", "file:"+strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)+"?"+q.Encode())
	if err != nil {
		return nil, failed("open", err)
	}
	db.SetMaxOpenConns(1)
	if err := prepare(ctx, db); err != nil {
		db.Close()
		return nil, fmt.Errorf("open the server's state %s: %w", dir, err)
	}
	return db, nil
}

func prepare(ctx context.Context, db *sql.DB) error {
	return within(ctx, db, func(tx *sql.Tx) error {
		var found int
		if err := tx.QueryRowContext(ctx, `pragma user_version`).Scan(&found); err != nil {
			return failed("read its version", err)
		}
		switch {
		case found == version:
			return nil
		case found > version:
			return fault.New(fault.Unsupported, "a newer program has written it: expected version %d; found %d", version, found)
		}
		_, err := tx.ExecContext(ctx, schema)
		return failed("make its tables", err)
	})
}

// own makes the ledger the owner's, or checks that it is.
func (l *Ledger) own(ctx context.Context, of Owner) error {
	return within(ctx, l.db, func(tx *sql.Tx) error {
		var found Owner
		err := tx.QueryRowContext(ctx, `select network, server from owner`).Scan(&found.Network, &found.Server)
		if errors.Is(err, sql.ErrNoRows) {
			_, err := tx.ExecContext(ctx, `insert into owner (one, network, server) values (1, ?, ?)`, of.Network, of.Server)
			return failed("write whose it is", err)
		}
		if err != nil {
			return failed("read whose it is", err)
		}
		if found != of {
			return fault.New(fault.Conflict, "expected the state of server %q of network %s; found that of %q of %s", of.Server, of.Network, found.Server, found.Network)
		}
		return nil
	})
}

// within runs do in a transaction that is on disk when it returns nil.
func within(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return failed("begin", err)
	}
	defer tx.Rollback()
	if err := do(tx); err != nil {
		return err
	}
	return failed("commit", tx.Commit())
}

// failed gives the database's error a kind. nil stays nil.
func failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.Unavailable, "the server's state: %s: %w", doing, err)
}

// String is a subject as it is printed.
func (s Subject) String() string {
	return strconv.Quote(s.Name) + " (enrolment " + strconv.FormatUint(s.Enrolment, 10) + ")"
}
