package source

import (
	"context"
	"sync"
	"time"

	"warden/internal/remedy"
)

const (
	// DefaultCacheBytes bounds what a source remembers: the names and columns of
	// a million hosts for one detector. 100,000 hosts with three canary detectors
	// and their default windows take a quarter of it.
	DefaultCacheBytes = 512 << 20
	// idleSteps is for how many steps an answer is kept that nobody asks for.
	idleSteps = 10
)

// CacheOptions says what a Cached remembers, and for how long it distrusts it.
type CacheOptions struct {
	Name remedy.SourceName
	// LateWithin is how long after its own time a point may arrive. Instants
	// that were answered sooner than that are asked for again. A point that
	// comes later still is not seen until the window has moved past it.
	LateWithin time.Duration
	// MaxBytes bounds what is remembered; DefaultCacheBytes when 0. What was
	// asked for longest ago is forgotten first.
	MaxBytes int64
	// Metrics counts; nil means that nobody does.
	Metrics *Metrics
}

// Cached is a source that remembers its answers, so that a round asks the
// server for nothing but what is new. Its answers are those of the source
// itself, as long as points arrive within LateWithin. It never gives an old
// answer in place of one that failed: the newest instants are always asked for.
type Cached struct {
	inner Columnar
	opts  CacheOptions

	mu      sync.Mutex
	entries map[cacheKey]*cacheEntry
	turn    int64
	bytes   int64
}

// cacheKey is a query but for its window.
type cacheKey struct {
	expr, label string
	step        time.Duration
	length      time.Duration // of the window, where questions are not joined
}

// cacheEntry is the newest answer to the queries of one key. Only asked and
// turn change, under the cache's lock.
type cacheEntry struct {
	table *Table
	// cols are the columns from start to end, in milliseconds; none where there
	// is nothing to put together and the table alone is of use.
	cols       [][]float64
	start, end int64
	grid       *bucketGrid // where the columns stand; nil for instants
	whole      int64       // the end of the last window that was asked for whole
	bytes      int64

	asked time.Time // the newest instant asked for
	turn  int64
}

var (
	_ Source    = (*Cached)(nil)
	_ Raw       = (*Cached)(nil)
	_ Separable = (*Cached)(nil)
	_ Joinable  = (*Cached)(nil)
)

// NewCached makes a cache over a source.
func NewCached(inner Columnar, o CacheOptions) *Cached {
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultCacheBytes
	}
	o.Metrics.cacheBytes(o.Name, 0)
	return &Cached{inner: inner, opts: o, entries: map[cacheKey]*cacheEntry{}}
}

// Separable implements Separable.
func (c *Cached) Separable(expr string) bool { return c.inner.Separable(expr) }

// Joinable implements Joinable.
func (c *Cached) Joinable(expr string) bool {
	j, ok := c.inner.(Joinable)
	return ok && j.Joinable(expr)
}

func (c *Cached) key(q remedy.Query) cacheKey {
	key := cacheKey{expr: q.Expr, label: q.Label, step: q.Step}
	if !c.Joinable(q.Expr) {
		key.length = q.End.Sub(q.Start)
	}
	return key
}

// Raw implements Raw, without the cache.
func (c *Cached) Raw(ctx context.Context, q remedy.Query) Answer {
	if raw, ok := c.inner.(Raw); ok {
		return raw.Raw(ctx, q)
	}
	return Answer{Failed: "source " + string(c.opts.Name) + ": it can't show its answers as they come: ask the server itself"}
}

// Close closes the source.
func (c *Cached) Close() {
	if closer, ok := c.inner.(interface{ Close() }); ok {
		closer.Close()
	}
}

// Fetch implements Source. Windows of one expression and step are expected to
// move forward; for one that is wider than the last, or goes back, or leaves a
// gap, everything is asked for. In buckets it may have to ask twice, each time
// within the source's timeout: for what is new, and when that doesn't fit to
// what is known, for everything.
func (c *Cached) Fetch(ctx context.Context, q remedy.Query) remedy.Result {
	key := c.key(q)
	known := c.find(key)
	ask := q
	if q.Steps() > 1 && c.inner.Separable(q.Expr) {
		ask.Start = known.unsettled(q, c.opts.LateWithin)
	}
	got := c.inner.Columns(ctx, ask, known.rows())
	if got.Failed != "" {
		return remedy.Result{Failed: got.Failed}
	}
	all, fits := known.continued(q, ask, got)
	if !fits {
		c.opts.Metrics.points(c.opts.Name, cells(got.Cols), 0)
		if ask, got = q, c.inner.Columns(ctx, q, known.rows()); got.Failed != "" {
			return remedy.Result{Failed: got.Failed}
		}
		all = got
	}
	c.opts.Metrics.points(c.opts.Name, cells(got.Cols), cells(all.Cols)-cells(got.Cols))
	frame := all.frame(q)
	if all.grid == nil { // in buckets, series without points are listed
		gone := frame.Empty()
		frame, all.Table = frame.Without(gone), all.Table.without(gone)
	}
	e := &cacheEntry{table: all.Table, grid: all.grid, start: q.Start.UnixMilli(), end: q.End.UnixMilli(), asked: q.End, whole: q.End.UnixMilli()}
	if ask != q {
		e.whole = known.whole
	}
	if len(frame.Cols) > 1 && c.inner.Separable(q.Expr) && (e.grid == nil || e.grid.full) {
		e.cols = frame.Cols
	}
	e.bytes = 8*cells(e.cols) + e.table.bytes() + e.grid.bytes()
	c.store(key, known, e)
	return remedy.Result{Frame: frame}
}

