package unit

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"warden/internal/clock"
	"warden/internal/config"
	"warden/internal/remedy"
)

func TestNumbered(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a": "a", "a-[1-3]": "a-1 a-2 a-3", "a-[08-11].x": "a-08.x a-09.x a-10.x a-11.x", "[1-2]-[3-4]": "1-3 1-4 2-3 2-4",
		"[all]-[1-2]": "[all]-1 [all]-2", "a[others]": "a[others]", "a[x]": "a[x]",
	} {
		got, err := numbered(in)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %q, %v; want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"a[3-1]", "a[1-99999999]", "a[1-99999999999999999999]"} {
		if got, err := numbered(in); err == nil {
			t.Errorf("%s: %d names", in, len(got))
		}
	}
}

func TestExpansion(t *testing.T) {
	t.Parallel()
	hosts := []string{"db-1", "web-1", "web-2", "web-3"}
	expand := func(own, shared map[config.Text]string) (got, bad []string) {
		w := &writing{hosts: hosts, known: map[string]*written{}, bad: func(key config.Text, _ bool, format string, _ ...any) { bad = append(bad, string(key)+": "+format) }}
		w.add(own, false)
		w.add(shared, true)
		for _, s := range w.all {
			name := s.path
			if name == "" {
				name = s.labels["__name__"] + "/" + s.labels["instance"]
			}
			got = append(got, name+"="+spell(s.values))
		}
		slices.Sort(got)
		return got, bad
	}
	for _, tt := range []struct {
		name        string
		own, shared map[config.Text]string
		want        []string
	}{
		{"all of a stem", map[config.Text]string{`x{instance="web-[all]:9"}`: "1"}, nil, []string{"x/web-1:9=1", "x/web-2:9=1", "x/web-3:9=1"}},
		{"all hosts", map[config.Text]string{`c.[all].n`: "1"}, nil, []string{"c.db-1.n=1", "c.web-1.n=1", "c.web-2.n=1", "c.web-3.n=1"}},
		{"others", map[config.Text]string{`c.web-2.n`: "2", `c.web-[others].n`: "1"}, nil, []string{"c.web-1.n=1", "c.web-2.n=2", "c.web-3.n=1"}},
		{
			"others, whatever the order of labels", map[config.Text]string{`x{instance="web-2",a="b"}`: "2", `x{a="b",instance="web-[others]"}`: "1"}, nil,
			[]string{"x/web-1=1", "x/web-2=2", "x/web-3=1"},
		},
		{
			"the test before the file", map[config.Text]string{`c.web-2.n`: "2"}, map[config.Text]string{`c.web-[all].n`: "1", `c.web-3.n`: "3", `c.web-2.n`: "9"},
			nil, // refused below
		},
		{
			"the test's others before the file's names", map[config.Text]string{`c.web-[others].n`: "2"}, map[config.Text]string{`c.web-3.n`: "3", `c.db-[others].n`: "4"},
			[]string{"c.db-1.n=4", "c.web-1.n=2", "c.web-2.n=2", "c.web-3.n=2"},
		},
	} {
		got, bad := expand(tt.own, tt.shared)
		if tt.want == nil {
			if len(bad) == 0 {
				t.Errorf("%s: %q", tt.name, got)
			}
			continue
		}
		if d := cmp.Diff(tt.want, got); d != "" || bad != nil {
			t.Errorf("%s: %s %q", tt.name, d, bad)
		}
	}
}

// graphite is a source with a few paths, three buckets each.
func graphite(t *testing.T, paths map[string]string) *oracle {
	t.Helper()
	o := &oracle{
		name: "g", clock: clock.NewStepped(defaultStart.Add(10 * time.Minute)), start: defaultStart, interval: time.Minute, until: defaultStart.Add(time.Hour), graphite: true,
		refused: map[string]string{},
	}
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for k := range paths {
			if !yield(k) {
				return
			}
		}
	}) {
		values, err := ParseValues(paths[name])
		if err != nil {
			t.Fatal(err)
		}
		o.paths = append(o.paths, &written{id: name, path: name, values: values})
	}
	return o
}

