// Package inplace tells whether the files that a process has open still lie under
// their names.
//
//	w := inplace.New(dir, inplace.File{Name: "node.db"}, inplace.File{Name: "node.db-wal", Remade: true})
//	names := w.Missing()   // now and then, and after each commit
//
// A file that was removed, or replaced by another, goes on being written without
// an error, and nobody finds it again once the process has ended. The same file
// back under its name is in place again; a copy of it is another file.
package inplace

import (
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// File is one that this process has open.
type File struct {
	Name string
	// Remade says that the file is removed and made again by this process itself,
	// as SQLite does with its write-ahead log when the last connection closes.
	// While the process has the old one open, another in its place is none of its own.
	Remade bool
}

// Watch is for the files of one directory. It is safe for concurrent use.
type Watch struct {
	dir string

	mu    sync.Mutex // guards what follows
	files []*file
}

type file struct {
	File
	was     fs.FileInfo // nil where this process has none open
	missing bool
}

// New begins to watch files, all of which are open.
func New(dir string, files ...File) *Watch {
	w := &Watch{dir: dir}
	for _, f := range files {
		was, err := os.Lstat(filepath.Join(dir, f.Name))
		if err != nil || !open(was) {
			was = nil
		}
		w.files = append(w.files, &file{File: f, was: was})
	}
	return w
}

// Missing lists the files that are not in place, in the order of New.
func (w *Watch) Missing() (names []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.files {
		now, err := os.Lstat(filepath.Join(w.dir, f.Name))
		if err != nil {
			now = nil
		}
		switch {
		case now != nil && f.was != nil && os.SameFile(f.was, now):
			f.missing = false
		case f.Remade && !f.missing && !open(f.was):
			f.was = now
		default:
			f.missing = true
		}
		if f.missing {
			names = append(names, f.Name)
		}
	}
	return names
}

// open tells whether this process has a file open. Where that cannot be told, it
// has.
func open(was fs.FileInfo) bool {
	if was == nil {
		return false
	}
	const descriptors = "/dev/fd"
	d, err := os.Open(descriptors)
	if err != nil {
		return true
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	for _, name := range names {
		if info, err := os.Stat(filepath.Join(descriptors, name)); err == nil && os.SameFile(was, info) {
			return true
		}
	}
	return err != nil
}
