package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
)

// limited refuses bodies of more than n bytes, whether or not their length is
// told beforehand.
func limited(n int64) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			if r.ContentLength > n {
				return echo.ErrStatusRequestEntityTooLarge
			}
			r.Body = http.MaxBytesReader(c.Response().Writer, r.Body, n)
			return next(c)
		}
	}
}

// read decodes a JSON body, as [decode] does, and clears it.
func read(c echo.Context, into any) error {
	text, err := readKept(c, into)
	secret.Clear(text)
	return err
}

// readKept is read for a caller who needs the body's text, and clears it.
func readKept(c echo.Context, into any) ([]byte, error) {
	text, err := content(c.Request())
	if err != nil {
		return nil, unread(err)
	}
	if err := decode(text, into); err != nil {
		secret.Clear(text)
		return nil, err
	}
	return text, nil
}

// firstBuffer bounds, in bytes, what is set aside for a body that is announced
// and has not come.
const firstBuffer = 64 << 10

// content reads a body, which may hold a secret: of the buffers that it outgrows
// nothing is left.
func content(r *http.Request) ([]byte, error) {
	size := int64(firstBuffer)
	if 0 <= r.ContentLength && r.ContentLength < size {
		size = r.ContentLength + 1 // room in which to find the end
	}
	text := make([]byte, 0, size)
	for {
		if len(text) == cap(text) {
			grown := make([]byte, len(text), 2*cap(text))
			copy(grown, text)
			secret.Clear(text)
			text = grown
		}
		n, err := r.Body.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		if errors.Is(err, io.EOF) {
			return text, nil
		}
		if err != nil {
			secret.Clear(text)
			return nil, err
		}
	}
}

// decode reads one JSON object with nothing after it into a struct, by the tags
// of the struct's own fields. Every member must be one of them, and be there
// once. encoding/json's Decoder would do as much, but copies the text into a
// buffer that nobody can clear.
func decode(text []byte, into any) error {
	switch start := space(text); {
	case len(start) == 0:
		return fault.New(fault.Invalid, "body: expected a JSON object; it is empty")
	case start[0] != '{':
		return fault.New(fault.Invalid, "body: expected a JSON object")
	}
	if err := json.Unmarshal(text, into); err != nil {
		return malformed(err, text)
	}
	return members(text, into)
}

// unread keeps the status of a body that was too large or too slow.
func unread(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return echo.ErrStatusRequestEntityTooLarge
	}
	return fault.New(fault.Invalid, "body: it ended before it was complete")
}

// malformed says what is wrong with a body without repeating what was in it.
func malformed(err error, text []byte) error {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	var typed *fault.Error
	switch {
	case errors.As(err, &typed):
		return fault.New(fault.Invalid, "body: %w", typed)
	case errors.As(err, &kind):
		// Of a number that does not fit the library repeats the digits.
		found, _, _ := strings.Cut(kind.Value, " ")
		return fault.New(fault.Invalid, "body: %q: expected %s; found %s", kind.Field, kind.Type, found)
	case errors.As(err, &syntax):
		if i := syntax.Offset - 1; 0 < i && i <= int64(len(text)) && json.Valid(text[:i]) {
			return fault.New(fault.Invalid, "body: expected one JSON object and nothing after it")
		}
		return fault.New(fault.Invalid, "body: expected JSON; the text breaks off or errs at byte %d", syntax.Offset)
	}
	return fault.New(fault.Invalid, "body: expected a JSON object of the members that the API names")
}

// space is what follows white space.
func space(text []byte) []byte { return bytes.TrimLeft(text, " \t\r\n") }
