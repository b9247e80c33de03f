package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/milagro-dta/dta/protocol/dag"
)

// thief looks through a copy of the fiduciary's own files, database included,
// for the secret. It finds the sealed share, which only the vault can open, and
// returns its CID.
func (s *stage) thief(p *printer) (share dag.CID, err error) {
	files, found := 0, false
	root := s.path("dta-data/fiduciary")
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || (err == nil && !d.Type().IsRegular()) {
			return nil
		}
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		for _, piece := range pieces(s.secret) {
			found = found || bytes.Contains(b, piece)
		}
		if c, ok := carve(b); ok {
			share = c
		}
		return nil
	})
	switch {
	case err != nil:
		return share, fmt.Errorf("look through the fiduciary's files: %w", err)
	case found:
		return share, errors.New("the secret was found in the fiduciary's files")
	case !share.Defined():
		return share, errors.New("the sealed share was not found in the fiduciary's files")
	}
	p.line("%s  a thief of the fiduciary's files looks for the secret", p.bad("✗"))
	if len(pieces(s.secret)) == 0 {
		p.wrapped(3, "it is too short, or too regular, to be looked for")
		return share, nil
	}
	p.wrapped(3, fmt.Sprintf("%d files, and it is in none of them; there is its share, sealed to the vault", files))
	return share, nil
}

// sealedShare is how the block of a sealed share begins: a DAG-CBOR map whose
// kind is "share" and whose sealed bytes are the next.
var sealedShare = []byte("\xa3\x64kind\x65share\x66sealed\x59")

// carve finds the block of a sealed share among other bytes.
func carve(b []byte) (dag.CID, bool) {
	at := bytes.Index(b, sealedShare)
	if at < 0 || len(b) < at+len(sealedShare)+2 {
		return dag.CID{}, false
	}
	b = b[at:]
	end := len(sealedShare) + 2 + (int(b[len(sealedShare)])<<8 | int(b[len(sealedShare)+1])) + len("\x67version\x01")
	if len(b) < end {
		return dag.CID{}, false
	}
	return dag.Sum(b[:end]), true
}

// pieces are parts of the secret that would not be found by accident: 24 bytes
// with at least 8 different values.
func pieces(secret []byte) (all [][]byte) {
	const size = 24
	if len(secret) < size {
		return nil
	}
	for _, at := range []int{0, (len(secret) - size) / 2, len(secret) - size} {
		values := map[byte]bool{}
		for _, v := range secret[at : at+size] {
			values[v] = true
		}
		if len(values) >= 8 {
			all = append(all, secret[at:at+size])
		}
	}
	return all
}
