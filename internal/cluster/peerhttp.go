package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"warden/internal/remedy"
)

// ProbePath is where a node tells its peers what it is. The cluster answers it
// itself, before there is a log and whatever else is served.
const ProbePath = "/peer/v1/probe"

// toHeader names the server id that a request is for, so that it never reaches
// a node that only has the name.
const toHeader = "Warden-To"

type peerNameKey struct{}

// PeerName is the name of the configured peer that a request to the handler of
// ServePeers came from, by its verified certificate; false for any other context.
func PeerName(ctx context.Context) (string, bool) {
	name, ok := ctx.Value(peerNameKey{}).(string)
	return name, ok
}

// Speaks reports whether the peer that a request to the handler of ServePeers
// came from is the voter of that id.
func (n *Node) Speaks(ctx context.Context, id remedy.NodeID) bool {
	name, ok := PeerName(ctx)
	if !ok || n.ring == nil {
		return false
	}
	peer, ok := n.ring.roster.of(id)
	return ok && peer.Name == name && slices.Contains(n.voters(), id)
}

// ServePeers has h answer what the peers ask over HTTP, all but ProbePath.
// Until it is called they get 503. The requests' contexts know the caller
// (PeerName); r.Host is what the caller wrote into its URL. A node without
// peers never calls h.
func (n *Node) ServePeers(h http.Handler) { n.peerAPI.set(h) }

// PeerTransport carries requests for http://NAME/... and http://ID/... to the
// peer of that configured name or server id, over mutual TLS. An id reaches
// that very node or fails, with 421 where another node has its name now. The
// node owns the transport; it ends with Shutdown. Without peers each request
// fails.
func (n *Node) PeerTransport() http.RoundTripper {
	if n.ring == nil {
		return noPeers{}
	}
	return n.ring.client
}

type noPeers struct{}

// RoundTrip implements http.RoundTripper.
func (noPeers) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("%w: this node has no [cluster] peers, so there is no %s", errUnknownPeer, r.URL.Host)
}

// peerClient is the client's half.
type peerClient struct {
	roster *roster
	inner  *http.Transport
}

func newPeerClient(d *dialer) *peerClient {
	return &peerClient{roster: d.roster, inner: &http.Transport{
		DialContext: func(ctx context.Context, _, hostport string) (net.Conn, error) {
			name, _, err := net.SplitHostPort(hostport)
			if err != nil {
				return nil, err
			}
			peer, _, ok := d.roster.target(name)
			if !ok {
				return nil, fmt.Errorf("%w: %s is not among [cluster] peers", errUnknownPeer, name)
			}
			ctx, cancel := context.WithTimeout(ctx, d.timeout)
			defer cancel()
			conn, err := d.dial(ctx, peer, protocolHTTP)
			if err != nil {
				return nil, fmt.Errorf("connect to %s at %s: %w", peer.Name, peer.Address, err)
			}
			return conn, nil
		},
		DisableCompression: true, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute,
	}}
}

// RoundTrip implements http.RoundTripper.
func (c *peerClient) RoundTrip(r *http.Request) (*http.Response, error) {
	_, id, ok := c.roster.target(r.URL.Hostname())
	if !ok {
		return nil, fmt.Errorf("%w: %s is not among [cluster] peers", errUnknownPeer, r.URL.Host)
	}
	if r.URL.Scheme != "http" {
		return nil, fmt.Errorf("%s: write http://, TLS is the transport's own", r.URL.Scheme)
	}
	if id != "" {
		r = r.Clone(r.Context())
		r.Header.Set(toHeader, string(id))
	}
	return c.inner.RoundTrip(r)
}

// peerServer is the server's half.
type peerServer struct {
	http  *http.Server
	probe http.Handler
	api   *handlerSlot
	id    remedy.NodeID
}

// handlerSlot holds the handler that the shell brings once it has one.
type handlerSlot struct{ h atomic.Pointer[http.Handler] }

func (s *handlerSlot) set(h http.Handler) { s.h.Store(&h) }

func newPeerServer(id remedy.NodeID, api *handlerSlot, probe http.Handler, logger *zap.Logger) *peerServer {
	s := &peerServer{probe: probe, api: api, id: id}
	s.http = &http.Server{
		Handler: s, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: zap.NewStdLog(logger.Named("peers")),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if p, ok := c.(*peerConn); ok {
				return context.WithValue(ctx, peerNameKey{}, p.peer)
			}
			return ctx
		},
	}
	return s
}

// ServeHTTP implements http.Handler.
func (s *peerServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if to := r.Header.Get(toHeader); to != "" && to != string(s.id) {
		http.Error(w, fmt.Sprintf("this is %s and not %s", s.id, to), http.StatusMisdirectedRequest)
		return
	}
	if r.URL.Path == ProbePath {
		s.probe.ServeHTTP(w, r)
		return
	}
	h := s.api.h.Load()
	if h == nil {
		http.Error(w, "this node is starting", http.StatusServiceUnavailable)
		return
	}
	(*h).ServeHTTP(w, r)
}

// stop ends the server, giving what it is answering a moment.
func (s *peerServer) stop(ctx context.Context) {
	if err := s.http.Shutdown(ctx); err != nil && !errors.Is(err, http.ErrServerClosed) {
		_ = s.http.Close()
	}
}
