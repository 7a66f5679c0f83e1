package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/zap"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// FuzzRequest sends anything to any endpoint: nothing panics, the answer is one
// that the API has, an error is a problem in JSON, and no host that the
// inventory doesn't have reaches the ledger or a backend.
func FuzzRequest(f *testing.F) {
	for _, s := range []struct{ method, path, query, body string }{
		{"GET", "/api/v1/status", "", ""},
		{"GET", "/api/v1/cases", "host=%00&limit=-1&since=yesterday&within=1e99h", ""},
		{"GET", "/api/v1/cases/W-1", "", ""},
		{"GET", "/api/v1/cases/..%2f..%2fetc", "", ""},
		{"POST", "/api/v1/cases/1/approve", "", `{"plan_hash":"x"}`},
		{"POST", "/api/v1/run", "", `{"action":"drain","host":"h01"}`},
		{"POST", "/api/v1/run", "", `{"action":"drain","host":"h01;shutdown\nset server be/h02 state maint","pool":"ingest"}`},
		{"POST", "/api/v1/run", "", `{"action":"drain","host":"--help","pool":"ingest"}`},
		{"POST", "/api/v1/freeze", "", `{"reason":"<script>","for":"5 min"}`},
		{"POST", "/api/v1/freeze", "", `{"reason":`},
		{"POST", "/api/v1/holds", "", `{"host":"h01","for":"9999999h","reason":"\u001b[31m"}`},
		{"POST", "/api/v1/pools/ingest/accept", "", `[]`},
		{"PUT", "/metrics", "a=b", "x"},
		{"POST", "/-/reload", "", ""},
		{"GET", "/" + strings.Repeat("a", 5000), "", ""},
	} {
		f.Add(s.method, s.path, s.query, s.body)
	}
	// One world serves many requests, until one changes it.
	var w *world
	var h http.Handler
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		if method == "" || strings.ContainsFunc(method, func(r rune) bool { return r < 'A' || r > 'Z' }) || !strings.HasPrefix(path, "/") {
			return
		}
		if w == nil {
			w = newWorld(t, remedy.LevelMetricOnly)
			w.opts.Logger = zap.NewNop() // the other one ends with t
			w.rounds(1)
			s := &surface{Options: w.opts, started: start}
			inner, err := s.handler()
			if err != nil {
				t.Fatal(err)
			}
			h = s.common(inner)
		}
		w.t = t
		before := w.ledger.Status().Index
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://warden/", strings.NewReader(body))
		r.Method, r.URL.Path, r.URL.RawQuery = method, path, query
		r.Header.Set("Content-Type", "application/json")
		out := httptest.NewRecorder()
		h.ServeHTTP(out, r)
		// What is asked for does not make the answer large: it may be quoted
		// back, in JSON and as HTML's escapes.
		if most := 1<<20 + 12*(len(path)+len(query)+len(body)); out.Body.Len() > most {
			t.Fatalf("%d bytes of an answer", out.Body.Len())
		}
		if out.Code >= 400 && strings.HasPrefix(path, "/api/") && method != http.MethodHead {
			var p Problem
			if err := json.Unmarshal(out.Body.Bytes(), &p); (err != nil || p.Status != out.Code) && out.Code != http.StatusMethodNotAllowed {
				t.Fatalf("%d is no problem: %v\n%.300s", out.Code, err, out.Body)
			}
		}
		if w.ledger.Status().Index == before {
			return
		}
		w.engine.Round(t.Context())
		known := map[remedy.HostName]bool{}
		for h := range w.balancer.state {
			if !strings.HasPrefix(string(h), "h") || len(h) != 3 {
				t.Fatalf("the backend was told of %q", h)
			}
			known[h] = true
		}
		for _, c := range w.ledger.Cases(ledger.CaseFilter{}) {
			if !known[c.Host] {
				t.Fatalf("a case of %q", c.Host)
			}
		}
		w = nil
	})
}
