//go:build unix

// Package lockfile keeps a second process from what one already uses.
//
//	lock, err := lockfile.Take(path)
//	held, ok := errors.AsType[*lockfile.Held](err) // by process held.PID
//	defer lock.Close()
//
// The lock ends with the process, however that ends; the file stays.
package lockfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Held says that another has the lock.
type Held struct {
	Path string
	PID  int // the process that has it; 0 where it did not say
}

func (h *Held) Error() string {
	if h.PID == 0 {
		return h.Path + " is locked"
	}
	return fmt.Sprintf("%s is locked by process %d", h.Path, h.PID)
}

// Take makes the file (0600) where it is missing, and locks it until it is
// closed. Where another has the lock it does not wait: the error is [*Held]. It
// follows no link, and refuses anything but a regular file: the file is written.
func Take(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if errors.Is(err, unix.ELOOP) {
		return nil, fmt.Errorf("lock %s: expected a regular file, found a symbolic link", path)
	}
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("lock %s: expected a regular file", path)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, &Held{Path: path, PID: holder(f)}
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	// For the message to whoever comes second; the lock holds without it.
	if err := f.Truncate(0); err == nil {
		f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return f, nil
}

// Share keeps others from [Take] until the file is closed, and makes nothing: nil
// where there is no file. Where another has the lock the error is [*Held].
func Share(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, &Held{Path: path, PID: holder(f)}
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

// holder is the process that wrote its id into the file.
func holder(f *os.File) int {
	b, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}
