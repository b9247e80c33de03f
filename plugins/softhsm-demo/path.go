package softhsmdemo

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// SoftHSM's configuration has no quotes. A line ends at '#', a value at '=', and what surrounds it is trimmed; a line
// of 1024 bytes or more goes on as another. A directory that it would cut would be another one: perhaps somebody
// else's, with the keys in it.

const (
	confTokens = "directories.tokendir = "
	maxLine    = 1023 // bytes that SoftHSM reads as one line, the line break among them
)

// longestObjects ends the longest path that is written there.
var longestObjects = filepath.Join("token.new", "objects")

// nameable refuses a path of the plugin's directory that SoftHSM's configuration cannot carry.
func nameable(path string) error {
	objects := filepath.Join(path, longestObjects)
	for i, r := range objects {
		if r == '#' || r == '=' || r < ' ' || r == 0x7f {
			return fmt.Errorf("expected a path that SoftHSM's configuration can carry, without '#', '=' and control characters; found %q in %q", r, objects[:i]+string(r))
		}
	}
	if n := len(confTokens) + len(objects) + len("\n"); n > maxLine {
		return fmt.Errorf("expected a path of at most %d bytes, since SoftHSM reads no more in a line; found %d", len(path)-(n-maxLine), len(path))
	}
	return nil
}

// realPath is the directory as an absolute path without links, as far as it exists: a link may lead to a place with
// another name, and the working directory may be one.
func realPath(directory string) (string, error) {
	path, err := filepath.Abs(directory)
	if err != nil {
		return "", err
	}
	missing := ""
	for at := path; ; at = filepath.Dir(at) {
		real, err := filepath.EvalSymlinks(at)
		if err == nil {
			return filepath.Join(real, missing), nil
		}
		if !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			return "", err
		}
		missing = filepath.Join(filepath.Base(at), missing)
	}
}
