package host

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/host/operator"
	"github.com/milagro-dta/dta/protocol/fault"
)

// TestADataDirectoryTooLongForItsSocketIsRefusedBeforeAnythingIsMade, and one that
// is just short enough is not.
func TestADataDirectoryTooLongForItsSocketIsRefusedBeforeAnythingIsMade(t *testing.T) {
	root, err := os.MkdirTemp("", "dta")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(root)
	longest := filepath.Join(root, strings.Repeat("d", maxSocketPath-len(root)-len(operator.Socket)-2))
	open := func(dir string) error {
		_, err := Init(t.Context(), &config.Config{Node: config.Node{Name: "node", DataDir: dir}}, Options{})
		return err
	}
	if err := open(longest + "d"); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "expected a path of at most") {
		t.Errorf("expected that it is refused; found %v", err)
	}
	if _, err := os.Stat(longest + "d"); err == nil {
		t.Error("expected that nothing is made")
	}
	if err := open(longest); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(longest, operator.Socket))
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}
