package plugintest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/sdk/plugintest/internal/leak"
	"github.com/milagro-dta/dta/sdk/plugintest/internal/scene"
)

// search looks for the custodian's keys in all that the plugins of one test have said. The keys are made within the
// plugin and never leave it, but each deposit has a record that its key opens and nothing else does: so every 32 bytes
// that might have been written somewhere are tried on every deposit. It needs nothing of the plugin, in which language
// it may be written.
type search struct {
	mu       sync.Mutex
	deposits []lockbox
	foreign  int // deposits that are not of this sdk, of which nobody outside knows what opens them
	known    map[[leak.Size]byte]string
	tried    map[[leak.Size]byte]string // what each candidate turned out to be; "" for nothing
	public   map[string]bool            // names of operations, which look like keys and are none
	sayings  map[string]saying
	logs     []func() string
	keys     []knownKey
	found    map[string]*finding
	lent     bool // a call that lends a new key to the custodian has failed
	suite    bool // a suite runs, so that the deposits themselves are looked at: a test of an author's own may have a fake
}

// lockbox is a record that one key of 32 bytes opens.
type lockbox struct {
	what          string
	held          []byte
	bound, record []byte
}

// saying is something that a plugin said, and who heard it.
type saying struct {
	where string // e.g. "an answer of Custody/Restore"
	text  []byte
	raw   bool // its bytes are looked at as they are, too
}

// knownKey is a key that a twin gave back.
type knownKey struct {
	what string
	key  []byte
}

type finding struct {
	text  string
	times int
}

// maxDeposits bounds on how many deposits of one test a candidate is tried.
const maxDeposits = 96

func newSearch() *search {
	return &search{
		known: map[[leak.Size]byte]string{}, tried: map[[leak.Size]byte]string{}, public: map[string]bool{},
		sayings: map[string]saying{}, found: map[string]*finding{},
	}
}

// purposes are the deposits' in words.
var purposes = map[string]string{
	"share": "a share of a secret", "key": "an ordered key", "network-share": "a network's share",
	"custody-root": "the plugin's own identity", "node-identity": "the node's identity",
}

// deposit adds one that the plugin answered, or was started with.
func (s *search) deposit(block []byte, answered bool) {
	if len(block) == 0 {
		return
	}
	var d scene.Deposit
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := dag.Decode(block, &d); err != nil || len(d.Record) < nonceSize {
		if answered {
			s.foreign++
		}
		return
	}
	bound, err := d.Bound()
	if err != nil || len(s.deposits) >= maxDeposits {
		return
	}
	for _, other := range s.deposits {
		if bytes.Equal(other.record, d.Record) {
			return
		}
	}
	what, ok := purposes[d.Binding.Purpose]
	if !ok {
		what = "purpose " + d.Binding.Purpose
	}
	s.deposits = append(s.deposits, lockbox{what, d.Held, bound, d.Record})
}

