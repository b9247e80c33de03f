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
//
// Nor does it forget by itself. A ledger is made once, by Create, where nothing is;
// Open refuses a directory that has lost its database. An anchor beside the database
// says how far it had come, so that one that was cut, restored or edited is refused
// until the operator goes on without what is missing: Options.AcceptLoss.
package ledger

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/milagro-dta/dta/protocol/fault"
)

// Subject is whose PIN is tried.
type Subject struct {
	Name      string
	Enrolment uint64
}

// String is a subject as it is printed.
func (s Subject) String() string {
	return strconv.Quote(s.Name) + " (enrolment " + strconv.FormatUint(s.Enrolment, 10) + ")"
}

// Owner is the server whose ledger it is. Another server's is refused: the same
// name is another person elsewhere.
type Owner struct {
	Network string // CID of the network's terms
	Server  string // the server's name in it
}

// ErrLocked: the subject has no tries left until somebody unlocks it.
var ErrLocked = fault.New(fault.Denied, "too many wrong PINs: locked until the server's operator unlocks it")

// Ledger is an open ledger. It is for many goroutines, and one process.
type Ledger struct {
	*state
	lock     *os.File
	attempts int
	now      func() time.Time
}

// Options are the server's.
type Options struct {
	// Attempts is the number of wrong PINs that lock a subject.
	Attempts int
	// AcceptLoss goes on with a ledger that has lost as much, where it has.
	AcceptLoss *Loss
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// Open opens the ledger in a directory. What a process that ended had begun is
// counted as wrong. A directory without a ledger is fault.NotFound, a second server
// on one fault.Unavailable, another owner's fault.Conflict, and so is one that has
// lost something: Lost says what.
func Open(ctx context.Context, dir string, of Owner, o Options) (_ *Ledger, err error) {
	if o.Attempts < 1 {
		return nil, fault.New(fault.Invalid, "expected 1 wrong PIN or more until a subject is locked; found %d", o.Attempts)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	dir = filepath.Clean(dir)
	// A directory without a database gets no lock either.
	if err := there(dir); err != nil {
		return nil, err
	}
	l := &Ledger{attempts: o.Attempts, now: o.Now}
	defer func() {
		if err != nil {
			l.Close()
		}
	}()
	if l.lock, err = take(dir); err != nil {
		return nil, err
	}
	found, err := look(ctx, dir)
	if err != nil {
		return nil, err
	}
	if found.owner != of {
		return nil, fault.New(fault.Conflict, "open the server's state %s: expected the state of server %q of network %s; found that of %q of %s",
			dir, of.Server, of.Network, found.owner.Server, found.owner.Network)
	}
	if err := found.refused(dir, o.AcceptLoss); err != nil {
		return nil, err
	}
	db, err := connect(dir, "rw")
	if err != nil {
		return nil, err
	}
	l.state = &state{dir: dir, db: db}
	if o.AcceptLoss != nil {
		if err := l.accept(ctx, found); err != nil {
			return nil, err
		}
	}
	if err := l.follow(ctx); err != nil {
		return nil, err
	}
	if err := l.interrupted(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// refused is why a ledger is not opened: it has lost something else than was
// accepted.
func (s seen) refused(dir string, accepted *Loss) error {
	lost := s.lost(dir)
	switch {
	case lost == nil && accepted == nil, lost != nil && accepted != nil && *accepted == lost.Loss:
		return nil
	case lost == nil:
		return fault.New(fault.Conflict, "the server's state %s: nothing is missing: start without --accept-loss", dir)
	case accepted != nil:
		return fault.New(fault.Conflict, "expected --accept-loss %s, found %s: %w", lost.Loss, accepted, lost)
	}
	return fault.New(fault.Conflict, "%w", lost)
}

// interrupted counts as wrong what a process that ended had begun.
func (l *Ledger) interrupted(ctx context.Context) error {
	err := l.change(ctx, func(c *change) error {
		all, err := rows(ctx, c.Tx, `pending > 0`)
		if err == nil && len(all) == 0 {
			err = errNothing
		}
		for _, r := range all {
			if err == nil {
				err = c.update(ctx, r.Subject, `wrong = wrong + pending, pending = 0`)
			}
		}
		return err
	})
	if errors.Is(err, errNothing) {
		return nil
	}
	return err
}

// Close ends the use of the ledger. It may be called again.
func (l *Ledger) Close() error {
	var err error
	if l.state != nil {
		err = l.close()
	}
	if l.lock != nil {
		l.lock.Close()
	}
	return err
}
