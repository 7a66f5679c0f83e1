package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"warden/internal/remedy"
)

const (
	instantPath = "/api/v1/query"
	rangePath   = "/api/v1/query_range"
)

// Prometheus asks a Prometheus, or whatever speaks its HTTP API: Thanos, Mimir,
// VictoriaMetrics. Make one with NewPrometheus.
type Prometheus struct{ *endpoint }

var (
	_ Source = (*Prometheus)(nil)
	_ Raw    = (*Prometheus)(nil)
)

// NewPrometheus makes a source from its options and refuses those that can't
// work. It does not connect.
func NewPrometheus(o Options) (*Prometheus, error) {
	e, err := newEndpoint(o, prometheusWords)
	if err != nil {
		return nil, err
	}
	return &Prometheus{e}, nil
}

// Fetch implements Source. A query whose Start equals its End is asked as an
// instant query, any other as a range query. The answer of an instant query may
// be a vector, or a scalar: one series without labels.
func (p *Prometheus) Fetch(ctx context.Context, q remedy.Query) remedy.Result {
	a := p.Raw(ctx, q)
	if a.Failed != "" {
		return remedy.Result{Failed: a.Failed}
	}
	return remedy.Result{Frame: remedy.NewFrame(q, a.Series)}
}

// Raw implements Raw. The answer of an instant query may be a matrix as well:
// the raw samples of a range selector.
func (p *Prometheus) Raw(ctx context.Context, q remedy.Query) Answer {
	began := p.clock.Now()
	auth, err := p.authorize()
	var series []remedy.Series
	if err == nil {
		series, err = p.fetch(ctx, q, auth)
	}
	code := "200"
	var text string
	if err != nil {
		text = auth.scrub(fmt.Sprintf("source %s at %s: %v", p.opts.Name, p.base, err))
		code = codeOf(err)
		series = nil
	}
	p.opts.Metrics.observe(p.opts.Name, code, p.clock.Since(began))
	return Answer{Series: series, Failed: text}
}

func (p *Prometheus) fetch(ctx context.Context, q remedy.Query, auth credentials) ([]remedy.Series, error) {
	path, form, err := p.question(q)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, p.opts.Timeout)
	defer cancel()
	r, err := p.ask(ctx, path, form, auth)
	if err != nil {
		return nil, p.explain(ctx, err)
	}
	if err := checkReply(r, auth); err != nil {
		return nil, err
	}
	return decodeAnswer(r.body, decodeLimits{instant: path == instantPath, maxSeries: p.opts.MaxSeries, auth: auth})
}

func (p *Prometheus) question(q remedy.Query) (path string, form url.Values, err error) {
	form = url.Values{"query": {q.Expr}, "timeout": {seconds(p.opts.Timeout)}}
	switch {
	case strings.TrimSpace(q.Expr) == "":
		return "", nil, fail(codeBadQuery, "the query is empty: write an expression")
	case q.End.Before(q.Start):
		return "", nil, fail(codeBadQuery, "the query ends before it starts: this is a mistake in warden, please report it")
	case q.End.Equal(q.Start):
		form.Set("time", unixSeconds(q.End))
		return instantPath, form, nil
	case q.Step < time.Millisecond:
		return "", nil, fail(codeBadQuery, "the query has a step of %v: set the detector's interval", q.Step)
	default:
		form.Set("start", unixSeconds(q.Start))
		form.Set("end", unixSeconds(q.End))
		form.Set("step", seconds(q.Step))
		return rangePath, form, nil
	}
}

// ask posts the question, for expressions can be longer than an address may be,
// and falls back to GET where POST is refused, as Prometheus's own client does.
func (p *endpoint) ask(ctx context.Context, path string, form url.Values, auth credentials) (reply, error) {
	if p.onlyGet.Load() {
		return p.send(ctx, http.MethodGet, path, form, auth)
	}
	r, err := p.send(ctx, http.MethodPost, path, form, auth)
	if err != nil {
		return reply{}, err
	}
	switch r.code {
	case http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		r, err = p.send(ctx, http.MethodGet, path, form, auth)
		if err == nil && r.code == http.StatusOK {
			p.onlyGet.Store(true)
		}
	}
	return r, err
}

// reply is what came back over HTTP, read to its end.
type reply struct {
	code   int
	header http.Header
	body   []byte
}

func (p *endpoint) send(ctx context.Context, method, path string, form url.Values, auth credentials) (reply, error) {
	u := p.client.URL(path, nil)
	text := form.Encode()
	var req *http.Request
	var err error
	if method == http.MethodPost {
		req, err = http.NewRequestWithContext(ctx, method, u.String(), strings.NewReader(text))
	} else {
		u.RawQuery = text
		req, err = http.NewRequestWithContext(ctx, method, u.String(), http.NoBody)
	}
	if err != nil {
		return reply{}, err
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		// Present but empty: net/http then takes the POST for idempotent, and
		// repeats it when an idle connection turns out to be dead.
		req.Header["Idempotency-Key"] = nil
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "warden")
	auth.apply(req)
	resp, body, err := p.client.Do(ctx, req) //nolint:bodyclose // api.Client reads and closes it
	if err != nil {
		return reply{}, err
	}
	return reply{code: resp.StatusCode, header: resp.Header, body: body}, nil
}

// authorize reads the credentials for one request.
func (p *endpoint) authorize() (credentials, error) {
	switch {
	case p.opts.Token != nil:
		token, err := readSecret("token", p.opts.Token)
		return credentials{token: token}, err
	case p.opts.Password != nil:
		password, err := readSecret("password", p.opts.Password)
		return credentials{username: p.opts.Username, password: password}, err
	default:
		return credentials{}, nil
	}
}

func readSecret(what string, read func() (string, error)) (string, error) {
	s, err := read()
	if err != nil {
		return "", &failure{code: codeCredentials, text: fmt.Sprintf("%s_file can't be read (%v): check its path and who may read it", what, err), cause: err}
	}
	s = strings.TrimSpace(s)
	if s == "" {
		return "", fail(codeCredentials, "%s_file is empty: write the %s into it", what, what)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", fail(codeCredentials, "%s_file holds a line break or another control character: write only the %s into it", what, what)
	}
	return s, nil
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

func unixSeconds(t time.Time) string {
	ms := t.UnixMilli()
	return fmt.Sprintf("%d.%03d", ms/1000, ms%1000)
}

// codeOf is the error's value of the metrics' label code.
func codeOf(err error) string {
	if f, ok := errors.AsType[*failure](err); ok {
		return f.code
	}
	return codeBadAnswer
}
