//go:build unix

// Package datadir says whether a directory is a node's data directory, and makes
// one for a new node.
//
//	err := datadir.Check(dir)            // before anything in it is opened
//	new, err := datadir.Make(dir)        // for a new node, and for nothing else
//	err = new.Done()                     // or new.Discard()
//
// A node puts its database, lock, anchor and sockets into a directory that is its
// own: owned by the user who runs the node, mode 0700, and either empty before
// the node was made or a node's already. Nothing is changed in a directory that
// is not, since an operator who mistypes data_dir may have named /tmp. Every
// directory above it, and every link on the way, is root's or the same user's, and
// nobody else may write it. So nobody else can plant links in it or put another
// directory in its place, and files in it are opened by name.
//
// A directory without a database makes no node: where a volume is not mounted or
// a restore was cut short, a new node would hide that the old one is gone.
package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/milagro-dta/dta/host/lockfile"
	"github.com/milagro-dta/dta/host/making"
	"github.com/milagro-dta/dta/internal/durable"
	"github.com/milagro-dta/dta/internal/ownership"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Database is the name of the database in a data directory.
const Database = "node.db"

// leavings are what a node leaves in its data directory beside the database.
var leavings = []string{
	Database + "-wal", Database + "-shm", Database + "-journal", Database + ".lock", "anchor", "anchor.new", "run", "operator.sock", making.File,
}

// Check returns nil for the data directory of a node that was made. Otherwise
// fault.NotFound where there is nothing, fault.Conflict where the database is
// missing beside what a node left or its making was cut short, fault.Unavailable
// while it is being made, fault.Denied where directory or files are open to others,
// and fault.Invalid where it is no data directory.
//
// Where the database alone can tell whether the making was cut short, [Unfinished]
// says so, and Check returns nil.
func Check(dir string) error {
	found, err := private(dir)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return absent(dir)
	}
	at := slices.IndexFunc(found, func(e fs.DirEntry) bool { return e.Name() == Database })
	size := int64(0)
	for _, e := range found {
		if !ours(e.Name()) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return fault.New(fault.Unavailable, "data directory %s: %w", full(dir), err)
		}
		if err := plain(filepath.Join(dir, e.Name()), info); err != nil {
			return err
		}
		if e.Name() == Database {
			size = info.Size()
		}
	}
	unfinished, err := Unfinished(dir)
	if err != nil {
		return err
	}
	if at >= 0 && size > 0 {
		return nil
	}
	if unfinished {
		return CutShort(dir)
	}
	beside := names(found, ours)
	if at < 0 && len(beside) == 0 {
		if mounted(found) {
			return fault.New(fault.Invalid, "data directory %s: expected a node's, found the root of a file system: name a directory below it in data_dir", full(dir))
		}
		return fault.New(fault.Invalid, "data directory %s: expected a node's, found %s in it: name a directory of its own in data_dir", full(dir), some(found))
	}
	what := "is missing"
	if at >= 0 {
		what = "is empty"
		beside = slices.DeleteFunc(beside, func(name string) bool { return name == Database })
	}
	if len(beside) > 0 {
		what += " beside " + strings.Join(beside, ", ")
	}
	return fault.New(fault.Conflict, "data directory %s: the database %s %s: a node was made here, and no other is made in its place: "+
		"mount its volume, or restore the directory from a backup", full(dir), Database, what)
}

// Unfinished tells whether the making of a node was begun in a directory and has
// not ended; fault.Unavailable while it is under way.
func Unfinished(dir string) (bool, error) {
	unfinished, err := making.Look(dir)
	if busy := underWay(dir, err); busy != nil {
		return false, busy
	}
	if err != nil {
		return false, fault.New(fault.Unavailable, "data directory %s: %w", full(dir), err)
	}
	return unfinished, nil
}

// underWay is the refusal where err says that another process makes a node; else nil.
func underWay(dir string, err error) error {
	if held, ok := errors.AsType[*lockfile.Held](err); ok {
		return fault.New(fault.Unavailable, "data directory %s: a node is being made here (%w)", full(dir), held)
	}
	return nil
}

// Finish says that the node in a directory that is [Unfinished] is whole.
func Finish(dir string) error { return making.Finish(dir) }

// CutShort is the refusal of a directory in which the making of a node was cut
// short.
func CutShort(dir string) error {
	return fault.New(fault.Conflict, "data directory %s: the making of a node was cut short, and nothing was acknowledged: "+
		"remove what is in it, then run dta init again", full(dir))
}

