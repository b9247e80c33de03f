package nodes

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
)

// Answer is an HTTP answer, read to its end.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do makes a request. Headers are pairs of name and value.
func (n *Node) Do(t testing.TB, method, path string, body io.Reader, headers ...string) Answer {
	t.Helper()
	req, err := http.NewRequest(method, n.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
	}
	res, err := n.client.Do(req)
	if err != nil {
		t.Fatalf("%s: %s %s: %v", n.Name, method, path, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s: %s %s: %v", n.Name, method, path, err)
	}
	if res.StatusCode/100 != 2 {
		n.mu.Lock()
		n.refused = append(n.refused, text)
		n.mu.Unlock()
	}
	return Answer{res.StatusCode, res.Header, text}
}

// Refusals are the bodies of all answers so far that were no success.
func (n *Node) Refusals() []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	return bytes.Join(n.refused, []byte("\n"))
}

// Get reads a resource, and says whether that succeeded.
func (n *Node) Get(t testing.TB, path string, out any) bool {
	t.Helper()
	res := n.Do(t, http.MethodGet, path, nil)
	if res.Status != http.StatusOK {
		return false
	}
	if err := json.Unmarshal(res.Body, out); err != nil {
		t.Fatalf("%s: GET %s: %v: %s", n.Name, path, err, res.Body)
	}
	return true
}

// Post sends JSON and reads the answer, which must be a success.
func (n *Node) Post(t testing.TB, path string, in, out any, headers ...string) {
	t.Helper()
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	res := n.Do(t, http.MethodPost, path, bytes.NewReader(text), append([]string{"Content-Type", "application/json"}, headers...)...)
	if res.Status/100 != 2 {
		t.Fatalf("%s: POST %s: expected a success; got %d %s", n.Name, path, res.Status, res.Body)
	}
	if err := json.Unmarshal(res.Body, out); err != nil {
		t.Fatalf("%s: POST %s: %v: %s", n.Name, path, err, res.Body)
	}
}
