package plugintest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// watcher hears what one plugin answers, and knows the configuration's secrets.
type watcher struct {
	secrets []string

	mu    sync.Mutex
	heard []string // which answers held a secret
}

func newWatcher(c Config) *watcher {
	w := &watcher{}
	for _, s := range c.Secrets {
		if s != "" {
			w.secrets = append(w.secrets, s)
		}
	}
	return w
}

func (w *watcher) finds(text string) bool {
	for _, s := range w.secrets {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}

// listen searches every answer, diagnostics among them, and every error.
func (w *watcher) listen(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	err := call(ctx, method, req, reply, conn, opts...)
	said := fmt.Sprint(err)
	if m, ok := reply.(proto.Message); ok {
		raw, _ := proto.Marshal(m)
		said += string(raw)
	}
	if w.finds(said) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.heard = append(w.heard, method)
	}
	return err
}

// report says what was found, once the plugin has ended: what it logs last counts too.
func (w *watcher) report(t testing.TB, log string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, method := range w.heard {
		t.Errorf("an answer of %s holds a secret of the configuration", method)
	}
	if w.finds(log) {
		t.Error("the log holds a secret of the configuration")
	}
}
