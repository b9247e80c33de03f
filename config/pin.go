package config

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/milagro-dta/dta/internal/readfile"
)

// Pin writes the SHA-256 of a plugin's program, 32 bytes, into the plugin's
// block of the file at path: in place of the one that stands there, or on a line
// after command. Every other byte of the file stays. The new file takes the old
// one's place in one step, durably.
func Pin(path, name string, sha256 []byte) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("pin plugin %q in %s: %w", name, path, err)
		}
	}()
	if len(sha256) != 32 {
		return fmt.Errorf("expected a checksum of 32 bytes, found %d", len(sha256))
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	src, err := readfile.Regular(real, MaxFile)
	if err != nil {
		return err
	}
	pinned, err := pin(src, path, name, hex.EncodeToString(sha256))
	if err != nil {
		return err
	}
	if bytes.Equal(pinned, src) {
		return nil
	}
	return replace(real, pinned)
}

func pin(src []byte, path, name, sum string) ([]byte, error) {
	block, err := pluginBlock(src, path, name)
	if err != nil {
		return nil, err
	}
	value := `"` + sum + `"`
	var out []byte
	if old := block.Body.Attributes["sha256"]; old != nil {
		r := old.Expr.Range()
		out = splice(src, r.Start.Byte, r.End.Byte, value)
	} else {
		command := block.Body.Attributes["command"]
		if command == nil {
			return nil, fmt.Errorf("the block has no command")
		}
		out = insert(src, block, command, value)
	}
	// Read back: an edit that went wrong must not reach the file.
	again, err := pluginBlock(out, path, name)
	if err != nil {
		return nil, fmt.Errorf("the edited file would not be valid: %w", err)
	}
	written := again.Body.Attributes["sha256"]
	if written == nil || string(written.Expr.Range().SliceBytes(out)) != value {
		return nil, fmt.Errorf("the block is written in a way that cannot be edited; add sha256 = %s by hand", value)
	}
	return out, nil
}

// insert puts the option on a line after command, its equals sign below the
// other's. A block written on one line is opened up.
func insert(src []byte, block *hclsyntax.Block, command *hclsyntax.Attribute, value string) []byte {
	from := bytes.LastIndexByte(src[:command.NameRange.Start.Byte], '\n') + 1
	indent := string(src[from:command.NameRange.Start.Byte])
	eol := "\n"
	if bytes.Contains(src, []byte("\r\n")) {
		eol = "\r\n"
	}
	if strings.TrimSpace(indent) != "" {
		inside := strings.TrimSpace(string(src[block.OpenBraceRange.End.Byte:block.CloseBraceRange.Start.Byte]))
		return splice(src, block.OpenBraceRange.End.Byte, block.CloseBraceRange.Start.Byte,
			eol+"  "+inside+eol+"  sha256  = "+value+eol)
	}
	gap := max(1, command.EqualsRange.Start.Byte-command.NameRange.Start.Byte-len("sha256"))
	end := command.SrcRange.End.Byte
	if n := bytes.IndexByte(src[end:], '\n'); n >= 0 {
		end += n + 1
	}
	return splice(src, end, end, indent+"sha256"+strings.Repeat(" ", gap)+"= "+value+eol)
}

func splice(src []byte, from, to int, text string) []byte {
	out := make([]byte, 0, len(src)+len(text))
	out = append(out, src[:from]...)
	out = append(out, text...)
	return append(out, src[to:]...)
}

func pluginBlock(src []byte, path, name string) (*hclsyntax.Block, error) {
	file, diags := hclsyntax.ParseConfig(src, path, hcl.InitialPos)
	if diags.HasErrors() {
		d := diags[0]
		return nil, fmt.Errorf("%s: %s", at(*d.Subject), strings.ToLower(d.Summary))
	}
	var found *hclsyntax.Block
	for _, b := range file.Body.(*hclsyntax.Body).Blocks {
		if b.Type != "plugin" || len(b.Labels) != 2 || b.Labels[1] != name {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("there are several plugin blocks of that name")
		}
		found = b
	}
	if found == nil {
		return nil, fmt.Errorf("there is no plugin block of that name")
	}
	return found, nil
}

// replace swaps a file for one with other content, the same mode and owner.
func replace(path string, content []byte) (err error) {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		f.Close()
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if err := f.Chmod(info.Mode().Perm()); err != nil {
		return err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && (int(stat.Uid) != os.Geteuid() || int(stat.Gid) != os.Getegid()) {
		if err := f.Chown(int(stat.Uid), int(stat.Gid)); err != nil {
			return err
		}
	}
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