// know adds something that the plugin's host or its receivers have got, and nobody may find elsewhere.
func (s *search) know(what string, secret []byte) {
	if len(secret) < leak.Size {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[[leak.Size]byte(secret[:leak.Size])] = what
	s.known[[leak.Size]byte(secret[len(secret)-leak.Size:])] = what
}

// give adds a key that a twin of the plugin got back: then parts of it are searched for as well.
func (s *search) give(what string, key []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = append(s.keys, knownKey{what, bytes.Clone(key)})
}

func (s *search) hear(where string, text []byte, raw bool) {
	if len(text) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sayings[where+"\x00"+string(text)] = saying{where, text, raw}
}

// follow has a plugin's log searched at the end.
func (s *search) follow(log func() string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs = append(s.logs, log)
}

const nonceSize = 12

// is says what a candidate is a key of. The caller holds mu.
func (s *search) is(candidate []byte) (what string) {
	c := [leak.Size]byte(candidate)
	if what, ok := s.known[c]; ok {
		return what
	}
	if what, ok := s.tried[c]; ok {
		return what
	}
	defer func() { s.tried[c] = what }()
	block, err := aes.NewCipher(candidate)
	if err != nil {
		return ""
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return ""
	}
	for _, d := range s.deposits {
		if m, err := aead.Open(nil, d.record[:nonceSize], d.record[nonceSize:], d.bound); err == nil {
			clear(m)
			return "the custodian's key of " + d.what
		}
	}
	return ""
}

// report says what was found, once the plugins have ended.
func (s *search) report(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.deposits {
		if !s.suite {
			break
		}
		s.examine(saying{"the deposit of " + d.what, d.held, true})
	}
	for _, said := range s.sayings {
		s.examine(said)
	}
	for _, log := range s.logs {
		text := []byte(log())
		s.examine(saying{"the log", text, true})
		if at, found := leak.Mangled(text); found {
			s.find("the log holds bytes that are no text, as a key looks that was logged as a string; write what is no secret in hex",
				lineAt(text, at, nil))
		}
		if s.lent {
			for _, h := range s.unknown(text) {
				t.Logf("a call that lent a key failed, and the log holds 32 bytes in %s that may be this key: %s", h.Form, lineAt(text, h.Start, s.unknown(text)))
				break
			}
		}
	}
	for _, text := range slices.Sorted(maps.Keys(s.found)) {
		f := s.found[text]
		if f.times > 1 {
			text += fmt.Sprintf(" (%d times)", f.times)
		}
		if f.text != "" {
			text += "; the first: " + f.text
		}
		t.Error(text)
	}
}

// examine searches one text. The caller holds mu.
func (s *search) examine(said saying) {
	var what []string
	hits := leak.Search(said.text, said.raw, func(c []byte) bool {
		w := s.is(c)
		if w != "" {
			what = append(what, w)
		}
		return w != ""
	})
	for i, h := range hits {
		s.find(said.where+" holds "+what[min(i, len(what)-1)]+", in the form: "+h.Form, lineAt(said.text, h.Start, hits))
	}
	for _, k := range s.keys {
		for part, b := range map[string][]byte{"the first half": k.key[:len(k.key)/2], "the second half": k.key[len(k.key)/2:]} {
			for _, form := range Forms(b) {
				if len(hits) == 0 && bytes.Contains(said.text, form) {
					s.find(said.where+" holds "+part+" of "+k.what, "")
				}
			}
		}
	}
}

func (s *search) find(what, text string) {
	if f := s.found[what]; f != nil {
		f.times++
		return
	}
	s.found[what] = &finding{text, 1}
}

// suspect takes a text in which a key may be that no deposit was made of. The caller does not hold mu.
func (s *search) suspect(where string, text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if hits := s.unknown(text); len(hits) > 0 {
		s.find(where+" holds 32 bytes that nobody outside of the plugin knows, as a key looks, in the form: "+hits[0].Form, lineAt(text, hits[0].Start, hits))
	}
}

// unknown gives what looks like a key and is not public. The caller holds mu.
func (s *search) unknown(text []byte) []leak.Hit {
	return slices.DeleteFunc(leak.Exact(text), func(h leak.Hit) bool { return s.public[string(text[h.Start:h.End])] })
}

// struck gives a text without the keys in it, and without what looks like one.
func (s *search) struck(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	hits := leak.Search([]byte(text), true, func(c []byte) bool { return s.is(c) != "" })
	s.tried = map[[leak.Size]byte]string{} // deposits are still to come
	return string(leak.Strike([]byte(text), append(hits, s.unknown([]byte(text))...)))
}

const maxLine = 300

// lineAt gives the line at a place, with hits struck out.
func lineAt(text []byte, at int, hits []leak.Hit) string {
	start := bytes.LastIndexByte(text[:at], '\n') + 1
	end := len(text)
	if n := bytes.IndexByte(text[at:], '\n'); n >= 0 {
		end = at + n
	}
	var within []leak.Hit
	for _, h := range hits {
		if h.End > start && h.Start < end {
			within = append(within, leak.Hit{Form: h.Form, Start: max(h.Start, start) - start, End: min(h.End, end) - start})
		}
	}
	line := strings.ToValidUTF8(string(leak.Strike(text[start:end], within)), "?")
	if len(line) > maxLine {
		line = line[:maxLine] + "…"
	}
	return fmt.Sprintf("%q", line)
}

// masked says how the deposits hold their keys where they only look encrypted.
func (s *search) masked(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	done := map[string]bool{}
	for _, d := range s.deposits {
		if done[d.what] {
			continue
		}
		done[d.what] = true
		one := &search{deposits: []lockbox{d}, tried: map[[leak.Size]byte]string{}}
		if form, found := leak.Masked(d.held, func(c []byte) bool { clear(one.tried); return one.is(c) != "" }); found {
			t.Errorf("the deposit of %s is its key, %s: encrypt it under a key of the realm", d.what, form)
		}
	}
}

// padded says whether deposits are their keys under one and the same mask, of whatever kind.
func padded(t testing.TB, held, keys [][]byte) {
	t.Helper()
	masks := map[string][]byte{}
	for i, h := range held {
		for at := 0; at+leak.Size <= len(h) && at < 512; at++ {
			mask := make([]byte, leak.Size)
			for j := range mask {
				mask[j] = h[at+j] ^ keys[i][j]
			}
			hash := sha256.Sum256(mask)
			if other, ok := masks[string(hash[:])]; ok && !bytes.Equal(other, keys[i]) {
				t.Error("two deposits are their keys XOR the same bytes: whoever knows one key reads the others")
				return
			}
			masks[string(hash[:])] = keys[i]
		}
	}
}
