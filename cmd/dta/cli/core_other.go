//go:build !unix

package cli

func noCore() error { return nil }