func TestTargets(t *testing.T) {
	t.Parallel()
	o := graphite(t, map[string]string{"c.web-1.n": "1 2 _", "c.web-2.n": "3 _ _", "c.db.*": "5 6 7", "d.web-1.a.n": "1 1 1", "d.web-1.b.n": "2 _ 2"})
	for target, want := range map[string]string{
		"c.web-1.n": "c.web-1.n: 1 2 _", "c.*.n": "c.db.n: 5 6 7; c.web-1.n: 1 2 _; c.web-2.n: 3 _ _", "c.web-?.n": "c.web-1.n: 1 2 _; c.web-2.n: 3 _ _",
		"c.{web-1,db}.n": "c.db.n: 5 6 7; c.web-1.n: 1 2 _", "c.web-[!2].n": "c.web-1.n: 1 2 _", "c.nobody.n": "", "c.*": "",
		"aliasByNode(c.web-*.n, 1)": "web-1: 1 2 _; web-2: 3 _ _", "aliasByNode(c.web-1.n,-1,0)": "n.c: 1 2 _", "aliasByMetric(c.web-1.n)": "n: 1 2 _", `alias(c.web-1.n,"x")`: "x: 1 2 _",
		`aliasSub(c.web-1.n,'^c\.([^.]+).*','<\1>')`: "<web-1>: 1 2 _", "scale(c.web-1.n,2)": "scale(c.web-1.n,2): 2 4 _", "c.web-1.n|scale(0.5)|aliasByNode(1)": "web-1: 0.5 1 _",
		"offset(c.web-1.n,-3)": "offset(c.web-1.n,-3): -2 -1 _", "absolute(offset(c.web-1.n,-3))": "absolute(offset(c.web-1.n,-3)): 2 1 _",
		"sumSeries(c.web-1.n,c.web-2.n)": "sumSeries(c.web-1.n,c.web-2.n): 4 2 _", "avg(c.web-*.n)": "averageSeries(c.web-1.n,c.web-2.n): 2 2 _", "maxSeries(c.web-*.n)": "maxSeries(c.web-1.n,c.web-2.n): 3 2 _",
		"minSeries(c.*.n)": "minSeries(c.db.n,c.web-1.n,c.web-2.n): 1 2 7", "sumSeriesWithWildcards(d.*.*.n, 2)": "d.web-1.n: 3 1 3", "averageSeriesWithWildcards(d.*.*.n,2)": "d.web-1.n: 1.5 1 1.5",
		"group(c.web-1.n, c.db.n)": "c.web-1.n: 1 2 _; c.db.n: 5 6 7", "sumSeries(c.nobody.n)": "",
	} {
		r := o.Fetch(t.Context(), remedy.NewQuery("g", target, defaultStart, defaultStart.Add(2*time.Minute), time.Minute))
		if r.Failed != "" {
			t.Errorf("%s: %s", target, r.Failed)
			continue
		}
		var got []string
		for row := range r.Frame.Keys.Len() {
			var values []Value
			for k := range r.Frame.Cols {
				v := r.Frame.At(int32(row), k)
				values = append(values, Value{V: v, Omitted: remedy.IsMissing(v)})
			}
			got = append(got, r.Frame.Keys.Name(int32(row))+": "+spell(values))
		}
		if s := strings.Join(got, "; "); s != want {
			t.Errorf("%s: %s\nwant %s", target, s, want)
		}
	}
	for _, target := range []string{"movingAverage(c.web-1.n,5)", "transformNull(c.*.n)", "c.web-1.n extra", "scale(c.web-1.n", "scale(c.web-1.n,'x')", "aliasByNode(c.web-1.n,9)", "(", "", "c.{a.n", strings.Repeat("scale(", 99) + "c"} {
		r := o.Fetch(t.Context(), remedy.NewQuery("g", target, defaultStart, defaultStart.Add(2*time.Minute), time.Minute))
		if r.Failed == "" || o.refused[target] == "" {
			t.Errorf("%q is not refused: %+v", target, r)
		}
	}
}

