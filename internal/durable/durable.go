// Package durable makes changes of the file system outlive a power cut.
package durable

import "os"

// Directory puts on disk which names a directory has: a file that was made,
// renamed or removed in it stays so.
func Directory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
