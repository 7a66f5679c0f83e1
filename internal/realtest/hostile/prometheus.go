package hostile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Prometheus is a Dialect: a fleet whose hosts count canaries, as the queries
// of a canary detector and of a threshold detector see it.
type Prometheus struct {
	Hosts []string
	// Label holds the host; PerMinute is what a good host receives within the
	// window that is asked for; a bad one receives a tenth.
	Label    string
	Received float64
	// Age is how old the newest sample is at every instant.
	Age float64 // seconds
}

// Truth implements Dialect.
func (p Prometheus) Truth(r *http.Request, bad string) (series []Series, values bool) {
	expr := r.Form.Get("query")
	start, end, step := millis(r.Form.Get("start")), millis(r.Form.Get("end")), millis(r.Form.Get("step"))
	if r.Form.Has("time") {
		start, step = millis(r.Form.Get("time")), 1
		end = start
	}
	values = strings.HasPrefix(expr, "increase(") || !strings.Contains(expr, "(") // what a canary detector asks, or a threshold
	hosts := p.Hosts
	if strings.Contains(expr, "canary_target") {
		hosts = []string{"target"}
	}
	for _, h := range hosts {
		s := Series{Name: h, Labels: map[string]string{p.Label: h}}
		for _, at := range steps(start, end, step) {
			v := 4.0 // samples in a window
			switch {
			case strings.HasPrefix(expr, "timestamp("):
				v = float64(at)/1000 - p.Age
			case values && h == bad:
				v = p.Received / 10
			case values:
				v = p.Received
			case strings.HasSuffix(expr, "[1h])"):
				v = 240
			}
			s.Points = append(s.Points, Point{seconds(at), strconv.Quote(strconv.FormatFloat(v, 'f', -1, 64))})
		}
		series = append(series, s)
	}
	return series, values
}

// Encode implements Dialect: a matrix, or a vector where each series has one
// sample from an instant query.
func (p Prometheus) Encode(series []Series) []byte {
	var b bytes.Buffer
	b.WriteString(`{"status":"success","data":{"resultType":"matrix","result":[`)
	for i, s := range series {
		if i > 0 {
			b.WriteByte(',')
		}
		labels, err := json.Marshal(s.Labels)
		if err != nil {
			panic(err) // a map of strings always has JSON
		}
		b.WriteString(`{"metric":`)
		b.Write(labels)
		b.WriteString(`,"values":[`)
		for j, pt := range s.Points {
			if j > 0 {
				b.WriteByte(',')
			}
			b.WriteString("[" + pt.At + "," + pt.Value + "]")
		}
		b.WriteString("]}")
	}
	b.WriteString("]}}\n")
	return b.Bytes()
}

