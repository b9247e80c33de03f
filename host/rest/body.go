package rest

import (
	"errors"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/strict"
)

// limited refuses bodies of more than n bytes, whether or not their length is
// told beforehand, and large ones that the budget has no room for.
func limited(n int64, room *budget) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			if r.ContentLength > n {
				return echo.ErrStatusRequestEntityTooLarge
			}
			body := &metered{ReadCloser: http.MaxBytesReader(c.Response().Writer, r.Body, n), from: room}
			defer body.giveBack()
			r.Body = body
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

// decode reads one JSON object into a struct, as [strict.Decode] does.
func decode(text []byte, into any) error {
	if err := strict.Decode(text, into); err != nil {
		return fault.New(fault.Invalid, "body: %w", err)
	}
	return nil
}

// unread keeps the status of a body that was too large, too slow or one too many.
func unread(err error) error {
	if fault.Of(err) == fault.Busy {
		return err
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return echo.ErrStatusRequestEntityTooLarge
	}
	return fault.New(fault.Invalid, "body: it ended before it was complete")
}