// continued puts together what is known and the answer to ask, which is the
// newest part of q or all of it. False when the two don't fit.
func (e *cacheEntry) continued(q, ask remedy.Query, got Columns) (Columns, bool) {
	if ask == q {
		return got, true
	}
	if got.grid != nil || e.grid != nil {
		return e.continuedInBuckets(q, got)
	}
	start, step := q.Start.UnixMilli(), max(1, q.Step.Milliseconds())
	n, first := (ask.Start.UnixMilli()-start)/step, (start-e.start)/step
	got.Cols = append(append(make([][]float64, 0, n+int64(len(got.Cols))), e.cols[first:first+n]...), got.Cols...)
	return got, true
}

// rows is the table to decode an answer on; nil when there is none.
func (e *cacheEntry) rows() *Table {
	if e == nil {
		return nil
	}
	return e.table
}

// unsettled is the first instant of q's window that has to be asked for. What
// was answered for an instant is settled if the instant was late ago by then:
// the answer was given at e.end or later.
func (e *cacheEntry) unsettled(q remedy.Query, late time.Duration) time.Time {
	if e == nil || len(e.cols) == 0 {
		return q.Start
	}
	if e.grid != nil {
		return e.unsettledBuckets(q, late)
	}
	start, end, step := q.Start.UnixMilli(), q.End.UnixMilli(), q.Step.Milliseconds()
	if start < e.start || start > e.end || end < e.end || (start-e.start)%step != 0 {
		return q.Start
	}
	settled := e.end - late.Milliseconds() // and everything before it
	if settled <= start {
		return q.Start
	}
	return time.UnixMilli(start + (settled-start+step-1)/step*step).UTC()
}

func cells(cols [][]float64) int64 {
	n := 0
	for _, col := range cols {
		n += len(col)
	}
	return int64(n)
}

func (c *Cached) find(key cacheKey) *cacheEntry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entries[key]
}

// store remembers an answer, unless another one came meanwhile, and forgets
// others to make room.
func (c *Cached) store(key cacheKey, before, e *cacheEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries[key] != before {
		return
	}
	c.forget(key)
	c.turn++
	e.turn = c.turn
	if e.bytes <= c.opts.MaxBytes {
		c.entries[key] = e
		c.bytes += e.bytes
	}
	for other, old := range c.entries {
		if e.asked.Sub(old.asked).Abs() > idleSteps*max(other.step, key.step, time.Second) {
			c.forget(other)
		}
	}
	for c.bytes > c.opts.MaxBytes {
		var oldest cacheKey
		turn := c.turn + 1
		for other, old := range c.entries {
			if old.turn < turn {
				oldest, turn = other, old.turn
			}
		}
		c.forget(oldest)
	}
	c.opts.Metrics.cacheBytes(c.opts.Name, c.bytes)
}

// forget drops an entry. The caller holds mu.
func (c *Cached) forget(key cacheKey) {
	if e := c.entries[key]; e != nil {
		c.bytes -= e.bytes
		delete(c.entries, key)
	}
}

// Fresh is the source without the cache; see the function Fresh.
func (c *Cached) Fresh() Source { return fresh{c} }

// fresh is a Cached that remembers no answers, only which series there are.
type fresh struct{ c *Cached }

// Fetch implements Source.
func (f fresh) Fetch(ctx context.Context, q remedy.Query) remedy.Result {
	got := f.c.inner.Columns(ctx, q, f.c.find(f.c.key(q)).rows())
	if got.Failed != "" {
		return remedy.Result{Failed: got.Failed}
	}
	return remedy.Result{Frame: got.Frame(q)}
}

// Joinable implements Joinable.
func (f fresh) Joinable(expr string) bool { return f.c.Joinable(expr) }