// Answers are all bad answers of a server that speaks Prometheus's API.
func (p Prometheus) Answers() []Answer {
	return append(append(Wire(), Content()...), []Answer{
		{Name: "NaN", Change: value(`"NaN"`)},
		{Name: "+Inf", Change: value(`"+Inf"`)},
		{Name: "-Inf", Change: value(`"-Inf"`)},
		{Name: "1e999", Change: value(`"1e999"`)},
		{Name: "-1e999", Change: value(`"-1e999"`)},
		{Name: "numbers without quotes", Change: each(func(pt Point) Point { return Point{pt.At, strings.Trim(pt.Value, `"`)} })},
		{Name: "bare NaN", Change: value("NaN")},
		{Name: "text for a number", Change: value(`"low"`)},
		{Name: "empty text for a number", Change: value(`""`)},
		{Name: "number and unit", Change: value(`"5 %"`)},
		{Name: "numbers with a comma", Change: value(`"0,5"`)},
		{Name: "negative numbers", Change: value(`"-5"`)},
		{Name: "a sample of three", Change: each(func(pt Point) Point { return Point{pt.At, pt.Value + ",0"} })},
		{Name: "status error", Body: replace(`"status":"success"`, `"status":"error","errorType":"timeout","error":"query timed out"`)},
		{Name: "status unknown", Body: replace(`"success"`, `"partial"`)},
		{Name: "no status", Body: replace(`"status":"success",`, ``)},
		{Name: "warnings", Body: replace(`"status":"success"`, `"status":"success","warnings":["one of the stores did not answer"]`)},
		{Name: "isPartial", Body: replace(`"status":"success"`, `"status":"success","isPartial":true`)},
		{Name: "a scalar", Body: func([]byte) []byte {
			return []byte(`{"status":"success","data":{"resultType":"scalar","result":[1,"0"]}}`)
		}},
		{Name: "a string", Body: func([]byte) []byte {
			return []byte(`{"status":"success","data":{"resultType":"string","result":[1,"0"]}}`)
		}},
		{Name: "streams", Body: replace(`"matrix"`, `"streams"`)},
		{Name: "no type", Body: replace(`"resultType":"matrix",`, ``)},
		{Name: "two types", Body: replace(`"resultType":"matrix",`, `"resultType":"vector","resultType":"scalar",`)},
		{Name: "two results", Body: replace(`"result":[`, `"result":[],"result":[`)},
		{Name: "result null", Body: func([]byte) []byte {
			return []byte(`{"status":"success","data":{"resultType":"matrix","result":null}}`)
		}},
		{Name: "data null", Body: func([]byte) []byte { return []byte(`{"status":"success","data":null}`) }},
		{Name: "no data", Body: func([]byte) []byte { return []byte(`{"status":"success"}`) }},
		{Name: "histograms", Body: func(b []byte) []byte {
			return bytes.ReplaceAll(b, []byte(`"values":`), []byte(`"histograms":[[1,{"count":"1","sum":"0"}]],"values":`))
		}},
		{Name: "labels that are numbers", Body: func(b []byte) []byte {
			return bytes.ReplaceAll(b, []byte(`{"metric":{"`), []byte(`{"metric":{"n":5,"`))
		}},
		{Name: "labels that are a list", Body: func(b []byte) []byte {
			return bytes.ReplaceAll(b, []byte(`{"metric":{`), []byte(`{"metric":[],"x":{`))
		}},
		{Name: "values that are a text", Body: func(b []byte) []byte {
			return bytes.ReplaceAll(b, []byte(`"values":[`), []byte(`"values":"none","v":[`))
		}},
		{Name: "10 GB of series", Heavy: true, Serve: func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			forever(w, `{"status":"success","data":{"resultType":"matrix","result":[`, `{"metric":{"instance":"h00001"},"values":[[1,"0"]]},`)
		}},
		{Name: "10 GB of samples", Heavy: true, Serve: func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			forever(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[`, `[1,"0"],`)
		}},
		{Name: "1 000 000 series", Heavy: true, Innocent: true, Serve: func(w http.ResponseWriter, r *http.Request, _ []byte) {
			at := r.Form.Get("end") + r.Form.Get("time")
			many(w, 1_000_000, `{"status":"success","data":{"resultType":"matrix","result":[`, `]}}`, func(b []byte, i int) []byte {
				return fmt.Appendf(b, `{"metric":{"instance":"x%07d"},"values":[[%s,"0"]]}`, i, at)
			})
		}},
		{Name: "10 000 000 samples", Heavy: true, Innocent: true, Empty: true, Serve: func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			many(w, 10_000_000, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"instance":"x"},"values":[`, `]}]}}`, func(b []byte, i int) []byte {
				return append(strconv.AppendInt(append(b, '['), 1_000_000_000+int64(i), 10), `,"0"]`...)
			})
		}},
		{Name: "10 GB of warnings", Heavy: true, Serve: func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			forever(w, `{"status":"success","warnings":[`, `"x",`)
		}},
		{Name: "a key of 10 GB", Heavy: true, Serve: func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			forever(w, `{"`, `x`)
		}},
		{Name: "a value of 10 GB", Heavy: true, Serve: func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			forever(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"`, `1`)
		}},
	}...)
}