// What has not come yet is not there, and what a test says is down does not
// answer.
func TestOracleTime(t *testing.T) {
	t.Parallel()
	o := graphite(t, map[string]string{"a.b": "1x60"})
	ask := func() remedy.Result {
		return o.Fetch(t.Context(), remedy.NewQuery("g", "a.b", defaultStart.Add(8*time.Minute), defaultStart.Add(15*time.Minute), time.Minute))
	}
	if f := ask().Frame; f == nil || len(f.Cols) != 3 {
		t.Errorf("at 10m there are %+v", f)
	}
	o.down = []span{{10 * time.Minute, 11 * time.Minute}}
	if r := ask(); r.Failed == "" {
		t.Error("a source that is down answers")
	}
	o.down = []span{{9 * time.Minute, 10 * time.Minute}}
	if r := ask(); r.Failed != "" {
		t.Errorf("a span has no end: %s", r.Failed)
	}
}

func TestJUnit(t *testing.T) {
	t.Parallel()
	suites := []Suite{
		{File: "a_test.toml", Results: []Result{
			{File: "a_test.toml", Name: `<good> & "well"`, Took: 1500 * time.Millisecond},
			{File: "a_test.toml", Name: "bad", Failures: []Failure{{Line: 7, At: 90 * time.Second, Key: "total", Want: "1", Got: "2\x1b[31m", Why: []string{"why"}}}},
			{File: "a_test.toml", Name: "broken", Problems: []Problem{{Line: 9, Text: "no query asked for it"}}},
		}},
		{File: "b_test.toml", Failed: "reading the tests: no such file"},
	}
	var b bytes.Buffer
	if err := WriteJUnit(&b, suites); err != nil {
		t.Fatal(err)
	}
	const want = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="warden test" tests="4" failures="1" errors="2" time="1.500">
  <testsuite name="a_test.toml" tests="3" failures="1" errors="1" time="1.500">
    <testcase name="&lt;good&gt; &amp; &#34;well&#34;" classname="a_test.toml" file="a_test.toml" time="1.500"></testcase>
    <testcase name="bad" classname="a_test.toml" file="a_test.toml" time="0.000">
      <failure message="line 7: at 1m30s, total: expected 1, got 2?[31m" type="total">line 7: at 1m30s, total: expected 1, got 2?[31m&#xA;    why</failure>
    </testcase>
    <testcase name="broken" classname="a_test.toml" file="a_test.toml" time="0.000">
      <error message="line 9: no query asked for it" type="test">line 9: no query asked for it</error>
    </testcase>
  </testsuite>
  <testsuite name="b_test.toml" tests="1" failures="0" errors="1" time="0.000">
    <testcase name="(the file)" classname="b_test.toml" file="b_test.toml" time="0.000">
      <error message="reading the tests: no such file" type="file">reading the tests: no such file</error>
    </testcase>
  </testsuite>
</testsuites>
`
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Errorf("(-want +got) %s", d)
	}
	var back junitSuites
	if err := xml.Unmarshal(b.Bytes(), &back); err != nil || back.Tests != 4 || back.Suites[0].Cases[1].Failure == nil {
		t.Errorf("%v %+v", err, back)
	}
}

// element is any XML, as a reader that knows nothing of this package sees it.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []element  `xml:",any"`
}

func (e *element) attr(name string) string {
	for _, a := range e.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// TestJUnitStructure: whatever the results are, the document nests as readers of
// JUnit want it, each count is what is there, and whatever failed says why.
func TestJUnitStructure(t *testing.T) {
	t.Parallel()
	text := rapid.StringN(1, 20, -1)
	rapid.Check(t, func(t *rapid.T) {
		var suites []Suite
		tests, failed, broken := 0, 0, 0
		for range rapid.IntRange(0, 4).Draw(t, "suites") {
			s := Suite{File: text.Draw(t, "file")}
			if rapid.IntRange(0, 4).Draw(t, "unreadable") == 0 {
				s.Failed = "reading the tests: " + text.Draw(t, "why")
				tests, broken = tests+1, broken+1
			}
			for range rapid.IntRange(0, 4).Draw(t, "tests") {
				r := Result{Name: text.Draw(t, "name"), Took: time.Duration(rapid.IntRange(0, 5000).Draw(t, "ms")) * time.Millisecond}
				switch rapid.IntRange(0, 2).Draw(t, "how") {
				case 0:
					r.Failures = []Failure{{Line: 1, Key: "total", Want: text.Draw(t, "want"), Got: text.Draw(t, "got")}}
					failed++
				case 1:
					r.Problems = []Problem{{Line: 1, Text: text.Draw(t, "problem")}}
					broken++
				}
				tests++
				s.Results = append(s.Results, r)
			}
			suites = append(suites, s)
		}
		var b bytes.Buffer
		if err := WriteJUnit(&b, suites); err != nil {
			t.Fatal(err)
		}
		var doc element
		if err := xml.Unmarshal(b.Bytes(), &doc); err != nil {
			t.Fatalf("%v\n%s", err, b.Bytes())
		}
		counts := func(e *element, tests, failures, errors int) {
			if got := e.attr("tests") + " " + e.attr("failures") + " " + e.attr("errors"); got != fmt.Sprint(tests, failures, errors) {
				t.Fatalf("%s says %s, and there are %d %d %d", e.XMLName.Local, got, tests, failures, errors)
			}
		}
		if doc.XMLName.Local != "testsuites" || len(doc.Children) != len(suites) {
			t.Fatalf("%d suites are %d in %s", len(suites), len(doc.Children), doc.XMLName.Local)
		}
		counts(&doc, tests, failed, broken)
		for i := range doc.Children {
			suite, failures, errors := &doc.Children[i], 0, 0
			for k := range suite.Children {
				c := &suite.Children[k]
				if suite.XMLName.Local != "testsuite" || c.XMLName.Local != "testcase" || c.attr("name") == "" || c.attr("classname") != suite.attr("name") || len(c.Children) > 1 {
					t.Fatalf("%+v in %s", c, suite.XMLName.Local)
				}
				for _, why := range c.Children {
					if why.attr("message") == "" || why.attr("type") == "" || strings.TrimSpace(why.Text) == "" {
						t.Fatalf("%+v says nothing", why)
					}
					switch why.XMLName.Local {
					case "failure":
						failures++
					case "error":
						errors++
					default:
						t.Fatalf("a test has a %s", why.XMLName.Local)
					}
				}
			}
			counts(suite, len(suite.Children), failures, errors)
		}
	})
}

// Whatever a file holds, there are tests or errors with a line.
func FuzzParse(f *testing.F) {
	f.Add(Example())
	f.Add("config = \"x\"\n[[test]]\nname = \"a\"\nfreeze = [\"1m..\"]\nexpect = [ { at = \"1m\", total = 1 } ]")
	f.Add("config = 1\ntest = 3\n[series]\n'a' = [")
	f.Fuzz(func(t *testing.T, text string) {
		file, report := Parse("f.toml", []byte(text))
		if (file == nil) != (report.Count(config.SeverityError) > 0) {
			t.Fatalf("%v %s", file, report)
		}
		for _, p := range report {
			if p.Line < 1 || p.Text == "" {
				t.Fatalf("%+v", p)
			}
		}
	})
}

// TestHints: what can't be meant is answered with what can.
func TestHints(t *testing.T) {
	t.Parallel()
	const expect = "expect = [{ at = \"30m\", proposals = [] }]"
	for body, want := range map[string]string{
		"expect = []":        "expect = [] looks at nothing, so that the test can't fail: to expect that nothing is proposed write expect = [{ at = \"30m\", proposals = [] }]",
		"":                   "the test expects nothing, so that it can't fail: write what must hold, such as { at = \"30m\", proposals = [] }",
		"do = []\n" + expect: "do is empty: write [[test.do]] above the keys of each, or leave the key out",
		"series = { a = '1x99999999999' }\n" + expect:               "\"1x99999999999\" is too many times: a series has 20160 values at most: write fewer, or a longer interval",
		"series = { a = '_x99999999999' }\n" + expect:               "\"_x99999999999\" is too many times: a series has 20160 values at most: write fewer, or a longer interval",
		"series = { a = '1+1x20160' }\n" + expect:                   "a series has 20160 values at most: write fewer, or a longer interval",
		"expect = [{ at = \"30m\", proposals = [], blocked = [] }]": "blocked must be a table, not a list: write its keys under [test.expect.blocked]",
	} {
		_, report := Parse("x.toml", []byte("config = \"c.toml\"\n[[test]]\nname = \"n\"\n"+body+"\n"))
		if len(report) != 1 || !strings.HasSuffix(fmt.Sprint(report[0]), "error: "+want) {
			t.Errorf("%s:\n%v\nwant %s", body, report, want)
		}
	}
}
