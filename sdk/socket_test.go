package sdk

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestASocketIsMadeOverAnOldOneOnly(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "dta-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	first, err := listen(path)
	if err != nil {
		t.Fatal(err)
	}
	first.(*net.UnixListener).SetUnlinkOnClose(false)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("expected mode 0600; got %v, %v", info.Mode(), err)
	}
	if _, err := listen(path); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("expected a served socket to be left alone; got %v", err)
	}
	first.Close()
	second, err := listen(path)
	if err != nil {
		t.Fatalf("expected the socket left behind to be replaced; got %v", err)
	}
	second.Close()

	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listen(file); err == nil {
		t.Error("expected a file that is no socket to be left alone")
	}
}

func TestAnIncompletePluginIsRefused(t *testing.T) {
	open := func(context.Context, *struct{}, Environment) (Custodian, error) { return nil, nil }
	for name, p := range map[string]Plugin[struct{}]{
		"without a type":           {Open: open},
		"with too long a type":     {Type: strings.Repeat("x", 65), Open: open},
		"with an unprintable type": {Type: "a\tb", Open: open},
		"without an Open":          {Type: "x"},
	} {
		if err := p.program().check(); err == nil {
			t.Errorf("%s: expected an error", name)
		}
	}
	if err := (Plugin[struct{}]{Type: "x", Open: open}).program().check(); err != nil {
		t.Error(err)
	}
}
