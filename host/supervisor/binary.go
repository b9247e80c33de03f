package supervisor

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/milagro-dta/dta/internal/ownership"
	"github.com/milagro-dta/dta/internal/readfile"
	"github.com/milagro-dta/dta/protocol/fault"
)

// binary is a program as it was found: open, and hashed. What is run is the open
// file, so that nothing can come between the hash and the exec.
//
// The file itself is run, and not a sealed copy of it in memory, because a copy
// would lose what hangs on the file: its capabilities, its security label, the
// libraries and data that it finds beside itself, and its name in the list of
// processes. On Linux nobody can write to the file from before it is hashed until
// it runs, and from then on the kernel refuses to have it written.
type binary struct {
	path   string // absolute
	digest string // SHA-256 in hex
	file   *os.File
}

// maxProgram bounds what is read, in bytes.
const maxProgram = 1 << 30

// Digest returns the SHA-256 of a program in hex. It refuses a program that no
// start would run.
func Digest(path string) (string, error) {
	b, err := openBinary(path)
	if err != nil {
		return "", err
	}
	defer b.close()
	return b.digest, nil
}

// NotPinned says that another program than the pinned one is in its place.
type NotPinned struct {
	Path            string
	Expected, Found string // SHA-256 in hex
}

func (e *NotPinned) Error() string {
	return fmt.Sprintf("%s is not the pinned program: expected sha256 %s, found %s", e.Path, e.Expected, e.Found)
}

// openBinary opens and hashes a program that nobody but root and this user can
// change or exchange.
func openBinary(path string) (_ *binary, err error) {
	b := &binary{path: path}
	defer func() {
		if err != nil {
			b.close()
			err = fault.New(kindOf(err), "the program: %w", err)
		}
	}()
	if b.path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	if b.file, err = ownership.Open(b.path, maxProgram); err != nil {
		return nil, err
	}
	if err = keepFromWriters(b.file); err != nil {
		return nil, err
	}
	if err = b.checkFormat(); err != nil {
		return nil, err
	}
	h := sha256.New()
	if _, err = io.Copy(h, b.file); err != nil {
		return nil, err
	}
	b.digest = hex.EncodeToString(h.Sum(nil))
	return b, nil
}

// kindOf tells what nobody needs to try again from what may pass.
func kindOf(err error) fault.Kind {
	var others *ownership.Error
	var large readfile.TooLarge
	switch kind := fault.Of(err); {
	case kind != fault.Internal:
		return kind
	case errors.As(err, &others), errors.Is(err, fs.ErrPermission):
		return fault.Denied
	case errors.As(err, &large), errors.Is(err, readfile.ErrNotRegular):
		return fault.Invalid
	case errors.Is(err, fs.ErrNotExist):
		return fault.NotFound
	}
	return fault.Unavailable
}

// checkFormat refuses what the kernel would hand to an interpreter, which reads the path again.
func (b *binary) checkFormat() error {
	start := make([]byte, 4)
	n, err := b.file.ReadAt(start, 0)
	if err != nil && err != io.EOF {
		return err
	}
	switch {
	case bytes.HasPrefix(start[:n], []byte("#!")):
		return fault.New(fault.Invalid, "%s is a script (#!): its interpreter would read the file again, so that other bytes could run than were hashed; expected a compiled program", b.path)
	case !native(start[:n]):
		return fault.New(fault.Invalid, "%s: expected a compiled program for this system", b.path)
	}
	return nil
}

// checkPin refuses another program than the pinned one; "" pins none.
func (b *binary) checkPin(pin string) error {
	if pin != "" && subtle.ConstantTimeCompare([]byte(pin), []byte(b.digest)) != 1 {
		return fault.New(fault.Denied, "%w", &NotPinned{Path: b.path, Expected: pin, Found: b.digest})
	}
	return nil
}

func (b *binary) close() {
	if b.file != nil {
		b.file.Close()
	}
}
