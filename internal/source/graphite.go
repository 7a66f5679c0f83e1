package source

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"warden/internal/remedy"
)

const renderPath = "/render"

// Graphite asks a graphite-web, or whatever answers /render as it does. Make
// one with NewGraphite.
//
// Its points are buckets of the storage's step, dated by the beginning of each:
// frames have Widths, and a query's Step is not asked for.
type Graphite struct {
	*endpoint
	noCache  bool
	stores   stores
	identity identity
	tables   tables
}

var (
	_ Columnar = (*Graphite)(nil)
	_ Raw      = (*Graphite)(nil)
)

// graphiteWords and prometheusWords are what the errors of both say to do.
var (
	graphiteWords   = words{tooLarge: "narrow the target, shorten its window, or aggregate it"}
	prometheusWords = words{tooLarge: "narrow the query, or aggregate it with a recording rule"}
)

// NewGraphite makes a source from its options and refuses those that can't
// work. It does not connect. noCache asks the server to answer from its store
// and not from what it answered before.
func NewGraphite(o Options, noCache bool) (*Graphite, error) {
	e, err := newEndpoint(o, graphiteWords)
	if err != nil {
		return nil, err
	}
	return &Graphite{endpoint: e, noCache: noCache, identity: newIdentity()}, nil
}

// Fetch implements Source. The answer holds every bucket that begins within
// [q.Start, q.End].
func (g *Graphite) Fetch(ctx context.Context, q remedy.Query) remedy.Result {
	c := g.Columns(ctx, q, nil)
	if c.Failed != "" {
		return remedy.Result{Failed: c.Failed}
	}
	return remedy.Result{Frame: c.Frame(q)}
}

// Columns implements Columnar. The rows are those of the table on if the answer
// has exactly its series, in any order. Otherwise they have a table of their
// own, for Graphite lists a series also when it has no points, so that to be
// missing from an answer means something.
func (g *Graphite) Columns(ctx context.Context, q remedy.Query, on *Table) Columns {
	var c Columns
	failed := g.answered(ctx, q, periodOf(q), on, func(d *rendered) (err error) {
		c, err = d.onTable(q, g.identity, on)
		return err
	})
	if failed != "" {
		return Columns{Failed: failed}
	}
	if c.Table != on {
		c.Table = g.tables.shared(c.Table)
	}
	return c
}

// Raw implements Raw. Each series has one label, target. A query whose Start
// equals its End is about an instant: it looks back, as Prometheus does, and has
// of each series the newest value of a bucket that begins no later.
func (g *Graphite) Raw(ctx context.Context, q remedy.Query) Answer {
	if !q.Start.Equal(q.End) {
		return g.window(ctx, q, always())
	}
	until := q.End.Truncate(time.Second)
	var a Answer
	for _, back := range [...]time.Duration{lookBack, longLookBack} {
		// The buckets of an archive of many minutes begin long before the
		// instant, so that the short look finds none of them.
		back := remedy.NewQuery(q.Source, q.Expr, until.Add(-back), until, q.Step)
		a = g.window(ctx, back, periodOf(back))
		if a.Failed != "" {
			return a
		}
		found := len(a.Series) == 0
		for i, s := range a.Series {
			if n := len(s.Points); n > 0 {
				a.Series[i].Points, found = s.Points[n-1:], true
			}
		}
		if found {
			break
		}
	}
	return a
}

// How far back an instant looks: the first as Prometheus does, the second where
// no series has a value in that.
const (
	lookBack     = 5 * time.Minute
	longLookBack = 2 * time.Hour
)

// window has what was stored in a window, as it came.
func (g *Graphite) window(ctx context.Context, q remedy.Query, keep period) Answer {
	var series []remedy.Series
	failed := g.answered(ctx, q, keep, nil, func(d *rendered) error {
		series = d.raw()
		return nil
	})
	return Answer{Series: series, Failed: failed}
}

// answered asks and hands what the answer holds of the time to keep to use,
// which must not keep it; what failed is returned in words, and counted. The
// names of an earlier answer, if there is one, are used again.
func (g *Graphite) answered(ctx context.Context, q remedy.Query, keep period, on *Table, use func(*rendered) error) (failed string) {
	began := g.clock.Now()
	auth, err := g.authorize()
	if err == nil {
		err = g.render(ctx, q, keep, on, auth, use)
	}
	code := "200"
	if err != nil {
		failed = auth.scrub(fmt.Sprintf("source %s at %s: %v", g.opts.Name, g.base, err))
		code = codeOf(err)
	}
	g.opts.Metrics.observe(g.opts.Name, code, g.clock.Since(began))
	return failed
}

