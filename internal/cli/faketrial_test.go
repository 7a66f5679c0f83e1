package cli

import (
	"net/http"
	"time"

	"warden/detectors"
	"warden/internal/engine"
	"warden/internal/remedy"
	"warden/internal/web"
)

// tryDetector judges three hosts, one of them badly, of a detector whose
// numbers are off.
func (*fakeAPI) tryDetector(r *http.Request) (any, error) {
	at := fakeNow.Truncate(30 * time.Second)
	t := &web.Trial{Schema: web.SchemaTrial, ServedAt: fakeNow, Trial: engine.Trial{
		Detector: remedy.DetectorName(r.PathValue("name")), Kind: "canary", Pool: "ingest", Source: "prometheus", At: at,
		Asked: []engine.TrialAsked{
			{Query: `increase(canary_received_total{job="ingest"}[10m])`, Series: 4},
			{Query: `timestamp(canary_received_total{job="ingest"})`, Series: 4},
		},
		Unmatched: 1, Strangers: []string{"ingest-99:9100"},
		Proposals: []detectors.Proposal{{Line: "expect_per_minute = 30", Why: "half of the hosts receive 30 a minute or more; 60 is expected"}},
	}}
	for _, f := range []*remedy.Finding{fakeFinding("ingest-17", 0.41, 6*time.Minute), fakeFinding("ingest-18", 0.97, 0), fakeFinding("ingest-19", 0.7, 0)} {
		f.At = at
		switch f.Host {
		case "ingest-17":
			f.Verdict = remedy.VerdictBad
		case "ingest-18":
			f.Verdict, f.BadSince, f.BadNow = remedy.VerdictGood, time.Time{}, false
		default:
			f.Verdict, f.Reason, f.BadSince, f.BadNow = remedy.VerdictUnknown, remedy.ReasonBetween, time.Time{}, false
		}
		t.Findings = append(t.Findings, *f)
	}
	if r.URL.Query().Get("host") != "" {
		t.Steps = []detectors.Step{
			{At: at.Add(-30 * time.Second), State: "bad", Text: "246 of 600 expected = 0.41, 20 of at least 8 points, newest 12s old"},
			{At: at, State: "bad", Text: "240 of 600 expected = 0.4, 20 of at least 8 points, newest 12s old"},
		}
	}
	return t, nil
}

// query answers with two series, one of which isn't a number.
func (*fakeAPI) query(r *http.Request) (any, error) {
	q := r.URL.Query()
	a := &web.RawAnswer{Schema: web.SchemaSeries, ServedAt: fakeNow, Source: remedy.SourceName(q.Get("source")), Query: q.Get("query"), Series: []web.RawSeries{}}
	switch q.Get("query") {
	case "nothing":
	case "sum(":
		a.Failed = "source prometheus: parse error: write another query"
	default:
		a.Series = []web.RawSeries{
			{Labels: map[string]string{"__name__": "up", "job": "ingest"}, Points: []web.RawPoint{{At: fakeNow, Value: new(1.0)}}},
			{Labels: map[string]string{"__name__": "canary.received.web-1"}, Points: []web.RawPoint{{At: fakeNow.Add(-time.Minute), Value: new(0.5)}, {At: fakeNow, Text: "NaN"}}},
		}
	}
	return a, nil
}
