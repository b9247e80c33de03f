// Package state opens what a node has kept — its data directory, database, audit
// log and anchor — as one, and refuses what is not a continuation of what it had.
//
//	s, err := state.Create(ctx, dir)     // dta init
//	err = s.Name(name)                   // before the identity is committed
//	s, err := state.Open(ctx, dir)       // every later start
//	defer s.Close()
//
// A node that lost what it acknowledged must not go on as if nothing had been:
// its principals hold acceptances of orders that it no longer knows. Whoever
// opens the state therefore learns of every loss that can be seen from here
// ([Loss]), before anything on disk is changed, so that the right files can still
// be put back. [AcceptLoss] goes on without what is lost, at the operator's word,
// and puts that into the audit log.
//
// What cannot be seen from here is a data directory that was put back as a whole,
// anchor included. Peers see it, by the checkpoints they keep.
package state

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/milagro-dta/dta/host/anchor"
	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/datadir"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Names of the two values that make a database a node's.
const (
	// MetaName is where the node's name lies, readable without the key to its
	// identity.
	MetaName = "node-name"
	// MetaIdentity is where the node's sealed identity lies.
	MetaIdentity = "identity"
	// MetaLoss is where it lies when the operator last accepted a loss.
	MetaLoss = "loss-accepted"
)

// State is what a node has kept, open.
type State struct {
	Store *store.Store
	Audit *audit.Log

	dir    string
	made   *datadir.New // by Create
	anchor *anchor.Anchor
	node   dag.CID
	end    context.CancelFunc // ends the watch, which closes ended
	ended  chan struct{}

	mu     sync.Mutex // guards what follows
	report func(error)
	behind error // why the anchor was not written
	gone   error // why what is written would be lost
}

// Create makes the state of a new node in a directory that is not there or empty;
// fault.Conflict otherwise. [State.Done] ends the making. Where no node comes of it,
// [State.Discard] takes away what was made.
func Create(ctx context.Context, dir string) (*State, error) {
	made, err := datadir.Make(dir)
	if err != nil {
		if unfinished, _ := datadir.Unfinished(dir); unfinished && fault.Of(err) == fault.Conflict {
			return nil, cutShort(ctx, dir, err)
		}
		return nil, err
	}
	s := &State{dir: dir, made: made}
	if err := s.open(ctx, store.Options{Create: true}); err != nil {
		if e := made.Discard(); e != nil {
			err = fmt.Errorf("%w; what was made stays: %w", err, e)
		}
		return nil, err
	}
	return s, nil
}

// cutShort is why a directory is refused in which a node's making was begun: it was
// cut short, or it was ended, for the reason given.
func cutShort(ctx context.Context, dir string, ended error) error {
	if err := datadir.Check(dir); err != nil {
		return err
	}
	refused := ended
	s, err := store.Open(ctx, filepath.Join(dir, datadir.Database), store.Options{Check: func(tx *store.Tx, blank bool) error {
		if blank || !Whole(tx) {
			refused = datadir.CutShort(dir)
		}
		return refused
	}})
	if err == nil {
		s.Close()
	}
	if fault.Of(err) == fault.Unavailable {
		return err
	}
	return refused
}

// Whole tells whether a database has a node in it, as it has once its making has
// ended.
func Whole(tx *store.Tx) bool {
	node, err := nodeName(tx)
	if err != nil || !node.Defined() {
		return false
	}
	size, err := tx.AuditSize()
	return err == nil && size > 0
}

// Done says that the new node is whole.
func (s *State) Done() error {
	if err := s.made.Done(); err != nil {
		return fault.New(fault.Unavailable, "make the data directory: %w", err)
	}
	return nil
}

// Open opens the state of a node that was made. It refuses what is less than the
// anchor attests with [*Loss], and leaves the files as they are.
func Open(ctx context.Context, dir string) (*State, error) {
	s := &State{dir: dir}
	if err := datadir.Check(dir); err != nil {
		return nil, err
	}
	err := s.open(ctx, store.Options{Check: func(tx *store.Tx, blank bool) (err error) {
		s.anchor, s.node, err = check(tx, blank, dir)
		return err
	}})
	if err != nil {
		if s.anchor != nil {
			s.anchor.Close()
		}
		return nil, err
	}
	if err := datadir.Finish(dir); err != nil {
		s.Close()
		return nil, fault.New(fault.Unavailable, "data directory %s: %w", full(dir), err)
	}
	s.follow()
	return s, nil
}

func (s *State) open(ctx context.Context, o store.Options) (err error) {
	path := filepath.Join(s.dir, datadir.Database)
	if s.Store, err = store.Open(ctx, path, o); err != nil {
		if errors.Is(err, store.ErrDamaged) {
			err = fault.New(fault.Conflict, "%w: it does not mend itself; restore %s from a backup", err, path)
		}
		return fmt.Errorf("open the store: %w", datadir.Medium(s.dir, err))
	}
	if s.Audit, err = audit.Open(ctx, s.Store); err != nil {
		s.Store.Close()
		return fmt.Errorf("open the audit log: %w", err)
	}
	return nil
}

// Named gives a new state its node's name and its anchor. It is called before the
// transaction that writes the node's identity, which calls [State.PutName].
func (s *State) Named(name dag.CID) (err error) {
	_, root := s.Audit.Head()
	if s.anchor, err = anchor.Create(filepath.Join(s.dir, anchor.File), anchor.Mark{Root: root, Node: name}); err != nil {
		return err
	}
	s.node = name
	s.follow()
	return nil
}

// Node is the node's name; undefined before [State.Named].
func (s *State) Node() dag.CID { return s.node }

// Report has f called with what makes the node's memory unreliable whenever that
// changes, and with nil when it is over: an anchor that cannot be written, and a
// file that was removed or replaced.
func (s *State) Report(f func(error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report = f
	s.tell()
}

// found records one of the two reasons.
func (s *State) found(reason *error, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if same(*reason, err) {
		return
	}
	*reason = err
	s.tell()
}

func same(a, b error) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.Error() == b.Error()
}

func (s *State) tell() {
	if s.report == nil {
		return
	}
	err := s.gone
	if err == nil {
		err = s.behind
	}
	s.report(err)
}

// follow writes the anchor after each commit that added to the audit log, and
// watches the files.
func (s *State) follow() {
	var written int64 = -1
	write := func() {
		size, root := s.Audit.Head()
		if size == written {
			return
		}
		err := s.anchor.Write(anchor.Mark{Size: size, Root: root, Node: s.node})
		if err == nil {
			written = size
		}
		s.found(&s.behind, err)
	}
	if s.Audit.Size() > 0 {
		write()
	}
	files := s.files()
	s.Store.AfterEachCommit(func() error {
		write()
		return s.look(files)
	})
	ctx, end := context.WithCancel(context.Background())
	s.end, s.ended = end, make(chan struct{})
	go s.watch(ctx, files)
}

// Close closes everything.
func (s *State) Close() error {
	if s.end != nil {
		s.end()
		<-s.ended
	}
	err := s.Store.Close()
	if s.anchor != nil {
		if e := s.anchor.Close(); err == nil {
			err = e
		}
	}
	if s.made != nil {
		s.made.Leave()
	}
	return err
}

// Discard closes a state whose node could not be made, and takes away what
// [Create] put into the directory.
func (s *State) Discard() error {
	made := s.made
	s.made = nil
	return errors.Join(s.Close(), made.Discard())
}
