package softhsmdemo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		child(dir)
		return
	}
	if _, err := findModule(""); err != nil {
		fmt.Fprintln(os.Stderr, "FAIL SoftHSM is missing: as root, run: apt-get install softhsm2")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

var (
	root  = sdk.Context{Purpose: sdk.PurposeCustodyRoot}
	share = sdk.Context{Purpose: sdk.PurposeShare, Terms: dag.Sum([]byte("terms"))}
)

func open(dir string) (*keeper, error) {
	c := Config{Directory: dir}
	return c.open(context.Background(), sdk.Environment{Logger: hclog.NewNullLogger()})
}

func mustOpen(t *testing.T, dir string) *keeper {
	t.Helper()
	k, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func mustClose(t *testing.T, k *keeper) {
	t.Helper()
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
}

func enrol(k *keeper) error {
	kept, err := k.Root(context.Background())
	if err != nil || kept != nil {
		return err
	}
	d, err := k.Safeguard(context.Background(), []byte("root key"), root)
	if err != nil {
		return err
	}
	return k.KeepRoot(context.Background(), d)
}

func TestATokenIsMadeAndFoundAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b", "hsm")
	k := mustOpen(t, dir)
	if err := enrol(k); err != nil {
		t.Fatal(err)
	}
	d, err := k.Safeguard(t.Context(), []byte("secret"), share)
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, k)
	k = mustOpen(t, dir)
	defer mustClose(t, k)
	if got, err := k.Restore(t.Context(), d, share); err != nil || string(got) != "secret" {
		t.Errorf("expected the secret, got %q, %v", got, err)
	}
	if k.Scheme() != "pkcs11/gcm" {
		t.Errorf("expected SoftHSM to hold gcm, got %s", k.Scheme())
	}
}

func TestEverythingIsReadableByItsOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hsm")
	k := mustOpen(t, dir)
	if err := enrol(k); err != nil {
		t.Fatal(err)
	}
	mustClose(t, k)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %04o", path, info.Mode().Perm())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEveryStartWarnsAndShowsNoPIN(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hsm")
	c := Config{Directory: dir}
	for range 2 {
		var log bytes.Buffer
		k, err := c.open(t.Context(), sdk.Environment{Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: &log})})
		if err != nil {
			t.Fatal(err)
		}
		mustClose(t, k)
		if !strings.Contains(log.String(), "for demonstration only") {
			t.Errorf("expected a warning, got %s", log.String())
		}
		officer, user, err := readPINs(filepath.Join(dir, "token", "pins"))
		if err != nil {
			t.Fatal(err)
		}
		if officer.Equal(user.Open()) || strings.Contains(log.String(), string(officer.Open())) || strings.Contains(log.String(), string(user.Open())) {
			t.Error("expected two PINs, neither in the log")
		}
	}
}

func TestADirectoryHasOneProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hsm")
	cmd, lines := start(t, dir)
	for !strings.HasPrefix(<-lines, "kept") {
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	c := Config{Directory: dir}
	_, err := c.open(ctx, sdk.Environment{Logger: hclog.NewNullLogger()})
	if fault.Of(err) != fault.Busy || !strings.Contains(err.Error(), "another process") {
		t.Errorf("expected it unavailable, found %v", err)
	}
	kill(cmd, lines)
	mustClose(t, mustOpen(t, dir))
}

func TestAProcessHasOneSoftHSM(t *testing.T) {
	k := mustOpen(t, filepath.Join(t.TempDir(), "hsm"))
	_, err := open(filepath.Join(t.TempDir(), "other"))
	if fault.Of(err) != fault.Conflict {
		t.Errorf("expected a conflict, got %v", err)
	}
	mustClose(t, k)
	mustClose(t, mustOpen(t, filepath.Join(t.TempDir(), "third")))
}

