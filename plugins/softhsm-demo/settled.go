package softhsmdemo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/milagro-dta/dta/protocol/fault"
)

// SoftHSM writes its files in place, and some in several goes. A process killed on the way leaves half a key; and since
// every login writes the token's own record again, even a token in use can be left without it. So what is whole is
// copied, each time something was written, and put back at the next start. What is not in the copy had not been
// acknowledged to anybody.

// settled is that copy: file contents by path below objects.
type settled map[string][]byte

// tokenRecord is the file that a login writes. Its content never changes in substance, and the first copy is the only
// one taken when nobody could have been logging in.
const tokenRecord = "token.object"

// settle makes what SoftHSM has written durable, and notes it as whole. Nobody may be writing to the token meanwhile.
func settle(place string) error {
	objects := filepath.Join(place, "objects")
	if err := syncTree(objects); err != nil {
		return err
	}
	before, err := readSettled(place)
	if err != nil {
		return err
	}
	now, err := survey(objects)
	if err != nil {
		return err
	}
	for path, content := range before {
		if filepath.Base(path) == tokenRecord {
			now[path] = content
		}
	}
	text, err := json.Marshal(now)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(place, "settled"), text)
}

// restore puts SoftHSM's files back as they were when last settled. Files that came later are set aside, not deleted.
func restore(place string) error {
	objects := filepath.Join(place, "objects")
	want, err := readSettled(place)
	if err != nil {
		return err
	}
	if len(want) == 0 {
		return fault.New(fault.Invalid, "softhsm-demo: %s: expected a list of what SoftHSM wrote, found none", filepath.Join(place, "settled"))
	}
	found, err := survey(objects)
	if err != nil {
		return fault.New(fault.Invalid, "softhsm-demo: read the token: %w", err)
	}
	for path := range found {
		if _, ok := want[path]; ok {
			continue
		}
		aside := filepath.Join(place, "unsettled", path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(aside), 0o700), os.Rename(filepath.Join(objects, path), aside)); err != nil {
			return fault.New(fault.Invalid, "softhsm-demo: set an unfinished object aside: %w", err)
		}
	}
	for path, content := range want {
		if now, ok := found[path]; ok && bytes.Equal(now, content) {
			continue
		}
		file := filepath.Join(objects, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return fault.New(fault.Invalid, "softhsm-demo: put an object back: %w", err)
		}
		err := writeFile(file, content)
		if err == nil && strings.HasSuffix(file, ".object") {
			err = makeLock(file)
		}
		if err != nil {
			return fault.New(fault.Invalid, "softhsm-demo: put an object back: %w", err)
		}
	}
	return nil
}

// makeLock makes the empty file by which SoftHSM locks an object; it cannot remove an object without one.
func makeLock(object string) error {
	lock, err := os.OpenFile(strings.TrimSuffix(object, ".object")+".lock", os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return lock.Close()
}

func readSettled(place string) (settled, error) {
	path := filepath.Join(place, "settled")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "softhsm-demo: %w", err)
	}
	s, err := parseSettled(text)
	if err != nil {
		return nil, fault.New(fault.Invalid, "softhsm-demo: %s: %w", path, err)
	}
	return s, nil
}

// parseSettled accepts no name that leads out of the token's directory.
func parseSettled(text []byte) (s settled, err error) {
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, err
	}
	for name := range s {
		if !filepath.IsLocal(name) || filepath.Clean(name) != name || name == "." {
			return nil, fmt.Errorf("%q is no path of a file below the token", name)
		}
	}
	return s, nil
}

// survey reads SoftHSM's files. Its locks are empty and come by themselves.
func survey(objects string) (settled, error) {
	found := settled{}
	err := filepath.WalkDir(objects, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, ".lock") || strings.HasSuffix(path, ".new") {
			return err
		}
		if !entry.Type().IsRegular() {
			return fmt.Errorf("%s is no regular file", path)
		}
		name, err := filepath.Rel(objects, path)
		if err == nil {
			found[name], err = os.ReadFile(path)
		}
		return err
	})
	return found, err
}
