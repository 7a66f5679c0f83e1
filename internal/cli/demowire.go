package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"warden/internal/cluster"
)

// port is a TCP port of loopback that belongs to one node as long as the demo
// lasts, so that nobody else has it while the node is dead. Then, connections
// are closed as soon as they come.
type port struct {
	net.Listener
	done sync.WaitGroup
	mu   sync.Mutex
	at   *wire // nil while nobody listens
}

func openPort(ctx context.Context) (*port, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen on loopback: %w", err)
	}
	p := &port{Listener: l}
	p.done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			w := p.at
			p.mu.Unlock()
			if w == nil || !w.hand(conn) {
				_ = conn.Close()
			}
		}
	})
	return p, nil
}

// listen connects the port to a wire, or to none.
func (p *port) listen(w *wire) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = w
}

func (p *port) close() {
	_ = p.Close() // nothing more to lose
	p.done.Wait()
}

// wire is everything by which one life of a node can be heard: its connections
// to the other nodes and to the load balancer, its entries in the log, and its
// words on the console. When it is cut the node is dead to all of them at one
// instant, as by kill -9.
//
// That instant is the store to dead. Each write on a connection and each entry
// looks at it first, so that one that came through had been decided before: the
// node learns of its end only by what the cut closes, and whatever it does upon
// that finds the wire cut. What the kernel has of its bytes is delivered, as
// that of a killed process is. Its raft goes on for a moment in a world without
// peers, where nothing can be committed and, pre-vote being on, no term begun.
// It may finish writing what had been proposed, as if it had died a little later.
type wire struct {
	port *port
	in   chan net.Conn
	dead atomic.Bool
	gone chan struct{} // closed after dead is set

	mu   sync.Mutex
	open map[net.Conn]struct{}
}

var _ cluster.Network = (*wire)(nil)

func newWire(p *port) *wire {
	return &wire{port: p, in: make(chan net.Conn), gone: make(chan struct{}), open: map[net.Conn]struct{}{}}
}

// cut ends the life. It may be called again.
func (w *wire) cut() {
	if w.dead.Swap(true) {
		return
	}
	close(w.gone)
	w.port.listen(nil)
	w.mu.Lock()
	open := w.open
	w.open = map[net.Conn]struct{}{}
	w.mu.Unlock()
	for c := range open {
		_ = c.Close() // the other end sees it gone, which is all there is to say
	}
}

// powered returns an error once the wire is cut.
func (w *wire) powered() error {
	if w.dead.Load() {
		return errPowerLost
	}
	return nil
}

// Listen implements cluster.Network, on the port, whatever the address.
func (w *wire) Listen(context.Context, string) (net.Listener, error) {
	if err := w.powered(); err != nil {
		return nil, err
	}
	w.port.listen(w)
	return w, nil
}

// Dial implements cluster.Network.
func (w *wire) Dial(ctx context.Context, address string) (net.Conn, error) {
	return w.dial(ctx, "tcp", address)
}

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if err := w.powered(); err != nil {
		return nil, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return w.keep(conn)
}

func (w *wire) keep(conn net.Conn) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.powered(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	w.open[conn] = struct{}{}
	return &wired{Conn: conn, wire: w}, nil
}

// hand gives a connection that came in to whoever accepts; false when nobody
// will.
func (w *wire) hand(conn net.Conn) bool {
	kept, err := w.keep(conn)
	if err != nil {
		return true // closed
	}
	select {
	case w.in <- kept:
		return true
	case <-w.gone:
		return false
	}
}

// Accept implements net.Listener.
func (w *wire) Accept() (net.Conn, error) {
	select {
	case conn := <-w.in:
		return conn, nil
	case <-w.gone:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener: a node that stops listening is about to end.
func (w *wire) Close() error {
	w.cut()
	return nil
}

// Addr implements net.Listener.
func (w *wire) Addr() net.Addr { return w.port.Addr() }

// wired is one connection of a node.
type wired struct {
	net.Conn
	wire *wire
}

// Write implements net.Conn.
func (c *wired) Write(b []byte) (int, error) {
	if err := c.wire.powered(); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// Close implements net.Conn.
func (c *wired) Close() error {
	c.wire.mu.Lock()
	delete(c.wire.open, c.Conn)
	c.wire.mu.Unlock()
	return c.Conn.Close()
}
