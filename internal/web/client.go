package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"warden/internal/remedy"
)

// ErrUnreachable says that no warden answered: not running, not here, or not
// allowed to be reached by this user.
var ErrUnreachable = errors.New("warden can't be reached")

// APIError is a request that warden answered with an error.
type APIError struct {
	// Status is the HTTP status.
	Status int
	// Code is a stable word, such as "guardrail" or "no_case".
	Code string
	// Title and Detail say it for people; Detail ends in what to do.
	Title, Detail string
	// Decision holds every guardrail's answer when one refused.
	Decision *remedy.Decision
	// Errors is what is wrong, part by part. Detail says it too.
	Errors []ProblemPart
}

// Error says it for people.
func (e *APIError) Error() string {
	switch {
	case e.Detail != "":
		return e.Detail
	case e.Title != "":
		return e.Title
	}
	return fmt.Sprintf("warden answered with status %d", e.Status)
}

// clientTimeout bounds one request. A run by hand asks backends first, which
// have deadlines of their own.
const clientTimeout = 2 * time.Minute

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 20

// Client speaks the API. It is safe for concurrent use. Its errors are
// *APIError, or wrap ErrUnreachable, or mean that the answer can't be read.
type Client struct {
	http *http.Client
	base string // what goes before a path
	at   string // what the caller named, for errors
	// Observe, when set, is called with what each answer of the API is as of.
	// Set it before the first request.
	Observe func(AsOf)
}

// NewClient makes a client for "/path/to/warden.sock", "unix:///path" or
// "http://host:port". Nothing is contacted yet.
func NewClient(base string) (*Client, error) {
	transport := &http.Transport{MaxIdleConns: 2, IdleConnTimeout: 10 * time.Second}
	c := &Client{at: base, http: &http.Client{Transport: transport, Timeout: clientTimeout}}
	path, isURL := strings.CutPrefix(base, "unix://")
	if isURL || filepath.IsAbs(path) {
		if !filepath.IsAbs(path) {
			return nil, fmt.Errorf("%q is not a socket: give its absolute path", base)
		}
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}
		c.base = "http://warden"
		return c, nil
	}
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("%q is not an address: give the socket's absolute path, or http://host:port", base)
	}
	c.base = "http://" + u.Host
	return c, nil
}

// Close drops the client's idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status returns warden at a glance.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	return get[Status](ctx, c, "/api/v1/status", nil)
}

// Cases lists cases, newest first.
func (c *Client) Cases(ctx context.Context, q CaseQuery) (*Cases, error) {
	return get[Cases](ctx, c, "/api/v1/cases", q.values())
}

// Case returns one case with all that is known of it.
func (c *Client) Case(ctx context.Context, id remedy.CaseID) (*CaseDetail, error) {
	return get[CaseDetail](ctx, c, casePath(id, ""), nil)
}

// Hosts lists hosts as the newest round saw them.
func (c *Client) Hosts(ctx context.Context, q HostQuery) (*Hosts, error) {
	return get[Hosts](ctx, c, "/api/v1/hosts", q.values())
}

// Pool returns one pool.
func (c *Client) Pool(ctx context.Context, pool remedy.PoolName) (*PoolDetail, error) {
	return get[PoolDetail](ctx, c, "/api/v1/pools/"+url.PathEscape(string(pool)), nil)
}

// Approve says yes to a case's question and returns the case.
func (c *Client) Approve(ctx context.Context, id remedy.CaseID, q ApproveRequest) (*CaseDetail, error) {
	return post[CaseDetail](ctx, c, casePath(id, "/approve"), q)
}

// Deny says no to a case's question and returns the case.
func (c *Client) Deny(ctx context.Context, id remedy.CaseID, q DenyRequest) (*CaseDetail, error) {
	return post[CaseDetail](ctx, c, casePath(id, "/deny"), q)
}

// Snooze has a case's question asked again later and returns the case.
func (c *Client) Snooze(ctx context.Context, id remedy.CaseID, q SnoozeRequest) (*CaseDetail, error) {
	return post[CaseDetail](ctx, c, casePath(id, "/snooze"), q)
}

// Cancel stops a case and returns it. Of a case that executes it only records
// the wish: what became of it, the case tells when the execution has ended.
func (c *Client) Cancel(ctx context.Context, id remedy.CaseID, q CancelRequest) (*CaseDetail, error) {
	return post[CaseDetail](ctx, c, casePath(id, "/cancel"), q)
}

