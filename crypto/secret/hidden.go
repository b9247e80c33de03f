package secret

import (
	"errors"
	"fmt"
	"io"
)

// ErrHidden answers every attempt to marshal a secret.
var ErrHidden = errors.New("a secret does not marshal")

const placeholder = "[secret]"

// Hidden, embedded in a struct, keeps the struct out of fmt and of the
// marshallers: every verb prints "[secret]", every marshaller gets ErrHidden.
//
// It works for the struct, a pointer to it and exported fields that hold it. In
// an unexported field fmt cannot call methods and prints what it finds, through
// pointers too when the verb does not suit: the secret itself belongs in a Box.
type Hidden struct{}

func (Hidden) String() string   { return placeholder }
func (Hidden) GoString() string { return placeholder }

// Format covers the verbs that would bypass String, such as %x and %d.
func (Hidden) Format(f fmt.State, _ rune) { io.WriteString(f, placeholder) }

func (Hidden) MarshalJSON() ([]byte, error)   { return nil, ErrHidden }
func (Hidden) MarshalText() ([]byte, error)   { return nil, ErrHidden }
func (Hidden) MarshalBinary() ([]byte, error) { return nil, ErrHidden }
func (Hidden) MarshalCBOR() ([]byte, error)   { return nil, ErrHidden }

// Box holds a secret of any type out of sight of fmt and of everything else
// that walks values by reflection. The zero Box is empty.
type Box[T any] struct {
	Hidden
	// A function is the one kind of value into which reflection cannot see.
	open func() *T
}

// NewBox hides what v points to. It makes no copy.
func NewBox[T any](v *T) Box[T] { return Box[T]{open: func() *T { return v }} }

// Open returns the pointer that NewBox took, nil if the box is empty.
func (b Box[T]) Open() *T {
	if b.open == nil {
		return nil
	}
	return b.open()
}
