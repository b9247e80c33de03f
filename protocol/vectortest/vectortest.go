// Package vectortest reads the vectors in protocol/testdata, from which a second
// implementation could start. A test that is run with -update first makes its
// vectors anew.
package vectortest

import (
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"flag"
	"io"
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

// Golden returns what earlier versions wrote into a file of the same name, by
// version: protocol/testdata/golden/VERSION, compressed. It was made once, and is opened and
// verified by every later version. A version that adds a member of a signed map adds
// its own, a copy of its vectors.
func Golden[T any](t *testing.T, file string) map[string]T {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "testdata", "golden", "*", file+".gz"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("expected golden data in protocol/testdata/golden/*/%s.gz; found none, %v", file, err)
	}
	golden := make(map[string]T, len(paths))
	for _, path := range paths {
		golden[filepath.Base(filepath.Dir(path))] = parse[T](t, path, unzip(t, path))
	}
	return golden
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
	return parse[T](t, path, text)
}

func unzip(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func parse[T any](t *testing.T, path string, text []byte) (vectors T) {
	t.Helper()
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return vectors
}
