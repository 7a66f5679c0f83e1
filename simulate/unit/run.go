package unit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/clock"
	"warden/internal/config"
	"warden/internal/engine"
	"warden/internal/inventory"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Built is what a configuration file stands for. Nothing of it is asked or
// opened: a test puts its own sources, inventories and load balancers in the
// place of the real ones.
type Built struct {
	Config *config.Config
	Engine *engine.Config
}

// Problem is why a test could not be run as it is written. Line is where in its
// file; 0 when that isn't one place.
type Problem struct {
	Line int
	Text string
}

// Result is how one test went.
type Result struct {
	File string
	Name string
	Line int
	// Failures are the expectations that were not met; Problems why the test
	// can't be run, or says nothing. The test passed when there are neither.
	Failures []Failure
	Problems []Problem
	// Covered is how much time passed in the test, and Took how much outside.
	Covered time.Duration
	Took    time.Duration
	// Rounds is how many rounds there were.
	Rounds int
}

// OK reports whether the test passed.
func (r *Result) OK() bool { return len(r.Failures) == 0 && len(r.Problems) == 0 }

// node is who the engine of a test is: a node that is alone and leads.
const node remedy.NodeID = "test"

// maxRounds bounds a test: two weeks of rounds every 30 s.
const maxRounds = 40_320

// world is one test under way.
type world struct {
	file  *File
	test  *Test
	built Built

	clock   *clock.Stepped
	log     *log
	engine  *engine.Engine
	config  *engine.Config
	lb      *balancers
	oracles map[remedy.SourceName]*oracle
	written []*written
	hosts   map[remedy.PoolName][]inventory.Host
	deeds   []deed
	end     time.Time

	proposed map[remedy.CaseID]string // every case that was proposed so far
	next     int                      // the first expectation that was not looked at
	order    []int                    // the expectations by time
	result   Result
}

// deed is something that happens at an instant, by a person's hand.
type deed struct {
	at   time.Duration
	line int
	// ends says that it only ends what began, which a test may leave under way.
	ends bool
	do   func(ctx context.Context) error
}

// at is a key path within the test.
func (w *world) at(path ...string) []string {
	return append([]string{"test", config.Element(w.test.index)}, path...)
}

// bad notes that the test can't be run as it is written.
func (w *world) bad(path []string, format string, args ...any) {
	w.result.Problems = append(w.result.Problems, Problem{Line: w.file.document.Line(path...), Text: fmt.Sprintf(format, args...)})
}

// Run runs one test of the file on a configuration. It ends early when ctx does.
func (f *File) Run(ctx context.Context, t *Test, built Built) Result {
	wall := clock.System()
	began := wall.Now()
	w := &world{file: f, test: t, built: built, proposed: map[remedy.CaseID]string{}}
	w.result = Result{File: f.path, Name: t.Name, Line: f.document.Line(w.at("name")...)}
	w.prepare()
	if len(w.result.Problems) == 0 {
		w.play(ctx)
		w.unasked()
		if ctx.Err() == nil {
			w.tooLate()
		}
	}
	if err := ctx.Err(); err != nil {
		w.result.Problems = append(w.result.Problems, Problem{Text: "interrupted"})
	}
	w.result.Took = wall.Since(began)
	return w.result
}

// log applies entries at once, as a cluster of one node does.
type log struct {
	ledger *ledger.Ledger
	index  uint64
}

var _ engine.Log = (*log)(nil)

// maxEntry is the largest entry that the real log takes.
const maxEntry = 1 << 20

// Commit implements engine.Log. The engine commits one entry at a time.
func (l *log) Commit(_ context.Context, e ledger.Entry) (ledger.Applied, error) {
	data, err := e.Encode()
	if err != nil {
		return ledger.Applied{}, err
	}
	if len(data) > maxEntry {
		return ledger.Applied{}, fmt.Errorf("%w: %d bytes are too many", engine.ErrNotCommitted, len(data))
	}
	l.index++
	applied, ok := l.ledger.Apply(l.index, 1, data).(ledger.Applied)
	if !ok {
		return ledger.Applied{}, errors.New("the ledger did not apply the entry: please report it")
	}
	return applied, nil
}

// Relay implements engine.Log.
func (l *log) Relay(ctx context.Context, e ledger.Entry) (ledger.Applied, error) {
	return l.Commit(ctx, e)
}

// Verify implements engine.Log: nobody else leads.
func (*log) Verify(context.Context) error { return nil }

// deaf hears messages and tells nobody.
type deaf struct{}

// Announce implements chat.Announcer.
func (deaf) Announce(context.Context, chat.Message) error { return nil }

// waiting is a clock on which whoever waits lets the time pass: everything in a
// test happens one after the other.
type waiting struct{ *clock.Stepped }

