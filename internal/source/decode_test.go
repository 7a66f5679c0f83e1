package source

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"warden/internal/remedy"
)

func encode(kind string, series []remedy.Series) string {
	sample := func(p remedy.Point) string {
		return fmt.Sprintf("[%s,%q]", strconv.FormatFloat(float64(p.At)/1000, 'f', -1, 64), strconv.FormatFloat(p.Value, 'g', -1, 64))
	}
	var b strings.Builder
	b.WriteString(`{"status":"success","data":{"resultType":"` + kind + `","result":[`)
	for i, s := range series {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"metric":{"__name__":"canary","host":%q,"job":"node"},`, s.Labels["host"])
		if kind == "vector" {
			b.WriteString(`"value":` + sample(s.Points[0]))
		} else {
			b.WriteString(`"values":[`)
			for j, p := range s.Points {
				if j > 0 {
					b.WriteByte(',')
				}
				b.WriteString(sample(p))
			}
			b.WriteByte(']')
		}
		b.WriteByte('}')
	}
	b.WriteString(`]}}`)
	return b.String()
}

func TestDecodeReturnsWhatWasEncoded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var series []remedy.Series
		for i := range rapid.IntRange(0, 5).Draw(t, "series") {
			s := remedy.Series{Labels: map[string]string{"__name__": "canary", "host": fmt.Sprint("h", i), "job": "node"}, Points: []remedy.Point{}}
			now := rapid.Int64Range(0, 4e12).Draw(t, "start")
			for range rapid.IntRange(0, 20).Draw(t, "points") {
				now += rapid.Int64Range(1, 1e6).Draw(t, "step")
				s.Points = append(s.Points, remedy.Point{At: now, Value: rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1)})).Draw(t, "value")})
			}
			series = append(series, s)
		}
		got, err := decodeAnswer([]byte(encode("matrix", series)), decodeLimits{maxSeries: 5})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(series, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestDecodeRefusesEveryCut(t *testing.T) {
	body := encode("matrix", []remedy.Series{{Labels: map[string]string{"host": "a"}, Points: []remedy.Point{{At: 1000, Value: 1}, {At: 2000, Value: 2}}}})
	for n := range len(body) {
		if got, err := decodeAnswer([]byte(body[:n]), decodeLimits{maxSeries: 5}); err == nil {
			t.Errorf("cut to %q: %v", body[:n], got)
		}
	}
}

func FuzzDecodeAnswer(f *testing.F) {
	for _, s := range []string{
		encode("vector", []remedy.Series{{Labels: map[string]string{"host": "a"}, Points: []remedy.Point{{At: 1, Value: math.NaN()}}}}),
		encode("matrix", []remedy.Series{{Labels: map[string]string{"host": "a"}, Points: []remedy.Point{{At: 1, Value: 1}, {At: 2, Value: 2}}}}),
		`{"status":"success","data":{"result":[1,"2"],"resultType":"scalar"}}`,
		`{"status":"error","errorType":"x","error":"y","data":null}`,
		`{"status":"success","warnings":["x"],"isPartial":true,"data":{"resultType":"vector","result":[]}}`,
		`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,null]]}]}}`,
		`{"status":"success","data":{"resultType":"matrix","result":[{"metric":null,"values":[ [ 1 , "1e999" ] , [2,"-0x1p-2"] ]}]}}`,
		`[[[[`, `{"data":{"data":{`, `null`, ``,
	} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, body []byte, instant bool) {
		series, err := decodeAnswer(body, decodeLimits{instant: instant, maxSeries: 3})
		if err != nil {
			return
		}
		if len(series) > 3 || series == nil {
			t.Errorf("%d series", len(series))
		}
		for _, s := range series {
			for i, p := range s.Points {
				if i > 0 && s.Points[i-1].At >= p.At {
					t.Errorf("points out of order: %v", s.Points)
				}
			}
		}
	})
}
