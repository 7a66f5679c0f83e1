package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"warden/internal/remedy"
)

// reference decodes with encoding/json what is JSON and evenly spaced.
type referenceSeries struct {
	Target     *string       `json:"target"`
	Datapoints [][2]*float64 `json:"datapoints"`
}

// referenceDecode is the slow way to read an answer. It differs in what
// encoding/json takes that the decoder refuses, which the callers avoid.
func referenceDecode(body []byte) ([]remedy.Series, error) {
	// A number beyond a float64 fails encoding/json.
	text := strings.NewReplacer("-1e9999", "-1.25e308", "1e9999", "1.25e308").Replace(string(body))
	var in []referenceSeries
	if err := json.Unmarshal([]byte(text), &in); err != nil {
		return nil, err
	}
	out := make([]remedy.Series, len(in))
	for i, s := range in {
		if s.Target == nil {
			return nil, errors.New("no target")
		}
		out[i] = remedy.Series{Labels: map[string]string{"target": *s.Target}, Points: []remedy.Point{}}
		for _, dp := range s.Datapoints {
			if dp[1] == nil {
				return nil, errors.New("no time")
			}
			if dp[0] == nil {
				continue
			}
			v := *dp[0]
			switch v {
			case 1.25e308:
				v = math.Inf(1)
			case -1.25e308:
				v = math.Inf(-1)
			}
			out[i].Points = append(out[i].Points, remedy.Point{At: int64(*dp[1]) * 1000, Value: v})
		}
	}
	return out, nil
}

// renderText decodes a body that comes in one piece.
func renderText(body string, maxSeries int) (*rendered, error) {
	return decodeRender(newScanner(strings.NewReader(body)), maxSeries, always(), &values{})
}

// render writes an answer as graphite-web does.
func render(series []buckets, values []float64) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, s := range series {
		if i > 0 {
			b.WriteString(", ")
		}
		name, _ := json.Marshal(s.target)
		fmt.Fprintf(&b, `{"target": %s, "tags": {"name": %s}, "datapoints": [`, name, name)
		for k, v := range values[s.at : s.at+s.n] {
			if k > 0 {
				b.WriteString(", ")
			}
			text := strconv.FormatFloat(v, 'g', -1, 64)
			switch {
			case remedy.IsMissing(v):
				text = "null"
			case math.IsInf(v, 1):
				text = "1e9999"
			case math.IsInf(v, -1):
				text = "-1e9999"
			case !strings.ContainsAny(text, ".e"):
				text += ".0"
			}
			fmt.Fprintf(&b, "[%s, %d]", text, s.start+int64(k)*s.step)
		}
		b.WriteString("]}")
	}
	b.WriteByte(']')
	return b.String()
}

func anyRendered(t *rapid.T) ([]buckets, []float64) {
	var series []buckets
	var values []float64
	value := rapid.OneOf(
		rapid.Float64Range(-1e6, 1e6), rapid.Float64(), rapid.Map(rapid.IntRange(-9999, 9999), func(i int) float64 { return float64(i) }),
		rapid.SampledFrom([]float64{remedy.Missing(), 0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), 0.1, 1e-9, 5e-324, 1e22, 9007199254740993, 33.333333333333336}),
	)
	for range rapid.IntRange(0, 4).Draw(t, "series") {
		s := buckets{
			target: rapid.OneOf(rapid.SampledFrom([]string{"a.b.c", `say "x"`, "söurce.\\.n", "", "sumSeries(a.*)"}), rapid.String()).Draw(t, "target"),
			start:  rapid.Int64Range(0, 4e9).Draw(t, "start"), step: rapid.SampledFrom([]int64{1, 10, 60}).Draw(t, "step"),
			at: len(values), n: rapid.IntRange(0, 12).Draw(t, "n"),
		}
		for range s.n {
			values = append(values, value.Draw(t, "value"))
		}
		series = append(series, s)
	}
	return series, values
}

// The decoder and encoding/json agree on everything that graphite-web writes.
func TestDecodeRenderAgreesWithEncodingJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		body := []byte(render(anyRendered(t)))
		want, err := referenceDecode(body)
		if err != nil {
			t.Fatal(err)
		}
		d, err := renderText(string(body), 4)
		if err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		got := d.raw()
		for _, list := range [][]remedy.Series{want, got} {
			for i := range list { // a NaN of its own stands for null in neither
				for _, p := range list[i].Points {
					if remedy.IsMissing(p.Value) {
						t.Fatal("a missing point was kept")
					}
				}
			}
		}
		same := cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })
		if diff := cmp.Diff(want, got, same, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s\n%s", body, diff)
		}
	})
}

// testdata/render.json was written by graphite-web 1.1.8.
func TestDecodeRealAnswer(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("testdata/render.json")
	if err != nil {
		t.Fatal(err)
	}
	want, err := referenceDecode(body)
	if err != nil {
		t.Fatal(err)
	}
	d, err := renderText(string(body), 10)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, d.raw()); diff != "" || len(want) < 3 {
		t.Errorf("%d series\n%s", len(want), diff)
	}
}