func TestAnUnfinishedTokenIsRemade(t *testing.T) {
	made := filepath.Join(t.TempDir(), "made")
	mustClose(t, mustOpen(t, made))
	for name, leave := range map[string]func(string) error{
		"an empty directory": func(dir string) error { return os.MkdirAll(filepath.Join(dir, "token.new"), 0o700) },
		"PINs without a token": func(dir string) error {
			return errors.Join(os.MkdirAll(filepath.Join(dir, "token.new", "objects"), 0o700), writePINs(filepath.Join(dir, "token.new", "pins"), newPIN(), newPIN()))
		},
		"a token that is complete but for its move": func(dir string) error {
			return errors.Join(os.MkdirAll(dir, 0o700), os.CopyFS(filepath.Join(dir, "token.new"), os.DirFS(filepath.Join(made, "token"))))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "hsm")
			if err := leave(dir); err != nil {
				t.Fatal(err)
			}
			k := mustOpen(t, dir)
			defer mustClose(t, k)
			if err := enrol(k); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(filepath.Join(dir, "token.new")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("expected nothing to be left over, got %v", err)
			}
		})
	}
}

func TestATokenThatLostItsPINsIsNotRemade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hsm")
	mustClose(t, mustOpen(t, dir))
	if err := os.Remove(filepath.Join(dir, "token", "pins")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := open(dir); fault.Of(err) != fault.Invalid {
			t.Fatalf("expected a refusal, got %v", err)
		}
	}
}

// TestFilesThatSoftHSMLeftInPiecesArePutBack does to each of its files what a kill in the middle of a write does.
func TestFilesThatSoftHSMLeftInPiecesArePutBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hsm")
	k := mustOpen(t, dir)
	if err := enrol(k); err != nil {
		t.Fatal(err)
	}
	d, err := k.Safeguard(t.Context(), []byte("secret"), share)
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, k)
	files, err := filepath.Glob(filepath.Join(dir, "token", "objects", "*", "*"))
	files = slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, ".lock") })
	if err != nil || len(files) < 4 {
		t.Fatalf("expected SoftHSM's files, got %v, %v", files, err)
	}
	for _, file := range files {
		for what, damage := range map[string]func() error{
			"emptied": func() error { return os.Truncate(file, 0) },
			"cut":     func() error { return os.Truncate(file, 7) },
			"gone":    func() error { return os.Remove(file) },
		} {
			if err := damage(); err != nil {
				t.Fatal(err)
			}
			k, err := open(dir)
			if err != nil {
				t.Fatalf("%s %s: %v", filepath.Base(file), what, err)
			}
			if got, err := k.Restore(t.Context(), d, share); err != nil || string(got) != "secret" {
				t.Errorf("%s %s: expected the secret, got %v", filepath.Base(file), what, err)
			}
			mustClose(t, k)
		}
	}
}

func TestAnObjectThatWasNeverFinishedIsSetAside(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hsm")
	k := mustOpen(t, dir)
	if err := enrol(k); err != nil {
		t.Fatal(err)
	}
	mustClose(t, k)
	keys, err := filepath.Glob(filepath.Join(dir, "token", "objects", "*", "????????-*.object"))
	if err != nil || len(keys) == 0 {
		t.Fatalf("expected objects, got %v, %v", keys, err)
	}
	half, err := os.ReadFile(keys[0])
	if err != nil {
		t.Fatal(err)
	}
	name := "00000000-0000-0000-0000-000000000000.object"
	if err := os.WriteFile(filepath.Join(filepath.Dir(keys[0]), name), half, 0o600); err != nil {
		t.Fatal(err)
	}
	mustClose(t, mustOpen(t, dir)) // two keys, or two roots, would be an error
	aside, err := filepath.Glob(filepath.Join(dir, "token", "unsettled", "*", name))
	if err != nil || len(aside) != 1 {
		t.Errorf("expected the object to be set aside, got %v, %v", aside, err)
	}
}

func TestADirectoryOpenToOthersIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hsm")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := open(dir)
	if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "0755") {
		t.Errorf("expected the mode to be named, got %v", err)
	}
}