func (g *Graphite) render(ctx context.Context, q remedy.Query, keep period, on *Table, auth credentials, use func(*rendered) error) error {
	form, err := g.question(q)
	if err != nil {
		return err
	}
	store := g.stores.get()
	defer g.stores.put(store)
	var d *rendered
	if err := g.stream(ctx, renderPath, form, '[', auth, checkRender, func(body *scanner) error {
		d, err = decodeRenderOn(body, g.opts.MaxSeries, keep, store, on)
		return err
	}); err != nil {
		return inRender(err, auth)
	}
	return use(d)
}

// stores are what answers were held in that are done with.
type stores struct {
	mu   sync.Mutex
	free []*values
}

// maxStores is how many are kept: as many as are used at a time.
const maxStores = defaultParallel

func (s *stores) get() *values {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.free)
	if n == 0 {
		return &values{}
	}
	v := s.free[n-1]
	s.free = s.free[:n-1]
	return v
}

func (s *stores) put(v *values) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// An answer that was far larger than this one is not held on to.
	v.chunks = v.chunks[:min(len(v.chunks), 2*(v.n/chunkLen+1))]
	if len(s.free) < maxStores {
		s.free = append(s.free, v)
	}
}

// question words a query for /render. Graphite answers with the buckets that
// begin after from and up to until, in whole seconds; it takes until < from for
// the two swapped, and refuses a window that is empty.
func (g *Graphite) question(q remedy.Query) (url.Values, error) {
	from, until := ceilSeconds(q.Start.UnixMilli())-1, q.End.UnixMilli()/1000
	switch {
	case strings.TrimSpace(q.Expr) == "":
		return nil, fail(codeBadQuery, "the query is empty: write a target")
	case q.End.Before(q.Start) || until <= from || from < 0:
		return nil, fail(codeBadQuery, "the query's window from %s to %s holds no second: this is a mistake in warden, please report it",
			q.Start.Format(time.RFC3339Nano), q.End.Format(time.RFC3339Nano))
	}
	form := url.Values{
		"target": {q.Expr}, "format": {"json"}, "tz": {"UTC"},
		"from": {strconv.FormatInt(from, 10)}, "until": {strconv.FormatInt(until, 10)},
	}
	if g.noCache {
		form.Set("noCache", "1")
	}
	return form, nil
}

// checkRender accepts a 200 that begins like a list. Any other answer becomes
// an error that says what to do. graphite-web calls its refusals, which are
// plain text, HTML.
func checkRender(r reply, auth credentials) error {
	if err := checkRedirect(r); err != nil {
		return err
	}
	media, text := mediaType(r.header), strings.TrimLeft(string(r.body), " \t\r\n")
	if r.code == http.StatusOK {
		switch {
		case text == "":
			return fail(codeBadAnswer, "the answer is empty: check url, and any proxy in between")
		case strings.HasPrefix(text, "<"):
			return fail(codeBadAnswer, "got %s: is this the login page of a proxy? check url and token_file", media)
		default:
			return fail(codeBadAnswer, "got %s that is not an answer of Graphite's /render (it begins %s): check url", media, auth.quote(text[:min(len(text), 64)]))
		}
	}
	said := ""
	if text != "" && !strings.HasPrefix(text, "<") {
		said = ", " + auth.quote(text)
	}
	return fail(codeLabel(r.code), "%s%s: %s", statusText(r.code), said, renderAdvice(r, auth))
}

// renderAdvice says what to do where Graphite differs from Prometheus.
func renderAdvice(r reply, auth credentials) string {
	switch r.code {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return "try the target in Graphite's own page and correct it in the config"
	case http.StatusNotFound:
		return "there is no /render at this address: check url, which may need a prefix such as /graphite"
	case http.StatusInternalServerError:
		return "graphite-web failed on the target: try it in Graphite's own page, and see its log"
	default:
		return advice(r.code, "", "", r.header.Get("Retry-After"), auth)
	}
}
