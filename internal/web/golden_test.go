package web

import (
	"bytes"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"warden/internal/golden"
	"warden/internal/remedy"
)

// update rewrites the golden files: go test ./internal/web -update.
var update = flag.Bool("update", false, "rewrite the golden files")

func fetch(t *testing.T, w *world, path string) []byte {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+path, nil)
	r.RequestURI = ""
	body, err := io.ReadAll(w.raw(true, r).Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// TestOpenAPI keeps the description of the API in docs, so that a change of it
// is seen in review.
func TestOpenAPI(t *testing.T) {
	w := newWorld(t, remedy.LevelMetricOnly)
	w.serve()
	got := append(fetch(t, w, openAPIPath+".json"), '\n')
	golden.Check(t, *update, filepath.Join("..", "..", "docs", "openapi.json"), got)
	for _, word := range []string{"ErrorModel", "Fact", "#/components/schemas/Problem"} {
		if bytes.Contains(got, []byte(word)) != (word == "#/components/schemas/Problem") {
			t.Errorf("%s in the description, or not", word)
		}
	}
}

// TestMetrics shows every metric once, with something in it.
func TestMetrics(t *testing.T) {
	w := newWorld(t, remedy.LevelConfirm, me(t))
	c := w.serve()
	before := string(fetch(t, w, "/metrics"))
	for _, name := range []string{"warden_hosts{", "warden_source_stale", "warden_detector_last"} {
		if strings.Contains(before, name) {
			t.Errorf("%s before the first round", name)
		}
	}
	w.rounds(2)
	w.setBad("h07")
	w.rounds(1)
	list, err := c.Cases(t.Context(), CaseQuery{Stage: remedy.StageWaiting})
	if err != nil || len(list.Cases) != 1 {
		t.Fatalf("%+v %v", list, err)
	}
	if _, err := c.Approve(t.Context(), list.Cases[0].ID, ApproveRequest{PlanHash: list.Cases[0].PlanHash}); err != nil {
		t.Fatal(err)
	}
	w.rounds(2)
	if _, err := c.Label(t.Context(), list.Cases[0].ID, LabelRequest{Label: "right"}); err != nil {
		t.Fatal(err)
	}
	w.setBad("h07", "h01", "h02", "h03", "h04") // a common mode
	w.rounds(1)
	if _, err := c.Hold(t.Context(), HoldRequest{Target: "h05", For: "1h", Reason: "x"}); err != nil {
		t.Fatal(err)
	}
	got := fetch(t, w, "/metrics")
	golden.Check(t, *update, filepath.Join("testdata", "metrics.txt"), got)
	for _, m := range described() {
		if !strings.Contains(string(got), "\n"+m.name+"{") && !strings.Contains(string(got), "\n"+m.name+" ") {
			t.Errorf("%s has no sample", m.name)
		}
	}
	problems, err := promlint.New(bytes.NewReader(got)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v %v", problems, err)
	}
	known := func(name string) bool {
		return slices.ContainsFunc(ledgerCounters, func(m metric) bool { return m.name == name })
	}
	for _, counter := range w.ledger.Counters() {
		if !known(counter.Name) {
			t.Errorf("%s has no help text", counter.Name)
		}
	}
}

// TestFollower shows that a node that doesn't lead shows what it sees, and counts
// no rounds of a tenure.
func TestFollower(t *testing.T) {
	w := newWorld(t, remedy.LevelMetricOnly)
	w.opts.Node.Raft = func() (RaftStatus, error) { return RaftStatus{LeaderID: "n2"}, io.ErrUnexpectedEOF }
	c := w.serve()
	w.rounds(2)
	st, err := c.Status(t.Context())
	if err != nil || st.Leader || st.Rounds != 0 || st.Warm || st.LastRound.IsZero() || st.Pools[0].InService != 10 || st.Raft.Error == "" || st.Pools[0].N != 10 {
		t.Errorf("%+v %v", st, err)
	}
	if got := string(fetch(t, w, "/metrics")); !strings.Contains(got, "warden_hosts{") || strings.Contains(got, "warden_rounds_total") || !strings.Contains(got, "warden_local_rounds_total 0") {
		t.Error(got)
	}
}
