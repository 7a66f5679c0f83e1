package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// wire is a network in memory, on the bubble's time, that can be cut between
// any two nodes.
type wire struct {
	mu      sync.Mutex
	doors   map[string]*wireDoor // by address, which is the node's name and ":1"
	cuts    map[[2]string]bool
	conns   map[*wireConn]bool
	dropped int
}

func newWire() *wire {
	return &wire{doors: map[string]*wireDoor{}, cuts: map[[2]string]bool{}, conns: map[*wireConn]bool{}}
}

func wireAddress(node string) string { return node + ":1" }

func pair(a, b string) [2]string { return [2]string{min(a, b), max(a, b)} }

// cut cuts a node off from all others, or joins it with them again.
func (w *wire) cut(node string, others []string, off bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range others {
		if o != node {
			w.cuts[pair(node, o)] = off
		}
	}
	if !off {
		return
	}
	for c := range w.conns {
		if (c.from == node || c.to == node) && w.cuts[pair(c.from, c.to)] {
			w.dropped++
			c.end()
			delete(w.conns, c)
		}
	}
}

func (w *wire) reaches(a, b string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return a == b || !w.cuts[pair(a, b)]
}

// wireNode is the network as one node has it: cluster.Network.
type wireNode struct {
	w    *wire
	name string
}

func (n wireNode) Listen(_ context.Context, address string) (net.Listener, error) {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	d := &wireDoor{w: n.w, address: address, come: make(chan net.Conn, 64), done: make(chan struct{})}
	n.w.doors[address] = d
	return d, nil
}

func (n wireNode) Dial(ctx context.Context, address string) (net.Conn, error) {
	n.w.mu.Lock()
	door := n.w.doors[address]
	n.w.mu.Unlock()
	to := address[:len(address)-len(":1")]
	if !n.w.reaches(n.name, to) {
		<-ctx.Done() // what is sent there is never answered
		return nil, context.Cause(ctx)
	}
	if door == nil {
		return nil, errors.New("connection refused")
	}
	here, there := newWirePair(n.name, to)
	select {
	case door.come <- there:
	case <-door.done:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	n.w.conns[here], n.w.conns[there] = true, true
	return here, nil
}

// wireDoor is a listener.
type wireDoor struct {
	w       *wire
	address string
	come    chan net.Conn
	done    chan struct{}
	once    sync.Once
}

func (d *wireDoor) Accept() (net.Conn, error) {
	select {
	case c := <-d.come:
		return c, nil
	case <-d.done:
		return nil, net.ErrClosed
	}
}

func (d *wireDoor) Close() error {
	d.once.Do(func() {
		close(d.done)
		d.w.mu.Lock()
		defer d.w.mu.Unlock()
		if d.w.doors[d.address] == d {
			delete(d.w.doors, d.address)
		}
	})
	return nil
}

func (d *wireDoor) Addr() net.Addr { return wireAddr(d.address) }

type wireAddr string

func (wireAddr) Network() string  { return "wire" }
func (a wireAddr) String() string { return string(a) }

// wireConn is one end of a connection with room for what is not read yet: TLS
// writes without waiting for the other side to read.
type wireConn struct {
	from, to string
	in, out  chan []byte
	rest     []byte
	over     chan struct{} // shared by both ends
	once     *sync.Once
	read     deadline
	write    deadline
}

func newWirePair(from, to string) (here, there *wireConn) {
	ab, ba, over, once := make(chan []byte, 1024), make(chan []byte, 1024), make(chan struct{}), new(sync.Once)
	here = &wireConn{from: from, to: to, in: ba, out: ab, over: over, once: once, read: newDeadline(), write: newDeadline()}
	there = &wireConn{from: to, to: from, in: ab, out: ba, over: over, once: once, read: newDeadline(), write: newDeadline()}
	return here, there
}

func (c *wireConn) end() { c.once.Do(func() { close(c.over) }) }

func (c *wireConn) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		select {
		case c.rest = <-c.in: // what arrived before the end is still read
		default:
			select {
			case c.rest = <-c.in:
			case <-c.over:
				return 0, io.EOF
			case <-c.read.passed():
				return 0, os.ErrDeadlineExceeded
			}
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (c *wireConn) Write(p []byte) (int, error) {
	select {
	case <-c.over:
		return 0, io.ErrClosedPipe
	default:
	}
	select {
	case c.out <- append([]byte(nil), p...):
		return len(p), nil
	case <-c.over:
		return 0, io.ErrClosedPipe
	case <-c.write.passed():
		return 0, os.ErrDeadlineExceeded
	}
}

func (c *wireConn) Close() error {
	c.end()
	c.read.set(time.Time{})
	c.write.set(time.Time{})
	return nil
}

func (c *wireConn) LocalAddr() net.Addr  { return wireAddr(fmt.Sprintf("%s:0", c.from)) }
func (c *wireConn) RemoteAddr() net.Addr { return wireAddr(fmt.Sprintf("%s:0", c.to)) }

func (c *wireConn) SetDeadline(t time.Time) error {
	c.read.set(t)
	c.write.set(t)
	return nil
}

func (c *wireConn) SetReadDeadline(t time.Time) error  { c.read.set(t); return nil }
func (c *wireConn) SetWriteDeadline(t time.Time) error { c.write.set(t); return nil }

// deadline is a channel that is closed when a time that may be moved has come.
type deadline struct {
	mu    *sync.Mutex
	timer **time.Timer
	gone  *chan struct{}
}

func newDeadline() deadline {
	return deadline{mu: new(sync.Mutex), timer: new(*time.Timer), gone: new(make(chan struct{}))}
}

func (d deadline) passed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return *d.gone
}

func (d deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if *d.timer != nil && !(*d.timer).Stop() {
		*d.gone = make(chan struct{})
	}
	*d.timer = nil
	select {
	case <-*d.gone:
		*d.gone = make(chan struct{})
	default:
	}
	if t.IsZero() {
		return
	}
	gone := *d.gone
	if wait := time.Until(t); wait > 0 {
		*d.timer = time.AfterFunc(wait, func() { close(gone) })
	} else {
		close(gone)
	}
}
