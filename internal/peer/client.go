package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"warden/internal/clock"
	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// The limits of asking. A caller's own deadline may be earlier.
const (
	connectWithin = 3 * time.Second
	clockWithin   = 2 * time.Second
	opinionWithin = 20 * time.Second
	// relayWithin is longer than the leader takes, so that its word is heard.
	relayWithin = relayLimit + 2*time.Second
)

// ErrUnsent says that a request certainly never reached the other node: no
// connection to it was made.
var ErrUnsent = errors.New("the node was not reached")

// ClientOptions is what a Client is made of. All fields are required.
type ClientOptions struct {
	// Transport reaches the node of a URL's host, which is its id.
	Transport http.RoundTripper
	// Node is this node.
	Node remedy.NodeID
	// Voters and Leader are the cluster as this node knows it now. Leader is
	// empty when none is known.
	Voters func() []remedy.NodeID
	Leader func() remedy.NodeID
	Clock  clock.Clock
	Logger *zap.Logger
}

// Client asks the other nodes. It is safe for concurrent use.
type Client struct{ ClientOptions }

// NewClient makes a Client.
func NewClient(o ClientOptions) *Client { return &Client{o} }

// Relay has the leader commit an entry for this node: see engine.Log. It asks
// once; an entry whose fate nobody knows is never sent again.
func (c *Client) Relay(ctx context.Context, e ledger.Entry) (ledger.Applied, error) {
	data, err := e.Encode()
	if err != nil {
		return ledger.Applied{}, err
	}
	if _, err := allowed(data, c.Node); err != nil {
		return ledger.Applied{}, fmt.Errorf("%w: %w; this is a bug, please report it", engine.ErrNotCommitted, err)
	}
	leader := c.Leader()
	if leader == "" || leader == c.Node {
		return ledger.Applied{}, fmt.Errorf("%w: no leader is known", engine.ErrNotCommitted)
	}
	ctx, cancel := context.WithTimeout(ctx, relayWithin)
	defer cancel()
	var a relayAnswer
	err = c.ask(ctx, leader, http.MethodPost, pathRelay, data, maxEntry, &a)
	if errors.Is(err, ErrUnsent) {
		return ledger.Applied{}, fmt.Errorf("%w: %w", engine.ErrNotCommitted, err)
	}
	if err == nil {
		err = a.check(len(e.Ops))
	}
	if err != nil {
		return ledger.Applied{}, fmt.Errorf("it is not known whether %s committed the entry: %w", leader, err)
	}
	switch a.Outcome {
	case committed:
		return *a.Applied, nil
	case refused, notLeader:
		return ledger.Applied{}, fmt.Errorf("%w: %s: %s", engine.ErrNotCommitted, leader, a.Why)
	case busy:
		return ledger.Applied{}, fmt.Errorf("%w: %s: %s", engine.ErrBusy, leader, a.Why)
	case unsure:
	}
	return ledger.Applied{}, fmt.Errorf("it is not known whether %s committed the entry: %s", leader, a.Why)
}

// Forward sends a request as it is to another node and returns its answer:
// status, headers and body. Nothing is sent twice. The error wraps
// engine.ErrNotCommitted when the request certainly never got there; otherwise
// nobody knows.
func (c *Client) Forward(ctx context.Context, to remedy.NodeID, r *http.Request, body []byte) (int, http.Header, []byte, error) {
	out, err := http.NewRequestWithContext(ctx, r.Method, "http://"+string(to)+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, fmt.Errorf("%w: %w", engine.ErrNotCommitted, err)
	}
	// Nothing but what is given is passed on. A header such as Idempotency-Key
	// would make the transport send a broken request again.
	out.Header = r.Header.Clone()
	out.Header.Del("Idempotency-Key")
	out.Header.Del("X-Idempotency-Key")
	status, header, answer, err := c.send(ctx, to, out, maxAnswer)
	if errors.Is(err, ErrUnsent) {
		err = fmt.Errorf("%w: %w", engine.ErrNotCommitted, err)
	}
	return status, header, answer, err
}

// ask sends one request and reads its answer strictly.
func (c *Client) ask(ctx context.Context, to remedy.NodeID, method, path string, body []byte, limit int64, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+string(to)+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnsent, err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	status, _, data, err := c.send(ctx, to, r, limit)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		var a relayAnswer
		if err := json.Unmarshal(data, &a); err == nil && a.Outcome == refused {
			if into, ok := into.(*relayAnswer); ok {
				*into = a
				return nil
			}
			return fmt.Errorf("%s refused: %s", to, a.Why)
		}
		return fmt.Errorf("%s answered with status %d", to, status)
	}
	return strict(bytes.NewReader(data), limit, into)
}

// sockets is the time that connections run on, whatever the node's clock does.
func sockets() clock.Clock { return clock.System() }

// errNoConnection is why a request ends that found no connection in time.
var errNoConnection = fmt.Errorf("no connection within %s", connectWithin)

// send makes one round trip. An error wraps ErrUnsent only when the transport
// says so itself, when it said that it looked for a connection and never that it
// had one, or when the node's API was not reached behind it: a transport that
// says nothing leaves it open. Answers of the API name their node in a header.
func (c *Client) send(ctx context.Context, to remedy.NodeID, r *http.Request, limit int64) (int, http.Header, []byte, error) {
	var looked, connected atomic.Bool
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer sockets().AfterFunc(connectWithin, func() {
		if !connected.Load() {
			cancel(errNoConnection)
		}
	})()
	setWithin(ctx, r.Header)
	r.Header.Set(HeaderNode, string(c.Node))
	r = r.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { looked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}))
	resp, err := c.Transport.RoundTrip(r)
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
		if errors.Is(err, ErrUnsent) || looked.Load() && !connected.Load() {
			return 0, nil, nil, fmt.Errorf("%w: %s: %w", ErrUnsent, to, err)
		}
		return 0, nil, nil, fmt.Errorf("%s did not answer: %w", to, err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case resp.Header.Get(HeaderNode) == "" && (resp.StatusCode == http.StatusMisdirectedRequest || resp.StatusCode == http.StatusServiceUnavailable):
		// Whoever holds the connections answered, before the node's API saw it.
		return 0, nil, nil, fmt.Errorf("%w: %s: %s", ErrUnsent, to, bytes.TrimSpace(data[:min(len(data), maxReason)]))
	case err != nil:
		return 0, nil, nil, fmt.Errorf("the answer of %s broke off: %w", to, err)
	case int64(len(data)) > limit:
		return 0, nil, nil, fmt.Errorf("the answer of %s: %w: %d bytes", to, errTooLong, limit)
	}
	return resp.StatusCode, resp.Header, data, nil
}