func TestDecodeRenderRefuses(t *testing.T) {
	t.Parallel()
	dp := func(points string) string { return `[{"target":"a","datapoints":[` + points + `]}]` }
	tests := []struct{ name, body, want string }{
		{"text for a value", dp(`["1",60]`), "not [value, time]"},
		{"text NaN", dp(`["NaN",60]`), "not [value, time]"},
		{"true", dp(`[true,60]`), "not [value, time]"},
		{"a list for a value", dp(`[[1],60]`), "not [value, time]"},
		{"null time", dp(`[1,null]`), "not [value, time]"},
		{"text time", dp(`[1,"60"]`), "not [value, time]"},
		{"time with a fraction", dp(`[1,60.5]`), "not [value, time]"},
		{"negative time", dp(`[1,-60]`), "not [value, time]"},
		{"time in milliseconds of the year 60000", dp(`[1,1795271630000]`), "not [value, time]"},
		{"no time", dp(`[1]`), "not [value, time]"},
		{"three in a point", dp(`[1,60,2]`), "not [value, time]"},
		{"null point", dp(`null`), "not [value, time]"},
		{"flat list", dp(`1,60`), "not [value, time]"},
		{"leading zero", dp(`[01,60]`), "not [value, time]"},
		{"bare point", dp(`[1.,60]`), "not [value, time]"},
		{"no digit before the point", dp(`[.5,60]`), "not [value, time]"},
		{"plus", dp(`[+1,60]`), "not [value, time]"},
		{"hexadecimal", dp(`[0x1p3,60]`), "not [value, time]"},
		{"underscore", dp(`[1_000,60]`), "not [value, time]"},
		{"python None", dp(`[None,60]`), "not [value, time]"},
		{"nulls", dp(`[nulls,60]`), "not [value, time]"},
		{"time stands still", dp(`[1,60],[2,60]`), "not evenly spaced"},
		{"time goes back", dp(`[1,60],[2,50]`), "not evenly spaced"},
		{"a hole instead of a null", dp(`[1,60],[2,120],[3,240]`), "not evenly spaced"},
		{"no target", `[{"datapoints":[]}]`, "without target"},
		{"no datapoints", `[{"target":"a"}]`, "without target"},
		{"null target", `[{"target":null,"datapoints":[]}]`, "not a list of targets"},
		{"null datapoints", `[{"target":"a","datapoints":null}]`, "not a list of targets"},
		{"two targets", `[{"target":"a","target":"b","datapoints":[]}]`, "twice"},
		{"two datapoints", `[{"target":"a","datapoints":[],"datapoints":[]}]`, "twice"},
		{"odd capitals", `[{"target":"a","datapoints":[],"Target":"b"}]`, "odd capitals"},
		{"an escaped second target", `[{"target":"a","datapoints":[],"t\u0061rget":"b"}]`, "twice"},
		{"no comma", dp(`[1,60][2,120]`), "not [value, time]"},
		{"minus alone", dp(`[-,60]`), "not [value, time]"},
		{"bare exponent", dp(`[1e,60]`), "not [value, time]"},
		{"a point without digits before an exponent", dp(`[1.e5,60]`), "not [value, time]"},
		{"time with a leading zero", dp(`[1,060]`), "not [value, time]"},
		{"time as 6e1", dp(`[1,6e1]`), "not [value, time]"},
		{"null series", `[null]`, "not a list of targets"},
		{"an object", `{"target":"a","datapoints":[]}`, "not a list of targets"},
		{"trailing comma", `[{"target":"a","datapoints":[]},]`, "not a list of targets"},
		{"two lists", `[][]`, "more behind its end"},
		{"bad escape", `[{"target":"\q","datapoints":[]}]`, "an escape that JSON doesn't have"},
		{"control character", "[{\"target\":\"a\nb\",\"datapoints\":[]}]", "a control character"},
		{"nested without end", `[{"tags":` + strings.Repeat("[", 100_000), "nested deeper"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			// With much behind it, points are read the quick way.
			for _, behind := range []string{"", strings.Repeat(" ", 2*pointAhead)} {
				if _, err := renderText(tt.body+behind, 5); err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%v, want %q", err, tt.want)
				}
			}
		})
	}
	if _, err := renderText(`[{"target":"a","datapoints":[]},{"target":"b","datapoints":[]}]`, 1); err == nil || !strings.Contains(err.Error(), "more than 1 series") {
		t.Error(err)
	}
}

