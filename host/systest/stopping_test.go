//go:build linux

package systest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/systest/rig"
)

// halfSent opens a call whose body is sent but for its end. finish sends the end
// and reads the answer.
func halfSent(t *testing.T, n *rig.Node, secret []byte) (finish func() (*http.Response, error)) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"secret": secret})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", n.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	// The server asks for the body only when its handler reads it: what comes
	// back says that the call is in flight.
	fmt.Fprintf(conn, "POST /v1/order HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", n.Address, len(body))
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("expected to be asked for the body; found %q, %v", line, err)
	}
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(body[:len(body)/2]); err != nil {
		t.Fatal(err)
	}
	return func() (*http.Response, error) {
		if _, err := conn.Write(body[len(body)/2:]); err != nil {
			return nil, err
		}
		return http.ReadResponse(in, nil)
	}
}

// TestStoppingLetsACallFinish tells a node to stop while a call is being sent:
// the call is answered, the node ends well, and the order is kept.
func TestStoppingLetsACallFinish(t *testing.T) {
	ctx := patience(t)
	n := rig.One(t, rig.Options{})
	finish := halfSent(t, n, []byte("sent while the node stops"))
	stopped := n.Terminate()
	refused(t, n)
	res, err := finish()
	if err != nil {
		t.Fatalf("the call in flight: %v", err)
	}
	defer res.Body.Close()
	var placed rig.Placed
	if err := json.NewDecoder(res.Body).Decode(&placed); err != nil || res.StatusCode != http.StatusOK || placed.State != "accepted" {
		t.Errorf("the call in flight: expected 200 and an accepted order; found %s, %+v, %v", res.Status, placed, err)
	}
	if err := stopped(); err != nil {
		t.Error(err)
	}
	n.NoOrphans()

	n.Restart()
	got, err := n.Client().Redeem(ctx, placed.OrderReference)
	if err != nil || string(got.Secret) != "sent while the node stops" {
		t.Errorf("after a restart: expected the secret; found %q, %v", got.Secret, err)
	}
}

