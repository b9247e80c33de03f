package operator_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/milagro-dta/dta/host/operator"
	"github.com/milagro-dta/dta/protocol/fault"
)

func TestTheKindOfEveryAnswerIsKnown(t *testing.T) {
	for _, test := range []struct {
		name        string
		status      int
		media, text string
		want        fault.Kind
	}{
		{"an answer", 200, "application/json", `{"name":"n"}`, ""},
		{"a refusal", 409, "application/problem+json", `{"kind":"conflict","detail":"enrolled already"}`, fault.Conflict},
		{"an error of the node", 500, "application/problem+json", `{"kind":"internal","detail":"internal error"}`, fault.Internal},
		{"no kind", 404, "application/problem+json", `{"detail":"x"}`, fault.Unavailable},
		{"an unknown kind", 500, "application/problem+json", `{"kind":"teapot","detail":"x"}`, fault.Unavailable},
		{"a page", 404, "text/html", `<h1>404</h1>`, fault.Unavailable},
		{"no JSON", 200, "text/html", `<h1>Hello</h1>`, fault.Unavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			// t.TempDir can be too long for a socket's name.
			dir, err := os.MkdirTemp("", "dta")
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			path := filepath.Join(dir, "s")
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			node := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", test.media)
				w.WriteHeader(test.status)
				io.WriteString(w, test.text)
			}))
			node.Listener.Close()
			node.Listener = l
			node.Start()
			defer node.Close()
			_, err = operator.NewClient(path).Identity(context.Background())
			if fault.Of(err) != test.want {
				t.Errorf("expected %q; found %q, %v", test.want, fault.Of(err), err)
			}
		})
	}
}
