package hostile

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Graphite is a Dialect: a fleet whose hosts count canaries into buckets of
// Step seconds, one path each.
type Graphite struct {
	Hosts []string
	// Prefix and Suffix stand around the host in a path.
	Prefix, Suffix string
	Step           int64
	// Received is what a good host receives in a bucket; a bad one a tenth.
	Received float64
}

// Truth implements Dialect. Graphite answers with the buckets that begin after
// from and up to until. Every question is about values but that for a path
// with "target" in it, whose one series has that name.
func (g Graphite) Truth(r *http.Request, bad string) ([]Series, bool) {
	var series []Series
	from, until := millis(r.Form.Get("from"))/1000, millis(r.Form.Get("until"))/1000
	first := (from/g.Step + 1) * g.Step
	hosts, values := g.Hosts, true
	if strings.Contains(r.Form.Get("target"), "target") {
		hosts, values = []string{"target"}, false
	}
	for _, h := range hosts {
		s := Series{Name: h, Labels: map[string]string{"name": h}}
		for _, at := range steps(first, until, g.Step) {
			v := g.Received
			if h == bad {
				v /= 10
			}
			s.Points = append(s.Points, Point{strconv.FormatInt(at, 10), strconv.FormatFloat(v, 'f', -1, 64)})
		}
		series = append(series, s)
	}
	return series, values
}

// Encode implements Dialect: what /render?format=json answers.
func (g Graphite) Encode(series []Series) []byte {
	var b bytes.Buffer
	b.WriteByte('[')
	for i, s := range series {
		if i > 0 {
			b.WriteString(", ")
		}
		path := strconv.AppendQuoteToASCII(nil, g.Prefix+s.Name+g.Suffix)
		// JSON has no \x; what Go writes so are control characters.
		path = bytes.ReplaceAll(path, []byte(`\x`), []byte(`\u00`))
		b.WriteString(`{"target": `)
		b.Write(path)
		b.WriteString(`, "tags": {"name": `)
		b.Write(path)
		b.WriteString(`}, "datapoints": [`)
		for j, p := range s.Points {
			if j > 0 {
				b.WriteString(", ")
			}
			b.WriteString("[" + p.Value + ", " + p.At + "]")
		}
		b.WriteString("]}")
	}
	b.WriteString("]")
	return b.Bytes()
}

