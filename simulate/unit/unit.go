// Package unit runs unit tests of a configuration: what its detectors and its
// policy make of series that a test writes down, at instants that it names.
//
// Nothing of that is imitated. The detectors, the policy, the engine and the
// ledger are those of the daemon, made of the same file; the clock is stepped,
// the sources answer from the test's series, and the load balancers are in
// memory. So a test needs no network, no agent, no secret and no time.
// docs/unit-tests.md says what the keys mean.
package unit

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"warden/internal/config"
	"warden/internal/remedy"
)

// manual is where a test file's keys are listed.
const manual = "docs/unit-tests.md"

// File is one file of unit tests. The struct tags are its schema, as those of
// config.Config are. What it says of series, answers, hosts, labels, levels and
// detectors holds for each of its tests, unless the test says otherwise.
type File struct {
	Config     string                                 `toml:"config" required:"true"`
	Interval   config.Duration                        `toml:"interval"`
	Start      string                                 `toml:"start"`
	Prometheus string                                 `toml:"prometheus" oneof:"2 3"`
	Series     map[config.Text]string                 `toml:"series"`
	Answers    map[config.Text]map[config.Text]string `toml:"answers"`
	Hosts      map[config.Text][]string               `toml:"hosts"`
	Labels     map[config.Text]map[string]string      `toml:"labels"`
	Levels     map[config.Text]remedy.Level           `toml:"levels"`
	Detectors  []remedy.DetectorName                  `toml:"detectors"`
	Tests      []Test                                 `toml:"test"`

	path     string
	start    time.Time
	document *config.Document
}

// Test is one [[test]] table.
type Test struct {
	Name      string                                 `toml:"name" required:"true"`
	Start     string                                 `toml:"start"`
	Series    map[config.Text]string                 `toml:"series"`
	Answers   map[config.Text]map[config.Text]string `toml:"answers"`
	Hosts     map[config.Text][]string               `toml:"hosts"`
	Labels    map[config.Text]map[string]string      `toml:"labels"`
	Levels    map[config.Text]remedy.Level           `toml:"levels"`
	Detectors []remedy.DetectorName                  `toml:"detectors"`
	// Freeze, Holds, Out and Down are spans: "10m..20m", or "10m.." for good.
	Freeze []string                     `toml:"freeze"`
	Holds  map[config.Text]string       `toml:"holds"`
	Out    map[config.Text]string       `toml:"out"`
	Down   map[remedy.SourceName]string `toml:"down"`
	Do     []Deed                       `toml:"do"`
	Expect []Expect                     `toml:"expect" empty:"true"`

	start time.Time
	index int
}

// Deed is what a person does at an instant, about the host's case: approve, deny
// or undo it.
type Deed struct {
	At     config.Duration `toml:"at" required:"true"`
	Verb   string          `toml:"verb" required:"true" oneof:"approve deny undo"`
	Host   remedy.HostName `toml:"host" required:"true"`
	By     string          `toml:"by"`
	Reason string          `toml:"reason"`
}

// Expect is what must hold at an instant. What it leaves out may be anything.
type Expect struct {
	At           config.Duration        `toml:"at" required:"true"`
	Proposals    []string               `toml:"proposals" empty:"true"`
	Total        *int                   `toml:"total"`
	Verdict      map[config.Text]string `toml:"verdict"`
	Reason       map[config.Text]string `toml:"reason"`
	BlockedBy    string                 `toml:"blocked_by"`
	NotBlockedBy string                 `toml:"not_blocked_by"`
	Blocked      map[config.Text]string `toml:"blocked"`
	Level        string                 `toml:"level" oneof:"metric-only notify confirm auto"`
	WouldAct     *bool                  `toml:"would_act"`
	Stage        map[config.Text]string `toml:"stage"`
	Out          []string               `toml:"out" empty:"true"`
	Done         []string               `toml:"done" empty:"true"`
}

