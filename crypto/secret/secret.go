// Package secret holds bytes that must not get out by accident.
//
// A Bytes does not print, does not marshal, compares in constant time and can
// be cleared. Its content is reached through Open alone, so that a search for
// Open( finds every place where a secret is in the clear. Types that hold a
// secret in another form embed Hidden and keep it in a Box.
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
	box Box[[]byte]
}

// New takes ownership of b: the caller keeps no other use of it.
func New(b []byte) *Bytes { return &Bytes{box: NewBox(&b)} }

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
	if s == nil {
		return nil
	}
	if b := s.box.Open(); b != nil {
		return *b
	}
	return nil
}

// Len is the number of bytes, 0 after Clear.
func (s *Bytes) Len() int { return len(s.Open()) }

// Clear overwrites the bytes and leaves s empty. It may be called again.
func (s *Bytes) Clear() {
	if s == nil {
		return
	}
	if b := s.box.Open(); b != nil {
		Clear(*b)
		*b = nil
	}
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