// Answers are all bad answers of a server that speaks Graphite's /render.
func (g Graphite) Answers() []Answer {
	return append(append(Wire(), Content()...), []Answer{
		{Name: "bare NaN", Change: value("NaN")},
		{Name: "Infinity", Change: value("Infinity")},
		{Name: "-Infinity", Change: value("-Infinity")},
		{Name: "1e999", Change: value("1e999")},
		{Name: "-1e999", Change: value("-1e999")},
		{Name: "numbers in quotes", Change: each(func(p Point) Point { return Point{p.At, `"` + p.Value + `"`} })},
		{Name: "NaN in quotes", Change: value(`"NaN"`)},
		{Name: "None", Change: value("None")},
		{Name: "hexadecimal", Change: value("0x0")},
		{Name: "numbers with a plus", Change: value("+0")},
		{Name: "numbers with leading zeros", Change: value("00")},
		{Name: "numbers with a comma", Change: value("0,5")},
		{Name: "minus and nothing", Change: value("-")},
		{Name: "time and value swapped", Change: each(func(p Point) Point { return Point{p.Value, p.At} })},
		{Name: "times with a fraction", Change: each(func(p Point) Point { return Point{p.At + ".5", p.Value} })},
		{Name: "times in milliseconds", Change: each(func(p Point) Point { return Point{p.At + "000", p.Value} })},
		{Name: "a datapoint of three", Change: each(func(p Point) Point { return Point{p.At + ", 0", p.Value} })},
		{Name: "a datapoint of one", Body: func([]byte) []byte { return []byte(`[{"target": "a", "datapoints": [[0]]}]`) }},
		{Name: "a hole in the steps", Change: func(all []Series) []Series {
			for i := range all {
				if p := all[i].Points; len(p) > 2 {
					all[i].Points = append(p[:1:1], p[2:]...)
				}
			}
			return all
		}},
		{Name: "a step that grows", Change: func(all []Series) []Series {
			for i := range all {
				for j, p := range all[i].Points {
					all[i].Points[j].At = seconds(millis(p.At) + int64(j*j)*1000)
				}
			}
			return all
		}},
		{Name: "steps of one second and one year", Empty: true, Body: func([]byte) []byte {
			return []byte(`[{"target": "a", "datapoints": [[0, 1], [0, 2]]}, {"target": "b", "datapoints": [[0, 1], [0, 4000000000]]}]`)
		}},
		{Name: "an object", Body: func(b []byte) []byte { return append(append([]byte(`{"series": `), b...), '}') }},
		{Name: "no target", Body: replaceAll(`"target": `, `"tarjet": `)},
		{Name: "two targets", Body: replaceAll(`{"target": `, `{"target": "x", "target": `)},
		{Name: "target null", Body: func([]byte) []byte { return []byte(`[{"target": null, "datapoints": [[0, 60]]}]`) }},
		{Name: "target a list", Body: func([]byte) []byte { return []byte(`[{"target": ["a"], "datapoints": [[0, 60]]}]`) }},
		{Name: "no datapoints", Body: replaceAll(`"datapoints": `, `"data": `)},
		{Name: "two datapoints", Body: replaceAll(`"datapoints": [`, `"datapoints": [], "datapoints": [`)},
		{Name: "datapoints null", Body: func([]byte) []byte { return []byte(`[{"target": "a", "datapoints": null}]`) }},
		{Name: "datapoints an object", Body: func([]byte) []byte { return []byte(`[{"target": "a", "datapoints": {"60": 0}}]`) }},
		{Name: "a bad escape", Body: replaceAll(`"target": "`, `"target": "\q`)},
		{Name: "raw line break in a path", Body: replaceAll(`"target": "`, "\"target\": \"\n")},
		{Name: "invalid UTF-8", Empty: true, Body: replaceAll(`"target": "`, "\"target\": \"\xff")},
		{Name: "a list of nulls", Body: func([]byte) []byte { return []byte(`[null, null]`) }},
		{Name: "a list of texts", Body: func([]byte) []byte { return []byte(`["a", "b"]`) }},
		{Name: "Python error page", Serve: status(http.StatusOK, "text/plain", "Traceback (most recent call last):\n  File \"views.py\"")},
		{Name: "picture", Serve: status(http.StatusOK, "image/png", "\x89PNG\r\n\x1a\n")},
		{Name: "pickle", Serve: status(http.StatusOK, "application/pickle", "\x80\x02]q\x01.")},
		{Name: "CSV", Serve: status(http.StatusOK, "text/csv", "a,2026-03-02 09:00:00,0\n")},
		{Name: "10 GB of series", Heavy: true, Serve: func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			forever(w, `[`, `{"target": "a", "datapoints": [[0, 60]]}, `)
		}},
		{Name: "10 GB of datapoints", Heavy: true, Serve: func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			forever(w, `[{"target": "a", "datapoints": [`, `[0, 60], `)
		}},
		{Name: "1 000 000 series", Heavy: true, Innocent: true, Serve: func(w http.ResponseWriter, r *http.Request, _ []byte) {
			at := millis(r.Form.Get("until")) / 1000 / g.Step * g.Step
			many(w, 1_000_000, `[`, `]`, func(b []byte, i int) []byte {
				return fmt.Appendf(b, `{"target": "x.x%07d.x", "datapoints": [[null, %d], [0, %d]]}`, i, at-g.Step, at)
			})
		}},
		{Name: "10 000 000 datapoints", Heavy: true, Innocent: true, Empty: true, Serve: func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			many(w, 10_000_000, `[{"target": "x.x.x", "datapoints": [`, `]}]`, func(b []byte, i int) []byte {
				return append(strconv.AppendInt(append(b, `[0, `...), 1_000_000_000+int64(i), 10), ']')
			})
		}},
		{Name: "a path of 10 GB", Heavy: true, Serve: func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			forever(w, `[{"target": "`, `x`)
		}},
		{Name: "a value of 10 GB", Heavy: true, Serve: func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			forever(w, `[{"target": "a", "datapoints": [[`, `1`)
		}},
	}...)
}