// Made is the refusal of a directory for a new node that has one.
func Made(dir string) error {
	return fault.New(fault.Conflict, "data directory %s: a node was made here already: run dta host", full(dir))
}

// New is a directory in which a node is being made.
type New struct {
	dir  string
	made bool // by Make
	*making.Making
}

// Discard takes away what was made, and the directory where Make made it.
func (n *New) Discard() error {
	err := n.Undo(append([]string{Database}, slices.DeleteFunc(slices.Clone(leavings), func(name string) bool { return name == making.File })...)...)
	if err == nil && n.made {
		err = os.Remove(n.dir)
	}
	return err
}

// Make makes the directory (0700) for a new node, or takes an empty one. One that
// is not empty is fault.Conflict.
func Make(dir string) (*New, error) {
	dir = filepath.Clean(full(dir))
	if err := above(filepath.Dir(dir)); err != nil {
		return nil, err
	}
	n := &New{dir: dir}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, n.unmade(err)
	}
	err := os.Mkdir(dir, 0o700)
	switch {
	case err == nil:
		n.made = true
		if err := durable.Directory(filepath.Dir(dir)); err != nil {
			return nil, n.unmade(err)
		}
	case !errors.Is(err, fs.ErrExist):
		return nil, n.unmade(err)
	default:
		if err := vacant(dir); err != nil {
			return nil, err
		}
	}
	if n.Making, err = making.Begin(dir); err != nil {
		if busy := underWay(dir, err); busy != nil {
			return nil, busy
		}
		return nil, n.unmade(err)
	}
	// Another process may have made a node between the look and the mark.
	found, err := private(dir)
	if err == nil && len(found) > 1 {
		err = fault.New(fault.Conflict, "data directory %s: expected none or an empty one for a new node, found %s in it", full(dir), some(found))
	}
	if err != nil {
		n.Done()
		return nil, err
	}
	return n, nil
}

// unmade is the error of a file system that lets no directory be made.
func (n *New) unmade(err error) error {
	if n.made {
		os.Remove(n.dir)
	}
	err = fault.New(fault.Invalid, "make the data directory: %w", err)
	return Medium(n.dir, err)
}

// vacant refuses a directory that is not empty.
func vacant(dir string) error {
	found, err := private(dir)
	if err != nil || len(found) == 0 {
		return err
	}
	unfinished, err := Unfinished(dir)
	if err != nil {
		return err
	}
	whole := Check(dir)
	switch {
	case whole == nil:
		return Made(dir)
	case unfinished:
		return whole
	case mounted(found):
		return fault.New(fault.Conflict, "data directory %s: expected none or an empty one for a new node, found the root of a file system: name a directory below it in data_dir", full(dir))
	}
	return fault.New(fault.Conflict, "data directory %s: expected none or an empty one for a new node, found %s in it", full(dir), some(found))
}

// mounted tells whether only that is in a directory which a file system has in its
// root.
func mounted(found []fs.DirEntry) bool {
	return len(found) == 1 && found[0].Name() == "lost+found"
}

// private lists a directory that is the user's own and closed to others; nothing
// where there is none.
func private(dir string) ([]fs.DirEntry, error) {
	link, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "data directory %s: %w", full(dir), err)
	}
	if owner := ownerOf(link); link.Mode()&fs.ModeSymlink != 0 && owner != os.Geteuid() && owner != 0 {
		return nil, fault.New(fault.Denied, "data directory %s: expected a link of user %d or root, found one of user %d", full(dir), os.Geteuid(), owner)
	}
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Invalid, "data directory %s: expected a directory, found a link that leads nowhere", full(dir))
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, fault.New(fault.Denied, "data directory %s: expected one that user %d may read (it belongs to user %d)", full(dir), os.Geteuid(), ownerOf(link))
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "data directory %s: %w", full(dir), err)
	}
	defer d.Close()
	info, err := d.Stat()
	if err != nil {
		return nil, fault.New(fault.Invalid, "data directory %s: %w", full(dir), err)
	}
	owner := ownerOf(info)
	switch {
	case !info.IsDir():
		return nil, fault.New(fault.Invalid, "data directory %s: expected a directory, found %s", full(dir), kind(info))
	case owner != os.Geteuid():
		return nil, fault.New(fault.Denied, "data directory %s: expected one that belongs to user %d, who runs dta; found one of user %d", full(dir), os.Geteuid(), owner)
	case info.Mode().Perm() != 0o700:
		return nil, exposed(dir, d, info)
	}
	if err := replaceable(dir); err != nil {
		return nil, err
	}
	found, err := d.ReadDir(-1)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "data directory %s: %w", full(dir), err)
	}
	slices.SortFunc(found, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return found, nil
}

