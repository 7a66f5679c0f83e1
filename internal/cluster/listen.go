package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"
)

// The protocols that peers speak over one port, told apart by TLS itself.
const (
	protocolRaft = "warden-raft/1"
	protocolHTTP = "http/1.1"
)

// handshakes is how many connections may be on their way in at once. More are
// closed at the door: peers make a handful.
const handshakes = 64

// peerConn is a connection whose other end is a known peer.
type peerConn struct {
	net.Conn
	peer string
	drop func()
}

// Close closes the connection and forgets it.
func (c *peerConn) Close() error {
	c.drop()
	return c.Conn.Close()
}

// door is the one port that peers come in by. It lets in who shows a
// certificate of a configured peer, and sorts them by protocol.
type door struct {
	net.Listener
	creds    Credentials
	roster   *roster
	record   *record
	deadline time.Duration // for a handshake and what else comes before the first request
	refused  *refusals
	log      *zap.Logger

	raft, http *queue
	conns      *connections
	wg         sync.WaitGroup
}

// serve lets peers in until the listener is closed.
func (d *door) serve() {
	room := make(chan struct{}, handshakes)
	for {
		conn, err := d.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			d.log.Warn("a peer's connection could not be taken: raise the limit of open files (LimitNOFILE) if this goes on", zap.Error(err))
			if !d.conns.pause(50 * time.Millisecond) {
				return
			}
			continue
		}
		select {
		case room <- struct{}{}:
		default:
			d.refused.note(refusedBusy, conn.RemoteAddr(), errors.New("too many connections are being made at once: look who makes them"))
			_ = conn.Close()
			continue
		}
		d.wg.Go(func() {
			defer func() { <-room }()
			d.admit(conn)
		})
	}
}

// admit takes one connection through TLS and, for raft, the preface.
func (d *door) admit(raw net.Conn) {
	ctx, cancel := context.WithTimeout(d.conns.ctx, d.deadline)
	defer cancel()
	from := raw.RemoteAddr()
	kept := false
	defer func() {
		if !kept {
			_ = raw.Close()
		}
	}()
	if err := raw.SetDeadline(time.Now().Add(d.deadline)); err != nil {
		return
	}
	conf := d.creds.Server().Clone()
	conf.NextProtos = []string{protocolRaft, protocolHTTP}
	conn := tls.Server(raw, conf)
	if err := conn.HandshakeContext(ctx); err != nil {
		if d.conns.ctx.Err() != nil {
			return // this node is shutting down
		}
		d.refused.note(handshakeReason(err), from, inWords(err))
		return
	}
	name, err := d.roster.verified(conn.ConnectionState())
	if err != nil {
		d.refused.note(refusedPeer, from, err)
		return
	}
	var to *queue
	switch conn.ConnectionState().NegotiatedProtocol {
	case protocolRaft:
		if err := d.greet(conn, name); err != nil {
			d.refused.note(prefaceReason(err), from, err)
			return
		}
		to = d.raft
	case protocolHTTP:
		to = d.http
	default:
		d.refused.note(refusedProtocol, from, fmt.Errorf("%s offers no protocol of warden's: run the same version on all nodes", name))
		return
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return
	}
	in, ok := d.conns.keep(conn, name)
	if !ok {
		return
	}
	kept = true
	to.put(d.conns.ctx, in)
}

// greet reads a raft connection's preface and answers it.
func (d *door) greet(conn net.Conn, name string) error {
	var said preface
	if err := readLine(conn, &said); err != nil {
		return fmt.Errorf("%s said nothing that can be read: %w", name, err)
	}
	err := d.check(said, name)
	var answer reply
	if err != nil {
		answer.Refused = err.Error()
	}
	return errors.Join(err, writeLine(conn, answer))
}

func (d *door) check(said preface, name string) error {
	p, ok := d.roster.of(said.From)
	if !ok || p.Name != name {
		return fmt.Errorf("%w: %s calls itself %s", errOtherNode, name, said.From)
	}
	if said.To != d.record.node {
		return fmt.Errorf("%w: %s wants %s and this is %s; if that node's disk was lost, remove it: `warden operator raft remove-peer %s`",
			errOtherNode, said.From, said.To, d.record.node, said.To)
	}
	return d.record.meet(said.Cluster)
}

// connections are all that are open with peers, in both directions. Raft
// doesn't close what it holds, so they are closed here.
type connections struct {
	ctx  context.Context
	stop context.CancelFunc

	mu   sync.Mutex
	open map[*peerConn]struct{}
}

func newConnections() *connections {
	c := &connections{open: map[*peerConn]struct{}{}}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

// keep adds one, unless all have been closed.
func (c *connections) keep(conn net.Conn, peer string) (*peerConn, bool) {
	p := &peerConn{Conn: conn, peer: peer}
	p.drop = func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.open, p)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return nil, false
	}
	c.open[p] = struct{}{}
	return p, true
}

// close closes all and lets in no more.
func (c *connections) close() {
	c.stop()
	c.mu.Lock()
	open := c.open
	c.open = map[*peerConn]struct{}{}
	c.mu.Unlock()
	for p := range open {
		_ = p.Conn.Close() // the other end sees it gone, which is all there is to say
	}
}

// pause waits, and reports whether connections are still welcome.
func (c *connections) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-c.ctx.Done():
		return false
	}
}

// queue hands admitted connections on. It is the listener of raft's transport
// and of the HTTP server, which both think that they accept by themselves.
type queue struct {
	conns chan *peerConn
	addr  net.Addr
	once  sync.Once
	done  chan struct{}
}

func newQueue(addr net.Addr) *queue {
	return &queue{conns: make(chan *peerConn), addr: addr, done: make(chan struct{})}
}

func (q *queue) put(ctx context.Context, conn *peerConn) {
	select {
	case q.conns <- conn:
	case <-q.done:
		_ = conn.Close()
	case <-ctx.Done():
		_ = conn.Close()
	}
}

// Accept implements net.Listener.
func (q *queue) Accept() (net.Conn, error) {
	select {
	case conn := <-q.conns:
		return conn, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (q *queue) Close() error {
	q.once.Do(func() { close(q.done) })
	return nil
}

// Addr implements net.Listener.
func (q *queue) Addr() net.Addr { return q.addr }
