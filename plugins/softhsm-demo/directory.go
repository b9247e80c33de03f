package softhsmdemo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/milagro-dta/dta/protocol/fault"
)

// directory is the plugin's own, locked.
type directory struct {
	path string
	lock *os.File
}

// lockPatience bounds the wait for a predecessor that is about to end.
const lockPatience = time.Second

func usablePath(directory string) (string, error) {
	path, err := realPath(directory)
	if err == nil {
		err = nameable(path)
	}
	if err != nil {
		return "", fault.New(fault.Invalid, "softhsm-demo: directory: %w", err)
	}
	return path, nil
}

// openDirectory makes the directory if need be, checks that nobody else can read it, and locks it. One that is in use
// has a token: where that is away, nothing is made, since the directory may be a volume's that is not mounted.
func openDirectory(ctx context.Context, path string, inUse bool) (*directory, error) {
	path, err := usablePath(path)
	if err != nil {
		return nil, err
	}
	if inUse {
		if err := hasToken(path); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fault.New(fault.Invalid, "softhsm-demo: directory: %w", err)
	}
	// What was missing may have appeared as a link.
	if path, err = usablePath(path); err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fault.New(fault.Invalid, "softhsm-demo: directory: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fault.New(fault.Invalid, "softhsm-demo: directory %s: expected mode 0700, found %04o: others could read the keys", path, mode)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; int(owner) != os.Geteuid() {
		return nil, fault.New(fault.Invalid, "softhsm-demo: directory %s: expected an owner with uid %d, found %d", path, os.Geteuid(), owner)
	}
	d := &directory{path: path}
	if d.lock, err = lock(ctx, d.join("lock")); err != nil {
		return nil, err
	}
	return d, nil
}

// hasToken refuses a directory without a token. It may come back by itself.
func hasToken(path string) error {
	missing := path
	_, err := os.Stat(path)
	if err == nil {
		missing = filepath.Join(path, "token")
		_, err = os.Stat(missing)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Unavailable, "softhsm-demo: directory %s is missing, which has the keys of this plugin: put it back, or mount its volume", missing)
	}
	if err != nil {
		return fault.New(fault.Invalid, "softhsm-demo: directory: %w", err)
	}
	return nil
}

func (d *directory) join(name ...string) string {
	return filepath.Join(append([]string{d.path}, name...)...)
}

func (d *directory) unlock() { _ = d.lock.Close() }

// lock waits a little: a plugin started again may meet its predecessor's end. The kernel lets go of the lock when the
// holder dies, however it dies.
func lock(ctx context.Context, path string) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fault.New(fault.Invalid, "softhsm-demo: lock: %w", err)
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = f.Close()
			return nil, fault.New(fault.Invalid, "softhsm-demo: lock %s: %w", path, err)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			_ = f.Close()
			return nil, fault.New(fault.Busy, "softhsm-demo: %s is used by another process", filepath.Dir(path))
		}
	}
}

// configure writes SoftHSM's configuration for the objects in one place, and points SoftHSM at it. That has an effect
// at the next C_Initialize of this process.
func (d *directory) configure(objects string) error {
	text := fmt.Sprintf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n", objects)
	conf := d.join("softhsm2.conf")
	if err := writeFile(conf, []byte(text)); err != nil {
		return err
	}
	return os.Setenv("SOFTHSM2_CONF", conf)
}

// writeFile replaces a file as a whole, durably, readable by its owner only.
func writeFile(path string, content []byte) error {
	temporary := path + ".new"
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err == nil {
		err = sync(filepath.Dir(path))
	}
	return err
}

// syncTree makes everything below a directory durable: SoftHSM itself does not.
func syncTree(root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return sync(path)
	})
}

func sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
