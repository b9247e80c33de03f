// Package vectortest reads the vectors in protocol/testdata, from which a second
// implementation could start. A test that is run with -update first makes its
// vectors anew.
package vectortest

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/milagro-dta/dta/protocol/dag"
)

var update = flag.Bool("update", false, "make the vectors in protocol/testdata anew")

// Hex is bytes that stand in a vector as hexadecimal.
type Hex []byte

// MarshalText implements encoding.TextMarshaler.
func (h Hex) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hex) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// Part is an envelope with its plaintext, salt included.
type Part struct {
	CID   dag.CID `json:"cid"`
	Block Hex     `json:"block"`
	Plain Hex     `json:"plain"`
}

// Sealed is a detached block: what it was sealed with beside the receiver's key,
// and what it opens to.
type Sealed struct {
	CID   dag.CID `json:"cid"`
	Block Hex     `json:"block"`
	Info  Hex     `json:"info"`
	AAD   Hex     `json:"aad"`
	Opens Hex     `json:"opensTo"`
}

// Read returns the vectors in a file of protocol/testdata, for a test of a
// package that lies beside it. With -update, they are what fresh makes.
func Read[T any](t *testing.T, file string, fresh func(*testing.T) T) (vectors T) {
	t.Helper()
	path := filepath.Join("..", "testdata", file)
	if *update {
		text, err := json.MarshalIndent(fresh(t), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; go test -update makes the vectors", err)
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return vectors
}
