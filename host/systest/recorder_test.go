//go:build linux

package systest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// exchange is a call from one node to another, byte for byte.
type exchange struct {
	path            string
	request, answer []byte
	status          int
}

// recorder stands before a node and remembers what others have asked of it.
type recorder struct {
	mu   sync.Mutex
	seen []exchange
}

// before puts a recorder before the node of a company that has a name; use it
// as the Front of rig.Options.
func (r *recorder) before(t *testing.T, name string) func(node, url string) string {
	return func(node, url string) string {
		if node != name {
			return url
		}
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { r.pass(t, url, w, req) }))
		t.Cleanup(s.Close)
		return s.URL
	}
}

func (r *recorder) pass(t *testing.T, url string, w http.ResponseWriter, req *http.Request) {
	asked, err := io.ReadAll(req.Body)
	if err != nil {
		t.Errorf("recorder: %v", err)
		return
	}
	on, err := http.NewRequestWithContext(req.Context(), req.Method, url+req.URL.RequestURI(), bytes.NewReader(asked))
	if err != nil {
		t.Errorf("recorder: %v", err)
		return
	}
	on.Header = req.Header.Clone()
	res, err := http.DefaultTransport.RoundTrip(on)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway) // the node is down
		return
	}
	defer res.Body.Close()
	answered, err := io.ReadAll(res.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	r.mu.Lock()
	r.seen = append(r.seen, exchange{req.URL.Path, asked, answered, res.StatusCode})
	r.mu.Unlock()
	w.Header().Set("Content-Type", res.Header.Get("Content-Type"))
	w.WriteHeader(res.StatusCode)
	_, _ = w.Write(answered)
}

// of gives the newest successful exchange on a path.
func (r *recorder) of(t *testing.T, path string) exchange {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.seen) - 1; i >= 0; i-- {
		if e := r.seen[i]; e.path == path && e.status == http.StatusOK {
			return e
		}
	}
	t.Fatalf("nobody has called %s", path)
	return exchange{}
}
