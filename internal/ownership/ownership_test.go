package ownership_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/milagro-dta/dta/internal/ownership"
	"github.com/milagro-dta/dta/internal/readfile"
)

// nobody is a user that owns nothing here.
const nobody = 65534

// tree is one file in directories of its own, with what can lead to it:
//
//	top/bin/program
//	top/link       → bin/program
//	top/dir        → bin
//	top/far        → elsewhere/near, itself a link to ../bin/program
type tree struct{ top, bin, program, link, dir, far, elsewhere, near string }

func plant(t *testing.T) tree {
	t.Helper()
	top := filepath.Join(t.TempDir(), "top")
	in := func(names ...string) string { return filepath.Join(append([]string{top}, names...)...) }
	w := tree{top, in("bin"), in("bin", "program"), in("link"), in("dir"), in("far"), in("elsewhere"), in("elsewhere", "near")}
	for _, dir := range []string{w.top, w.bin, w.elsewhere} {
		must(t, os.Mkdir(dir, 0o755))
	}
	must(t, os.WriteFile(w.program, []byte("program"), 0o755))
	must(t, os.Symlink("bin/program", w.link))
	must(t, os.Symlink("bin", w.dir))
	must(t, os.Symlink("elsewhere/near", w.far))
	must(t, os.Symlink("../bin/program", w.near))
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// directories are the ways to bin.
func (w tree) directories() []string {
	return []string{w.bin, w.bin + "/", w.dir, w.dir + "/.", w.elsewhere + "/../dir"}
}

func (w tree) ways() []string {
	return []string{w.program, w.link, filepath.Join(w.dir, "program"), w.far, w.bin + "/../dir/./program"}
}

func TestWhatIsOursIsOpened(t *testing.T) {
	w := plant(t)
	for _, way := range w.ways() {
		f, err := ownership.Open(way, 1<<20)
		if err != nil {
			t.Errorf("%s: %v", way, err)
			continue
		}
		f.Close()
	}
	for _, way := range w.directories() {
		if err := ownership.Check(way); err != nil {
			t.Errorf("%s: %v", way, err)
		}
	}
	must(t, os.Chmod(w.bin, fs.ModeSticky|0o777))
	if err := ownership.Check(w.program); err != nil {
		t.Errorf("in a sticky directory: %v", err)
	}
}

func TestWhatOthersMayWriteIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		path func(tree) string
		mode os.FileMode
		by   func(tree) string
	}{
		"the file":                     {func(w tree) string { return w.program }, 0o757, func(w tree) string { return w.program }},
		"the file, by its group":       {func(w tree) string { return w.program }, 0o775, func(w tree) string { return w.program }},
		"a directory, by its group":    {func(w tree) string { return w.bin }, 0o775, func(w tree) string { return w.bin }},
		"a directory behind a link":    {func(w tree) string { return w.bin }, 0o777, func(w tree) string { return w.dir }},
		"a directory below such a one": {func(w tree) string { return w.top }, 0o775, func(w tree) string { return w.dir }},
		"its directory":                {func(w tree) string { return w.bin }, 0o757, func(w tree) string { return w.program }},
		"a directory above":            {func(w tree) string { return w.top }, 0o777, func(w tree) string { return w.program }},
		"the target's directory":       {func(w tree) string { return w.bin }, 0o777, func(w tree) string { return w.link }},
		"the directory behind a link":  {func(w tree) string { return w.bin }, 0o777, func(w tree) string { return filepath.Join(w.dir, "program") }},
		"the directory of a link":      {func(w tree) string { return w.elsewhere }, 0o777, func(w tree) string { return w.far }},
		"a file in a sticky directory": {func(w tree) string { return w.program }, 0o777, func(w tree) string { must(t, os.Chmod(w.bin, fs.ModeSticky|0o777)); return w.program }},
	} {
		t.Run(name, func(t *testing.T) {
			w := plant(t)
			must(t, os.Chmod(c.path(w), c.mode))
			if err := ownership.Check(c.by(w)); !refused(err) {
				t.Errorf("expected a refusal; found %v", err)
			}
		})
	}
}