// defaultStart is when time begins in tests: a Monday, so that windows that are
// about the end of a week are not met by accident.
var defaultStart = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

// maxFile is the size of the largest test file that is read.
const maxFile = 4 << 20

// Load reads a test file. The error, if there is one, is that it can't be read;
// what is wrong with what it says is in the report, and then there is no File.
func Load(path string) (*File, config.Report, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("reading the tests: %w", err)
	case info.IsDir():
		return nil, nil, fmt.Errorf("%s is a directory: name the files in it", path)
	case info.Size() > maxFile:
		return nil, nil, fmt.Errorf("%s is larger than 4 MiB: is it the right file?", path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the tests: %w", err)
	}
	f, report := Parse(path, data)
	return f, report, nil
}

// Parse reads the text of a test file; path is where it is, for messages and for
// finding its configuration.
func Parse(path string, data []byte) (*File, config.Report) {
	f := &File{path: path}
	f.document = config.Decode(path, data, f, manual)
	f.check()
	report := f.document.Report()
	if report.Count(config.SeverityError) > 0 {
		return nil, report
	}
	return f, report
}

// ConfigPath is where the tested configuration is: `config`, from where the test
// file is.
func (f *File) ConfigPath() string {
	if filepath.IsAbs(f.Config) {
		return f.Config
	}
	return filepath.Join(filepath.Dir(f.path), f.Config)
}

// Path is the file's own.
func (f *File) Path() string { return f.path }

// check finishes what decoding began, and checks what the file alone tells.
func (f *File) check() {
	if f.Interval == 0 {
		f.Interval = config.Duration(time.Minute)
	}
	if f.Prometheus == "" {
		f.Prometheus = "2"
	}
	f.start = f.instant(f.Start, defaultStart, "start")
	f.checkSeries(f.Series, "series")
	if len(f.Tests) == 0 {
		f.document.Bad(nil, "there are no tests: begin each with [[test]]")
	}
	names := map[string]int{}
	for i := range f.Tests {
		t := &f.Tests[i]
		t.index = i
		at := func(more ...string) []string { return append([]string{"test", config.Element(i)}, more...) }
		if first, twice := names[t.Name]; twice && t.Name != "" {
			f.document.Bad(at("name"), "there is a test %q already, in line %d: give each a name of its own", t.Name, first)
		} else {
			names[t.Name] = f.document.Line(at("name")...)
		}
		t.start = f.instant(t.Start, f.start, at("start")...)
		f.checkSeries(t.Series, at("series")...)
		f.checkSpans(t, at)
		switch {
		case t.Expect != nil && len(t.Expect) == 0:
			f.document.Bad(at("expect"), "expect = [] looks at nothing, so that the test can't fail: to expect that nothing is proposed write expect = [{ at = \"30m\", proposals = [] }]")
		case len(t.Expect) == 0:
			f.document.Bad(at("expect"), "the test expects nothing, so that it can't fail: write what must hold, such as { at = \"30m\", proposals = [] }")
		}
		for k := range t.Expect {
			f.checkExpect(&t.Expect[k], func(more ...string) []string { return at(append([]string{"expect", config.Element(k)}, more...)...) })
		}
	}
}

func (f *File) instant(text string, otherwise time.Time, path ...string) time.Time {
	if text == "" {
		return otherwise
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		f.document.Bad(path, "%q is not an instant: write one such as 2026-01-05T00:00:00Z", text)
		return otherwise
	}
	if !t.Truncate(f.Interval.Std()).Equal(t) {
		f.document.Bad(path, "%s is not a multiple of the interval %s: begin at one", text, f.Interval)
	}
	return t.UTC()
}

func (f *File) checkSeries(series map[config.Text]string, path ...string) {
	for _, name := range sortedKeys(series) {
		if _, err := ParseValues(series[name]); err != nil {
			f.document.Bad(append(slices.Clone(path), string(name)), "%v", err)
		}
	}
}

