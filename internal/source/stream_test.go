package source

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"warden/internal/remedy"
)

// byKey lists a frame's rows, each as its name and the bits of its values, so
// that frames compare whatever the order of their rows.
func rowsOf(f *remedy.Frame) map[string]int {
	out := map[string]int{}
	for row := range int32(f.Keys.Len()) {
		var b strings.Builder
		fmt.Fprintf(&b, "%q", f.Keys.Name(row))
		empty := true
		for k := range f.Cols {
			v := f.At(row, k)
			empty = empty && remedy.IsMissing(v)
			fmt.Fprintf(&b, " %x", math.Float64bits(v))
		}
		if !empty {
			out[b.String()]++
		}
	}
	return out
}

func sameRows(want, got *remedy.Frame) string {
	if want.Start != got.Start || want.Step != got.Step || len(want.Cols) != len(got.Cols) {
		return fmt.Sprintf("instants: want %d+%d×%d, got %d+%d×%d", want.Start, want.Step, len(want.Cols), got.Start, got.Step, len(got.Cols))
	}
	w, g := rowsOf(want), rowsOf(got)
	for row, n := range w {
		if g[row] != n {
			return fmt.Sprintf("%d times, want %d: %s", g[row], n, row)
		}
	}
	for row, n := range g {
		if w[row] != n {
			return fmt.Sprintf("%d times, want %d: %s", n, w[row], row)
		}
	}
	return ""
}

// gridQuery is a query whose instants are the first n that bodies of these
// tests may hold.
func gridQuery(n int) remedy.Query {
	return remedy.NewQuery("prom", "up", at, at.Add(time15(n-1)), time15(1)).KeyedBy("host")
}

func decodeText(body string, q remedy.Query, on *Table) (Columns, error) {
	return decodeColumns(strings.NewReader(body), q, decodeLimits{instant: q.Steps() == 1, label: q.Label, maxSeries: 5}, testIdentity(), on)
}

