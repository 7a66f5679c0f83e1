package source

import (
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"pgregory.net/rapid"

	"warden/internal/remedy"
)

// written is a value of a bucket and when the server has it. Times are in
// seconds since the tests' beginning, which is a whole minute.
type written struct {
	bucket, from int
	value        float64
}

// whisper is a metric's file.
type whisper struct {
	created, deleted int
	step             int
	resized, then    int // when the file gets another step, and which; 0 for never
	values           []written
}

// carbon is a Graphite of one directory for each letter. Buckets are filled
// late, and again. For times before its fine archive it answers from a coarse
// one, all of it, as whisper does.
type carbon struct {
	now    int
	files  map[string]*whisper
	fine   int // how far the fine archive reaches; 0 for ever
	down   bool
	mixed  *rand.Rand
	silent bool // leaves out series without a value, as some servers do

	asked []int // buckets of the first series, by request
}

func (c *carbon) RoundTrip(r *http.Request) (*http.Response, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(text))
	if err != nil {
		return nil, err
	}
	code, body := http.StatusOK, ""
	if c.down {
		code = http.StatusServiceUnavailable
	} else {
		body = c.answer(form.Get("target"), secondsOf(form.Get("from")), secondsOf(form.Get("until")))
	}
	return &http.Response{StatusCode: code, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func secondsOf(s string) int {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic("an odd time " + s)
	}
	return int(n - at.Unix())
}

// row is a series that is being answered.
type row struct {
	name        string
	start, step int
	values      []float64
}

// answer knows "a.*", "sumSeries(a.*)", "alias(a.*,'one')" and "movingSum(a.*,3)", where a is any
// letter.
func (c *carbon) answer(target string, from, until int) string {
	function, path := "", target
	if f, inner, ok := strings.Cut(target, "("); ok {
		function, path = f, inner
	}
	var rows []row
	for _, name := range slices.Sorted(maps.Keys(c.files)) {
		f := c.files[name]
		if name[:2] == path[:2] && f.created <= c.now && c.now < f.deleted {
			rows = append(rows, c.fetch(name, f, from, min(until, c.now)))
		}
	}
	switch function {
	case "sumSeries":
		if len(rows) > 0 {
			rows = []row{sum(target, rows)}
		}
	case "alias":
		for i := range rows {
			rows[i].name = "one"
		}
	case "movingSum":
		for i := range rows {
			rows[i].values = movingSum(rows[i].values)
			rows[i].name = "movingSum(" + rows[i].name + ",3)"
		}
	}
	if c.silent {
		rows = slices.DeleteFunc(rows, func(r row) bool {
			return !slices.ContainsFunc(r.values, func(v float64) bool { return !remedy.IsMissing(v) })
		})
	}
	if c.mixed != nil {
		c.mixed.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	}
	var series []buckets
	var values []float64
	for _, r := range rows {
		series = append(series, buckets{target: r.name, start: at.Unix() + int64(r.start), step: int64(r.step), at: len(values), n: len(r.values)})
		values = append(values, r.values...)
	}
	if len(series) > 0 {
		c.asked = append(c.asked, series[0].n)
	}
	return render(series, values)
}

// fetch reads a file as whisper does.
func (c *carbon) fetch(name string, f *whisper, from, until int) row {
	step := f.step
	if f.resized > 0 && c.now >= f.resized {
		step = f.then
	}
	if c.fine > 0 && c.now-from > c.fine {
		step *= 6
	}
	r := row{name: name, start: floor(from, step) + step, step: step}
	for b := r.start; b <= until; b += step {
		v := remedy.Missing()
		for _, w := range f.values { // the last that was written
			if w.from <= c.now && floor(w.bucket, step) == b {
				v = w.value
			}
		}
		r.values = append(r.values, v)
	}
	return r
}

// floor is the multiple of step at or before t, which may be negative.
func floor(t, step int) int { return t - ((t%step)+step)%step }

// sum adds up rows as graphite-web does: at the common step, which counts from
// the first value that was asked for.
func sum(name string, rows []row) row {
	step := int64(1)
	for _, r := range rows {
		step = step / gcd(step, int64(r.step)) * int64(r.step)
	}
	out := row{name: name, start: math.MaxInt, step: int(step)}
	for _, r := range rows {
		out.start = min(out.start, r.start)
		for k := 0; k < len(r.values); k += out.step / r.step {
			n := k / (out.step / r.step)
			for len(out.values) <= n {
				out.values = append(out.values, remedy.Missing())
			}
			for _, v := range r.values[k:min(len(r.values), k+out.step/r.step)] {
				switch {
				case remedy.IsMissing(v):
				case remedy.IsMissing(out.values[n]):
					out.values[n] = v
				default:
					out.values[n] += v
				}
			}
		}
	}
	return out
}

