package config

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// FindProgram finds a plugin's program. A command with a slash is a path; one
// without is looked for beside the running executable, then along PATH.
func FindProgram(command string) (string, error) {
	if strings.ContainsRune(command, filepath.Separator) {
		return command, runnable(command)
	}
	where := "PATH"
	if self, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(self); err == nil {
			self = real
		}
		beside := filepath.Join(filepath.Dir(self), command)
		err := runnable(beside)
		if err == nil {
			return beside, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
		where = filepath.Dir(self) + " nor along PATH"
	}
	found, err := exec.LookPath(command)
	if err != nil {
		return "", fmt.Errorf("there is no program %q in %s", command, where)
	}
	return filepath.Abs(found)
}

func runnable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
		return fmt.Errorf("%s is no program that may be run", path)
	}
	return nil
}