// PreviewUndo says what undoing a case would do.
func (c *Client) PreviewUndo(ctx context.Context, id remedy.CaseID) (*Preview, error) {
	return get[Preview](ctx, c, casePath(id, "/undo"), nil)
}

// Undo starts putting a case's host back and returns the case.
func (c *Client) Undo(ctx context.Context, id remedy.CaseID, q UndoRequest) (*CaseDetail, error) {
	return post[CaseDetail](ctx, c, casePath(id, "/undo"), q)
}

// Resolve says where a host of unknown outcome is and returns the case.
func (c *Client) Resolve(ctx context.Context, id remedy.CaseID, q ResolveRequest) (*CaseDetail, error) {
	return post[CaseDetail](ctx, c, casePath(id, "/resolve"), q)
}

// PreviewRun says what running an action by hand would do.
func (c *Client) PreviewRun(ctx context.Context, q RunRequest) (*Preview, error) {
	return post[Preview](ctx, c, "/api/v1/runs/preview", q)
}

// Run starts an action by hand and returns its case.
func (c *Client) Run(ctx context.Context, q RunRequest) (*CaseDetail, error) {
	return post[CaseDetail](ctx, c, "/api/v1/runs", q)
}

// Hold keeps warden's hands off a host or pool.
func (c *Client) Hold(ctx context.Context, q HoldRequest) (*Restraints, error) {
	return post[Restraints](ctx, c, "/api/v1/holds", q)
}

// Release ends a hold.
func (c *Client) Release(ctx context.Context, target string, pool remedy.PoolName) (*Restraints, error) {
	v := url.Values{"target": {target}}
	set(v, "pool", string(pool))
	return call[Restraints](ctx, c, http.MethodDelete, "/api/v1/holds", v, nil)
}

// Freeze stops all acting.
func (c *Client) Freeze(ctx context.Context, q FreezeRequest) (*Restraints, error) {
	return post[Restraints](ctx, c, "/api/v1/freeze", q)
}

// Unfreeze lifts the freeze.
func (c *Client) Unfreeze(ctx context.Context) (*Restraints, error) {
	return call[Restraints](ctx, c, http.MethodDelete, "/api/v1/freeze", nil, nil)
}

// AcceptPool accepts a pool's present size.
func (c *Client) AcceptPool(ctx context.Context, pool remedy.PoolName) (*PoolDetail, error) {
	return post[PoolDetail](ctx, c, "/api/v1/pools/"+url.PathEscape(string(pool))+"/accept", struct{}{})
}

// Config returns the config in force.
func (c *Client) Config(ctx context.Context) (*ConfigInForce, error) {
	return get[ConfigInForce](ctx, c, "/api/v1/config", nil)
}

// Waive takes a voter's word out of the lowest level until it reports again.
func (c *Client) Waive(ctx context.Context, q WaiveRequest) (*Policy, error) {
	return post[Policy](ctx, c, "/api/v1/waivers", q)
}

// Unwaive has a voter's word count again.
func (c *Client) Unwaive(ctx context.Context, node string) (*Policy, error) {
	return call[Policy](ctx, c, http.MethodDelete, "/api/v1/waivers", url.Values{"node": {node}}, nil)
}

// Stats counts the cases opened within a span such as "24h", or all that are
// kept for "". by is "all", "detector", "action" or "pool".
func (c *Client) Stats(ctx context.Context, within, by string) (*Stats, error) {
	v := url.Values{}
	set(v, "within", within)
	set(v, "by", by)
	return get[Stats](ctx, c, "/api/v1/stats", v)
}

// Explain asks what warden made of a host at an instant, or would have; pool
// may be empty where one pool has the host, and around, such as "30m", too.
func (c *Client) Explain(ctx context.Context, host remedy.HostName, pool remedy.PoolName, at time.Time, around string) (*Explanation, error) {
	v := url.Values{"host": {string(host)}, "at": {at.UTC().Format(time.RFC3339Nano)}}
	set(v, "pool", string(pool))
	set(v, "around", around)
	return get[Explanation](ctx, c, "/api/v1/explain", v)
}

