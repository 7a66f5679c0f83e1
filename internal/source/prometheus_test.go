package source

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"warden/internal/remedy"
)

const planted = `pl/anted"se+cret=`

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func instantQuery() remedy.Query { return remedy.NewQuery("prom", "up", at, at, 0) }

func rangeQuery() remedy.Query {
	return remedy.NewQuery("prom", "up", at.Add(-time.Minute), at, 15*time.Second)
}

// serve starts a fake and returns a source that asks it with the planted token.
func serve(t *testing.T, h http.HandlerFunc, change ...func(*Options)) *Prometheus {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return newSource(t, srv.URL, change...)
}

func newSource(t *testing.T, url string, change ...func(*Options)) *Prometheus {
	t.Helper()
	o := Options{Name: "prom", URL: url, Token: func() (string, error) { return planted + "\n", nil }, Timeout: 5 * time.Second}
	for _, c := range change {
		c(&o)
	}
	p, err := NewPrometheus(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func respond(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}
}

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// wantFailed checks a failure's words, and that it is fit to be shown.
func wantFailed(t *testing.T, r Answer, want ...string) {
	t.Helper()
	if r.Failed == "" || r.Series != nil {
		t.Fatalf("want a failure with %q, got %d series", want, len(r.Series))
	}
	for _, w := range want {
		if !strings.Contains(r.Failed, w) {
			t.Errorf("want %q in: %s", w, r.Failed)
		}
	}
	if strings.ContainsAny(r.Failed, "\n\r\x1b") || len(r.Failed) > 900 {
		t.Errorf("not fit to be shown: %q", r.Failed)
	}
	for _, secret := range []string{planted, "anted", "se+cret", "se%2Bcret", base64.StdEncoding.EncodeToString([]byte("ann:" + planted))} {
		if strings.Contains(r.Failed, secret) {
			t.Errorf("a secret in: %s", r.Failed)
		}
	}
}

func TestFetchDecodes(t *testing.T) {
	inf := math.Inf(1)
	tests := []struct {
		name, body string
		q          remedy.Query
		want       []remedy.Series
	}{
		{"vector", `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"host":"a"},"value":[1435781430.781,"1.5"]},{"metric":{},"value":[1,"NaN"]}]}}`, instantQuery(),
			[]remedy.Series{{Labels: map[string]string{"host": "a"}, Points: []remedy.Point{{At: 1435781430781, Value: 1.5}}}, {Labels: map[string]string{}, Points: []remedy.Point{{At: 1000, Value: math.NaN()}}}}},
		{"matrix", `{"status":"success","infos":["fine"],"data":{"resultType":"matrix","result":[{"metric":{"host":"a"},"values":[[1,"1"],[2.5,"+Inf"],[3,"-Inf"],[4,"1e400"]]}]}}`, rangeQuery(),
			[]remedy.Series{{Labels: map[string]string{"host": "a"}, Points: []remedy.Point{{At: 1000, Value: 1}, {At: 2500, Value: inf}, {At: 3000, Value: -inf}, {At: 4000, Value: inf}}}}},
		{"raw samples of a range selector", `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"1"]]}]}}`, instantQuery(),
			[]remedy.Series{{Labels: map[string]string{}, Points: []remedy.Point{{At: 1000, Value: 1}}}}},
		{"scalar", `{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}`, instantQuery(), []remedy.Series{{Points: []remedy.Point{{At: 1000, Value: 2}}}}},
		{"nothing", `{"status":"success","data":{"resultType":"vector","result":[]}}`, instantQuery(), []remedy.Series{}},
		{"white space, other order, unknown keys", ` { "data" : { "stats":{"a":[1]}, "result" : [ { "values" : [ [ 1 , "1" ] , [ 2 , "2" ] ] , "metric" : { } } ] , "resultType":"matrix" } , "status" : "success", "x":null } `, rangeQuery(),
			[]remedy.Series{{Labels: map[string]string{}, Points: []remedy.Point{{At: 1000, Value: 1}, {At: 2000, Value: 2}}}}},
		{"no warnings, spelled out", `{"status":"success","warnings":[],"isPartial":false,"data":{"resultType":"vector","result":[]}}`, instantQuery(), []remedy.Series{}},
		{"a series without points", `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[]}]}}`, rangeQuery(),
			[]remedy.Series{{Labels: map[string]string{}, Points: []remedy.Point{}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := serve(t, respond(tt.body))
			r := p.Raw(t.Context(), tt.q)
			if diff := cmp.Diff(Answer{Series: tt.want}, r, cmpopts.EquateNaNs()); diff != "" {
				t.Error(diff)
			}
			q := tt.q.KeyedBy("host")
			if diff := sameRows(remedy.NewFrame(q, tt.want), p.Fetch(t.Context(), q).Frame); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFetchRefusesBadAnswers(t *testing.T) {
	vector := func(series string) string {
		return `{"status":"success","data":{"resultType":"vector","result":[` + series + `]}}`
	}
	matrix := func(values string) string {
		return `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":` + values + `}]}}`
	}
	tests := []struct {
		name, body string
		q          remedy.Query
		want       string
	}{
		// client_golang reads each of the next five as the value 0.
		{"null value", vector(`{"metric":{"host":"a"},"value":[1,null]}`), instantQuery(), "a sample that is not"},
		{"no value", vector(`{"metric":{"host":"a"}}`), instantQuery(), "a series without values"},
		{"null for a sample", vector(`{"metric":{},"value":null}`), instantQuery(), "a sample that is not"},
		{"null in a matrix", matrix(`[[1,"1"],[2,null]]`), rangeQuery(), "a sample that is not"},
		{"a sample without value", matrix(`[[1]]`), rangeQuery(), "a sample that is not"},
		{"null series", vector(`null`), instantQuery(), "a series without values"},
		{"null values", matrix(`null`), rangeQuery(), "values that are not a list"},
		{"unquoted value", vector(`{"metric":{},"value":[1,1]}`), instantQuery(), "a sample that is not"},
		{"text for a value", vector(`{"metric":{},"value":[1,"many"]}`), instantQuery(), "a sample that is not"},
		{"empty value", vector(`{"metric":{},"value":[1,""]}`), instantQuery(), "a sample that is not"},
		{"text for a time", vector(`{"metric":{},"value":["now","1"]}`), instantQuery(), "a sample that is not"},
		{"huge time", vector(`{"metric":{},"value":[1e30,"1"]}`), instantQuery(), "a sample that is not"},
		{"three in a sample", vector(`{"metric":{},"value":[1,"1",2]}`), instantQuery(), "a sample that is not"},
		{"labels no text", vector(`{"metric":{"host":7},"value":[1,"1"]}`), instantQuery(), "not one of the Prometheus API"},
		{"time stands still", matrix(`[[1,"1"],[1,"2"]]`), rangeQuery(), "out of order"},
		{"time goes back", matrix(`[[2,"1"],[1,"2"]]`), rangeQuery(), "out of order"},
		{"values no list", matrix(`{}`), rangeQuery(), "values that are not a list"},
		{"histogram", vector(`{"metric":{},"histogram":[1,{"count":"1"}]}`), instantQuery(), "native histograms"},
		{"histograms", `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"histograms":[]}]}}`, rangeQuery(), "native histograms"},
		{"values in a vector", vector(`{"metric":{},"values":[[1,"1"]]}`), instantQuery(), "does not belong"},
		{"vector for a range", vector(``), rangeQuery(), `"vector", not a matrix`},
		{"string", `{"status":"success","data":{"resultType":"string","result":[1,"x"]}}`, instantQuery(), `"string", not a vector`},
		{"unknown type", `{"status":"success","data":{"resultType":"tensor","result":[]}}`, instantQuery(), "tensor"},
		{"result no list", `{"status":"success","data":{"resultType":"vector","result":{}}}`, instantQuery(), "not a list"},
		{"null result", `{"status":"success","data":{"resultType":"vector","result":null}}`, instantQuery(), "not a list"},
		{"two results", `{"status":"success","data":{"resultType":"vector","result":[],"result":[]}}`, instantQuery(), "two results"},
		{"no result", `{"status":"success","data":{"resultType":"vector"}}`, instantQuery(), "no result"},
		{"no type", `{"status":"success","data":{"result":[]}}`, instantQuery(), `a "", not a vector`},
		{"no data", `{"status":"success"}`, instantQuery(), "no result"},
		{"null data", `{"status":"success","data":null}`, instantQuery(), "no result"},
		{"data no object", `{"status":"success","data":[]}`, instantQuery(), "data is "},
		{"no status", `{"data":{"resultType":"vector","result":[]}}`, instantQuery(), `the status ""`},
		{"error in a 200", `{"status":"error","errorType":"execution","error":"broken at https://u:pw@store/x?token=abc"}`, instantQuery(), `"execution: broken at https://[redacted]@store/x?token=[redacted]"`},
		{"warnings", `{"status":"success","warnings":["store down"],"data":{"resultType":"vector","result":[]}}`, instantQuery(), `partial or doubtful and is not used ("store down")`},
		{"partial", `{"status":"success","isPartial":true,"data":{"resultType":"vector","result":[]}}`, instantQuery(), "partial"},
		{"cut off", vector(`{"metric":{},"value":[1,"1"]}`)[:80], instantQuery(), "cut off"},
		{"more behind it", vector(``) + `{}`, instantQuery(), "more behind its end"},
		{"null", `null`, instantQuery(), "not an answer of the Prometheus API"},
		{"a list", `[]`, instantQuery(), "not an answer of the Prometheus API"},
		{"text", "OK\x1b[2J " + planted, instantQuery(), "not an answer of the Prometheus API"},
		{"nothing", ``, instantQuery(), "the answer is empty"},
		{"another JSON", `{"hello":"world"}`, instantQuery(), "the status"},
		{"HTML called JSON", `<html>login</html>`, instantQuery(), "login page of a proxy?"},
		{"an echo of the token", vector(`{"metric":{},"value":[1,"` + strings.ReplaceAll(planted, `"`, `\"`) + `"]}`), instantQuery(), "a sample that is not"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantNeither(t.Context(), t, serve(t, respond(tt.body)), tt.q, "source prom at http://127.0.0.1:", tt.want)
		})
	}
}

func TestFetchSaysWhatToDoAboutRefusals(t *testing.T) {
	promError := func(code int, kind, text string) http.HandlerFunc {
		return status(code, fmt.Sprintf(`{"status":"error","errorType":%q,"error":%q}`, kind, text))
	}
	echo := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprintf(w, "%s no header %q is good, nor %s", strings.Repeat("x", 280), r.Header.Get("Authorization"), r.Header.Get("Authorization"))
	}
	tests := []struct {
		name    string
		handler http.HandlerFunc
		want    []string
	}{
		{"400", promError(400, "bad_data", `parse error: unexpected <EOF>`), []string{"status 400 Bad Request", `"bad_data: parse error: unexpected <EOF>"`, "try the query"}},
		{"400, resolution", promError(400, "bad_data", "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"), []string{"raise the detector's interval"}},
		{"422, samples", promError(422, "execution", "query processing would load too many samples into memory in query execution"), []string{"too heavy"}},
		{"401, echo", echo, []string{"status 401", "check token_file"}},
		{"403", status(403, "no"), []string{"status 403", "may not query"}},
		{"404", status(404, "404 page not found"), []string{"status 404", `"404 page not found"`, "may need a prefix"}},
		{"404 HTML", status(404, "<html>nginx"), []string{"status 404 Not Found: there is no Prometheus API"}},
		{"429", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "17")
			w.WriteHeader(429)
		}, []string{"status 429", `(Retry-After: "17")`, "raise the detectors' interval"}},
		{"503", status(503, "Service Unavailable"), []string{"status 503", "down or overloaded"}},
		{"503, query timed out", promError(503, "timeout", "query timed out in expression evaluation"), []string{"took too long"}},
		{"500", status(500, strings.Repeat("x ", 5000)), []string{"status 500", "check the server's log"}},
		{"418", status(418, ""), []string{"status 418", "check url"}},
		{"an invented status", status(799, ""), []string{"status 799"}},
		{"204", status(204, ""), []string{"status 204"}},
		{"login page", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, "<html>Sign in")
		}, []string{"got text/html: is this the login page of a proxy? check url and token_file"}},
		{"endless login page", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			stream(w)
		}, []string{"got text/html"}},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://ann:"+"pw@login.example/in?token="+planted, http.StatusFound)
		}, []string{"redirects (302) to login.example, and", "not followed"}},
		{"redirect on the host", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/login?back="+planted, http.StatusTemporaryRedirect)
		}, []string{"redirects (307) to another path of the same host"}},
		{"redirect to nowhere", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://[::1")
			w.WriteHeader(308)
		}, []string{"redirects (308) to an address that can't be read"}},
		{"gzip that nobody asked for twice", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "br")
		}, []string{`encoding "br"`}},
		{"connection cut", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"status":`)
		}, []string{"cut off"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantNeither(t.Context(), t, serve(t, tt.handler), instantQuery(), tt.want...)
		})
	}
}

func TestFetchAsks(t *testing.T) {
	const body = `{"status":"success","data":{"resultType":"matrix","result":[]}}`
	var got []string
	record := func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		got = append(got, r.Method+" "+r.URL.Path+" "+r.Form.Encode()+" "+r.Header.Get("Authorization"))
		if r.Method == http.MethodPost && r.URL.Path != "/prefix/api/v1/query_range" {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		respond(body)(w, r)
	}
	srv := httptest.NewServer(http.HandlerFunc(record))
	t.Cleanup(srv.Close)
	token := 0
	p := newSource(t, srv.URL+"/prefix/", func(o *Options) {
		o.Token = func() (string, error) { token++; return fmt.Sprint("t", token), nil }
	})
	for _, q := range []remedy.Query{rangeQuery(), instantQuery(), rangeQuery()} {
		if r := p.Raw(t.Context(), q); r.Failed != "" {
			t.Error(r.Failed)
		}
	}
	basic := newSource(t, srv.URL+"/prefix", func(o *Options) {
		o.Token, o.Username, o.Password = nil, "ann", func() (string, error) { return "pw", nil }
	})
	if r := basic.Raw(t.Context(), rangeQuery()); r.Failed != "" {
		t.Error(r.Failed)
	}
	ranged := "end=1772366400.000&query=up&start=1772366340.000&step=15&timeout=5"
	want := []string{
		"POST /prefix/api/v1/query_range " + ranged + " Bearer t1",
		"POST /prefix/api/v1/query query=up&time=1772366400.000&timeout=5 Bearer t2",
		"GET /prefix/api/v1/query query=up&time=1772366400.000&timeout=5 Bearer t2",
		"GET /prefix/api/v1/query_range " + ranged + " Bearer t3", // what was learned is remembered
		"POST /prefix/api/v1/query_range " + ranged + " Basic YW5uOnB3",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFetchDoesNotAsk(t *testing.T) {
	never := func(http.ResponseWriter, *http.Request) { t.Error("asked") }
	gave := func(s string, err error) func(*Options) {
		return func(o *Options) { o.Token = func() (string, error) { return s, err } }
	}
	q := instantQuery()
	wantNeither(t.Context(), t, serve(t, never, gave("", errors.New("open /run/token: no such file"))), q, "token_file can't be read (open /run/token: no such file)")
	wantNeither(t.Context(), t, serve(t, never, gave(" \n", nil)), q, "token_file is empty")
	wantNeither(t.Context(), t, serve(t, never, gave(planted+"\nX: y", nil)), q, "token_file holds a line break")
	wantNeither(t.Context(), t, serve(t, never), remedy.NewQuery("prom", " ", at, at, 0), "the query is empty")
	wantNeither(t.Context(), t, serve(t, never), remedy.NewQuery("prom", "up", at, at.Add(-time.Second), 0), "ends before it starts")
	wantNeither(t.Context(), t, serve(t, never), remedy.NewQuery("prom", "up", at, at.Add(time.Second), 0), "a step of 0s")
}

func TestOptionsAreChecked(t *testing.T) {
	secret := func() (string, error) { return planted, nil }
	tests := []struct {
		name string
		o    Options
		want string
	}{
		{"no name", Options{URL: "http://x"}, "needs a name"},
		{"no url", Options{Name: "p"}, "not an address"},
		{"no scheme", Options{Name: "p", URL: "prometheus:9090"}, "not an address"},
		{"file", Options{Name: "p", URL: "file:///etc/passwd"}, "not an address"},
		{"unreadable", Options{Name: "p", URL: "http://u:hunter2@h:x%zz"}, "not an address"},
		{"password in the url", Options{Name: "p", URL: "http://u:hunter2@h"}, "put credentials into token_file"},
		{"token in the url", Options{Name: "p", URL: "http://h/?token=hunter2"}, "put credentials into token_file"},
		{"fragment", Options{Name: "p", URL: "http://h/#hunter2"}, "more than scheme"},
		{"token and password", Options{Name: "p", URL: "http://h", Token: secret, Username: "u", Password: secret}, "choose one"},
		{"no password", Options{Name: "p", URL: "http://h", Username: "u"}, "needs both"},
		{"no username", Options{Name: "p", URL: "http://h", Password: secret}, "needs both"},
		{"colon in the username", Options{Name: "p", URL: "http://h", Username: "u:v", Password: secret}, "colon"},
		{"negative", Options{Name: "p", URL: "http://h", Timeout: -1}, "must not be negative"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewPrometheus(tt.o)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
	p, err := NewPrometheus(Options{Name: "p", URL: "http://h"})
	if err != nil || p.opts.Timeout != 5*time.Second || p.opts.MaxBytes != 64<<20 || p.opts.MaxSeries != 200_000 {
		t.Errorf("defaults: %+v, %v", p.opts, err)
	}
	if tr := p.opts.Transport.(*http.Transport); tr.Proxy != nil {
		t.Error("the environment's proxy must not be used")
	}
}

func TestCredentialsDoNotPrint(t *testing.T) {
	c := credentials{token: planted, username: "u", password: planted}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if s := fmt.Sprintf(format, c); strings.Contains(s, "anted") {
			t.Errorf("%s prints %s", format, s)
		}
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m, err := NewMetrics(reg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewMetrics(reg); err == nil {
		t.Error("registered twice without an error")
	}
	with := func(o *Options) { o.Metrics = m }
	serve(t, respond(`{"status":"success","data":{"resultType":"vector","result":[]}}`), with).Raw(t.Context(), instantQuery())
	serve(t, respond(`{}`), with).Raw(t.Context(), instantQuery())
	serve(t, status(503, ""), with).Raw(t.Context(), instantQuery())
	serve(t, status(799, ""), with).Raw(t.Context(), instantQuery())
	want := `
# HELP warden_source_requests_total Queries to a source by what came of them: an HTTP status code, or a word where there was none or it says too little.
# TYPE warden_source_requests_total counter
warden_source_requests_total{code="200",source="prom"} 1
warden_source_requests_total{code="503",source="prom"} 1
warden_source_requests_total{code="bad_answer",source="prom"} 1
warden_source_requests_total{code="other",source="prom"} 1
warden_source_requests_total{code="timeout",source="prom"} 0
warden_source_requests_total{code="unreachable",source="prom"} 0
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "warden_source_requests_total"); err != nil {
		t.Error(err)
	}
	if n := testutil.CollectAndCount(m.duration); n != 1 {
		t.Errorf("%d histograms", n)
	}
}