func TestDecodeRenderTakes(t *testing.T) {
	t.Parallel()
	body := " [ {\n\"datapoints\" : [ [ 1 , 60 ] , [ -2.5e3,120],[NaN,180],[Infinity,240],[-Infinity,300], [null , 360] ] , " +
		`"xFilesFactor":null,"tags":{"name":"a","t":["x",1.5,true,false,null,{}]}, "target" : "a.b" } ] `
	d, err := renderText(body, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := []remedy.Series{{Labels: map[string]string{"target": "a.b"}, Points: []remedy.Point{
		{At: 60_000, Value: 1}, {At: 120_000, Value: -2500}, {At: 180_000, Value: math.NaN()}, {At: 240_000, Value: math.Inf(1)}, {At: 300_000, Value: math.Inf(-1)},
	}}}
	if diff := cmp.Diff(want, d.raw(), cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeRenderRefusesEveryCut(t *testing.T) {
	t.Parallel()
	body := `[{"target": "a\"", "tags": {"name": "a"}, "datapoints": [[1.5, 60], [null, 120]]}]`
	for n := range len(body) {
		if _, err := renderText(body[:n], 5); !cutOff(err) {
			t.Errorf("cut to %q: %v", body[:n], err)
		}
	}
}

func FuzzDecodeRender(f *testing.F) {
	for _, s := range []string{
		`[]`, `[{"target": "a.b", "tags": {"name": "a.b"}, "datapoints": [[21.0, 1795271621], [null, 1795271622], [1e9999, 1795271623]]}]`,
		`[{"target":"\u00e9","datapoints":[[NaN,1],[-0.1e-7,2]]},{"datapoints":[],"target":""}]`,
		`[{"target":"a","datapoints":[[1,1],[2,4]]},{"target":"b","datapoints":[[3,2],[4,4]]}]`, `[[`, `{`, ``, `null`,
	} {
		f.Add([]byte(s))
	}
	q := remedy.NewQuery("g", "a", time.Unix(0, 0), time.Unix(3600, 0), time.Minute)
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := renderText(string(body), 5)
		if err != nil {
			return
		}
		raw := d.raw() // frame cuts
		if want, err := referenceDecode(body); err == nil && json.Valid(body) {
			same := cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })
			if diff := cmp.Diff(want, raw, same, cmpopts.EquateEmpty()); diff != "" {
				t.Fatal(diff)
			}
		}
		if again, err := decodeRender(newScanner(iotest.OneByteReader(bytes.NewReader(body))), 5, always(), &values{}); err != nil {
			t.Fatalf("byte by byte: %v", err)
		} else if diff := cmp.Diff(raw, again.raw(), cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })); diff != "" {
			t.Fatalf("byte by byte: %s", diff)
		}
		frame, err := d.frame(q)
		if err == nil && (!frame.FitsBuckets(q) || frame.Keys.Len() != len(raw)) {
			t.Fatalf("%+v", frame)
		}
	})
}

func TestFrameOfBuckets(t *testing.T) {
	t.Parallel()
	q := remedy.NewQuery("g", "a", time.Unix(120, 1e6), time.Unix(240, 999e6), time.Minute)
	decode := func(body string) (*remedy.Frame, error) {
		d, err := renderText(body, 10)
		if err != nil {
			t.Fatal(err)
		}
		return d.frame(q)
	}
	f, err := decode(`[{"target":"minute","datapoints":[[0,60],[1,120],[2,180],[3,240],[4,300]]},
		{"target":"tens","datapoints":[[5,180],[null,190],[6,200]]}, {"target":"one","datapoints":[[7,150]]},
		{"target":"early","datapoints":[[8,60]]}, {"target":"empty","datapoints":[]}, {"target":"nulls","datapoints":[[null,180],[null,200]]}]`)
	if err != nil || !f.FitsBuckets(q) {
		t.Fatalf("%v %+v", err, f)
	}
	want := map[string][]remedy.Point{
		"minute": {{At: 180_000, Value: 2}, {At: 240_000, Value: 3}}, // 120 begins before 120.001
		"tens":   {{At: 180_000, Value: 5}, {At: 200_000, Value: 6}},
		"one":    {{At: 150_000, Value: 7}},
	}
	got := map[string][]remedy.Point{}
	for row := range f.Keys.Len() {
		if p := f.Points(int32(row)); p != nil {
			got[f.Keys.Name(int32(row))] = p
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]int64{60_000, 10_000, 0, 0, 0, 20_000}, f.Widths); d != "" || f.Step != 10_000 {
		t.Errorf("step %d, widths\n%s", f.Step, d)
	}
	if f, err = decode(`[]`); err != nil || !f.FitsBuckets(q) || f.Keys.Len() != 0 || len(f.Cols) != 0 {
		t.Errorf("%v %+v", err, f)
	}
}

// Series whose steps have no common one but a second must not blow up.
func TestFrameIsBounded(t *testing.T) {
	t.Parallel()
	d := &rendered{values: &values{}}
	for i := range 2000 {
		d.series = append(d.series, buckets{target: strconv.Itoa(i), start: int64(i), step: 40_000, at: d.values.n, n: 2})
		d.values.add(1)
		d.values.add(2)
	}
	q := remedy.NewQuery("g", "a", time.Unix(0, 0), time.Unix(90_000, 0), time.Minute)
	if _, err := d.frame(q); err == nil || !strings.Contains(err.Error(), "steps that don't fit together") {
		t.Error(err)
	}
}
