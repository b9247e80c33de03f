package ledger

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"modernc.org/sqlite" // and the SQL driver of this name
	lib "modernc.org/sqlite/lib"

	"github.com/milagro-dta/dta/host/anchor"
	"github.com/milagro-dta/dta/internal/inplace"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// version is that of the schema.
const version = 2

const schema = `
create table meta (
	one     integer primary key check (one = 1),
	id      blob    not null,
	network text    not null,
	server  text    not null,
	changes integer not null, -- committed since it was made
	digest  blob    not null  -- of the tries
) strict;
create table tries (
	name      text    not null,
	enrolment integer not null,
	wrong     integer not null default 0, -- since the last right PIN
	pending   integer not null default 0, -- begun and not ended
	changed   integer not null,           -- unix milliseconds
	primary key (name, enrolment)
) strict, without rowid;
pragma user_version = 2;`

// meta is the one line about the ledger itself.
type meta struct {
	mark  anchor.Mark // how many changes were committed, the digest of the tries, and the ledger's own name
	owner Owner
}

// state is an open database, for the server and for those who look at its state
// beside it.
type state struct {
	dir   string
	db    *sql.DB
	files *inplace.Watch // the server's; nil for those beside it

	anchoring sync.Mutex // guards what follows
	anchor    *anchor.Anchor
	anchored  int64 // changes
}

// seen is a ledger as it was found.
type seen struct {
	meta
	actual   digest
	anchored anchor.Mark
	silent   error // why the anchor says nothing; nil where it does
}

// look reads what there is in a directory, and leaves it as it is: a connection
// that can write drops, as it is closed, what SQLite cannot read of the write-ahead
// log.
func look(ctx context.Context, dir string) (s seen, err error) {
	if err := there(dir); err != nil {
		return s, err
	}
	// The anchor first: a server may go further meanwhile.
	a, found, err := anchor.Open(filepath.Join(dir, anchor.File))
	switch {
	case err == nil:
		s.anchored = found
		a.Close()
	case errors.Is(err, anchor.ErrMissing) || errors.Is(err, anchor.ErrDamaged):
		s.silent = err
	default:
		return s, failed("open its anchor", err)
	}
	db, err := connect(dir, "ro")
	if err != nil {
		return s, err
	}
	defer db.Close()
	return s, fault.About("the server's state "+dir, within(ctx, db, func(tx *sql.Tx) error { return s.read(ctx, tx) }))
}

func (s *seen) read(ctx context.Context, tx *sql.Tx) (err error) {
	var found int
	if err := tx.QueryRowContext(ctx, `pragma user_version`).Scan(&found); err != nil {
		return failed("read its version", err)
	}
	switch {
	case found == 0:
		return fault.New(fault.Conflict, "expected %s to be a server's ledger; found another database: put the ledger back", file)
	case found != version:
		return fault.New(fault.Unsupported, "another version of this program has written it: expected version %d; found %d", version, found)
	}
	if s.meta, err = readMeta(ctx, tx); err != nil {
		return err
	}
	all, err := rows(ctx, tx, "true")
	s.actual = sum(all)
	return err
}

// connect opens the database of a directory, which is there, in a mode of SQLite's:
// ro or rw.
func connect(dir, mode string) (*sql.DB, error) {
	path, err := filepath.Abs(filepath.Join(dir, file))
	if err != nil {
		return nil, fault.New(fault.Invalid, "open the server's state: %w", err)
	}
	q := url.Values{"mode": {mode}, "_pragma": {"busy_timeout(5000)", "trusted_schema(OFF)"}}
	if mode == "rw" {
		q.Set("_txlock", "immediate")
		q["_pragma"] = append(q["_pragma"], "journal_mode(WAL)", "synchronous(FULL)")
	}
	db, err := sql.Open("sqlite", "file:"+strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)+"?"+q.Encode())
	if err != nil {
		return nil, failed("open", err)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

func (s *state) close() error {
	err := s.db.Close()
	if s.anchor != nil {
		err = errors.Join(err, s.anchor.Close())
	}
	return err
}

func readMeta(ctx context.Context, tx *sql.Tx) (m meta, err error) {
	var id, sum []byte
	err = tx.QueryRowContext(ctx, `select id, network, server, changes, digest from meta`).Scan(&id, &m.owner.Network, &m.owner.Server, &m.mark.Size, &sum)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return m, failed("read what it is", err)
	}
	if err == nil {
		m.mark.Node, err = dag.FromBytes(id)
	}
	if err != nil || copy(m.mark.Root[:], sum) != len(m.mark.Root) {
		return m, fault.New(fault.Conflict, "%s does not say any more to which server it belongs: put the ledger back", file)
	}
	return m, nil
}

