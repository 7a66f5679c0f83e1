package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// The limits of every connection. Sockets run on real time.
const (
	maxBody      = 64 << 10
	maxHeader    = 16 << 10
	readTimeout  = 15 * time.Second
	writeTimeout = 2 * time.Minute // a run by hand asks backends before it answers
	idleTimeout  = time.Minute
	// grace is how long requests may go on once the server is told to stop.
	grace = 10 * time.Second
)

// Server is the two listeners. It is made by Open.
type Server struct {
	surface   *surface
	collector prometheus.Collector
	listeners []net.Listener
	servers   []*http.Server
	address   string
	peers     http.Handler
	local     http.Handler
}

// Open opens the socket and, if an address is given, the TCP listener. Nothing
// is answered before Serve. On an error nothing is left open.
func Open(ctx context.Context, o Options) (*Server, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &Server{surface: &surface{Options: o, started: o.Clock.Now(), patience: patience}}
	api, err := s.surface.handler()
	if err != nil {
		return nil, err
	}
	s.peers = s.surface.common(s.surface.vouched(api))
	local, err := listenSocket(ctx, o.Socket)
	if err != nil {
		return nil, err
	}
	s.add(local, s.surface.anywhere(api), withPeer)
	s.local = s.surface.common(s.surface.anywhere(api))
	if o.Listen != "" {
		l, err := listenLoopback(ctx, o.Listen)
		if err != nil {
			return nil, errors.Join(err, local.Close())
		}
		s.address = l.Addr().String()
		s.add(l, s.surface.guarded(api), nil)
	}
	s.collector = collector{s.surface}
	if err := o.Registry.Register(s.collector); err != nil {
		return nil, errors.Join(fmt.Errorf("register the metrics: %w; this is a bug, please report it", err), s.closeListeners())
	}
	return s, nil
}

// add gives a listener its server.
func (s *Server) add(l net.Listener, h http.Handler, who func(context.Context, net.Conn) context.Context) {
	s.listeners = append(s.listeners, l)
	s.servers = append(s.servers, &http.Server{
		Handler: s.surface.common(h), ConnContext: who,
		ReadHeaderTimeout: readTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       zap.NewStdLog(s.surface.Logger.Named("http")),
	})
}

// Address is where the TCP listener listens, with the port that was chosen for
// ":0"; empty without one.
func (s *Server) Address() string { return s.address }

// PeerHandler answers what other nodes forward, on connections whose peer was
// verified: see Peers.Speaks.
func (s *Server) PeerHandler() http.Handler { return s.peers }

// Serve answers requests until ctx ends, then lets those that run finish for
// ten seconds. It returns nil after ctx ended, and otherwise why a listener
// failed. Either way the listeners are closed and the socket is gone.
func (s *Server) Serve(ctx context.Context) error {
	ended := make(chan error, len(s.servers))
	for i, srv := range s.servers {
		go func() { ended <- srv.Serve(s.listeners[i]) }()
	}
	running := len(s.servers)
	var failed error
	note := func(err error) {
		running--
		if !errors.Is(err, http.ErrServerClosed) {
			failed = errors.Join(failed, err)
		}
	}
	select {
	case <-ctx.Done():
	case err := <-ended:
		note(err)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	for _, srv := range s.servers {
		if err := srv.Shutdown(last); err != nil {
			s.surface.Logger.Warn("requests were cut off", zap.Error(err))
			_ = srv.Close()
		}
	}
	for running > 0 {
		note(<-ended)
	}
	s.surface.Registry.Unregister(s.collector)
	if failed != nil {
		return fmt.Errorf("a listener failed: %w: look at the log above it", failed)
	}
	return nil
}

// Close gives up a Server that was never served.
func (s *Server) Close() error {
	s.surface.Registry.Unregister(s.collector)
	return s.closeListeners()
}

func (s *Server) closeListeners() error {
	var all error
	for _, l := range s.listeners {
		all = errors.Join(all, l.Close())
	}
	return all
}
