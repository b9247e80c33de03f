package plugintest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// files knows which files may have been written since a plugin was started: in its current directory, in the one for
// temporary files, and where its block or its arguments point to.
type files struct {
	since time.Time
	roots []string
}

const (
	// maxEntries bounds how many entries are looked at of one root, maxLevels how deep they lie.
	maxEntries, maxLevels = 4096, 3
	// maxFile bounds the size of a file that is searched, maxFiles that of all in a test.
	maxFile, maxFiles = 16 << 10, 256 << 10
	// grain is how much a file system's clock may be behind.
	grain = 20 * time.Millisecond
)

var quotedPath = regexp.MustCompile(`"(/[^"]+)"`)

// watchFiles begins with the first plugin of a test.
func (s *search) watchFiles(c Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil {
		s.files = &files{since: time.Now().Add(-grain)}
	}
	named := slices.Concat(c.Args, c.Env)
	for _, path := range quotedPath.FindAllStringSubmatch(c.Block, -1) {
		named = append(named, path[1])
	}
	roots := []string{".", os.TempDir()}
	for _, path := range named {
		if _, after, ok := strings.Cut(path, "=/"); ok {
			path = "/" + after
		}
		if info, err := os.Stat(path); err == nil && filepath.IsAbs(path) {
			if !info.IsDir() {
				path = filepath.Dir(path)
			}
			roots = append(roots, path)
		}
	}
	for _, root := range roots {
		if !slices.Contains(s.files.roots, root) {
			s.files.roots = append(s.files.roots, root)
		}
	}
}

// written gives the names of the files that are there and new, and what is in them.
func (f *files) written() (all []saying) {
	if f == nil {
		return nil
	}
	seen, left := map[string]bool{}, maxFiles
	for _, root := range f.roots {
		entries := 0
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if entries++; entries > maxEntries {
				return fs.SkipAll
			}
			if err != nil {
				return nil // it is gone, or not for us
			}
			rel, _ := filepath.Rel(root, path)
			if d.IsDir() && rel != "." && (strings.Count(rel, "/") >= maxLevels || strings.HasPrefix(d.Name(), "go-build")) {
				return fs.SkipDir
			}
			info, err := d.Info()
			abs, absErr := filepath.Abs(path)
			if err != nil || absErr != nil || seen[abs] || info.ModTime().Before(f.since) {
				return nil
			}
			seen[abs] = true
			text := []byte(path)
			if info.Mode().IsRegular() && info.Size() <= int64(min(maxFile, left)) {
				if b, err := os.ReadFile(path); err == nil {
					left -= len(b)
					text = append(append(text, '\n'), b...)
				}
			}
			all = append(all, saying{"a file", text, true})
			return nil
		})
	}
	return all
}