// accept goes on with what was found.
func (s *state) accept(ctx context.Context, found seen) (err error) {
	to := anchor.Mark{Node: found.mark.Node, Size: max(found.mark.Size, found.anchored.Size) + 1, Root: found.actual}
	if err := within(ctx, s.db, func(tx *sql.Tx) error { return writeMark(ctx, tx, to) }); err != nil {
		return err
	}
	a, err := anchor.Create(filepath.Join(s.dir, anchor.File), to)
	if err != nil {
		return failed("make its anchor", err)
	}
	return a.Close()
}

// follow has every change anchored from now on.
func (s *state) follow(ctx context.Context) error {
	a, found, err := anchor.Open(filepath.Join(s.dir, anchor.File))
	if err != nil {
		return failed("open its anchor", err)
	}
	s.anchor, s.anchored = a, found.Size
	// An unlocking while no server ran is anchored here.
	var m meta
	err = within(ctx, s.db, func(tx *sql.Tx) (err error) { m, err = readMeta(ctx, tx); return err })
	if err != nil {
		return err
	}
	s.files = inplace.New(s.dir, inplace.File{Name: file}, inplace.File{Name: walFile, Remade: true},
		inplace.File{Name: anchor.File}, inplace.File{Name: lockFile})
	return s.raise(m.mark)
}

// kept refuses a change that would be lost with the process, or that another
// server could contradict: a file was removed or replaced.
func (s *state) kept() error {
	if s.files == nil {
		return nil
	}
	if missing := s.files.Missing(); len(missing) > 0 {
		return fault.New(fault.Unavailable, "the server's state %s: %s was removed or replaced under the running server: put it back, or stop the server with SIGTERM and see that no other uses the state",
			s.dir, strings.Join(missing, ", "))
	}
	return nil
}

// raise anchors a change, unless a later one was. Those who have no anchor leave it
// to the server, whose next change, or start, does.
func (s *state) raise(to anchor.Mark) error {
	s.anchoring.Lock()
	defer s.anchoring.Unlock()
	if s.anchor == nil || to.Size <= s.anchored {
		return nil
	}
	if err := s.anchor.Write(to); err != nil {
		return failed("write its anchor", err)
	}
	s.anchored = to.Size
	return nil
}

func writeMark(ctx context.Context, tx *sql.Tx, m anchor.Mark) error {
	_, err := tx.ExecContext(ctx, `update meta set changes = ?, digest = ?`, m.Size, m.Root[:])
	return failed("count a change", err)
}

// errNothing ends a change that has nothing to change.
var errNothing = errors.New("nothing to change")

// change is one that is under way.
type change struct {
	*sql.Tx
	digest digest
}

// change runs do in a transaction. When it returns nil the change is on disk, and
// anchored where the state follows.
func (s *state) change(ctx context.Context, do func(*change) error) error {
	if err := s.kept(); err != nil {
		return err
	}
	var to anchor.Mark
	err := within(ctx, s.db, func(tx *sql.Tx) error {
		m, err := readMeta(ctx, tx)
		if err != nil {
			return err
		}
		c := &change{tx, m.mark.Root}
		if err := do(c); err != nil {
			return err
		}
		to = anchor.Mark{Node: m.mark.Node, Size: m.mark.Size + 1, Root: c.digest}
		return writeMark(ctx, tx, to)
	})
	if err != nil {
		return err
	}
	return errors.Join(s.raise(to), s.kept())
}

// on runs do, which changes no line but the subject's.
func (c *change) on(ctx context.Context, s Subject, do func() error) error {
	if err := c.toggle(ctx, s); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return c.toggle(ctx, s)
}

// toggle takes the subject's line out of the digest, or into it.
func (c *change) toggle(ctx context.Context, s Subject) error {
	found, err := rows(ctx, c.Tx, `name = ? and enrolment = ?`, s.Name, int64(s.Enrolment))
	add(&c.digest, sum(found))
	return err
}

// update changes the subject's line.
func (c *change) update(ctx context.Context, s Subject, set string) error {
	return c.on(ctx, s, func() error {
		_, err := c.ExecContext(ctx, `update tries set `+set+` where name = ? and enrolment = ?`, s.Name, int64(s.Enrolment))
		return failed("change a line", err)
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

// damaged are the errors of a file that holds something else than was written; a
// table that is missing is the first.
var damaged = []int{lib.SQLITE_ERROR, lib.SQLITE_CORRUPT, lib.SQLITE_FORMAT, lib.SQLITE_NOTADB}

// failed gives the database's error a kind. nil stays nil.
func failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok && slices.Contains(damaged, e.Code()&0xff) {
		return fault.New(fault.Conflict, "the server's state: %s: %s is damaged: %w: put back a copy of it; "+
			"dta mpin server --create makes another, in an empty directory only, and forgets who is locked", doing, file, err)
	}
	return fault.New(fault.Unavailable, "the server's state: %s: %w", doing, err)
}
