//go:build linux

package systest

import (
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/operator"
	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/host/supervisor"
	"github.com/milagro-dta/dta/host/systest/rig"
)

// TestStrangersDoNotUseUpTheNodesFiles opens more connections than the node may
// open files. Its operator still reaches it, and a plugin that dies meanwhile is
// started again.
func TestStrangersDoNotUseUpTheNodesFiles(t *testing.T) {
	const files = 256
	n := rig.One(t, rig.Options{Files: files})
	for range files + 32 {
		c, err := net.Dial("tcp", n.Address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		// A connection that has asked once may stay for a minute.
		fmt.Fprintf(c, "GET /v1/status HTTP/1.1\r\nHost: %s\r\n\r\n", n.Address)
	}
	byOperator := n.Operator()
	ctx := patience(t)
	kill(t, n, "vault")
	for start := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		var got rest.Status
		if err := byOperator.Call(ctx, http.MethodGet, operator.PathStatus, nil, &got); err != nil {
			t.Fatal(err)
		}
		vault := got.Custody[0]
		if vault.State == string(supervisor.Ready) && vault.Starts == 2 {
			break
		}
		if vault.State == string(supervisor.Failed) || time.Since(start) > limit {
			t.Fatalf("expected the plugin to be started again; found %+v", vault)
		}
	}
}
