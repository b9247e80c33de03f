//go:build unix

package sdk

import "golang.org/x/sys/unix"

// privateFiles lets what is made from now on be for this uid alone, until the returned function is called.
func privateFiles() (restore func()) {
	old := unix.Umask(0o177)
	return func() { unix.Umask(old) }
}
