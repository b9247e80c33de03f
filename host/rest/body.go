package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/milagro-dta/dta/protocol/fault"
)

// read decodes a JSON body: one object, no unknown members, nothing after it.
func read(c echo.Context, into any) ([]byte, error) {
	text, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return nil, unread(err)
	}
	// The decoder takes null for an object without members.
	if bytes.Equal(bytes.TrimSpace(text), []byte("null")) {
		return nil, fault.New(fault.Invalid, "body: expected a JSON object; found null")
	}
	dec := json.NewDecoder(&reader{text: text})
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return nil, malformed(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Invalid, "body: expected one JSON object and nothing after it")
	}
	return text, nil
}

// unread keeps the status of a body that was too large or too slow.
func unread(err error) error {
	var he *echo.HTTPError
	if errors.As(err, &he) {
		return he
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return echo.ErrStatusRequestEntityTooLarge
	}
	return fault.New(fault.Invalid, "body: it ended before it was complete")
}

// malformed says what is wrong with a body without repeating what was in it.
func malformed(err error) error {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	var typed *fault.Error
	switch {
	case errors.As(err, &typed):
		return fault.New(fault.Invalid, "body: %w", typed)
	case errors.As(err, &kind):
		return fault.New(fault.Invalid, "body: %q: expected %s; found %s", kind.Field, kind.Type, kind.Value)
	case errors.As(err, &syntax):
		return fault.New(fault.Invalid, "body: expected JSON; the text breaks off or errs at byte %d", syntax.Offset)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fault.New(fault.Invalid, "body: expected a JSON object; it ends too early")
	}
	// What remains is an unknown member, whose name the library quotes.
	return fault.New(fault.Invalid, "body: %w", err)
}

type reader struct{ text []byte }

func (r *reader) Read(p []byte) (int, error) {
	if len(r.text) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.text)
	r.text = r.text[n:]
	return n, nil
}
