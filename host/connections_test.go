package host

import (
	"errors"
	"io"
	"net"
	"testing"
)

func listenBounded(t *testing.T, most int) *bounded {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := newBounded(l.(*net.TCPListener), most)
	t.Cleanup(func() { b.Close() })
	return b
}

// TestAConnectionTooManyWaitsForAPlace, and gets it when another ends.
func TestAConnectionTooManyWaitsForAPlace(t *testing.T) {
	l := listenBounded(t, 2)
	for range 3 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	second, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	third := make(chan net.Conn)
	go func() {
		c, _ := l.Accept()
		third <- c
	}()
	if n := len(l.places); n != 2 {
		t.Errorf("expected both places to be taken; found %d", n)
	}
	select {
	case <-third:
		t.Fatal("expected the third to wait")
	default:
	}
	first.Close()
	first.Close() // gives back one place, not two
	c := <-third
	if c == nil {
		t.Fatal("expected the third to be accepted")
	}
	defer c.Close()
	if n := len(l.places); n != 2 {
		t.Errorf("expected both places to be taken again; found %d", n)
	}
}

// TestAFullListenerCanBeClosed: its server would not stop otherwise.
func TestAFullListenerCanBeClosed(t *testing.T) {
	l := listenBounded(t, 1)
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	held, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	ended := make(chan error)
	go func() {
		_, err := l.Accept()
		ended <- err
	}()
	l.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("expected that it is closed; found %v", err)
	}
	// Who was accepted is served to the end.
	if _, err := io.WriteString(held, "x"); err != nil {
		t.Error(err)
	}
}

func TestListenersShareTheFilesOfTheProcess(t *testing.T) {
	one, four := share(1), share(4)
	if one < 1 || one > maxConnections || four < 1 || four > one {
		t.Errorf("expected 1 to %d, and less for more listeners; found %d, %d", maxConnections, one, four)
	}
}
