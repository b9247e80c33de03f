package rest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/labstack/echo/v4"

	"github.com/milagro-dta/dta/protocol/peer"
)

// TestManyLargeBodiesAreNotHeldAtOnce: one that comes while others fill the room is
// asked to come again; a small one always has room.
func TestManyLargeBodiesAreNotHeldAtOnce(t *testing.T) {
	const room = 1 << 20
	held := newBudget(room)
	e := echo.New()
	e.HTTPErrorHandler = problems(hclog.NewNullLogger())
	e.POST("/", func(c echo.Context) error {
		if err := read(c, new(peer.Notice)); err != nil {
			return err
		}
		return c.NoContent(http.StatusOK)
	}, limited(peer.MaxBody, held))
	call := func(body io.Reader) int {
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/", body))
		return rec.Code
	}
	large := func() io.Reader { return strings.NewReader("{}" + strings.Repeat(" ", room/2)) }

	slow, rest := io.Pipe()
	ended := make(chan int)
	go func() { ended <- call(slow) }()
	io.WriteString(rest, "{}"+strings.Repeat(" ", room-firstBuffer)) // it is read when this returns
	io.WriteString(rest, " ")
	if code := call(large()); code != http.StatusTooManyRequests {
		t.Errorf("a large body while another is held: expected 429; found %d", code)
	}
	if code := call(strings.NewReader("{}")); code != http.StatusOK {
		t.Errorf("a small body while a large one is held: expected 200; found %d", code)
	}
	rest.Close()
	if code := <-ended; code != http.StatusOK {
		t.Errorf("the body that was held: expected 200; found %d", code)
	}
	if code := call(large()); code != http.StatusOK {
		t.Errorf("a large body afterwards: expected 200; found %d", code)
	}
	if code := call(strings.NewReader(strings.Repeat(" ", 2*room))); code != http.StatusTooManyRequests {
		t.Errorf("a body beyond the room: expected 429; found %d", code)
	}
	if left := held.left.Load(); left != room {
		t.Errorf("expected all the room to be given back; found %d of %d bytes", left, room)
	}
}
