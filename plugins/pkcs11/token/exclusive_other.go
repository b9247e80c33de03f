//go:build !linux

package token

// lockName locks nothing: there is no lock that goes with the process and needs no file.
func lockName(string) (unlock func()) { return func() {} }
