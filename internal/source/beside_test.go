package source

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"pgregory.net/rapid"

	"warden/internal/remedy"
)

// atHand answers every request with the same body, without a network.
type atHand struct{ body []byte }

func (a *atHand) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)), Request: r,
	}, nil
}

// reference asks as client_golang does.
func reference(tb testing.TB, rt http.RoundTripper) promv1.API {
	tb.Helper()
	c, err := api.NewClient(api.Config{Address: "http://prometheus.example", RoundTripper: rt})
	if err != nil {
		tb.Fatal(err)
	}
	return promv1.NewAPI(c)
}

func askReference(ctx context.Context, v1 promv1.API, q remedy.Query) (model.Value, error) {
	if q.Steps() == 1 {
		v, _, _, err := v1.Query(ctx, q.Expr, q.End)
		return v, err
	}
	v, _, _, err := v1.QueryRange(ctx, q.Expr, promv1.Range{Start: q.Start, End: q.End, Step: q.Step})
	return v, err
}

// seriesOf is client_golang's answer as series.
func seriesOf(v model.Value) []remedy.Series {
	var out []remedy.Series
	labels := func(m model.Metric) map[string]string {
		set := map[string]string{}
		for k, v := range m {
			set[string(k)] = string(v)
		}
		return set
	}
	switch v := v.(type) {
	case model.Vector:
		for _, s := range v {
			out = append(out, remedy.Series{Labels: labels(s.Metric), Points: []remedy.Point{{At: int64(s.Timestamp), Value: float64(s.Value)}}})
		}
	case model.Matrix:
		for _, s := range v {
			one := remedy.Series{Labels: labels(s.Metric)}
			for _, p := range s.Values {
				one.Points = append(one.Points, remedy.Point{At: int64(p.Timestamp), Value: float64(p.Value)})
			}
			out = append(out, one)
		}
	case *model.Scalar:
		out = append(out, remedy.Series{Points: []remedy.Point{{At: int64(v.Timestamp), Value: float64(v.Value)}}})
	}
	return out
}

// TestColumnsAreWhatClientGolangSees holds the decoder against the one that
// everybody else uses, over the same bytes. Where client_golang is laxer (it
// reads null as 0) there is nothing to compare; see TestFetchRefusesBadAnswers.
func TestColumnsAreWhatClientGolangSees(t *testing.T) {
	rt := &atHand{}
	v1 := reference(t, rt)
	p := newSource(t, "http://prometheus.example", func(o *Options) { o.Transport = rt })
	rapid.Check(t, func(t *rapid.T) {
		q := gridQuery(rapid.IntRange(1, 6).Draw(t, "steps"))
		body, _ := drawBody(t, q, true)
		rt.body = []byte(body)
		value, err := askReference(t.Context(), v1, q)
		if err != nil {
			if !strings.Contains(err.Error(), "value out of range") { // beyond a float64, which is an infinity to warden
				t.Fatalf("client_golang: %v in\n%s", err, body)
			}
			return
		}
		got := p.Fetch(t.Context(), q)
		if got.Failed != "" {
			t.Fatalf("%s in\n%s", got.Failed, body)
		}
		if diff := sameRows(remedy.NewFrame(q, seriesOf(value)), got.Frame); diff != "" {
			t.Fatalf("%s\n%s", diff, body)
		}
	})
}

