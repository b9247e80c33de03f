package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// limitEnv says what limits the helper's disk: a small tmpfs, where the machine
// lets one be mounted, else the size of files.
const limitEnv = "DTA_STORE_TEST_LIMIT"

func TestAFullDiskIsUnavailableLosesNothingAndEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dta.db")
	cmd := helper(t, "fill", path, limitEnv+"=tmpfs")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() == cannotMount) {
		t.Logf("no tmpfs of its own for a process here: limiting the size of files instead")
		out, err = helper(t, "fill", path, limitEnv+"=files").Output()
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", bytes.TrimSpace(out))
}

const cannotMount = 3

// helperFill fills and frees its disk several times.
func helperFill() {
	path := os.Getenv(pathEnv)
	var fill, free func()
	cause := "disk full"
	if os.Getenv(limitEnv) == "tmpfs" {
		fill, free = smallDisk(filepath.Dir(path))
	} else {
		fill, free = smallFiles(path)
		cause = "input/output error"
	}
	s, err := store.Open(ctx, path, store.Options{Create: true})
	if err != nil {
		fatal(err)
	}
	kept, acknowledged, small := map[dag.CID][]byte{}, 0, 0
	put := func() error {
		c, b, err := dag.Put(random(8 << 10))
		if err != nil {
			fatal(err)
		}
		err = s.Update(ctx, func(tx *store.Tx) error { return tx.PutBlock(c, b, false, "") })
		if err == nil {
			kept[c] = b
			acknowledged++
		}
		return err
	}
	check := func() {
		for c, b := range kept {
			err := s.View(ctx, func(tx *store.Tx) error {
				got, _, _, err := tx.Block(c)
				if err == nil && !bytes.Equal(got, b) {
					err = errors.New("another block")
				}
				return err
			})
			if err != nil {
				fatal(fmt.Errorf("acknowledged block %s: %w", c, err))
			}
		}
	}
	for cycle := range 20 {
		if err := put(); err != nil {
			fatal(fmt.Errorf("cycle %d, with room: %w", cycle, err))
		}
		if err := s.Ready(); err != nil {
			fatal(fmt.Errorf("cycle %d, with room: not ready: %w", cycle, err))
		}
		fill()
		var full error
		for i := 0; full == nil; i++ {
			if full = put(); i > 10_000 {
				fatal(errors.New("the disk never filled"))
			}
		}
		if fault.Of(full) != fault.Unavailable || !strings.Contains(full.Error(), cause) {
			fatal(fmt.Errorf("expected it to be unavailable for %q, got %s: %w", cause, fault.Of(full), full))
		}
		// What is small may still fit in. That makes no room for an order.
		if s.Update(ctx, func(tx *store.Tx) error { return tx.SetMeta("small", []byte{byte(cycle)}) }) == nil {
			small++
		}
		if s.Ready() == nil {
			fatal(errors.New("ready on a full disk"))
		}
		check()
		free()
		for c := range kept {
			if len(kept) <= 10 {
				break
			}
			if err := s.Update(ctx, func(tx *store.Tx) error { return tx.DropBlock(c) }); err != nil {
				fatal(fmt.Errorf("cycle %d, dropping: %w", cycle, err))
			}
			delete(kept, c)
		}
	}
	if small == 0 && os.Getenv(limitEnv) == "tmpfs" {
		fatal(errors.New("nothing small ever fitted in: this does not show that it makes no difference"))
	}
	if err := put(); err != nil {
		fatal(err)
	}
	if err := s.Close(); err != nil {
		fatal(err)
	}
	if s, err = store.Open(ctx, path, store.Options{Create: true}); err != nil {
		fatal(err)
	}
	check()
	if err := s.Close(); err != nil {
		fatal(err)
	}
	fmt.Printf("%d blocks acknowledged around 20 times a full disk (%s)\n", acknowledged, os.Getenv(limitEnv))
	os.Exit(0)
}

// smallDisk mounts a disk of 16 MiB, which this process alone sees.
func smallDisk(dir string) (fill, free func()) {
	if unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") != nil || unix.Mount("tmpfs", dir, "tmpfs", 0, "size=16m") != nil {
		os.Exit(cannotMount)
	}
	filler := filepath.Join(dir, "filler")
	fill = func() {
		f, err := os.Create(filler)
		if err != nil {
			fatal(err)
		}
		defer f.Close()
		for {
			if _, err := f.Write(make([]byte, 4096)); err != nil {
				break
			}
		}
		if info, err := f.Stat(); err != nil || f.Truncate(info.Size()-128<<10) != nil {
			fatal(errors.New("cannot make room for a few blocks"))
		}
	}
	return fill, func() { os.Remove(filler) }
}

// smallFiles lets no file grow much beyond the database as it is, when full.
func smallFiles(path string) (fill, free func()) {
	signal.Ignore(syscall.SIGXFSZ)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		fatal(err)
	}
	set := func(n uint64) {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: n, Max: limit.Max}); err != nil {
			fatal(err)
		}
	}
	fill = func() {
		info, err := os.Stat(path)
		if err != nil {
			fatal(err)
		}
		set(uint64(info.Size()) + 128<<10)
	}
	return fill, func() { set(limit.Max) }
}
