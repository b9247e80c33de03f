// Package secret holds bytes that must not get out by accident.
//
// A Bytes does not print, does not marshal, compares in constant time and can
// be cleared. Its content is reached through Open alone, so that a search for
// Open( finds every place where a secret is in the clear. Types that hold a
// secret in another form embed Hidden.
//
// Not promised: that no copy survives. The Go runtime may have moved the bytes
// (stacks move, heap objects do not), and what Open returned is the caller's
// responsibility. Clear what you can, as early as you can.
package secret

import (
	"crypto/rand"
	"crypto/subtle"
	"runtime"
)

// Bytes is a secret byte string. The zero value is empty. A nil *Bytes behaves
// as an empty one. It is not safe to Clear while another goroutine uses it.
type Bytes struct {
	Hidden
	box *box
}

// box puts a pointer between fmt and the bytes; see Hidden.
type box struct{ b []byte }

// New takes ownership of b: the caller keeps no other use of it.
func New(b []byte) *Bytes { return &Bytes{box: &box{b}} }

// Copy leaves b to the caller, who clears it.
func Copy(b []byte) *Bytes { return New(append(make([]byte, 0, len(b)), b...)) }

// Random returns n bytes from the system's generator. crypto/rand does not
// return errors: it ends the program when the system has no randomness.
func Random(n int) *Bytes {
	b := make([]byte, n)
	rand.Read(b)
	return New(b)
}

// Open returns the bytes themselves, not a copy, valid until Clear. It is the
// one place where a secret is opened.
func (s *Bytes) Open() []byte {
	if s == nil || s.box == nil {
		return nil
	}
	return s.box.b
}

// Len is the number of bytes, 0 after Clear.
func (s *Bytes) Len() int { return len(s.Open()) }

// Clear overwrites the bytes and leaves s empty. It may be called again.
func (s *Bytes) Clear() {
	if s == nil || s.box == nil {
		return
	}
	Clear(s.box.b)
	s.box.b = nil
}

// Equal compares in a time that depends on the lengths only.
func (s *Bytes) Equal(b []byte) bool {
	return subtle.ConstantTimeCompare(s.Open(), b) == 1
}

// Clear overwrites b with zeros, up to its capacity.
func Clear(b []byte) {
	clear(b[:cap(b)])
	runtime.KeepAlive(b)
}
