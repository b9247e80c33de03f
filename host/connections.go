package host

import (
	"net"
	"sync"
	"syscall"
)

// maxConnections is how many connections a listener holds at once. Each has a
// file, and by and by some memory, before it is known who calls.
const maxConnections = 4096

// share is how many connections each of several listeners may hold: half of the
// files that this process may open stay for its store, its plugins, its peers and
// its operator.
func share(listeners int) int {
	most := uint64(maxConnections)
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) == nil {
		most = min(most, uint64(files.Cur)/2/uint64(listeners))
	}
	return int(max(most, 1))
}

// bounded is a listener that holds so many connections at once. Further ones
// wait, unaccepted, for one to end.
type bounded struct {
	*net.TCPListener
	places chan struct{}
	closed chan struct{}
	close  func()
}

func newBounded(l *net.TCPListener, most int) *bounded {
	b := &bounded{TCPListener: l, places: make(chan struct{}, most), closed: make(chan struct{})}
	b.close = sync.OnceFunc(func() { close(b.closed) })
	return b
}

// Accept waits for a place, then for a connection.
func (b *bounded) Accept() (net.Conn, error) {
	select {
	case b.places <- struct{}{}:
	case <-b.closed:
		return nil, net.ErrClosed
	}
	c, err := b.AcceptTCP()
	if err != nil {
		<-b.places
		return nil, err
	}
	return &placed{TCPConn: c, leave: sync.OnceFunc(func() { <-b.places })}, nil
}

// Close ends an Accept that waits. Connections stay.
func (b *bounded) Close() error {
	b.close()
	return b.TCPListener.Close()
}

// placed is a connection that gives back its place.
type placed struct {
	*net.TCPConn
	leave func()
}

// Close implements [net.Conn].
func (p *placed) Close() error {
	defer p.leave()
	return p.TCPConn.Close()
}
