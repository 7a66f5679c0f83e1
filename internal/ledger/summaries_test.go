package ledger_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// A date has one summary, whatever anybody proposes, and each begins where the
// one before ended. Extra ones count for no day.
func TestSummaries(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.pass(time.Hour)
	due := func(date string, from, to time.Time) *ledger.SummaryDue {
		return &ledger.SummaryDue{Date: date, From: from, To: to}
	}
	first := r.now
	r.ok(due("2026-03-02", t0(), first))
	r.refused(ledger.RefusedDecided, remedy.Warden(), due("2026-03-02", t0(), first))
	r.pass(time.Hour)
	r.refused(ledger.RefusedDecided, remedy.Warden(), due("2026-03-01", t0(), r.now))
	r.refused(ledger.RefusedBad, remedy.Warden(), due("2026-03-03", t0(), first))
	r.refused(ledger.RefusedBad, remedy.Warden(), due("2026-03-03", t0(), r.now.Add(time.Minute)))
	r.refused(ledger.RefusedBad, remedy.Warden(), due("2026-3-3", t0(), r.now))
	r.refused(ledger.RefusedPerson, remedy.Warden(), &ledger.SummarySend{From: t0()})
	r.refused(ledger.RefusedBad, alice(), &ledger.SummarySend{From: r.now.Add(time.Second)})
	r.okAs(alice(), &ledger.SummarySend{From: first})
	r.refused(ledger.RefusedPace, alice(), &ledger.SummarySend{From: first})
	second := r.now
	r.ok(due("2026-03-03", t0(), second))
	r.restore()
	all := r.l.Summaries()
	if len(all) != 3 || all[1].By != "alice" || !all[2].From.Equal(first) || !all[2].To.Equal(second) {
		t.Fatalf("summaries: %+v", all)
	}
	if last, ok := r.l.LastSummary(); !ok || last.Date != "2026-03-03" {
		t.Errorf("the last is %+v", last)
	}
	said := 0
	for _, n := range r.l.Pending() {
		if n.Kind == ledger.NoticeSummary {
			said++
		}
	}
	if said != 3 {
		t.Errorf("%d of 3 are to be told", said)
	}
	for n := range 100 {
		r.pass(time.Second)
		r.okAs(alice(), &ledger.SummarySend{From: first})
		if r.pass(time.Second); n < 80 {
			r.ok(due(fmt.Sprintf("2026-%02d-%02d", 4+n/28, 1+n%28), t0(), r.now))
		}
	}
	days, extras := 0, 0
	for _, s := range r.l.Summaries() {
		if s.By == "" {
			days++
		} else {
			extras++
		}
	}
	if days != 62 || extras != 20 {
		t.Errorf("%d days and %d extra ones are kept", days, extras)
	}
	r.restore()
}

func TestHappenings(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ok(&ledger.TenureBegin{})
	r.refused(ledger.RefusedDecided, remedy.Warden(), &ledger.TenureBegin{})
	r.refused(ledger.RefusedPerson, alice(), &ledger.TenureBegin{})
	blind := func(on bool) *ledger.NoticeAdd {
		return &ledger.NoticeAdd{Kind: ledger.NoticeSource, Source: "prom", Blind: on, Detail: "why"}
	}
	r.ok(blind(false), blind(true), blind(true))
	if got := r.l.Blind(); !slices.Equal(got, []remedy.SourceName{"prom"}) {
		t.Errorf("blind: %v", got)
	}
	r.pass(time.Minute)
	r.ok(blind(false))
	r.restore()
	all := r.l.Night(t0()).Happenings
	if len(all) != 2 || all[0].Kind != ledger.HappenedLead || all[0].Node != n1 || all[1].Until.Sub(all[1].At) != time.Minute || r.l.Leads() != all[0].Term {
		t.Errorf("happenings: %+v", all)
	}
	r.ok(&ledger.NoticeAdd{Kind: ledger.NoticeSource, Source: "old", Blind: true})
	for range 600 {
		r.pass(time.Second)
		r.ok(blind(true), blind(false))
	}
	if all := r.l.Night(t0()).Happenings; len(all) != 500 || !slices.Contains(r.l.Blind(), "old") {
		t.Errorf("%d are kept, and what lasts is %v", len(all), r.l.Blind())
	}
	r.restore()
}

// What was forgotten is known by its instant, and never lies ahead.
func TestForgottenCasesAreKnownToBe(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ok(&ledger.TenureBegin{})
	id := r.ok(judge("h1", remedy.LevelAuto))
	r.ok(&ledger.CaseClose{Case: id, Outcome: remedy.OutcomeGone})
	r.pass(time.Minute)
	r.ok(&ledger.CasesForget{Before: t0()})
	if n := r.l.Night(t0()); !n.Forgot.IsZero() || len(n.Cases) != 1 {
		t.Errorf("nothing was forgotten: %+v", n)
	}
	r.ok(&ledger.CasesForget{Before: r.now.Add(time.Hour)})
	r.restore()
	if n := r.l.Night(t0()); !n.Forgot.Equal(r.now) || len(n.Cases) != 0 {
		t.Errorf("forgotten up to %s", n.Forgot)
	}
}