// After implements clock.Clock.
func (w waiting) After(d time.Duration) <-chan time.Time {
	ch := w.Stepped.After(d)
	w.Advance(d)
	return ch
}

// play lets the test's time pass.
func (w *world) play(ctx context.Context) {
	w.log = &log{ledger: ledger.New()}
	init, err := ledger.NewEntry(w.clock.Now(), remedy.Warden(), node, &ledger.ClusterInit{ClusterID: "test", Voters: []remedy.NodeID{node}})
	if err == nil {
		_, err = w.log.Commit(ctx, init)
	}
	if err != nil {
		w.bad(w.at(), "the ledger can't be begun: %v", err)
		return
	}
	w.engine = engine.New(engine.Options{
		Log: w.log, Ledger: w.log.ledger, Clock: waiting{w.clock}, Announcer: deaf{}, Logger: zap.NewNop(), Node: node, Spawn: func(f func()) { f() },
	}, w.config)
	for !w.clock.Now().After(w.end) && ctx.Err() == nil {
		w.act(ctx)
		w.result.Rounds++
		w.engine.Step(ctx, func(d time.Duration) {
			w.see()
			w.look(ctx, w.clock.Now().Add(d))
			w.clock.Advance(d)
		})
		w.see()
	}
	w.look(ctx, w.end.Add(time.Nanosecond))
	w.result.Covered = w.end.Sub(w.test.start)
}

// tooLate notes what was never done, for it begins after the last round.
func (w *world) tooLate() {
	note := func(line int, at time.Duration) {
		w.result.Problems = append(w.result.Problems, Problem{Line: line, Text: fmt.Sprintf(
			"this begins at %s, when the test is over, so that it never happens: expect something after it, or leave it out", config.Duration(at))})
	}
	for _, d := range w.deeds {
		if !d.ends {
			note(d.line, d.at)
		}
	}
	for _, name := range sortedKeys(w.test.Down) {
		if s, err := parseSpan(w.test.Down[name]); err == nil && w.test.start.Add(s.from).After(w.end) {
			note(w.file.document.Line(w.at("down", string(name))...), s.from)
		}
	}
}

// act does what people do until now, before the round that is due sees it.
func (w *world) act(ctx context.Context) {
	for len(w.deeds) > 0 && !w.clock.Now().Before(w.test.start.Add(w.deeds[0].at)) {
		d := w.deeds[0]
		w.deeds = w.deeds[1:]
		if err := d.do(ctx); err != nil {
			w.result.Problems = append(w.result.Problems, Problem{Line: d.line, Text: fmt.Sprintf("at %s: %v", config.Duration(d.at), err)})
		}
	}
}

// open lists the open cases that a detector opened.
func (w *world) open() []*ledger.Case {
	var out []*ledger.Case
	for _, pool := range slices.Sorted(maps.Keys(w.hosts)) {
		for _, c := range w.log.ledger.Pool(pool, w.clock.Now()).Open {
			if c.Detector != "" {
				out = append(out, c)
			}
		}
	}
	return out
}

// standing reports whether a case is a proposal now: admitted, asked about, under
// way, or out because of it; as opposed to held back by a guardrail.
func standing(c *ledger.Case) bool { return c.Stage != remedy.StageDetected && c.Open() }

// see notes which cases were proposed.
func (w *world) see() {
	for _, c := range w.open() {
		if standing(c) {
			w.proposed[c.ID] = named(c)
		}
	}
}

// named is how a test writes a case: its action and its host.
func named(c *ledger.Case) string { return string(c.Action) + " " + string(c.Host) }

// unasked notes what keeps the test from saying anything: series that nothing
// asked for, and questions that it has no answer to.
func (w *world) unasked() {
	used := map[config.Text]bool{}
	for _, s := range w.written {
		used[s.key] = used[s.key] || s.used.Load()
	}
	for _, key := range sortedKeys(w.test.Series) {
		if !used[key] {
			w.bad(w.at("series", string(key)), "no query asked for %q: is it spelled as the detector's query, in its source's way? Leave it out if nothing needs it", key)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.oracles)) {
		o := w.oracles[name]
		for _, expr := range slices.Sorted(maps.Keys(o.refused)) {
			w.bad(w.at("name"), "source %s was asked for %s, which tests can't evaluate (%s): write its answer under [test.answers.%q], or leave its detector out with `detectors`", name, expr, o.refused[expr], expr)
		}
	}
	for _, query := range sortedKeys(w.test.Answers) {
		used := slices.ContainsFunc(slices.Collect(maps.Values(w.oracles)), func(o *oracle) bool {
			a := o.answers[words(string(query))]
			return a != nil && a.used
		})
		if !used {
			w.bad(w.at("answers", string(query)), "nobody asked %q: see what is asked with `warden detector test`", query)
		}
	}
}
