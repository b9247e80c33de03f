//go:build unix && !linux

package supervisor

import "os"

// Only Linux has leases and can run an open file. Elsewhere root and this user, who alone may write the program and
// its directories, can exchange it between the hash and the exec.

func keepFromWriters(*os.File) error { return nil }

func native([]byte) bool { return true }

func (b *binary) runnable(string, ...*os.File) (path string, undo func(), err error) {
	return b.path, func() {}, nil
}
