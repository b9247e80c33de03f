//go:build unix

package guard

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// lockedPage returns memory beside the Go heap that is never swapped out.
func lockedPage(size int) ([]byte, error) {
	page, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes: %w", size, err)
	}
	if err := unix.Mlock(page); err != nil {
		_ = unix.Munmap(page)
		return nil, fmt.Errorf("lock %d bytes in memory: %w", size, err)
	}
	return page, nil
}

func unlockPage(page []byte) {
	if page != nil {
		_ = unix.Munmap(page)
	}
}
