package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/milagro-dta/dta/host/lockfile"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Peek opens the database at path to be read and nothing else: nothing beside it is
// made, changed or brought up to date, so that a copy on a medium that cannot be
// written will do. fault.Unavailable while a host uses it, fault.Unsupported for
// another version's.
//
// A database with a journal beside it, as a host that was killed leaves it, is
// copied to the temporary directory first: SQLite cannot read a journal without
// writing beside it.
func Peek(ctx context.Context, path string) (_ *Store, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "open store: %w", err)
	}
	s := &Store{pool: make(chan *connection, 1)}
	defer func() {
		if err != nil {
			s.Close()
			err = fmt.Errorf("open store %s: %w", path, err)
		}
	}()
	if s.lock, err = lockfile.Share(path + ".lock"); err != nil {
		return nil, fault.New(fault.Unavailable, "%w", err)
	}
	source, options := path, "?mode=ro&immutable=1"
	switch wal, err := os.Stat(path + "-wal"); {
	case err == nil && wal.Size() > 0:
		if s.copied, err = duplicate(path); err != nil {
			return nil, fault.New(fault.Unavailable, "copy it with its journal: %w", err)
		}
		source, options = filepath.Join(s.copied, filepath.Base(path)), "?mode=rw"
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fault.New(fault.Unavailable, "%w", err)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fault.New(fault.NotFound, "%w", err)
	}
	s.readers, err = sql.Open("sqlite", "file:"+escaped(source)+options+"&_pragma=query_only(ON)&_pragma=trusted_schema(OFF)&_pragma=temp_store(MEMORY)&_pragma=cache_size(-16384)")
	if err != nil {
		return nil, fault.New(fault.Unavailable, "%w", err)
	}
	s.readers.SetMaxOpenConns(1)
	s.pool <- nil
	return s, s.View(ctx, current)
}

// current refuses a database whose schema is not the one that this program knows.
func current(tx *Tx) error {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	var version int
	if err := tx.row("read the schema's version", `select coalesce(max(version_id), 0) from goose_db_version`, nil, &version); err != nil {
		return err
	}
	if version != len(files) {
		return fault.New(fault.Unsupported, "expected schema version %d, found %d: it was written by another version of this program", len(files), version)
	}
	return complete(tx)
}

// complete refuses a database of which a table is gone.
func complete(tx *Tx) error {
	have := map[string]bool{}
	err := tx.rows("list the tables", `select name from sqlite_master where type = 'table'`, nil, func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		have[name] = true
		return err
	})
	if err != nil {
		return err
	}
	for _, t := range append(Tables(), Table{Name: "audit_entries"}) {
		if !have[t.Name] {
			return fault.New(fault.Conflict, "%w: the table %s is missing; %s", ErrDamaged, t.Name, remedy)
		}
	}
	return nil
}

// duplicate copies a database and its journal into a directory that only this user
// can enter.
func duplicate(path string) (dir string, err error) {
	if dir, err = os.MkdirTemp("", "dta-verify-"); err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	for _, suffix := range []string{"", "-wal"} {
		if err := copyFile(filepath.Join(dir, filepath.Base(path)+suffix), path+suffix); err != nil {
			return "", err
		}
	}
	return dir, nil
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// escaped makes a path part of a URI.
func escaped(path string) string {
	return strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}