// benchBody is an answer about hosts as Prometheus writes it, with the given
// number of decimals, or all 17 digits if negative.
func benchBody(hosts int, q remedy.Query, decimals int) []byte {
	var b bytes.Buffer
	steps, kind := q.Steps(), "matrix"
	if steps == 1 {
		kind = "vector"
	}
	fmt.Fprintf(&b, `{"status":"success","data":{"resultType":%q,"result":[`, kind)
	var random uint64 = 1
	value := func() string {
		random = random*6364136223846793005 + 1442695040888963407
		v := float64(random>>11) / (1 << 53) * 1000
		if decimals < 0 {
			return strconv.FormatFloat(v, 'g', 17, 64)
		}
		return strconv.FormatFloat(v, 'f', decimals, 64)
	}
	for i := range hosts {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"metric":{"__name__":"canary_received","instance":"ingest-%07d.example.net:9100","job":"ingest","pool":"pool-%03d"},`, i, i/1000)
		if kind == "vector" {
			fmt.Fprintf(&b, `"value":[%d,%q]}`, q.End.Unix(), value())
			continue
		}
		b.WriteString(`"values":[`)
		for k := range steps {
			if k > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `[%d,%q]`, q.Start.Add(time.Duration(k)*q.Step).Unix(), value())
		}
		b.WriteString(`]}`)
	}
	b.WriteString(`]}}`)
	return b.Bytes()
}

// BenchmarkDecodeBeside decodes the same bytes three ways: client_golang's,
// ours when the series are known from the answer before, and ours for the
// first time. Run it with -cpu 1 and compare cpu-ms/op: the machine's other work
// is not in it.
func BenchmarkDecodeBeside(b *testing.B) {
	for _, bb := range []struct {
		name            string
		hosts, steps, d int
	}{
		{"vector/100k/3decimals", 100_000, 1, 3},
		{"matrix/10kx60/17digits", 10_000, 60, -1},
		{"matrix/10kx60/3decimals", 10_000, 60, 3},
	} {
		q := gridQuery(bb.steps).KeyedBy("instance")
		rt := &atHand{body: benchBody(bb.hosts, q, bb.d)}
		b.Run(bb.name+"/client_golang", func(b *testing.B) {
			v1 := reference(b, rt)
			b.SetBytes(int64(len(rt.body)))
			b.ReportAllocs()
			defer reportCPU(b)()
			for b.Loop() {
				v, err := askReference(b.Context(), v1, q)
				if err != nil || v == nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(bb.name+"/warden", func(b *testing.B) { benchColumns(b, rt, q, bb.hosts, false) })
		b.Run(bb.name+"/warden-first", func(b *testing.B) { benchColumns(b, rt, q, bb.hosts, true) })
	}
}

// BenchmarkDecodeVector decodes one value of each host of fleets of all sizes.
func BenchmarkDecodeVector(b *testing.B) {
	for _, hosts := range []int{10_000, 100_000, 1_000_000} {
		q := gridQuery(1).KeyedBy("instance")
		rt := &atHand{body: benchBody(hosts, q, 3)}
		name := fmt.Sprintf("%dk", hosts/1000)
		b.Run(name, func(b *testing.B) { benchColumns(b, rt, q, hosts, false) })
		b.Run(name+"-first", func(b *testing.B) { benchColumns(b, rt, q, hosts, true) })
	}
}

func benchColumns(b *testing.B, rt *atHand, q remedy.Query, hosts int, first bool) {
	b.Helper()
	p, err := NewPrometheus(Options{Name: "prom", URL: "http://prometheus.example", Transport: rt, MaxSeries: 2_000_000, MaxBytes: 1 << 30, Timeout: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	known := p.Columns(b.Context(), q, nil)
	if known.Failed != "" || known.Table.Len() != hosts {
		b.Fatal(known.Failed)
	}
	b.SetBytes(int64(len(rt.body)))
	b.ReportAllocs()
	defer reportCPU(b)()
	for b.Loop() {
		on := known.Table
		if first {
			on = nil
		}
		if c := p.Columns(b.Context(), q, on); c.Failed != "" {
			b.Fatal(c.Failed)
		}
	}
	b.ReportMetric(float64(8*hosts*q.Steps()), "B-of-columns")
}

// reportCPU reports how much CPU time the process took from here to the call of
// what it returns.
func reportCPU(b *testing.B) func() {
	b.Helper()
	taken := func() time.Duration {
		var used syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
			b.Fatal(err)
		}
		return time.Duration(used.Utime.Nano() + used.Stime.Nano())
	}
	began := taken()
	return func() { b.ReportMetric(float64((taken()-began).Microseconds())/1000/float64(b.N), "cpu-ms/op") }
}
