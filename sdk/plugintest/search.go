package plugintest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/sdk/plugintest/internal/leak"
	"github.com/milagro-dta/dta/sdk/plugintest/internal/scene"
)

// search looks for keys and secrets in all that the plugins of one test have said. The keys are made within the plugin
// and never leave it, but each deposit has a record that its key opens and nothing else does: so every 32 bytes that
// might have been written somewhere are tried on every deposit. It needs nothing of the plugin, in which language it may
// be written. Of a plugin in this process the sdk tells the keys, and of one that has a twin the twin does: then parts of
// them are found as well, and keys of which there is no deposit.
type search struct {
	mu       sync.Mutex
	deposits []lockbox
	foreign  int // deposits that are not of this sdk, of which nobody outside knows what opens them
	known    map[[leak.Size]byte]string
	tried    map[[leak.Size]byte]string // what each candidate turned out to be; "" for nothing
	public   map[string]bool            // names of operations, which look like keys and are none
	sayings  map[string]saying
	order    []string // of the sayings
	logs     []func() string
	keys     []knownKey // the custodian's, and the configuration's secrets
	secrets  []knownKey // of others
	found    map[string]*finding
	doubts   []string // what may be a key, and nobody can tell
	here     bool     // the plugin runs in this process, so that each key is known
	opened   int      // how often a candidate was tried on a deposit
	lent     bool     // a call that lends a new key to the custodian has failed
	suite    bool     // a suite runs, so that the deposits themselves are looked at: a test of an author's own may have a fake
	files    *files   // nil before a plugin runs
}

// lockbox is a record that one key of 32 bytes opens.
type lockbox struct {
	what          string
	held, key     []byte // key is nil where it is not known
	bound, record []byte
}

// saying is something that a plugin said, and who heard it.
type saying struct {
	where string // e.g. "an answer of Custody/Restore"
	text  []byte
	raw   bool // its bytes are looked at as they are, too
}

// knownKey is something to be found in part too.
type knownKey struct {
	what  string
	key   []byte
	whole bool // it counts as a whole only: it may be words, which others use too
}

type finding struct {
	text  string
	times int
}

// maxOpened bounds how often a candidate is tried on a deposit in one test, which is a few seconds.
const maxOpened = 8 << 20

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
	s.deposits = append(s.deposits, lockbox{what, d.Held, nil, bound, d.Record})
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
	s.secrets = append(s.secrets, knownKey{what, bytes.Clone(secret), true})
}

// give adds a key that is to be found in part too.
func (s *search) give(what string, key []byte) { s.learn(knownKey{what, bytes.Clone(key), false}) }

// protect adds a value of the configuration. A short one might be somewhere by chance.
func (s *search) protect(secrets []string) {
	for _, value := range secrets {
		if len(value) >= leastSecret {
			s.learn(knownKey{"a secret of the configuration", []byte(value), true})
		}
	}
}

// leastSecret is how long a secret is that is searched for in other forms than its own.
const leastSecret = 12

// lend takes a key that the sdk lends to a custodian in this process.
func (s *search) lend(key []byte) { s.give(aLentKey, key) }

const aLentKey = "a key that was lent to the custodian"

// knows tells whether the custodian was lent a key, as far as that is known.
func (s *search) knows(key []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.keys, func(k knownKey) bool { return bytes.Equal(k.key, key) })
}

func (s *search) learn(k knownKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.keys {
		if bytes.Equal(other.key, k.key) {
			if other.what == aLentKey {
				s.keys[i].what = k.what
			}
			return
		}
	}
	s.keys = append(s.keys, k)
}