func (f *File) checkSpans(t *Test, at func(...string) []string) {
	check := func(text string, path []string) {
		if _, err := parseSpan(text); err != nil {
			f.document.Bad(path, "%v", err)
		}
	}
	for i, text := range t.Freeze {
		check(text, at("freeze", config.Element(i)))
	}
	for _, spans := range []struct {
		key string
		of  map[config.Text]string
	}{{"holds", t.Holds}, {"out", t.Out}} {
		for _, name := range sortedKeys(spans.of) {
			check(spans.of[name], at(spans.key, string(name)))
		}
	}
	for _, name := range sortedKeys(t.Down) {
		check(t.Down[name], at("down", string(name)))
	}
}

// verdicts are the words for what a detector says of a host.
var verdicts = []string{"good", "bad", "unknown", "out"}

func (f *File) checkExpect(x *Expect, at func(...string) []string) {
	if x.Proposals == nil && x.Total == nil && len(x.Verdict) == 0 && len(x.Reason) == 0 && x.BlockedBy == "" && x.NotBlockedBy == "" && len(x.Blocked) == 0 &&
		x.Level == "" && x.WouldAct == nil && len(x.Stage) == 0 && x.Out == nil && x.Done == nil {
		f.document.Bad(at(), "nothing is expected at %s, so that this can't fail: add proposals, verdict, blocked_by or another key", x.At)
	}
	for _, host := range sortedKeys(x.Verdict) {
		if v := x.Verdict[host]; !slices.Contains(verdicts, v) {
			f.document.Bad(at("verdict", string(host)), "%q is not a verdict: use one of %s%s", v, strings.Join(verdicts, ", "), config.Meant(v, verdicts))
		}
	}
	for _, host := range sortedKeys(x.Stage) {
		known := remedy.Stages()
		if v := remedy.Stage(x.Stage[host]); !slices.Contains(known, v) {
			f.document.Bad(at("stage", string(host)), "%q is not a stage of a case: use one of %s%s", v, remedy.Listed(known), config.Meant(string(v), known))
		}
	}
	for _, list := range []struct {
		key string
		of  []string
	}{{"proposals", x.Proposals}, {"done", x.Done}} {
		for i, p := range list.of {
			undo := list.key == "done" && strings.HasPrefix(p, "undo ")
			if len(strings.Fields(p)) != 2 && (!undo || len(strings.Fields(p)) != 3) {
				f.document.Bad(at(list.key, config.Element(i)), "%q is not an action and a host: write them so: \"drain ingest-17\"", p)
			}
		}
	}
}

// span is a stretch of a test's time.
type span struct{ from, to time.Duration }

// covers reports whether a test's time lies in the span: its beginning does, its
// end doesn't.
func (s span) covers(at time.Duration) bool { return at >= s.from && at < s.to }

var spanRE = regexp.MustCompile(`^([0-9a-z]+)\.\.([0-9a-z]*)$`)

// forever is longer than any test.
const forever = 100_000 * time.Hour

// parseSpan reads "10m..20m", or "10m.." for a span without an end.
func parseSpan(text string) (span, error) {
	m := spanRE.FindStringSubmatch(text)
	if m == nil {
		return span{}, fmt.Errorf("%q is not a span of time: write \"10m..20m\", or \"10m..\" for all that follows", text)
	}
	from, err := config.ParseDuration(m[1])
	if err != nil {
		return span{}, fmt.Errorf("%q: %w", text, err)
	}
	if m[2] == "" {
		return span{from.Std(), forever}, nil
	}
	to, err := config.ParseDuration(m[2])
	switch {
	case err != nil:
		return span{}, fmt.Errorf("%q: %w", text, err)
	case to <= from:
		return span{}, fmt.Errorf("%q ends before it begins: write the earlier time first", text)
	}
	return span{from.Std(), to.Std()}, nil
}

func sortedKeys[K ~string, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
