package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite" // and the SQL driver of this name

	"github.com/milagro-dta/dta/host/lockfile"
	"github.com/milagro-dta/dta/protocol/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Options tune a store; the zero value is right for a node.
type Options struct {
	// Readers is the number of connections for View: 4 when zero.
	Readers int
	// Queue is how many closures may wait for the writer before Update answers
	// fault.Busy: 1024 when zero.
	Queue int
	// Batch is how many closures share one commit at most: 256 when zero.
	Batch int
	// BusyTimeout is how long to wait for a lock held by a foreign program, such
	// as a backup: 1 s when zero.
	BusyTimeout time.Duration
}

func (o Options) withDefaults() Options {
	if o.Readers <= 0 {
		o.Readers = 4
	}
	if o.Queue <= 0 {
		o.Queue = 1024
	}
	if o.Batch <= 0 {
		o.Batch = 256
	}
	if o.BusyTimeout <= 0 {
		o.BusyTimeout = time.Second
	}
	return o
}

// Store is an open database. It is safe for concurrent use.
type Store struct {
	lock    *os.File
	writers *sql.DB
	readers *sql.DB
	pool    chan *connection // idle readers; nil stands for one not yet opened
	writer  *writer
	stamps  stamps
}

// Open opens the database at path, making it (0600) and its directory (0700)
// when missing, and brings its schema up to date. The process holds an
// exclusive lock on path+".lock" until Close or its end, so that two hosts
// never share a database: the second gets fault.Unavailable naming the first. A
// damaged database is [ErrDamaged], one that a newer program has written
// fault.Unsupported.
func Open(ctx context.Context, path string, o Options) (_ *Store, err error) {
	o = o.withDefaults()
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "open store: %w", err)
	}
	if err := prepare(path); err != nil {
		return nil, fault.New(fault.Unavailable, "open store %s: %w", path, err)
	}
	s := &Store{pool: make(chan *connection, o.Readers)}
	defer func() {
		if err != nil {
			s.release()
		}
	}()
	if s.lock, err = lockfile.Take(path + ".lock"); err != nil {
		if held, ok := errors.AsType[*lockfile.Held](err); ok {
			err = fmt.Errorf("another host uses it (%w)", held)
		}
		return nil, fault.New(fault.Unavailable, "open store %s: %w", path, err)
	}
	if s.writers, err = open(path, o, true); err != nil {
		return nil, fault.New(fault.Unavailable, "open store %s: %w", path, err)
	}
	if err := migrate(ctx, s.writers); err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, unopened(err))
	}
	if s.readers, err = open(path, o, false); err != nil {
		return nil, fault.New(fault.Unavailable, "open store %s: %w", path, err)
	}
	for range o.Readers {
		s.pool <- nil
	}
	if err := s.View(ctx, s.loadStamp); err != nil {
		s.drain()
		return nil, err
	}
	s.writer = newWriter(s.writers, &s.stamps, o)
	return s, nil
}

// Close runs what is queued, waits for views, and closes the database. Later
// calls of Update and View get fault.Unavailable.
func (s *Store) Close() error {
	if !s.writer.stop() {
		return nil
	}
	s.drain()
	return s.release()
}

// drain waits for views, and closes what they read with.
func (s *Store) drain() {
	for range cap(s.pool) {
		if c := <-s.pool; c != nil {
			c.close()
		}
	}
	close(s.pool)
}

// Exclusive reports whether this process alone serves the database, so that
// whatever another process had claimed in it is free.
func (s *Store) Exclusive() bool { return true }

func (s *Store) release() error {
	var first error
	for _, db := range []*sql.DB{s.readers, s.writers} {
		if db != nil {
			if err := db.Close(); err != nil && first == nil {
				first = fault.New(fault.Unavailable, "close store: %w", err)
			}
		}
	}
	if s.lock != nil {
		s.lock.Close()
	}
	return first
}

// prepare makes the directory and an empty database file readable by the owner
// alone. SQLite gives its journal files the mode of the database.
func prepare(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Chmod(0o600); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func open(path string, o Options, write bool) (*sql.DB, error) {
	q := url.Values{}
	pragma := func(name, value string) { q.Add("_pragma", name+"("+value+")") }
	pragma("busy_timeout", strconv.FormatInt(o.BusyTimeout.Milliseconds(), 10))
	pragma("journal_mode", "WAL")
	pragma("synchronous", "FULL")
	pragma("temp_store", "MEMORY")
	pragma("trusted_schema", "OFF")
	if write {
		pragma("secure_delete", "ON") // a dropped block leaves no bytes behind
		pragma("cache_size", "-16384")
		pragma("wal_autocheckpoint", "2000")
		pragma("journal_size_limit", "67108864")
	} else {
		pragma("query_only", "ON")
		pragma("cache_size", "-4096")
	}
	file := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
	db, err := sql.Open("sqlite", "file:"+file+"?"+q.Encode())
	if err != nil {
		return nil, err
	}
	n := 1
	if !write {
		n = o.Readers
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// migrate applies the embedded migrations and refuses a database that a newer
// program has written.
func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithSlog(slog.New(slog.DiscardHandler)))
	if err != nil {
		return err
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > target {
		return fault.New(fault.Unsupported, "schema version %d was written by a newer program; this one knows %d", current, target)
	}
	_, err = p.Up(ctx)
	return err
}

// unopened gives the error of a database that could not be brought up to date its
// kind.
func unopened(err error) error {
	if e, ok := errors.AsType[*sqlite.Error](err); ok && causes[e.Code()&0xff] == ErrDamaged.Error() {
		return fault.New(fault.Unavailable, "%w: %w", ErrDamaged, e)
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	return fault.New(fault.Unavailable, "%w", err)
}
