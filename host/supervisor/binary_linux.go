package supervisor

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/milagro-dta/dta/protocol/fault"
)

// writerPatience is how long a program that is being written is waited for.
const writerPatience = 500 * time.Millisecond

// keepFromWriters takes a read lease: it is refused while anybody has the file open for writing, and who opens it so
// later waits for the lease to end, with the file, or makes the exec fail. Only the owner can take a lease, and not
// on every file system; then the exec fails all the same if the file is open for writing at that moment.
func keepFromWriters(f *os.File) error {
	for end := time.Now().Add(writerPatience); ; time.Sleep(writerPatience / 100) {
		_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
		if !errors.Is(err, unix.EAGAIN) {
			return nil
		}
		if time.Now().After(end) {
			return fault.New(fault.Busy, "%s is open for writing in another process: expected nobody to change it while it is checked", f.Name())
		}
	}
}

// native tells whether a file that starts so is run by the kernel itself.
func native(start []byte) bool { return bytes.HasPrefix(start, []byte("\x7fELF")) }

// runnable gives the open file a path at which a child of this process can run it, in a directory of its own, until
// undo. The last name on that path is the name of the process.
func (b *binary) runnable(dir string, passed ...*os.File) (path string, undo func(), err error) {
	// A child moves the files that it is passed to numbers close to theirs, before it runs the program.
	above := 0
	for _, f := range passed {
		above = max(above, int(f.Fd()))
	}
	const room = 16
	fd, err := unix.FcntlInt(b.file.Fd(), unix.F_DUPFD_CLOEXEC, above+room)
	if err != nil {
		return "", nil, err
	}
	path = filepath.Join(dir, filepath.Base(b.path))
	if err := os.Symlink(fmt.Sprintf("/proc/self/fd/%d", fd), path); err != nil {
		unix.Close(fd)
		return "", nil, err
	}
	return path, func() {
		os.Remove(path)
		unix.Close(fd)
	}, nil
}
