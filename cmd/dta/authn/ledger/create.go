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
	lock, err := take(dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	// Another may have come between.
	if err := empty(dir, lockFile); err != nil {
		return err
	}
	defer func() {
		if err == nil {
			return
		}
		for _, name := range files {
			os.Remove(filepath.Join(dir, name))
		}
		if made {
			os.Remove(dir)
		}
	}()
	first := anchor.Mark{Node: dag.Sum([]byte(rand.Text()))}
	if err := makeDatabase(ctx, dir, first, of); err != nil {
		return err
	}
	a, err := anchor.Create(filepath.Join(dir, anchor.File), first)
	if err != nil {
		return failed("make its anchor", err)
	}
	return failed("make its anchor", errors.Join(a.Close(), syncDir(dir), syncDir(filepath.Dir(dir))))
}

// empty refuses a directory that has more in it than the names given.
func empty(dir string, but ...string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fault.New(fault.Invalid, "make the server's state: %w", err)
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
