package web

import (
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// TestTrustMetrics follows the gauges through a mistake: nothing known, a case
// that nobody labelled, a wrong one that demotes, and a review.
func TestTrustMetrics(t *testing.T) {
	t.Parallel()
	w := newWorld(t, remedy.LevelAuto)
	c, ctx := w.serve(), t.Context()
	const (
		key       = `{action="drain",detector="canary_missing",pool="ingest"} `
		labelled  = "warden_trust_labelled" + key
		coverage  = "warden_trust_coverage" + key
		precision = "warden_trust_precision_lower" + key
		demoted   = `warden_demoted{action="drain",pool="ingest"} `
		gate      = `warden_trust_gate_met{action="drain",pool="ingest",to="auto"} `
	)
	check := func(when string, want, not []string) {
		t.Helper()
		page := "\n" + string(fetch(t, w, "/metrics"))
		for _, line := range want {
			if !strings.Contains(page, "\n"+line+"\n") {
				t.Errorf("%s: no line %s", when, line)
			}
		}
		for _, line := range not {
			if strings.Contains(page, "\n"+line) {
				t.Errorf("%s: there is a line %s", when, line)
			}
		}
	}
	w.rounds(3)
	check("nothing is known", []string{labelled + "0", demoted + "0", gate + "0"}, []string{coverage, precision})
	w.setBad("h03")
	w.rounds(8)
	check("nobody labelled it", []string{labelled + "0", coverage + "0", demoted + "0"}, []string{precision})
	list, err := c.Cases(ctx, CaseQuery{Host: "h03"})
	if err != nil || len(list.Cases) != 1 {
		t.Fatalf("%+v %v", list, err)
	}
	wrong, err := c.Label(ctx, list.Cases[0].ID, LabelRequest{Label: "wrong"})
	if err != nil {
		t.Fatal(err)
	}
	check("it was wrong", []string{labelled + "1", coverage + "1", precision + "0", demoted + "1"}, nil)
	if _, err := c.Review(ctx, ReviewRequest{Action: "drain", Pool: "ingest", Reason: "the switch", Seen: wrong.Row.Demotion.Newest()}); err != nil {
		t.Fatal(err)
	}
	check("reviewed", []string{labelled + "1", demoted + "0"}, nil)
}

// TestAssessmentsAreKept: between two entries nothing is counted anew, and an
// entry, a minute, or a clock that was set back ends that.
func TestAssessmentsAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, remedy.LevelAuto)
	w.rounds(1)
	s := &surface{Options: w.opts}
	now := w.clock.Now()
	first := s.assessments(now)
	if len(first) == 0 {
		t.Fatal("nothing was assessed")
	}
	same := func(at time.Time) bool { return &s.assessments(at)[0] == &first[0] }
	if !same(now) || !same(now.Add(trustAge-1)) {
		t.Error("counted anew without an entry")
	}
	if same(now.Add(trustAge)) {
		t.Error("a minute later it is the same")
	}
	first = s.assessments(now)
	w.commit(remedy.Warden(), &ledger.NoticeAdd{Kind: ledger.NoticeStop, Detail: "x"})
	if same(now) {
		t.Error("an entry later it is the same")
	}
}