// drawBody writes a random answer the way a server could, and the ways it
// should not. Plain is how client_golang can read it, too.
func drawBody(t *rapid.T, q remedy.Query, plain bool) (body, kind string) {
	kind = "matrix"
	if q.Steps() == 1 {
		kind = rapid.SampledFrom([]string{"vector", "vector", "matrix", "scalar"}).Draw(t, "kind")
	}
	pick := func(label string, from ...string) string { return rapid.SampledFrom(from).Draw(t, label) }
	space := func() string {
		if rapid.IntRange(0, 9).Draw(t, "spaced") > 0 {
			return ""
		}
		return pick("space", " ", "\n\t", "  \r\n ")
	}
	value := func() string {
		if rapid.IntRange(0, 3).Draw(t, "odd value") == 0 {
			return pick("value", "NaN", "+Inf", "-Inf", "1e400", "-0", "0x1p-2", "5e-324", "1.7976931348623157e+308", "9007199254740993", "0.1", "123456789012345678901234567890")
		}
		return strconv.FormatFloat(rapid.Float64().Draw(t, "float"), pick("format", "g", "f", "e")[0], rapid.IntRange(-1, 4).Draw(t, "precision"), 64)
	}
	sample := func(ms int64) string {
		ts := strconv.FormatFloat(float64(ms)/1000, 'f', -1, 64)
		switch rapid.IntRange(0, 9).Draw(t, "stamp") {
		case 0:
			if plain { // client_golang doesn't understand it
				break
			}
			ts = strconv.FormatFloat(float64(ms)/1000, 'e', -1, 64)
		case 1:
			ts = strconv.FormatFloat(float64(ms)/1000, 'f', 3, 64)
		}
		return space() + "[" + space() + ts + space() + "," + space() + `"` + value() + `"` + space() + "]" + space()
	}
	if kind == "scalar" {
		return wrapBody(t, kind, sample(q.Start.UnixMilli())), kind
	}
	var series []string
	for range rapid.IntRange(0, 5).Draw(t, "series") {
		var labels []string
		for _, name := range []string{"__name__", "host", "job", "zürich", `q"uo`} {
			if rapid.Bool().Draw(t, name) {
				v := pick("label", "a", "b", `\t`, "ü")
				if !plain { // client_golang keeps what is not Unicode
					v = pick("label", "a", "b", "ä", `x\ny`, `\u0061`, `\ud83d\ude00`, `\ud800`, "", "\xff", `a\/b`)
				}
				labels = append(labels, space()+strings.ReplaceAll(strconv.QuoteToGraphic(name), `\u`, `\u`)+space()+":"+space()+`"`+v+`"`+space())
			}
		}
		if rapid.IntRange(0, 9).Draw(t, "shuffle") == 0 {
			labels = rapid.Permutation(labels).Draw(t, "order")
		}
		parts := []string{`"metric":` + space() + "{" + strings.Join(labels, ",") + "}"}
		if kind == "vector" {
			parts = append(parts, `"value":`+sample(q.Start.UnixMilli()))
		} else {
			var values []string
			ms := q.Start.UnixMilli() - rapid.SampledFrom([]int64{0, 0, 0, 1, 15000}).Draw(t, "early")
			for range rapid.IntRange(0, q.Steps()+2).Draw(t, "points") {
				values = append(values, sample(ms))
				ms += rapid.SampledFrom([]int64{15000, 15000, 15000, 30000, 1, 14999}).Draw(t, "apart")
			}
			parts = append(parts, `"values":`+space()+"["+space()+strings.Join(values, ",")+space()+"]")
		}
		if rapid.IntRange(0, 5).Draw(t, "turned") == 0 {
			parts[0], parts[1] = parts[1], parts[0]
		}
		if !plain && rapid.IntRange(0, 9).Draw(t, "unknown") == 0 {
			parts = append(parts, `"x":[{"y":[1,2.5e-3,true,null,"\u00e9"]}]`)
		}
		series = append(series, space()+"{"+strings.Join(parts, space()+","+space())+"}"+space())
	}
	return wrapBody(t, kind, "["+strings.Join(series, ",")+space()+"]"), kind
}

func wrapBody(t *rapid.T, kind, result string) string {
	data := []string{`"resultType":"` + kind + `"`, `"result":` + result}
	if rapid.IntRange(0, 3).Draw(t, "late type") == 0 {
		data[0], data[1] = data[1], data[0]
	}
	return `{"status":"success","data":{` + strings.Join(data, ",") + `},"infos":["x"]}`
}

// TestColumnsAreWhatTheOtherDecoderSees holds the streaming decoder against
// decodeAnswer, on a cold table and on those of earlier answers.
func TestColumnsAreWhatTheOtherDecoderSees(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var on *Table
		for range rapid.IntRange(1, 4).Draw(t, "answers") {
			q := gridQuery(rapid.IntRange(1, 6).Draw(t, "steps"))
			body, _ := drawBody(t, q, false)
			series, err := decodeAnswer([]byte(body), decodeLimits{instant: q.Steps() == 1, maxSeries: 5})
			if err != nil {
				t.Fatalf("%v in\n%s", err, body)
			}
			got, err := decodeText(body, q, on)
			if err != nil {
				t.Fatalf("%v in\n%s", err, body)
			}
			if diff := sameRows(remedy.NewFrame(q, series), got.Frame(q)); diff != "" {
				t.Fatalf("%s\n%s", diff, body)
			}
			for row := range int32(on.Len()) {
				if on.keys.Name(row) != got.Table.keys.Name(row) {
					t.Fatalf("row %d was %q and is %q", row, on.keys.Name(row), got.Table.keys.Name(row))
				}
			}
			on = got.Table
		}
	})
}

