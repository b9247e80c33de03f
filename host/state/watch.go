package state

import (
	"context"
	"time"

	"github.com/milagro-dta/dta/host/anchor"
	"github.com/milagro-dta/dta/host/datadir"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/internal/inplace"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Files of the database beside [datadir.Database].
const (
	walFile  = datadir.Database + "-wal"
	lockFile = datadir.Database + ".lock"
)

// watchEvery is how often the files are looked for between commits.
const watchEvery = time.Second

// files watches what a running node has open in its data directory.
func (s *State) files() *inplace.Watch {
	return inplace.New(s.dir, inplace.File{Name: datadir.Database}, inplace.File{Name: walFile, Remade: true},
		inplace.File{Name: anchor.File}, inplace.File{Name: lockFile})
}

// look returns why a file is not in its place. lost is the same where that file
// holds what is acknowledged: what is written to it does not outlive the process.
func (s *State) look(w *inplace.Watch) (lost error) {
	var gone error
	for _, name := range w.Missing() {
		var err error
		switch name {
		case lockFile:
			err = fault.New(fault.Unavailable, "data directory %s: %s was removed or replaced under the running node: stop it, and see that no other host runs here", full(s.dir), name)
		case walFile:
			err = fault.New(fault.Unavailable, "data directory %s: %s was removed or replaced under the running node: stop it with SIGTERM, and it writes to %s all that it acknowledged", full(s.dir), name, datadir.Database)
		default:
			err = fault.New(fault.Unavailable, "data directory %s: %s was removed or replaced under the running node: stop it, and put back the file", full(s.dir), name)
		}
		if gone == nil {
			gone = err
		}
		if lost == nil && (name == datadir.Database || name == walFile) {
			lost = err
		}
	}
	s.found(&s.gone, gone)
	return lost
}

// watch looks for the files between commits. Where one that holds what is
// acknowledged is gone, an empty commit has the store copy its write-ahead log into
// the database.
func (s *State) watch(ctx context.Context, w *inplace.Watch) {
	defer close(s.ended)
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if s.look(w) != nil {
			_ = s.Store.Update(ctx, func(*store.Tx) error { return nil })
		}
	}
}