// refused waits until a node takes no more connections.
func refused(t *testing.T, n *rig.Node) {
	t.Helper()
	ctx := patience(t)
	for {
		conn, err := net.Dial("tcp", n.Address)
		if errors.Is(err, syscall.ECONNREFUSED) {
			return
		}
		if err == nil {
			conn.Close()
		}
		if ctx.Err() != nil {
			t.Fatal("a node that was told to stop takes connections")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestStoppingWaitsForNobodyForEver tells a node to stop while a caller never
// ends its call, and while a plugin does not answer.
func TestStoppingWaitsForNobodyForEver(t *testing.T) {
	n := rig.One(t, rig.Options{Instances: []string{"seal", "frozen"}})
	halfSent(t, n, []byte("never sent to its end"))
	if err := syscall.Kill(n.PluginPIDs()["frozen"], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	cut := make(chan error, 1)
	go func() {
		_, err := n.Client().Place(t.Context(), rig.Order{Custody: "frozen", Secret: []byte("in a frozen plugin")})
		cut <- err
	}()
	awaitListed(t, n, 1)
	n.Stop()
	if err := <-cut; err == nil {
		t.Errorf("a call into a plugin that does not answer: expected it not to be answered as accepted")
	}

	n.Restart()
	lines := awaitListed(t, n, 1)
	if _, err := n.Client().Await(patience(t), lines[0].OrderReference, "accepted"); err != nil {
		t.Errorf("the order that was under way: %v", err)
	}
	n.Stop()
}

// awaitListed waits until a node lists so many orders.
func awaitListed(t *testing.T, n *rig.Node, count int) []rig.Line {
	t.Helper()
	ctx := patience(t)
	for {
		lines, err := n.Client().List(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(lines) >= count {
			return lines
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestAnOrderGoesOnWithoutItsCaller cancels requests at random moments after
// they were sent. What the node has recorded becomes an accepted order, and a
// repeat finds it.
func TestAnOrderGoesOnWithoutItsCaller(t *testing.T) {
	ctx := patience(t)
	n := rig.One(t, rig.Options{})
	secret := []byte("its caller has gone")
	gone := 0
	const calls = 60
	for i := range calls {
		short, cancel := context.WithTimeout(ctx, time.Duration(i)*500*time.Microsecond)
		_, err := n.Client().Place(short, rig.Order{Secret: secret, Once: fmt.Sprint("gone-", i)})
		cancel()
		if err != nil {
			gone++
		}
	}
	lines, err := n.Client().List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		if _, err := n.Client().Await(ctx, l.OrderReference, "accepted"); err != nil {
			t.Error(err)
		}
	}
	t.Logf("of %d callers %d had gone; %d orders were recorded", calls, gone, len(lines))
	if len(lines) <= calls-gone {
		t.Fatalf("expected an order whose caller had gone before it was answered; %d of %d had, and %d orders are listed", gone, calls, len(lines))
	}
	for i := range calls {
		if _, err := n.Client().Place(ctx, rig.Order{Secret: secret, Once: fmt.Sprint("gone-", i)}); err != nil {
			t.Errorf("the repeat of a call: %v", err)
		}
	}
	all, err := n.Client().List(ctx)
	if err != nil || len(all) != calls {
		t.Errorf("after the repeats: expected %d orders; found %d, %v", calls, len(all), err)
	}

	ref := all[0].OrderReference
	short, cancel := context.WithTimeout(ctx, 3*time.Millisecond)
	_, err = n.Client().Redeem(short, ref)
	cancel()
	if err == nil {
		return // it was that fast
	}
	if got, err := n.Client().Show(ctx, ref); err == nil && len(got.CIDs("redemption")) == 0 {
		return // the call had not arrived
	}
	if _, err := n.Client().Await(ctx, ref, "released"); err != nil {
		t.Errorf("a redemption whose caller has gone: %v", err)
	}
}

// TestASecondHostIsRefused runs a second host on a node's directory.
func TestASecondHostIsRefused(t *testing.T) {
	ctx := patience(t)
	n := rig.One(t, rig.Options{})
	placed, err := n.Client().Place(ctx, rig.Order{Secret: []byte("not to be shared")})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(n.Config)
	if err != nil {
		t.Fatal(err)
	}
	first, file := n.Config, n.Path("second.hcl")
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), n.Address, "127.0.0.1:0", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	n.Config = file
	_, err = n.Command("host")
	n.Config = first
	if err == nil || !strings.Contains(err.Error(), "another host uses it") || !strings.Contains(err.Error(), fmt.Sprint(n.PID())) {
		t.Errorf("expected the second host to be told that process %d has the directory; found %v", n.PID(), err)
	}
	if got, err := n.Client().Redeem(ctx, placed.OrderReference); err != nil || string(got.Secret) != "not to be shared" {
		t.Errorf("the first host afterwards: expected the secret; found %q, %v", got.Secret, err)
	}
	if _, err := n.Command("identity", "show"); err != nil {
		t.Errorf("the first host's operator socket: %v", err)
	}
	n.Stop()
}

// TestAPluginThatIsLateLosesNothing restarts a node while one of its plugins
// takes its time: an order that was under way in it is not given up, and a new
// one is not turned away for good.
func TestAPluginThatIsLateLosesNothing(t *testing.T) {
	ctx := patience(t)
	n := rig.One(t, rig.Options{Instances: []string{"seal", "late"}})
	done, err := n.Client().Place(ctx, rig.Order{Custody: "late", Secret: []byte("kept before")})
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(n.PluginPIDs()["late"], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = n.Client().Place(ctx, rig.Order{Custody: "late", Secret: []byte("under way")}) }()
	awaitListed(t, n, 2)
	n.Kill()
	n.NoOrphans()

	// The plugin waits for the lock of its directory, as it does where its predecessor takes its time to end.
	lock, err := os.OpenFile(n.Path("token-late", "lock"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(2*time.Second, func() { lock.Close() })
	if err := n.TryStart(); err != nil {
		t.Fatal(err)
	}
	fresh, err := n.Client().Place(ctx, rig.Order{Custody: "late", Secret: []byte("come while it is late")})
	if p := rig.Refusal(err); err != nil && (p == nil || invitesRepeat(p) != nil) {
		t.Errorf("an order to a plugin that is starting: %v", err)
	}
	if got, err := n.Client().Redeem(ctx, done.OrderReference); err != nil || string(got.Secret) != "kept before" {
		t.Errorf("a redemption from a plugin that is starting: %q, %v", got.Secret, err)
	}
	lines, err := n.Client().List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		if _, err := n.Client().Await(ctx, l.OrderReference, "accepted", "released"); err != nil {
			t.Error(err)
		}
	}
	t.Logf("the order that came while the plugin was late: %+v", fresh.State)
	n.Stop()
}