// TestColumnsWhereverTheReadsEnd decodes bodies in pieces of many lengths; over
// its bodies, of every one.
func TestColumnsWhereverTheReadsEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q := gridQuery(rapid.IntRange(1, 4).Draw(t, "steps"))
		body, _ := drawBody(t, q, false)
		want, err := decodeText(body, q, nil)
		if err != nil {
			t.Fatal(err)
		}
		on := want.Table
		if rapid.Bool().Draw(t, "cold") {
			on = nil
		}
		limits := decodeLimits{instant: q.Steps() == 1, label: q.Label, maxSeries: 5}
		stride := 1 + len(body)/50
		for n := rapid.IntRange(0, stride-1).Draw(t, "first"); n < len(body); n += stride {
			r := io.MultiReader(strings.NewReader(body[:n]), iotest.OneByteReader(strings.NewReader(body[n:])))
			// A buffer that is small has to be shifted, and to grow.
			small := &scanner{r: iotest.DataErrReader(r), buf: make([]byte, 1+n%100), pin: -1}
			got, err := decodeScanned(small, q, limits, newBuilder(testIdentity(), on, q.Steps()))
			if err != nil {
				t.Fatalf("in two at %d: %v", n, err)
			}
			if diff := sameRows(want.Frame(q), got.Frame(q)); diff != "" {
				t.Fatalf("in two at %d: %s", n, diff)
			}
		}
	})
}

