package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"warden/internal/remedy"
)

// TestDecodeRenderWhereverTheReadsEnd decodes bodies in pieces of many lengths.
func TestDecodeRenderWhereverTheReadsEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		body := render(anyRendered(t))
		d, err := renderText(body, 4)
		if err != nil {
			t.Fatal(err)
		}
		want := d.raw()
		same := cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })
		for n := 0; n < len(body); n += 1 + len(body)/50 {
			r := io.MultiReader(strings.NewReader(body[:n]), iotest.OneByteReader(strings.NewReader(body[n:])))
			// A buffer that is small has to be shifted, and to grow.
			small := &scanner{r: iotest.DataErrReader(r), buf: make([]byte, 1+n%100), pin: -1}
			got, err := decodeRender(small, 4, always(), &values{})
			if err != nil {
				t.Fatalf("in two at %d: %v", n, err)
			}
			if diff := cmp.Diff(want, got.raw(), same); diff != "" {
				t.Fatalf("in two at %d: %s", n, diff)
			}
		}
	})
	// Every boundary of one that has it all.
	body := `[{"target": "a\"b\u00e9", "tags": {"x": [1, true, null]}, "datapoints": [[-1.5, 60], [null, 120], [1e9999, 180], [33.333333333333336, 240], [-Infinity, 300], [NaN, 360]]}, {"datapoints": [], "target": "c"}] `
	for n := range len(body) {
		small := &scanner{r: io.MultiReader(strings.NewReader(body[:n]), strings.NewReader(body[n:])), buf: make([]byte, 1+n), pin: -1}
		got, err := decodeRender(small, 2, always(), &values{})
		if err != nil || len(got.series) != 2 || got.series[0] != (buckets{target: `a"bé`, start: 60, step: 60, n: 6}) {
			t.Fatalf("in two at %d: %v, %+v", n, err, got)
		}
	}
}

// TestDecodeRenderHoldsNoBody decodes an answer that is far longer than what may
// be held of it, twice, and then into a store that has room for it.
func TestDecodeRenderHoldsNoBody(t *testing.T) {
	const long = 16 << 20
	store := &values{}
	var points strings.Builder
	for k := range 64 << 10 {
		fmt.Fprintf(&points, "[7, %d],", 1_000_000_000+10*k)
	}
	allocated := func() uint64 {
		body := io.MultiReader(strings.NewReader(`[{"target":"a","tags":{"x":"`), io.LimitReader(endless{}, long), strings.NewReader(`"},"datapoints":[`),
			strings.NewReader(strings.TrimRight(points.String(), ",")), strings.NewReader("]}]"))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := decodeRender(newScanner(body), 1, always(), store); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if store.n != 64<<10 {
			t.Fatalf("%d points", store.n)
		}
		return after.TotalAlloc - before.TotalAlloc
	}
	first, again := allocated(), allocated()
	if first > 4<<20 || again > 256<<10 {
		t.Errorf("%d bytes were allocated, and then %d", first, again)
	}
}

// endless is a string without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func benchmarkBody() []byte {
	var series []buckets
	var values []float64
	for i := range 1000 {
		series = append(series, buckets{target: fmt.Sprintf("canary.received.ingest-%d.count", i), start: 1_795_271_000, step: 10, at: len(values), n: 90})
		for k := range 90 {
			values = append(values, math.Round(float64((i*7919+k*104729)%1_000_000))/1000)
		}
	}
	return []byte(render(series, values))
}

// Beside encoding/json, on 1000 hosts over 15 minutes at 10 s.
func BenchmarkDecodeRender(b *testing.B) {
	body := benchmarkBody()
	q := remedy.NewQuery("g", "a", time.Unix(1_795_271_000, 0), time.Unix(1_795_271_900, 0), 30*time.Second)
	b.Run("warden", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		store := &values{}
		for b.Loop() {
			d, err := decodeRender(newScanner(bytes.NewReader(body)), 2000, always(), store)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := d.frame(q); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding_json", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			var in []referenceSeries
			if err := json.Unmarshal(body, &in); err != nil {
				b.Fatal(err)
			}
		}
	})
}
