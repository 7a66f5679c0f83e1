package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"warden/internal/remedy"
)

// errNoVote is what a candidate gets from a node that has no log: such a node
// may have lost one in which it voted already.
var errNoVote = errors.New("this node has no raft log yet, and gives no votes before it has")

// transport is raft's over TLS, without the messages that would have a node
// without a log take part in elections.
type transport struct {
	*raft.NetworkTransport
	stream  *stream
	founded func() bool
	rpcs    chan raft.RPC
	done    chan struct{}
	beats   beats
	wg      sync.WaitGroup
	once    sync.Once
}

// poolSize is how many idle connections are kept to each peer.
const poolSize = 3

func newTransport(s *stream, founded func() bool, timeout time.Duration, log hclog.Logger) *transport {
	t := &transport{
		stream: s, founded: founded, rpcs: make(chan raft.RPC), done: make(chan struct{}),
		NetworkTransport: raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
			Stream: s, MaxPool: poolSize, Timeout: timeout, Logger: log,
			// Pipelining is off: a pipelined follower may never again get
			// entries after it refused some (raft#611).
			MaxRPCsInFlight: 1,
		}),
	}
	t.wg.Go(t.sift)
	return t
}

// Consumer implements raft.Transport.
func (t *transport) Consumer() <-chan raft.RPC { return t.rpcs }

func (t *transport) sift() {
	for {
		select {
		case rpc := <-t.NetworkTransport.Consumer():
			if !t.founded() && inElection(rpc.Command) {
				rpc.Respond(nil, errNoVote)
				continue
			}
			select {
			case t.rpcs <- rpc:
			case <-t.done:
				rpc.Respond(nil, raft.ErrTransportShutdown)
				return
			}
		case <-t.done:
			return
		}
	}
}

// SetHeartbeatHandler implements raft.Transport.
func (t *transport) SetHeartbeatHandler(handle func(raft.RPC)) {
	if handle != nil {
		handle = t.beats.counted(handle)
	}
	t.NetworkTransport.SetHeartbeatHandler(handle)
}

// beats are the heartbeats that are being handled. Raft has the transport's
// goroutines handle them, for which its shutdown doesn't wait, and one that began
// before the shutdown may still write a term afterwards. In a store that is closed
// by then it can't, and raft panics.
type beats struct {
	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
}

// counted is a handler that end waits for, and that is not begun after it.
func (b *beats) counted(handle func(raft.RPC)) func(raft.RPC) {
	return func(rpc raft.RPC) {
		if !b.begin() {
			rpc.Respond(nil, raft.ErrTransportShutdown)
			return
		}
		defer b.wg.Done()
		handle(rpc)
	}
}

func (b *beats) begin() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.wg.Add(1)
	return true
}

// end lets no more begin, and waits for those that have.
func (b *beats) end() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.wg.Wait()
}

// inElection says whether a message makes its receiver take part in electing.
func inElection(command any) bool {
	switch command.(type) {
	case *raft.RequestVoteRequest, *raft.RequestPreVoteRequest, *raft.TimeoutNowRequest:
		return true
	}
	return false
}

// Close implements raft.WithClose. It also ends what is under way, so that
// nobody waits for a peer that does not answer, and returns when no message is
// being handled any more: the stores may be closed then.
func (t *transport) Close() error {
	t.once.Do(func() {
		close(t.done)
		_ = t.NetworkTransport.Close() // it has no error to give
		t.CloseStreams()
	})
	t.wg.Wait()
	t.beats.end()
	return nil
}

// stream connects raft's transport with peers: connections come in by the
// door, and go out with a preface.
type stream struct {
	*queue
	dialer *dialer
	record *record
}

// idAddr is this node's server id as a network address, which it is for raft.
type idAddr remedy.NodeID

// Network implements net.Addr.
func (idAddr) Network() string { return "warden" }

// String implements net.Addr.
func (a idAddr) String() string { return string(a) }

// Dial implements raft.StreamLayer. The address is the server id of the peer;
// where it listens is looked up each time.
func (s *stream) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	to := remedy.NodeID(address)
	peer, ok := s.dialer.roster.of(to)
	if !ok {
		return nil, fmt.Errorf("%w: %s is a member and [cluster] peers does not list it: add it on every node, or remove it with `warden operator raft remove-peer %s`", errUnknownPeer, to, to)
	}
	ctx, cancel := context.WithTimeout(s.dialer.conns.ctx, min(timeout, s.dialer.timeout))
	defer cancel()
	conn, err := s.dialer.dial(ctx, peer, protocolRaft)
	if err != nil {
		return nil, fmt.Errorf("connect to %s at %s: %w", to, peer.Address, err)
	}
	if err := s.introduce(ctx, conn, to); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to %s at %s: %w", to, peer.Address, err), conn.Close())
	}
	return conn, nil
}

func (s *stream) introduce(ctx context.Context, conn net.Conn, to remedy.NodeID) error {
	if at, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(at); err != nil {
			return err
		}
	}
	if err := writeLine(conn, preface{Cluster: s.record.cluster(), From: s.record.node, To: to}); err != nil {
		return inWords(err)
	}
	var answer reply
	if err := readLine(conn, &answer); err != nil {
		return inWords(err)
	}
	if answer.Refused != "" {
		return fmt.Errorf("it refuses: %s", answer.Refused)
	}
	return conn.SetDeadline(time.Time{})
}

// dialer connects to peers over TLS.
type dialer struct {
	network Network
	creds   Credentials
	roster  *roster
	conns   *connections
	timeout time.Duration // to connect, TLS included
}

func (d *dialer) dial(ctx context.Context, peer Peer, protocol string) (net.Conn, error) {
	raw, err := d.network.Dial(ctx, peer.Address)
	if err != nil {
		return nil, err
	}
	conf := d.creds.Client(peer.Name).Clone()
	conf.NextProtos = []string{protocol}
	conn := tls.Client(raw, conf)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(inWords(err), raw.Close())
	}
	if got := conn.ConnectionState().NegotiatedProtocol; got != protocol {
		return nil, errors.Join(fmt.Errorf("it speaks %q and not %q: run the same version on all nodes", got, protocol), raw.Close())
	}
	kept, ok := d.conns.keep(conn, peer.Name)
	if !ok {
		return nil, errors.Join(ErrClosed, raw.Close())
	}
	return kept, nil
}