// exposed is the refusal of a directory that others may enter, or that its owner may
// not use. Only one that could be a node's is to be changed.
func exposed(dir string, d *os.File, info fs.FileInfo) error {
	found, err := d.ReadDir(-1)
	switch {
	case err == nil && mounted(found):
		return fault.New(fault.Denied, "data directory %s: expected mode 0700, found %s in the root of a file system: name a directory below it in data_dir", full(dir), octal(info))
	case err != nil, info.Mode()&fs.ModeSticky != 0, shared(dir), len(found) > 0 && len(names(found, ours)) == 0:
		return fault.New(fault.Denied, "data directory %s: expected mode 0700, found %s: name a directory of its own in data_dir", full(dir), octal(info))
	}
	return fault.New(fault.Denied, "data directory %s: expected mode 0700, found %s: if it is meant for a node alone, chmod 700 it", full(dir), octal(info))
}

// system are directories that others need, also where nothing lies in them.
var system = []string{"/", "/boot", "/dev", "/etc", "/home", "/media", "/mnt", "/opt", "/proc", "/root", "/run", "/srv", "/sys", "/tmp", "/usr", "/usr/local", "/var", "/var/lib", "/var/tmp"}

func shared(dir string) bool {
	path, err := filepath.EvalSymlinks(full(dir))
	return err != nil || slices.Contains(system, path)
}

// above checks the deepest directory that there is on the way to a new one.
func above(dir string) error {
	for {
		_, err := os.Lstat(dir)
		if err == nil || !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return replaceable(dir)
		}
		dir = filepath.Dir(dir)
	}
}

// replaceable refuses a directory in the place of which another user could put
// another one.
func replaceable(dir string) error {
	err := ownership.Check(dir)
	if _, others := errors.AsType[*ownership.Error](err); others {
		return fault.New(fault.Denied, "data directory %s: %w", full(dir), err)
	}
	if err != nil {
		return fault.New(fault.Invalid, "data directory %s: %w", full(dir), err)
	}
	return nil
}

// plain refuses a file of the node's that another user owns, that is a link or a
// device, or that has another name: what the node writes would go elsewhere.
func plain(path string, info fs.FileInfo) error {
	name := filepath.Base(path)
	isDir, isSocket := name == "run", name == "operator.sock"
	switch owner := ownerOf(info); {
	case isDir && !info.IsDir(), isSocket && info.Mode()&fs.ModeSocket == 0, !isDir && !isSocket && !info.Mode().IsRegular():
		expected := "a regular file"
		if isDir {
			expected = "a directory"
		} else if isSocket {
			expected = "a socket"
		}
		return fault.New(fault.Denied, "%s: expected %s, found %s", full(path), expected, kind(info))
	case owner != os.Geteuid():
		return fault.New(fault.Denied, "%s: expected a file of user %d, who runs dta; found one of user %d", full(path), os.Geteuid(), owner)
	case !isDir && linksOf(info) > 1:
		return fault.New(fault.Denied, "%s: expected a file with one name, found %d hard links: put a copy of it in its place, so that nothing is written through another name", full(path), linksOf(info))
	}
	return nil
}

func absent(dir string) error {
	return fault.New(fault.NotFound, "nothing in the data directory %s: no node was made there; "+
		"make one with dta init, or with dta host --create for a trial", full(dir))
}

func ours(name string) bool { return name == Database || slices.Contains(leavings, name) }

func names(found []fs.DirEntry, which func(string) bool) (out []string) {
	for _, e := range found {
		if which(e.Name()) {
			out = append(out, e.Name())
		}
	}
	return out
}

// some is the first few names of a directory.
func some(found []fs.DirEntry) string {
	const shown = 3
	var out []string
	for _, e := range found[:min(len(found), shown)] {
		out = append(out, fmt.Sprintf("%.64q", e.Name()))
	}
	text := strings.Join(out, ", ")
	if more := len(found) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func kind(info fs.FileInfo) string {
	switch mode := info.Mode(); {
	case mode.IsDir():
		return "a directory"
	case mode.IsRegular():
		return "a regular file"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	default:
		return "a special file (" + mode.Type().String() + ")"
	}
}

func octal(info fs.FileInfo) string {
	return fmt.Sprintf("%04o", info.Sys().(*syscall.Stat_t).Mode&0o7777)
}

func linksOf(info fs.FileInfo) uint64 { return uint64(info.Sys().(*syscall.Stat_t).Nlink) }

func ownerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

// full is the path in full: a relative data_dir is found from the working
// directory.
func full(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
