package peertls_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"warden/internal/clock"
	"warden/internal/cluster"
	"warden/internal/peertls"
)

var _ cluster.Credentials = (*peertls.Store)(nil)

const year = 365 * 24 * time.Hour

var start = time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)

func authority(t *testing.T, name string) peertls.Pair {
	t.Helper()
	ca, err := peertls.NewAuthority(name, start, 10*year)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// issue makes a certificate that is valid from the start, plus after, for lasts.
func issue(t *testing.T, ca peertls.Pair, name string, after, lasts time.Duration) peertls.Pair {
	t.Helper()
	p, err := peertls.Issue(ca, peertls.Request{Name: name, Lasts: lasts}, start.Add(after))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func put(t *testing.T, file string, data []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(file, data, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
}

// side is one node: its files and what reads them.
type side struct {
	t     *testing.T
	dir   string
	clock *clock.Stepped
	logs  *observer.ObservedLogs
	store *peertls.Store
}

func (s *side) file(name string) string { return filepath.Join(s.dir, name) }

func (s *side) install(p peertls.Pair, cas ...peertls.Pair) {
	s.t.Helper()
	put(s.t, s.file("node.crt"), p.Cert, 0o644)
	put(s.t, s.file("node.key"), p.Key, 0o600)
	if len(cas) > 0 {
		s.trust(cas...)
	}
}

func (s *side) trust(cas ...peertls.Pair) {
	s.t.Helper()
	var all []byte
	for _, ca := range cas {
		all = append(all, ca.Cert...)
	}
	put(s.t, s.file("ca.crt"), all, 0o644)
}

func newSide(t *testing.T) *side {
	t.Helper()
	return &side{t: t, dir: t.TempDir(), clock: clock.NewStepped(start)}
}

func (s *side) load(name string) error {
	core, logs := observer.New(zapcore.DebugLevel)
	s.logs = logs
	var err error
	s.store, err = peertls.Load(s.file("node.crt"), s.file("node.key"), s.file("ca.crt"), peertls.Options{Name: name, Clock: s.clock, Logger: zap.New(core)})
	return err
}

// node is a side that has loaded.
func node(t *testing.T, p peertls.Pair, name string, cas ...peertls.Pair) *side {
	t.Helper()
	s := newSide(t)
	s.install(p, cas...)
	if err := s.load(name); err != nil {
		t.Fatal(err)
	}
	return s
}

// listener echoes lines, over the server's Store.
type listener struct {
	net.Listener
	refused chan error
	mu      sync.Mutex
	conns   []net.Conn
	wg      sync.WaitGroup
}

// stop ends all connections.
func (l *listener) stop() {
	_ = l.Close()
	l.mu.Lock()
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.mu.Unlock()
	l.wg.Wait()
}

func serve(t *testing.T, s *side) *listener {
	t.Helper()
	tcp, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{Listener: tls.NewListener(tcp, &tls.Config{
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.store.Server(), nil },
	}), refused: make(chan error, 64)}
	l.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			l.mu.Lock()
			l.conns = append(l.conns, c)
			l.mu.Unlock()
			l.wg.Go(func() {
				defer c.Close()
				if err := c.(*tls.Conn).HandshakeContext(t.Context()); err != nil {
					l.refused <- err
					return
				}
				_, _ = io.Copy(c, c) // until the other side closes
			})
		}
	})
	t.Cleanup(l.stop)
	return l
}

// await is why the server refused the next connection.
func (l *listener) await(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	select {
	case err := <-l.refused:
		return err.Error()
	case <-ctx.Done():
		t.Fatal("the server has refused nobody")
		return ""
	}
}

// say opens a connection and has the server repeat a line: in TLS 1.3 the
// dialer's handshake ends before the server has seen its certificate.
func say(t *testing.T, l *listener, cfg *tls.Config) (*tls.Conn, error) {
	t.Helper()
	d := &tls.Dialer{Config: cfg, NetDialer: &net.Dialer{Timeout: 30 * time.Second}}
	conn, err := d.DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		return nil, err
	}
	c := conn.(*tls.Conn)
	t.Cleanup(func() { _ = c.Close() })
	return c, repeat(c)
}

func repeat(c net.Conn) error {
	if _, err := io.WriteString(c, "hello"); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, 5))
	return err
}
