package source

import (
	"context"
	"errors"
	"fmt"
	"io"
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
type Prometheus struct {
	*endpoint
	identity identity
	tables   tables
}

var (
	_ Columnar = (*Prometheus)(nil)
	_ Raw      = (*Prometheus)(nil)
)

// NewPrometheus makes a source from its options and refuses those that can't
// work. It does not connect.
func NewPrometheus(o Options) (*Prometheus, error) {
	e, err := newEndpoint(o, prometheusWords)
	if err != nil {
		return nil, err
	}
	return &Prometheus{endpoint: e, identity: newIdentity()}, nil
}

// Fetch implements Source. A query whose Start equals its End is asked as an
// instant query, any other as a range query. The answer of an instant query may
// be a vector, or a scalar: one series without labels.
func (p *Prometheus) Fetch(ctx context.Context, q remedy.Query) remedy.Result {
	c := p.Columns(ctx, q, nil)
	if c.Failed != "" {
		return remedy.Result{Failed: c.Failed}
	}
	return remedy.Result{Frame: c.Frame(q)}
}

// Columns implements Columnar.
func (p *Prometheus) Columns(ctx context.Context, q remedy.Query, on *Table) Columns {
	var c Columns
	failed := p.answer(ctx, q, func(body *scanner, limits decodeLimits) (err error) {
		c, err = decodeScanned(body, q, limits, newBuilder(p.identity, on, q.Steps()))
		return err
	})
	if failed != "" {
		return Columns{Failed: failed}
	}
	c.Table = p.tables.shared(c.Table)
	return c
}

// Raw implements Raw. The answer of an instant query may be a matrix as well:
// the raw samples of a range selector.
func (p *Prometheus) Raw(ctx context.Context, q remedy.Query) Answer {
	var a Answer
	a.Failed = p.answer(ctx, q, func(body *scanner, limits decodeLimits) error {
		text, err := io.ReadAll(body)
		if err != nil {
			return p.explain(ctx, err)
		}
		a.Series, err = decodeAnswer(text, limits)
		return err
	})
	if a.Failed != "" {
		a.Series = nil
	}
	return a
}

// answer asks a question and has decode read what comes back. It returns why
// there is no answer, in words for people.
func (p *Prometheus) answer(ctx context.Context, q remedy.Query, decode func(*scanner, decodeLimits) error) string {
	began := p.clock.Now()
	auth, err := p.authorize()
	if err == nil {
		err = p.fetch(ctx, q, auth, decode)
	}
	code, text := "200", ""
	if err != nil {
		code, text = codeOf(err), auth.scrub(fmt.Sprintf("source %s at %s: %v", p.opts.Name, p.base, err))
	}
	p.opts.Metrics.observe(p.opts.Name, code, p.clock.Since(began))
	return text
}

func (p *Prometheus) fetch(ctx context.Context, q remedy.Query, auth credentials, decode func(*scanner, decodeLimits) error) error {
	path, form, err := p.question(q)
	if err != nil {
		return err
	}
	return p.stream(ctx, path, form, '{', auth, checkReply, func(body *scanner) error {
		return decode(body, decodeLimits{instant: path == instantPath, label: q.Label, maxSeries: p.opts.MaxSeries, auth: auth})
	})
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
