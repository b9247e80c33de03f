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
// It works for the struct, a pointer to it and exported fields holding it. For
// unexported fields fmt cannot call methods and prints what it finds: keep the
// secret itself behind a pointer, of which fmt then shows the address only.
type Hidden struct{}

func (Hidden) String() string   { return placeholder }
func (Hidden) GoString() string { return placeholder }

// Format covers the verbs that would bypass String, such as %x and %d.
func (Hidden) Format(f fmt.State, _ rune) { io.WriteString(f, placeholder) }

func (Hidden) MarshalJSON() ([]byte, error)   { return nil, ErrHidden }
func (Hidden) MarshalText() ([]byte, error)   { return nil, ErrHidden }
func (Hidden) MarshalBinary() ([]byte, error) { return nil, ErrHidden }
func (Hidden) MarshalCBOR() ([]byte, error)   { return nil, ErrHidden }
