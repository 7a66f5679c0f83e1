package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"warden/internal/clock"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 11, 20, 3, 12, 0, 0, time.UTC)

const n1, n2, n3 = remedy.NodeID("n1-00000001"), remedy.NodeID("n2-00000002"), remedy.NodeID("n3-00000003")

// machine is one node behind the API: what it was asked to commit, and what it
// thinks.
type machine struct {
	mu      sync.Mutex
	relayed []ledger.Body
	from    []remedy.NodeID
	fail    error
	opine   func(context.Context, remedy.OpinionQuery) remedy.Opinion
	verdict Verdict
}

func (m *machine) Relayed(_ context.Context, node remedy.NodeID, bodies ...ledger.Body) (ledger.Applied, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return ledger.Applied{}, m.fail
	}
	m.relayed, m.from = append(m.relayed, bodies...), append(m.from, node)
	a := ledger.Applied{Term: 3, Index: 7}
	for range bodies {
		a.Results = append(a.Results, ledger.Result{OK: true})
	}
	return a, nil
}

func (m *machine) Opinion(ctx context.Context, q remedy.OpinionQuery) remedy.Opinion {
	return m.opine(ctx, q)
}

func (m *machine) Compare(context.Context, remedy.NodeID, uint64, string) Verdict { return m.verdict }

// who is the connection's peer, as its certificate says.
type who struct{}

// cell is a few nodes, each with a server, whose clients reach each other by
// name over loopback. A connection's peer is what the dialer says it is: the
// certificates are somebody else's.
type cell struct {
	t       *testing.T
	mu      sync.Mutex
	address map[remedy.NodeID]string
	leader  remedy.NodeID
}

func newCell(t *testing.T) *cell {
	t.Helper()
	return &cell{t: t, address: map[remedy.NodeID]string{}, leader: n1}
}

// serve starts a node, with its own clock.
func (c *cell) serve(id remedy.NodeID, m *machine, clk clock.Clock) *Server {
	c.t.Helper()
	s := NewServer(ServerOptions{
		Node: id, Committer: m, Witness: m, Hashes: m, Clock: clk, Logger: zaptest.NewLogger(c.t),
		Speaks: func(ctx context.Context, id remedy.NodeID) bool {
			return ctx.Value(who{}) == string(id)[:2] && slices.Contains([]remedy.NodeID{n1, n2, n3}, id)
		},
	})
	c.listen(id, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), who{}, r.Header.Get("Test-Peer"))))
	}))
	return s
}

func (c *cell) listen(id remedy.NodeID, h http.Handler) *httptest.Server {
	c.t.Helper()
	srv := httptest.NewServer(h)
	c.t.Cleanup(srv.Close)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.address[id] = srv.Listener.Addr().String()
	return srv
}

// client is a node's client. Its connections are those of the node named.
func (c *cell) client(id remedy.NodeID, clk clock.Clock) *Client {
	c.t.Helper()
	t := &http.Transport{DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		c.mu.Lock()
		at, ok := c.address[remedy.NodeID(host)]
		c.mu.Unlock()
		if !ok {
			return nil, fmt.Errorf("nothing listens for %s", host)
		}
		return (&net.Dialer{}).DialContext(ctx, "tcp", at)
	}}
	c.t.Cleanup(t.CloseIdleConnections)
	return NewClient(ClientOptions{
		Transport: named{t, string(id)[:2]}, Node: id, Clock: clk, Logger: zaptest.NewLogger(c.t),
		Voters: func() []remedy.NodeID { return []remedy.NodeID{n1, n2, n3} },
		Leader: func() remedy.NodeID {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.leader
		},
	})
}

// named stands for the certificate of a connection.
type named struct {
	http.RoundTripper
	name string
}

func (n named) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Test-Peer", n.name)
	return n.RoundTripper.RoundTrip(r)
}

// silent is a transport that tells nothing of its connections.
type silent struct{}

func (silent) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("broken") }

func entry(t interface{ Fatal(...any) }, node remedy.NodeID, by remedy.Actor, bodies ...ledger.Body) ledger.Entry {
	e, err := ledger.NewEntry(start, by, node, bodies...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