// movingSum looks back over what was asked for.
func movingSum(values []float64) []float64 {
	out := make([]float64, len(values))
	for k := range values {
		for _, v := range values[max(0, k-2) : k+1] {
			if !remedy.IsMissing(v) {
				out[k] += v
			}
		}
	}
	return out
}

func (c *carbon) source(t interface{ Fatal(...any) }) *Graphite {
	g, err := NewGraphite(Options{Name: "graph", URL: "http://graphite.example", Transport: c}, true)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// spanSeconds is a query over some seconds.
func spanSeconds(target string, start, end int) remedy.Query {
	return remedy.NewQuery("graph", target, at.Add(time.Duration(start)*time.Second), at.Add(time.Duration(end)*time.Second), 10*time.Second)
}

// sameBuckets compares answers in buckets bit by bit, but for the order of the
// rows.
func sameBuckets(want, got *remedy.Frame) string {
	text := func(f *remedy.Frame) []string {
		var out []string
		for i := range int32(f.Keys.Len()) {
			line := fmt.Appendf(nil, "%q %d:", f.Keys.Name(i), f.Widths[i])
			for k := range f.Cols {
				if v := f.At(i, k); remedy.IsMissing(v) {
					line = append(line, " -"...)
				} else {
					line = fmt.Appendf(line, " %x", math.Float64bits(v))
				}
			}
			out = append(out, string(line))
		}
		slices.Sort(out)
		return out
	}
	w, g := text(want), text(got)
	if want.Start != got.Start || want.Step != got.Step || len(want.Cols) != len(got.Cols) || !slices.Equal(w, g) {
		return fmt.Sprintf("want %d+%d×%d\n%s\ngot %d+%d×%d\n%s", want.Start, want.Step, len(want.Cols), strings.Join(w, "\n"),
			got.Start, got.Step, len(got.Cols), strings.Join(g, "\n"))
	}
	return ""
}

// drawCarbon draws files whose buckets are filled up to late seconds after
// their end, some of them twice, and some never. Files under "a." come, go, and
// get another step; those under "s." stay.
func drawCarbon(t *rapid.T, late, horizon int) *carbon {
	c := &carbon{files: map[string]*whisper{}, mixed: rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "order")))}
	if rapid.IntRange(0, 3).Draw(t, "archives") == 0 {
		// Between the windows of these tests: see TestCachedAcrossArchives.
		c.fine = rapid.SampledFrom([]int{60, 180, 320}).Draw(t, "fine")
	}
	c.silent = rapid.IntRange(0, 4).Draw(t, "silent") == 0
	steps := rapid.SampledFrom([][]int{{10}, {10}, {10, 30}, {20, 30}, {60}}).Draw(t, "steps")
	for i := range rapid.IntRange(1, 5).Draw(t, "series") {
		f := &whisper{deleted: math.MaxInt, created: -1000, step: rapid.SampledFrom(steps).Draw(t, "step")}
		name := fmt.Sprintf("s.h%d", i)
		if rapid.Bool().Draw(t, "comes and goes") {
			name = fmt.Sprintf("a.h%d", i)
			f.created = rapid.IntRange(-300, horizon).Draw(t, "created")
			f.deleted = rapid.SampledFrom([]int{f.created + 200, f.created + 500, math.MaxInt}).Draw(t, "deleted")
			if rapid.IntRange(0, 3).Draw(t, "resize") == 0 {
				f.resized, f.then = rapid.IntRange(100, horizon).Draw(t, "resized"), rapid.SampledFrom([]int{10, 60}).Draw(t, "then")
			}
		}
		c.files[name] = f
		stops := rapid.SampledFrom([]int{horizon, horizon, 300}).Draw(t, "stops")
		for b := -300; b < stops; b += f.step {
			for range rapid.SampledFrom([]int{0, 1, 1, 1, 2}).Draw(t, "writes") {
				// What came before the file was made is in carbon's memory until then.
				from := max(f.created, b+rapid.IntRange(0, f.step+late).Draw(t, "delay"))
				f.values = append(f.values, written{b, from, float64(rapid.IntRange(-3, 99).Draw(t, "value")) / 4})
			}
		}
	}
	return c
}
