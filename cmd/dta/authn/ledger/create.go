package ledger

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/milagro-dta/dta/host/anchor"
	"github.com/milagro-dta/dta/host/lockfile"
	"github.com/milagro-dta/dta/host/making"
	"github.com/milagro-dta/dta/internal/durable"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Create makes a server's ledger in a directory that is missing, or this user's
// own and empty. It is fault.Conflict elsewhere: beside what another has left it
// would forget who is locked.
func Create(ctx context.Context, dir string, of Owner) (err error) {
	// With a slash at its end a link would be followed.
	dir = filepath.Clean(dir)
	err = private(dir)
	made := errors.Is(err, fs.ErrNotExist)
	if made {
		err = os.MkdirAll(dir, 0o700)
		if err == nil {
			err = private(dir)
		}
	}
	if fault.Of(err) == fault.Denied {
		return err
	}
	if err != nil {
		return fault.New(fault.Invalid, "make the server's state: %w", err)
	}
	if err := empty(dir); err != nil {
		return err
	}
	m, err := making.Begin(dir)
	if err != nil {
		if made {
			os.Remove(dir)
		}
		return underWay(dir, err)
	}
	// Another may have come between.
	if err := empty(dir, making.File); err != nil {
		m.Done()
		return err
	}
	defer func() {
		if err == nil {
			err = failed("make it", m.Done())
			return
		}
		if m.Undo(files...) == nil && made {
			os.Remove(dir)
		}
	}()
	lock, err := take(dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	first := anchor.Mark{Node: dag.Sum([]byte(rand.Text()))}
	if err := makeDatabase(ctx, dir, first, of); err != nil {
		return err
	}
	a, err := anchor.Create(filepath.Join(dir, anchor.File), first)
	if err != nil {
		return failed("make its anchor", err)
	}
	return failed("make its anchor", errors.Join(a.Close(), durable.Directory(dir), durable.Directory(filepath.Dir(dir))))
}

// empty refuses a directory that has more in it than the names given.
func empty(dir string, but ...string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fault.New(fault.Invalid, "make the server's state: %w", err)
	}
	if len(but) == 0 {
		if err := whole(dir); err != nil {
			return err
		}
	}
	if there(dir) == nil {
		return fault.New(fault.Conflict, "make the server's state: %s has one already: start without --create", dir)
	}
	for _, e := range entries {
		if !slices.Contains(but, e.Name()) {
			return fault.New(fault.Conflict, "make the server's state: expected %s to be missing or empty; found %s in it", dir, e.Name())
		}
	}
	return nil
}

// whole refuses a directory in which the making of a ledger was cut short, or is
// under way.
func whole(dir string) error {
	unfinished, err := making.Look(dir)
	if err != nil {
		return underWay(dir, err)
	}
	if unfinished {
		return fault.New(fault.Conflict, "the server's state %s: its making was cut short: remove what is in it, then run dta mpin server with --create again", dir)
	}
	return nil
}

func underWay(dir string, err error) error {
	if held, ok := errors.AsType[*lockfile.Held](err); ok {
		return fault.New(fault.Unavailable, "the server's state %s: it is being made (%w)", dir, held)
	}
	return failed("make it", err)
}

// take locks a directory until the file is closed.
func take(dir string) (*os.File, error) {
	lock, err := lockfile.Take(filepath.Join(dir, lockFile))
	if held, ok := errors.AsType[*lockfile.Held](err); ok {
		return nil, fault.New(fault.Unavailable, "open the server's state %s: another server uses it (%w)", dir, held)
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "open the server's state %s: %w", dir, err)
	}
	return lock, nil
}

func makeDatabase(ctx context.Context, dir string, first anchor.Mark, of Owner) error {
	// SQLite gives its journals the mode of the database.
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_RDWR|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return fault.New(fault.Unavailable, "make the server's state: %w", err)
	}
	f.Close()
	db, err := connect(dir, "rw")
	if err != nil {
		return err
	}
	err = within(ctx, db, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, schema); err != nil {
			return failed("make its tables", err)
		}
		_, err := tx.ExecContext(ctx, `insert into meta (one, id, network, server, changes, digest) values (1, ?, ?, ?, 0, ?)`,
			first.Node.Bytes(), of.Network, of.Server, first.Root[:])
		return failed("write whose it is", err)
	})
	return errors.Join(err, db.Close())
}