func (s *search) hear(where string, text []byte, raw bool) {
	if len(text) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := where + "\x00" + string(text)
	if _, ok := s.sayings[name]; !ok {
		s.order = append(s.order, name)
	}
	s.sayings[name] = saying{where, text, raw}
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
	if s.opened >= maxOpened {
		return ""
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
	for i, d := range s.deposits {
		if d.key != nil {
			continue // and c is another
		}
		s.opened++
		if m, err := aead.Open(nil, d.record[:nonceSize], d.record[nonceSize:], d.bound); err == nil {
			clear(m)
			what = "the custodian's key of " + d.what
			s.deposits[i].key, s.known[c] = bytes.Clone(candidate), what
			if !slices.ContainsFunc(s.keys, func(k knownKey) bool { return bytes.Equal(k.key, candidate) }) {
				s.keys = append(s.keys, knownKey{what, bytes.Clone(candidate), false})
			}
			return what
		}
	}
	return ""
}

// match finds the deposits of the keys that are known. The caller holds mu.
func (s *search) match() {
	clear(s.tried)
	for i, k := range s.keys {
		if len(k.key) != leak.Size || k.whole || k.what != aLentKey && s.known[[leak.Size]byte(k.key)] != "" {
			continue
		}
		if what := s.is(k.key); what != "" {
			s.keys[i].what = what
		}
		s.known[[leak.Size]byte(k.key)] = s.keys[i].what
	}
}

// complete tells whether the keys of all deposits are known. The caller holds mu.
func (s *search) complete() bool {
	return s.foreign == 0 && !slices.ContainsFunc(s.deposits, func(d lockbox) bool { return d.key == nil })
}

// report says what was found, once the plugins have ended.
func (s *search) report(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.match()
	all := s.said()
	files := s.files.written() // of other programs too, and many
	if !s.complete() {
		for _, said := range all {
			s.examine(said, leak.Search(s.blanked(said.text), said.raw, s.is))
		}
		for _, file := range files {
			s.examine(file, leak.Quick(file.text, s.is))
		}
	}
	s.piece(all, files)
	for _, log := range s.logs {
		text := []byte(log())
		if at, found := leak.Mangled(text); found && !s.complete() {
			s.find("the log holds bytes that are no text, as a key looks that was logged as a string; write what is no secret in hex, "+
				"or set Config.Twin, so that it can be told from a key", lineAt(text, at, nil))
		}
		if hits := s.unknown(text); s.lent && !s.here && len(hits) > 0 {
			s.doubts = append(s.doubts, "the log holds 32 bytes in "+hits[0].Form+": "+lineAt(text, hits[0].Start, hits))
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
	for _, doubt := range s.doubts {
		t.Logf("a call that lends a key failed, and %s. Whether this is the key cannot be told from outside: set Config.Plugin in place of Command to find out", doubt)
	}
}

// said gives all that there is to search, in order. The caller holds mu.
func (s *search) said() (all []saying) {
	if s.suite {
		for _, d := range s.deposits {
			all = append(all, saying{"the deposit of " + d.what, d.held, true})
		}
	}
	for _, log := range s.logs {
		all = append(all, saying{"the log", []byte(log()), true})
	}
	for _, name := range s.order {
		all = append(all, s.sayings[name])
	}
	return all
}

// piece searches for parts of the keys that are known, in all texts together, and in files. The caller holds mu.
func (s *search) piece(all, files []saying) {
	looked := slices.Concat(s.keys, s.secrets)
	// What the configuration keeps secret may well stand in a file.
	custodians := slices.DeleteFunc(slices.Clone(s.keys), func(k knownKey) bool { return k.whole })
	known := newKnown(looked)
	read := known.Read
	if len(custodians) == 0 {
		read = known.Skim
	}
	for _, said := range together(all) {
		read(said.where, s.blanked(said.text))
	}
	s.take(looked, known.Found())
	known = newKnown(custodians)
	for _, file := range files {
		known.Skim(file.where, file.text)
	}
	s.take(custodians, known.Found())
}

func newKnown(looked []knownKey) *leak.Known {
	var keys []leak.Key
	for _, k := range looked {
		keys = append(keys, leak.Key{Bytes: k.key, Whole: k.whole})
	}
	return leak.NewKnown(keys)
}

// take notes what was found of keys. The caller holds mu.
func (s *search) take(looked []knownKey, parts []leak.Part) {
	for _, p := range parts {
		k := looked[p.Key]
		size := min(len(k.key), leak.Size)
		if s.foundWhole(k.what) {
			continue
		}
		first := p.Sources[0]
		var where []string
		var hits []leak.Hit
		for _, from := range p.Sources {
			if !slices.Contains(where, from.Where) {
				where = append(where, from.Where)
			}
			if from.Where == first.Where {
				hits = append(hits, from.Hit)
			}
		}
		how := fmt.Sprintf("%d of %d bytes of ", p.Octets, size)
		if p.Octets == size {
			how = ""
		}
		form := first.Form
		if p.Mask {
			form += ", under a mask"
		}
		s.find(strings.Join(where, " and ")+" holds "+how+k.what+", in the form: "+form, lineAt(first.Text, first.Start, hits))
	}
}

// operation is how the names of operations are written.
var operation = regexp.MustCompile(`[0-9a-f]{64}`)

// blanked is a text without the names of operations, of which logs are full. The caller holds mu.
func (s *search) blanked(text []byte) []byte {
	return operation.ReplaceAllFunc(text, func(name []byte) []byte {
		if s.public[string(name)] {
			return bytes.Repeat([]byte(" "), len(name))
		}
		return name
	})
}

func (s *search) foundWhole(what string) bool {
	for text := range s.found {
		if strings.Contains(text, " holds "+what+", ") {
			return true
		}
	}
	return false
}

// together joins texts of one origin, which are many and short.
func together(all []saying) (joined []saying) {
	at := map[string]int{}
	for _, said := range all {
		i, ok := at[said.where]
		if !ok || len(joined[i].text)+len(said.text) > maxJoined {
			at[said.where] = len(joined)
			joined = append(joined, saying{said.where, bytes.Clone(said.text), said.raw})
			continue
		}
		joined[i].text = append(append(joined[i].text, '\n'), said.text...)
	}
	return joined
}

// maxJoined bounds how much is searched at once.
const maxJoined = 1 << 20

// examine takes what was found in one text. The caller holds mu.
func (s *search) examine(said saying, hits []leak.Hit) {
	for _, h := range hits {
		s.find(said.where+" holds "+h.What+", in the form: "+h.Form, lineAt(said.text, h.Start, hits))
	}
}

func (s *search) find(what, text string) {
	if f := s.found[what]; f != nil {
		f.times++
		return
	}
	s.found[what] = &finding{text, 1}
}

// suspect takes a text in which a key may be that no deposit was made of. Of a plugin in this process it is known.
func (s *search) suspect(where string, text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lent = true
	if hits := s.unknown(text); len(hits) > 0 && !s.here {
		s.doubts = append(s.doubts, where+" holds 32 bytes in "+hits[0].Form+": "+lineAt(text, hits[0].Start, hits))
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
	s.match()
	hits := leak.Quick([]byte(text), s.is)
	clear(s.tried) // deposits are still to come
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
			within = append(within, leak.Hit{Start: max(h.Start, start) - start, End: min(h.End, end) - start})
		}
	}
	line := strings.ToValidUTF8(string(leak.Strike(text[start:end], within)), "?")
	if len(line) > maxLine {
		line = line[:maxLine] + "…"
	}
	return fmt.Sprintf("%q", line)
}

// masked says how the deposits hold their keys where they only look encrypted, and the log where it holds what looks
// like a key. It is for keys that are not known.
func (s *search) masked(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.match()
	done := map[string]bool{}
	for _, d := range s.deposits {
		if done[d.what] {
			continue
		}
		done[d.what] = true
		one := &search{deposits: []lockbox{{d.what, d.held, nil, d.bound, d.record}}, known: map[[leak.Size]byte]string{}, tried: map[[leak.Size]byte]string{}}
		is := func(c []byte) string { clear(one.tried); return one.is(c) }
		if form, found := leak.Masked(d.held, is); found {
			t.Errorf("the deposit of %s is its key, %s: encrypt it under a key of the realm", d.what, form)
		}
		if d.key != nil {
			continue
		}
		for _, log := range s.logs {
			if form, found := leak.Unmasked([]byte(log()), s.public, is); found {
				t.Errorf("the log holds the custodian's key of %s, %s", d.what, form)
			}
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