// TestDetector has a detector judge once, on fresh answers. Pool may be empty
// where it judges one, host where no arithmetic is wanted, and at for now.
func (c *Client) TestDetector(ctx context.Context, name remedy.DetectorName, pool remedy.PoolName, host remedy.HostName, at time.Time) (*Trial, error) {
	v := url.Values{}
	set(v, "pool", string(pool))
	set(v, "host", string(host))
	if !at.IsZero() {
		v.Set("at", at.UTC().Format(time.RFC3339Nano))
	}
	return get[Trial](ctx, c, "/api/v1/detectors/"+url.PathEscape(string(name))+"/test", v)
}

// Query asks a source one question; at may be zero for now, since empty for one
// instant, and step for 30s.
func (c *Client) Query(ctx context.Context, source remedy.SourceName, expr string, at time.Time, since, step string) (*RawAnswer, error) {
	v := url.Values{"source": {string(source)}, "query": {expr}}
	set(v, "since", since)
	set(v, "step", step)
	if !at.IsZero() {
		v.Set("at", at.UTC().Format(time.RFC3339Nano))
	}
	return get[RawAnswer](ctx, c, "/api/v1/query", v)
}

// Policy returns who is trusted with what.
func (c *Client) Policy(ctx context.Context) (*Policy, error) {
	return get[Policy](ctx, c, "/api/v1/policy", nil)
}

// Reload puts the config file in force and says what that changed. A config
// that is refused comes back as an *APIError whose Errors say why.
func (c *Client) Reload(ctx context.Context) (*ReloadReport, error) {
	return call[ReloadReport](ctx, c, http.MethodPost, "/api/v1/reload", nil, nil)
}

// Ready returns nil when warden is ready to work.
func (c *Client) Ready(ctx context.Context) error {
	_, err := c.send(ctx, http.MethodGet, "/-/ready", nil, nil)
	return err
}

func casePath(id remedy.CaseID, more string) string { return "/api/v1/cases/" + id.String() + more }

func get[T any](ctx context.Context, c *Client, path string, query url.Values) (*T, error) {
	return call[T](ctx, c, http.MethodGet, path, query, nil)
}

func post[T any](ctx context.Context, c *Client, path string, body any) (*T, error) {
	return call[T](ctx, c, http.MethodPost, path, nil, body)
}

func call[T any](ctx context.Context, c *Client, method, path string, query url.Values, body any) (*T, error) {
	data, err := c.send(ctx, method, path, query, body)
	if err != nil {
		return nil, err
	}
	var answer T
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, fmt.Errorf("the answer of %s can't be read: %w: are the command and the daemon of one version?", c.at, err)
	}
	return &answer, nil
}

// rawBody is a body that is sent as it is.
type rawBody []byte

// send does one request and returns the body of a good answer.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, body any) ([]byte, error) {
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	var payload io.Reader
	kind := "application/json"
	if raw, ok := body.(rawBody); ok {
		payload, kind = bytes.NewReader(raw), "application/octet-stream"
	} else if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w; this is a bug, please report it", err)
		}
		payload = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(ctx, method, target, payload)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: check the address", c.at, err)
	}
	if body != nil {
		r.Header.Set("Content-Type", kind)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	defer func() { _ = answer.Body.Close() }()
	if as, ok := readAsOf(answer.Header); ok && c.Observe != nil {
		c.Observe(as)
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, c.unreachable(ctx, err)
	case len(data) > maxAnswer:
		return nil, fmt.Errorf("the answer of %s is longer than %d bytes: ask for less", c.at, maxAnswer)
	case answer.StatusCode/100 == 2:
		return data, nil
	}
	return nil, apiError(answer, data)
}

// unreachable words a failed connection; the caller's own cancellation stays
// what it is.
func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return &noAnswer{at: c.at, cause: err}
}

// apiError reads a problem; anything else is quoted, cut short.
func apiError(answer *http.Response, data []byte) error {
	var p Problem
	if err := json.Unmarshal(data, &p); err == nil && (p.Code != "" || p.Title != "") {
		return &APIError{Status: answer.StatusCode, Code: p.Code, Title: p.Title, Detail: p.text(), Decision: p.Decision, Errors: p.Errors}
	}
	text := strings.TrimSpace(string(data[:min(len(data), 4096)]))
	return &APIError{Status: answer.StatusCode, Title: http.StatusText(answer.StatusCode), Detail: text}
}
