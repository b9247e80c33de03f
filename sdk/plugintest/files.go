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
	maxEntries, maxLevels = 4096, 4
	// maxFile bounds the size of a file that is searched; the keys of a test are few.
	maxFile = 64 << 10
	// maxRaw bounds that of one whose bytes are looked at as they are, where keys are not known.
	maxRaw = 4 << 10
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

// written gives the files that are there and new.
func (f *files) written() (all []saying) {
	if f == nil {
		return nil
	}
	seen := map[string]bool{}
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
			if err != nil || !info.Mode().IsRegular() || info.ModTime().Before(f.since) || info.Size() > maxFile {
				return nil
			}
			if abs, err := filepath.Abs(path); err == nil && !seen[abs] {
				seen[abs] = true
				if b, err := os.ReadFile(path); err == nil && len(b) > 0 {
					all = append(all, saying{"file " + path, b, len(b) <= maxRaw})
				}
			}
			return nil
		})
	}
	return all
}
