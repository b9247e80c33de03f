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
	"time"

	"github.com/pressly/goose/v3"
	"golang.org/x/sys/unix"
	"modernc.org/sqlite" // and the SQL driver of this name
	lib "modernc.org/sqlite/lib"

	"github.com/milagro-dta/dta/host/lockfile"
	"github.com/milagro-dta/dta/protocol/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Options tune a store; the zero value is right for a node that was made.
type Options struct {
	// Create makes the database where there is none. Without it, one that is
	// missing or empty is refused: a new one would hide that the old one is gone.
	Create bool
	// Check looks at the database as it was found, before anything in it or in
	// its write-ahead log is changed; an error refuses it and leaves it as it is.
	// blank says that there is no table in it.
	Check func(tx *Tx, blank bool) error
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
	writer  *writer          // nil where the store is only read
	stamps  stamps
	torn    int
	copied  string // directory that ends with the store; "" for none
}

// Open opens the database at path (0600) and brings its schema up to date. The
// process holds an exclusive lock on path+".lock" until Close or its end, so that
// two hosts never share a database: the second gets fault.Unavailable naming the
// first. A damaged database is [ErrDamaged], one that is missing or empty
// [ErrMissing], one that a newer program has written fault.Unsupported.
func Open(ctx context.Context, path string, o Options) (_ *Store, err error) {
	o = o.withDefaults()
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "open store: %w", err)
	}
	if o.Create {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, fault.New(fault.Unavailable, "open store %s: %w", path, err)
		}
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
	if err := prepare(path, o.Create); err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	if s.torn, err = tornFrames(path + "-wal"); err != nil {
		return nil, fault.New(fault.Unavailable, "open store %s: read the write-ahead log: %w", path, err)
	}
	if o.Check != nil {
		if err := look(ctx, path, o); err != nil {
			return nil, err
		}
	}
	if s.writers, err = open(path, o, readWrite); err != nil {
		return nil, fault.New(fault.Unavailable, "open store %s: %w", path, err)
	}
	if err := migrate(ctx, s.writers); err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, unopened(err))
	}
	if s.readers, err = open(path, o, queryOnly); err != nil {
		return nil, fault.New(fault.Unavailable, "open store %s: %w", path, err)
	}
	for range o.Readers {
		s.pool <- nil
	}
	if err := s.View(ctx, complete); err != nil {
		s.drain()
		return nil, fmt.Errorf("open store %s: %w", path, err)
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
	if s.writer != nil && !s.writer.stop() {
		return nil
	}
	if s.writer != nil || s.readers != nil {
		s.drain()
	}
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
	if s.copied != "" {
		os.RemoveAll(s.copied)
	}
	return first
}

// TornFrames is how many frames of the write-ahead log were dropped when the
// database was opened, because they, or one before them, were torn or belong to a
// transaction that was never committed.
func (s *Store) TornFrames() int { return s.torn }

// ErrMissing says that there is no database, or an empty one, where one was
// expected.
var ErrMissing = errors.New("there is no database")

// prepare makes an empty database file readable by the owner alone where create
// says so, and refuses a missing or empty one otherwise. SQLite gives its journal
// files the mode of the database.
func prepare(path string, create bool) error {
	flags := os.O_RDWR | unix.O_NOFOLLOW
	if create {
		flags |= os.O_CREATE
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Conflict, "%w", ErrMissing)
	}
	if err != nil {
		return fault.New(fault.Unavailable, "%w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fault.New(fault.Unavailable, "%w", err)
	}
	if !create && info.Size() == 0 {
		return fault.New(fault.Conflict, "%w: the file is empty", ErrMissing)
	}
	if err := f.Chmod(0o600); err != nil {
		return fault.New(fault.Unavailable, "%w", err)
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fault.New(fault.Unavailable, "%w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fault.New(fault.Unavailable, "%w", err)
	}
	return nil
}

// look has o.Check look at the database through a connection that cannot write:
// a connection that can would, as it is closed, drop what SQLite could not read
// of the write-ahead log.
func look(ctx context.Context, path string, o Options) error {
	before, _ := os.Lstat(path + "-wal")
	id, err := applicationIDOf(path)
	if err != nil {
		return fault.New(fault.Unavailable, "open store %s: %w", path, err)
	}
	db, err := open(path, o, readOnly)
	if err != nil {
		return fault.New(fault.Unavailable, "open store %s: %w", path, err)
	}
	defer func() {
		db.Close()
		if before == nil {
			// SQLite made an empty one; what lay there may be put back.
			os.Remove(path + "-wal")
			os.Remove(path + "-shm")
		}
	}()
	c, err := dial(ctx, db)
	if err != nil {
		return fmt.Errorf("open store %s: %w", path, unopened(err))
	}
	defer c.close()
	if err := c.begin(false); err != nil {
		return fmt.Errorf("open store %s: %w", path, unopened(err))
	}
	defer c.rollback()
	tx := &Tx{c: c, applicationID: id}
	var tables int64
	if err := tx.row("look for tables", `select count(*) from sqlite_master where type = 'table' and name = 'audit_entries'`, nil, &tables); err != nil {
		return fmt.Errorf("open store %s: %w", path, err)
	}
	return o.Check(tx, tables == 0)
}

// access is what a connection may do.
type access int

const (
	readWrite access = iota
	queryOnly        // of a database that this process also writes
	readOnly         // leaves the files as they are
)

func open(path string, o Options, a access) (*sql.DB, error) {
	q := url.Values{}
	pragma := func(name, value string) { q.Add("_pragma", name+"("+value+")") }
	pragma("busy_timeout", strconv.FormatInt(o.BusyTimeout.Milliseconds(), 10))
	if a == readOnly {
		q.Set("mode", "ro")
	} else {
		pragma("journal_mode", "WAL")
		pragma("synchronous", "FULL")
	}
	pragma("temp_store", "MEMORY")
	pragma("trusted_schema", "OFF")
	if a == readWrite {
		pragma("secure_delete", "ON") // a dropped block leaves no bytes behind
		pragma("cache_size", "-16384")
		pragma("wal_autocheckpoint", "2000")
		pragma("journal_size_limit", "67108864")
	} else {
		pragma("query_only", "ON")
		pragma("cache_size", "-4096")
	}
	db, err := sql.Open("sqlite", "file:"+escaped(path)+"?"+q.Encode())
	if err != nil {
		return nil, err
	}
	n := 1
	if a == queryOnly {
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
	// A statement that is wrong was right for the schema that was written.
	if e, ok := errors.AsType[*sqlite.Error](err); ok && (causes[e.Code()&0xff] == ErrDamaged.Error() || e.Code() == lib.SQLITE_ERROR) {
		return fault.New(fault.Conflict, "%w: %w", ErrDamaged, e)
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	return fault.New(fault.Unavailable, "%w", err)
}
