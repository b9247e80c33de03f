package rest

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/labstack/echo/v4"
)

// TestAnAnswerIsFoundInTheLogByItsNumber, which a caller may choose as long as it is
// short and plain.
func TestAnAnswerIsFoundInTheLogByItsNumber(t *testing.T) {
	for _, test := range []struct {
		name, asked string
		kept        bool
	}{
		{"none", "", false},
		{"a UUID", "0b6e1f0a-6c1b-4f5e-9d3a-2f4f7c3f9a10", true},
		{"of 64 characters", strings.Repeat("a", 64), true},
		{"too long", strings.Repeat("a", 65), false},
		{"two words", "x level=error", false},
		{"not plain", "\u202e", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log bytes.Buffer
			handler := New(Services{}, Faces{Principals: true}, hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Debug})).Handler()
			r := httptest.NewRequest(http.MethodGet, "/v1/order/x", nil)
			r.Header.Set(echo.HeaderXRequestID, test.asked)
			rec := httptest.NewRecorder()
			handler.ServeHTTP(rec, r)
			id := rec.Header().Get(echo.HeaderXRequestID)
			if id == "" || len(id) > 64 || (id == test.asked) != test.kept {
				t.Errorf("expected kept: %t; found %q", test.kept, id)
			}
			if !strings.Contains(log.String(), "id="+id) {
				t.Errorf("expected %q in the log; found %s", id, &log)
			}
		})
	}
}

// TestAPanicIsLoggedWithItsPlace, and its request as any other.
func TestAPanicIsLoggedWithItsPlace(t *testing.T) {
	var log bytes.Buffer
	// A node without services has none to list the orders.
	handler := New(Services{}, Faces{Principals: true}, hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Debug})).Handler()
	rec := httptest.NewRecorder()
	handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/v1/order", nil))
	if rec.Code != http.StatusInternalServerError || !strings.Contains(rec.Body.String(), `"detail":"internal error"`) || strings.Contains(rec.Body.String(), "nil pointer") {
		t.Errorf("expected an internal error and no more; found %d %s", rec.Code, rec.Body)
	}
	for _, want := range []string{"nil pointer", "listOrders", "status=500"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("expected %q in the log; found %s", want, &log)
		}
	}
}

// TestALoopbackListenerIsCalledByItsOwnNames, and by no name that a web page elsewhere
// had pointed here.
func TestALoopbackListenerIsCalledByItsOwnNames(t *testing.T) {
	handler := New(Services{}, Faces{Principals: true}, hclog.NewNullLogger()).Handler()
	for host, status := range map[string]int{
		"127.0.0.1": 400, "127.0.0.1:5556": 400, "localhost": 400, "localhost:5556": 400, "[::1]": 400, "[::1]:5556": 400,
		"evil.example": 403, "evil.example:5556": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example:5556": 403, "": 403, "192.0.2.1": 403,
	} {
		r := httptest.NewRequest(http.MethodGet, "/v1/order/x", nil)
		r.Host = host
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv6loopback, Port: 5556}))
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, r)
		if rec.Code != status {
			t.Errorf("%q: expected %d; found %d %s", host, status, rec.Code, rec.Body)
		}
	}
}