// TestOneCommandHelps: a tree made under a umask of 002 is refused with the command
// for all of it that is on the way.
func TestOneCommandHelps(t *testing.T) {
	w := plant(t)
	spaced := filepath.Join(w.top, "it's spaced")
	must(t, os.Mkdir(spaced, 0o755))
	program := filepath.Join(spaced, "program")
	must(t, os.WriteFile(program, nil, 0o755))
	for _, path := range []string{w.top, spaced, program} {
		must(t, os.Chmod(path, 0o775))
	}
	err := ownership.Check(program)
	if !refused(err) {
		t.Fatalf("expected a refusal; found %v", err)
	}
	_, command, found := strings.Cut(err.Error(), ": run ")
	if !found {
		t.Fatalf("expected a command; found %v", err)
	}
	if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	if err := ownership.Check(program); err != nil {
		t.Errorf("after %s: %v", command, err)
	}
}

// TestWhatBelongsToAnotherUserIsRefused: root gives it away. Another user, who cannot, asks as somebody else: what is
// this user's own is then another's.
func TestWhatBelongsToAnotherUserIsRefused(t *testing.T) {
	w := plant(t)
	if os.Geteuid() != 0 {
		for _, way := range w.ways() {
			if err := ownership.CheckAs(nobody, way); !refused(err) {
				t.Errorf("%s: expected a refusal; found %v", way, err)
			}
		}
		return
	}
	for _, c := range []struct{ owned, by string }{
		{w.program, w.program}, {w.bin, w.program}, {w.top, w.program}, {w.program, w.link}, {w.bin, w.link},
		{w.link, w.link}, {w.near, w.far}, {w.elsewhere, w.far}, {w.dir, filepath.Join(w.dir, "program")},
		{w.top, w.bin}, {w.bin, w.dir}, {w.dir, w.dir},
	} {
		must(t, os.Lchown(c.owned, nobody, nobody))
		if _, err := ownership.Open(c.by, 1<<20); !refused(err) {
			t.Errorf("%s of another user's, by %s: expected a refusal; found %v", c.owned, c.by, err)
		}
		if err := ownership.CheckAs(nobody, c.by); err != nil {
			t.Errorf("%s, for its owner: %v", c.owned, err)
		}
		must(t, os.Lchown(c.owned, 0, 0))
	}
	// A sticky directory of another user's: its owner may exchange everything in it.
	must(t, os.Chmod(w.bin, fs.ModeSticky|0o777))
	must(t, os.Chown(w.bin, nobody, nobody))
	if err := ownership.Check(w.program); !refused(err) {
		t.Errorf("in another user's sticky directory: expected a refusal; found %v", err)
	}
	must(t, os.Chown(w.bin, 0, 0))
	must(t, os.Chown(w.program, nobody, nobody))
	if err := ownership.Check(w.program); !refused(err) {
		t.Errorf("another user's in a sticky directory: expected a refusal; found %v", err)
	}
	// A group with its owner's number may have other members.
	must(t, os.Chmod(w.bin, 0o755))
	must(t, os.Chmod(w.program, 0o775))
	for _, gid := range []int{nobody, nobody - 1} {
		must(t, os.Chown(w.program, nobody, gid))
		if err := ownership.CheckAs(nobody, w.program); !refused(err) {
			t.Errorf("writable by group %d: expected a refusal; found %v", gid, err)
		}
	}
	must(t, os.Chown(w.program, 0, 0))
	must(t, os.Chmod(w.program, 0o775))
	if err := ownership.Check(w.program); !refused(err) {
		t.Errorf("writable by root's group: expected a refusal; found %v", err)
	}
}

func TestWhatIsNoFileIsRefused(t *testing.T) {
	w := plant(t)
	pipe, loop := filepath.Join(w.bin, "pipe"), filepath.Join(w.bin, "loop")
	must(t, unix.Mkfifo(pipe, 0o755))
	must(t, os.Symlink("loop", loop))
	large := filepath.Join(w.bin, "large")
	must(t, os.WriteFile(large, nil, 0o755))
	must(t, os.Truncate(large, 2<<20))
	for path, want := range map[string]error{
		pipe: readfile.ErrNotRegular, w.bin: readfile.ErrNotRegular, loop: unix.ELOOP, large: readfile.TooLarge(1 << 20),
		filepath.Join(w.bin, "nothing"): fs.ErrNotExist, filepath.Join(w.program, "under"): unix.ENOTDIR,
	} {
		if _, err := ownership.Open(path, 1<<20); !errors.Is(err, want) {
			t.Errorf("%q: expected %v; found %v", path, want, err)
		}
	}
}

func refused(err error) bool {
	_, ok := errors.AsType[*ownership.Error](err)
	return ok
}
