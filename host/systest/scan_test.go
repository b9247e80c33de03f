//go:build linux

package systest_test

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// needles is what is looked for: each secret raw, in hex, and in base64 at every
// place at which it can begin in a longer text.
type needles struct {
	forms []form
	heads [1 << 16]bool    // by the hash of the first four bytes
	byKey map[uint32][]int // forms, by their first four bytes
}

type form struct {
	what string // never the secret itself
	text []byte
}

// least is how short a secret may be: shorter ones would be found by chance.
const least = 16

func (n *needles) add(t *testing.T, what string, secret []byte) {
	t.Helper()
	if len(secret) < least {
		t.Fatalf("%s: expected at least %d bytes; found %d", what, least, len(secret))
	}
	put := func(as string, text []byte) {
		if n.byKey == nil {
			n.byKey = make(map[uint32][]int)
		}
		key := binary.LittleEndian.Uint32(text)
		n.heads[head(key)] = true
		n.byKey[key] = append(n.byKey[key], len(n.forms))
		n.forms = append(n.forms, form{what + ", " + as, text})
	}
	put("raw", slices.Clone(secret))
	reversed := slices.Clone(secret)
	slices.Reverse(reversed)
	put("reversed", reversed)
	put("hex", []byte(hex.EncodeToString(secret)))
	put("upper-case hex", []byte(strings.ToUpper(hex.EncodeToString(secret))))
	for name, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
		for shift := range 3 {
			// Only the digits that the secret alone decides.
			text := encoding.EncodeToString(append(make([]byte, shift), secret...))
			from, to := (shift*8+5)/6, (shift+len(secret))*8/6
			put(fmt.Sprintf("%s from bit %d", name, shift*8), []byte(text[from:to]))
		}
	}
}

func head(key uint32) uint16 { return uint16(key * 2654435761 >> 16) }

// in lists what is found in a text.
func (n *needles) in(text []byte) (found []string) {
	seen := make(map[int]bool)
	for i := 0; i+4 <= len(text); i++ {
		key := binary.LittleEndian.Uint32(text[i:])
		if !n.heads[head(key)] {
			continue
		}
		for _, f := range n.byKey[key] {
			want := n.forms[f].text
			if !seen[f] && len(text)-i >= len(want) && string(text[i:i+len(want)]) == string(want) {
				seen[f] = true
				found = append(found, n.forms[f].what)
			}
		}
	}
	return found
}

// memory searches every readable mapping of a process. It returns what was
// found, with the mapping, and how many bytes were read.
func (n *needles) memory(t *testing.T, pid int) (found []string, size int64) {
	t.Helper()
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatalf("read the memory of process %d: %v", pid, err)
	}
	defer mem.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to uint64
		var mode string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &mode); err != nil {
			t.Fatalf("mapping %q: %v", lines.Text(), err)
		}
		name := ""
		if f := strings.Fields(lines.Text()); len(f) > 5 {
			name = f[5]
		}
		// The kernel's own pages cannot be read by way of mem.
		if mode[0] != 'r' || strings.HasPrefix(name, "[vvar") || name == "[vsyscall]" {
			continue
		}
		text := make([]byte, to-from)
		for at := 0; at < len(text); {
			got, err := mem.ReadAt(text[at:], int64(from)+int64(at))
			size += int64(got)
			at += got
			if err != nil {
				// This page was unmapped since, or lies beyond the end of its file.
				at += os.Getpagesize() - at%os.Getpagesize()
			}
		}
		for _, f := range n.in(text) {
			found = append(found, fmt.Sprintf("%s at %x %s", f, from, name))
		}
	}
	return found, size
}

// files searches all regular files below a directory.
func (n *needles) files(t *testing.T, dir string) (found []string, size int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		size += int64(len(text))
		for _, f := range append(n.in(text), n.in([]byte(path))...) {
			found = append(found, fmt.Sprintf("%s in %s", f, path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found, size
}
