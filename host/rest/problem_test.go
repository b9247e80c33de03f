package rest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/labstack/echo/v4"

	"github.com/milagro-dta/dta/protocol/fault"
)

func TestARefusalNamesWhatWasExpectedAndFound(t *testing.T) {
	handler := New(Services{}, Faces{Principals: true}, hclog.NewNullLogger()).Handler()
	ref := strings.Repeat("0", 64)
	for _, test := range []struct {
		name, method, path string
		status             int
		says               string
	}{
		{"a path that is none", http.MethodGet, "/v1/nope", 404, `"/v1/nope": this listener serves nothing there`},
		{"a path of nodes", http.MethodPost, "/v1/notice", 404, `"/v1/notice": this listener serves nothing there`},
		{"a long path that is none", http.MethodGet, "/" + strings.Repeat("x", 500), 404, "x…"},
		{"one cut inside a character", http.MethodGet, "/" + strings.Repeat("é", 100), 404, strings.Repeat("é", 39) + `…"`},
		{"another method", http.MethodPut, "/v1/order", 405, "; found PUT"},
		{"a list of orders, a page twice", http.MethodGet, "/v1/order?page=1&page=2", 400, "page: expected it once; found 2"},
		{"a list of orders, misspelt", http.MethodGet, "/v1/order?perpage=2", 400, `found "perpage"`},
		{"a list of orders, malformed", http.MethodGet, "/v1/order?page=%zz", 400, "query: "},
		{"a list of networks, misspelt", http.MethodGet, "/v1/network?sort=x", 400, `found "sort"`},
		{"a short reference", http.MethodGet, "/v1/order/" + ref[1:], 400, "expected 64 lower-case hex digits, or the order's CID; found 63 characters"},
		{"a reference in upper case", http.MethodGet, "/v1/order/A" + ref[1:], 400, "found another character at position 1"},
		{"a reference of other letters", http.MethodGet, "/v1/order/" + ref[1:] + "z", 400, "found another character at position 64"},
	} {
		t.Run(test.name, func(t *testing.T) {
			rec := httptest.NewRecorder()
			r := httptest.NewRequest(test.method, test.path, nil)
			handler.ServeHTTP(rec, r)
			var p Problem
			if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil || rec.Code != test.status || !strings.Contains(p.Detail, test.says) || p.Error != p.Detail {
				t.Errorf("expected %d and %q; found %d %s", test.status, test.says, rec.Code, rec.Body)
			}
		})
	}
}

func TestWhatIsReadCanBeAskedForWithoutItsBody(t *testing.T) {
	handler, _ := nodesAPI(t)
	for path, status := range map[string]int{"/v1/identity/x": 400, "/v1/nope": 404, "/v1/notice": 405} {
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, httptest.NewRequest(http.MethodHead, path, nil))
		if rec.Code != status {
			t.Errorf("HEAD %s: expected %d; found %d %s", path, status, rec.Code, rec.Body)
		}
	}
}

// TestTheOperatorsLogHasWhatIsTheirsToMend: a caller's own mistakes are not.
func TestTheOperatorsLogHasWhatIsTheirsToMend(t *testing.T) {
	for kind, level := range map[fault.Kind]string{
		fault.Internal: "[ERROR]", fault.Unavailable: "[WARN]",
		fault.Invalid: "", fault.Denied: "", fault.NotFound: "", fault.Conflict: "", fault.Busy: "", fault.Deadline: "", fault.Unsupported: "",
	} {
		var log bytes.Buffer
		e := echo.New()
		c := e.NewContext(httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder())
		problems(hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Info}))(fault.New(kind, "disk full"), c)
		if text := log.String(); level == "" && text != "" || !strings.Contains(text, level) || level != "" && !strings.Contains(text, "disk full") {
			t.Errorf("%s: expected a line of level %q; found %q", kind, level, text)
		}
	}
}
