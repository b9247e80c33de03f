// Package anchor remembers, outside the database, how long a node's audit log
// was when it last acknowledged something.
//
// SQLite drops every frame of its write-ahead log behind a damaged one, and all
// of them where that file is gone, without an error: the database is then sound,
// only older. The anchor is what tells an older database from a whole one. It is
// written after each commit and before the commit's answers leave, so a log that
// is shorter than its anchor has lost acknowledged entries, and a log that is at
// least as long, with the same root at the anchor's size, has lost none.
//
//	a, err := anchor.Create(path, mark)   // dta init
//	a, mark, err := anchor.Open(path)     // every later start
//	err = a.Write(mark)                   // after each commit
//
// # The file
//
// Two slots of 512 bytes, written in turn, so that a write torn by a power cut
// leaves the one before. A slot is text, padded with line ends:
//
//	dta-anchor/v1
//	write 7
//	size 42
//	root nND/nri/U0xuHUrYSy0HtMeal2vzD9V4k/BO79C+QeI=
//	node bafyrei…
//	sum <SHA-256 of the lines before it, in hexadecimal>
//
// A written slot survives the end of the process at once, and a power cut once
// it was synced, which happens each second. An anchor that is a second older than
// the log is harmless: the database itself is synced at every commit.
package anchor

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/milagro-dta/dta/internal/durable"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// File is the anchor's name in a data directory.
const File = "anchor"

const (
	magic     = "dta-anchor/v1"
	slotSize  = 512
	syncEvery = time.Second
)

// ErrMissing says that there is no anchor, ErrDamaged that neither slot of the
// file can be read.
var (
	ErrMissing = errors.New("the anchor is missing")
	ErrDamaged = errors.New("the anchor is damaged")
)

// Mark is the state of an audit log.
type Mark struct {
	Size int64    // entries
	Root [32]byte // RFC 6962 root hash of that many entries
	Node dag.CID  // name of the node
}

// Anchor is an open anchor. It is safe for concurrent use.
type Anchor struct {
	file    *os.File
	stopped chan struct{}
	ended   chan struct{}

	mu       sync.Mutex // guards what follows
	writes   uint64
	dirty    bool
	unsynced error // why the newest sync failed
	closed   bool
}

// Create writes a new anchor (0600) in the place of any at path, durably.
func Create(path string, m Mark) (*Anchor, error) {
	both := append(slot(1, m), slot(2, m)...)
	temporary := path + ".new"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("write the anchor: %w", err)
	}
	f, err := os.OpenFile(temporary, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write the anchor: %w", err)
	}
	_, err = f.Write(both)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err == nil {
		err = durable.Directory(filepath.Dir(path))
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("write the anchor: %w", err)
	}
	return begin(f, 2), nil
}

// Open opens the anchor at path. The error wraps [ErrMissing] or [ErrDamaged]
// where it cannot say anything.
func Open(path string) (*Anchor, Mark, error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Mark{}, fault.New(fault.Conflict, "%w: %s", ErrMissing, path)
	}
	if err != nil {
		return nil, Mark{}, fmt.Errorf("open the anchor: %w", err)
	}
	m, writes, err := read(f)
	if err != nil {
		f.Close()
		return nil, Mark{}, fmt.Errorf("open the anchor %s: %w", path, err)
	}
	return begin(f, writes), m, nil
}

func begin(f *os.File, writes uint64) *Anchor {
	a := &Anchor{file: f, writes: writes, stopped: make(chan struct{}), ended: make(chan struct{})}
	go a.run()
	return a
}

// Write replaces the older slot. It returns once the operating system has the
// bytes; they are on disk a second later. While they do not get there, which the
// newest sync told, it returns that error.
func (a *Anchor) Write(m Mark) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return fault.New(fault.Unavailable, "write the anchor: it is closed")
	}
	next := a.writes + 1
	if _, err := a.file.WriteAt(slot(next, m), int64(next%2)*slotSize); err != nil {
		return fault.New(fault.Unavailable, "write the anchor: %w", err)
	}
	a.writes, a.dirty = next, true
	return a.unsynced
}

// Close syncs and closes the file. It may be called again.
func (a *Anchor) Close() error {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return nil
	}
	a.closed = true
	a.mu.Unlock()
	close(a.stopped)
	<-a.ended
	err := a.sync()
	if e := a.file.Close(); err == nil && e != nil {
		err = fmt.Errorf("close the anchor: %w", e)
	}
	return err
}

func (a *Anchor) run() {
	defer close(a.ended)
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			a.sync()
		case <-a.stopped:
			return
		}
	}
}

// sync puts what was written on disk. The lock is not held meanwhile: commits
// wait for Write.
func (a *Anchor) sync() error {
	a.mu.Lock()
	dirty := a.dirty
	a.dirty = false
	a.mu.Unlock()
	if !dirty {
		return nil
	}
	err := a.file.Sync()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unsynced = nil
	if err != nil {
		a.dirty, a.unsynced = true, fault.New(fault.Unavailable, "sync the anchor: %w", err)
	}
	return a.unsynced
}

// slot writes the bytes of one slot.
func slot(write uint64, m Mark) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nwrite %d\nsize %d\nroot %s\nnode %s\n", magic, write, m.Size, base64.StdEncoding.EncodeToString(m.Root[:]), m.Node)
	sum := sha256.Sum256(b.Bytes())
	fmt.Fprintf(&b, "sum %x\n", sum)
	return append(b.Bytes(), bytes.Repeat([]byte("\n"), slotSize-b.Len())...)
}

// read finds the newest slot that is whole.
func read(f io.ReaderAt) (m Mark, writes uint64, err error) {
	found := false
	for at := range int64(2) {
		b := make([]byte, slotSize)
		if _, err := f.ReadAt(b, at*slotSize); err != nil && !errors.Is(err, io.EOF) {
			return m, 0, err
		}
		mark, write, ok := parse(b)
		if ok && (!found || write > writes) {
			m, writes, found = mark, write, true
		}
	}
	if !found {
		return m, 0, fault.New(fault.Conflict, "%w: neither of its two slots is whole", ErrDamaged)
	}
	return m, writes, nil
}

// parse reads one slot. There is one way to write a slot, and nothing else is one.
func parse(b []byte) (m Mark, write uint64, ok bool) {
	lines := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	if len(lines) != 6 || lines[0] != magic {
		return m, 0, false
	}
	field := func(line int, name string) string {
		value, found := strings.CutPrefix(lines[line], name+" ")
		if !found {
			return ""
		}
		return value
	}
	write, err := strconv.ParseUint(field(1, "write"), 10, 64)
	if err != nil {
		return m, 0, false
	}
	if m.Size, err = strconv.ParseInt(field(2, "size"), 10, 64); err != nil || m.Size < 0 {
		return m, 0, false
	}
	root, err := base64.StdEncoding.Strict().DecodeString(field(3, "root"))
	if err != nil || len(root) != len(m.Root) {
		return m, 0, false
	}
	m.Root = [32]byte(root)
	if m.Node, err = dag.Parse(field(4, "node")); err != nil {
		return m, 0, false
	}
	return m, write, bytes.Equal(slot(write, m), b)
}