// TestColumnsRefuseEveryCut cuts a body everywhere, before and after the table
// is known.
func TestColumnsRefuseEveryCut(t *testing.T) {
	t.Parallel()
	q := gridQuery(2)
	body := encode("matrix", []remedy.Series{{Labels: map[string]string{"host": "a"}, Points: []remedy.Point{{At: at.UnixMilli(), Value: 1}, {At: at.UnixMilli() + 15000, Value: 2}}}})
	whole, err := decodeText(body, q, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, on := range []*Table{nil, whole.Table} {
		for n := range len(body) {
			if got, err := decodeText(body[:n], q, on); err == nil || !strings.Contains(err.Error(), "cut off") {
				t.Errorf("cut to %q: %v, %v", body[:n], got, err)
			}
		}
	}
	broken := io.MultiReader(strings.NewReader(body[:len(body)/2]), iotest.ErrReader(errTooLarge))
	if _, err := decodeColumns(broken, q, decodeLimits{label: "host", maxSeries: 5}, testIdentity(), nil); err == nil {
		t.Error("a broken connection was not noticed")
	}
}

func TestColumnsBounds(t *testing.T) {
	t.Parallel()
	q := gridQuery(2)
	for name, body := range map[string]string{
		"nesting":    `{"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`,
		"a label":    `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"host":"` + strings.Repeat("x", 2<<20) + `"},"values":[]}]}}`,
		"a warning":  `{"warnings":["` + strings.Repeat("x", 2<<20) + `"]}`,
		"one key":    `{"` + strings.Repeat("x", 2<<20) + `":1}`,
		"five nines": strings.Repeat(`{"x":`, 99999),
	} {
		if _, err := decodeText(body, q, nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	// What is only skipped may be as long as it likes.
	long := `{"x":"` + strings.Repeat("x", 3<<20) + `","status":"success","data":{"resultType":"matrix","result":[]}}`
	if _, err := decodeText(long, q, nil); err != nil {
		t.Error(err)
	}
}

// FuzzColumns holds the two decoders against each other on any bytes.
func FuzzColumns(f *testing.F) {
	for _, s := range []string{
		encode("vector", []remedy.Series{{Labels: map[string]string{"host": "a"}, Points: []remedy.Point{{At: at.UnixMilli(), Value: math.NaN()}}}}),
		encode("matrix", []remedy.Series{{Labels: map[string]string{"host": "a"}, Points: []remedy.Point{{At: at.UnixMilli(), Value: 1}, {At: at.UnixMilli() + 15000, Value: 0.25}}}}),
		`{"status":"success","data":{"result":[1772366400,"2"],"resultType":"scalar"}}`,
		`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"host":"\ud83d\u0061"},"value":[1772366400.000,"1e-7"]}]}}`,
		`{"status":"success","warnings":["x"],"isPartial":true,"data":{"resultType":"vector","result":[]}}`,
		`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,null]]}]}}`,
		`{"status":"success","data":{"resultType":"matrix","result":[{"metric":null,"values":[ [ 1772366400 , "1e999" ] , [1772366415,"-0x1p-2"] ]}]}}`,
		`[[[[`, `{"data":{"data":{`, `null`, ``, "\xef\xbb\xbf{}",
	} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, body []byte, instant bool) {
		q := gridQuery(3)
		if instant {
			q = gridQuery(1)
		}
		limits := decodeLimits{instant: instant, label: "host", maxSeries: 3}
		got, err := decodeColumns(bytes.NewReader(body), q, limits, testIdentity(), nil)
		series, wantErr := decodeAnswer(body, limits)
		if err != nil {
			if wantErr == nil && !stricter(err.Error()) {
				t.Fatalf("refused without need: %v", err)
			}
			return
		}
		if wantErr != nil {
			t.Fatalf("accepted, but %v", wantErr)
		}
		if diff := sameRows(remedy.NewFrame(q, series), got.Frame(q)); diff != "" {
			t.Fatal(diff)
		}
		again, err := decodeColumns(iotest.HalfReader(bytes.NewReader(body)), q, limits, testIdentity(), got.Table)
		if err != nil {
			t.Fatalf("the second time: %v", err)
		}
		if diff := sameRows(got.Frame(q), again.Frame(q)); diff != "" {
			t.Fatalf("the second time: %s", diff)
		}
	})
}

// stricter says that the streaming decoder is stricter here on purpose.
func stricter(err string) bool {
	for _, why := range []string{"twice", "two types", "two sets", "two results", "odd capitals", "nested deeper", "longer than", "not belong"} {
		if strings.Contains(err, why) {
			return true
		}
	}
	return false
}

func TestDecimalIsStrconv(t *testing.T) {
	t.Parallel()
	check := func(t interface {
		Fatalf(format string, args ...any)
	}, s string) {
		v, n := decimal([]byte(s))
		if n == 0 {
			return
		}
		want, err := strconv.ParseFloat(s[:n], 64)
		if err != nil || math.Float64bits(want) != math.Float64bits(v) {
			t.Fatalf("%q: %v (%d bytes), want %v, %v", s, v, n, want, err)
		}
	}
	for _, s := range []string{"", "-", ".", "-.", "1", "-0", "0.1", ".5", "5.", "1e", "1e+", "1e5", "1E-22", "1e22", "1e23", "9007199254740992", "9007199254740993",
		"123456789012345678", "1234567890123456789", "0.000000000000000001", "1e-9999999999", "1_0", "0x10", "1.5.5", "3.141592653589793"} {
		check(t, s)
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, strconv.FormatFloat(rapid.Float64().Draw(t, "f"), "gfe"[rapid.IntRange(0, 2).Draw(t, "format")], rapid.IntRange(-1, 17).Draw(t, "precision"), 64))
		check(t, rapid.StringMatching(`-?[0-9]{0,20}(\.[0-9]{0,20})?([eE][+-]?[0-9]{0,3})?"?`).Draw(t, "text"))
	})
}

func time15(n int) time.Duration { return time.Duration(n) * 15 * time.Second }

// testIdentity is the same for all tests, so that their tables fit together.
var testIdentity = sync.OnceValue(newIdentity)

// wantNeither checks that Fetch and Raw both fail, and in which words.
func wantNeither(ctx context.Context, t *testing.T, p *Prometheus, q remedy.Query, want ...string) {
	t.Helper()
	fetched := p.Fetch(ctx, q.KeyedBy("host"))
	if fetched.Frame != nil {
		t.Errorf("a failure with a frame of %d rows", fetched.Frame.Keys.Len())
	}
	wantFailed(t, Answer{Failed: fetched.Failed}, want...)
	wantFailed(t, p.Raw(ctx, q), want...)
}
