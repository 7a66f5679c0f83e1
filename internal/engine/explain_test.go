package engine

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/source"
)

func (r *rig) explain(i int, at time.Time) (*Explanation, error) {
	var x *Explanation
	var err error
	r.do(func() {
		x, err = r.e.Explain(context.Background(), ExplainQuery{Target: Target{Pool: ingest, Host: r.host(i)}, At: at, Around: 10 * time.Minute})
	})
	return x, err
}

func answerOf(x Recomputed, guardrail string) string {
	i := slices.IndexFunc(x.Guardrails, func(g Recalled) bool { return g.Guardrail == guardrail })
	if i < 0 {
		return ""
	}
	return x.Guardrails[i].Answer
}

// A host that was bad for a moment and had no case: how close it came.
func TestExplainNearMiss(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.rounds(5 * time.Minute)
		from := r.clk.Now()
		r.bad(3)
		r.rounds(step)
		r.good(3)
		r.rounds(15 * time.Minute)
		if len(r.l.Cases(ledger.CaseFilter{})) != 0 {
			t.Fatal("there is a case: this tests something else")
		}
		fetched := r.src.fetched
		x, err := r.explain(3, from)
		if err != nil {
			t.Fatal(err)
		}
		asked := r.src.fetched - fetched
		d := r.cfg.Detectors[0]
		if want := len(d.Queries(remedy.PoolView{}, startTime())); asked != want {
			t.Errorf("%d questions, want %d: each once, however many instants", asked, want)
		}
		if len(x.Cases) != 0 || len(x.Nearby) != 0 || len(x.Recomputed) != 1 || len(x.Unknowable) == 0 {
			t.Fatalf("%+v", x)
		}
		got := x.Recomputed[0]
		c := got.Closest
		if c == nil || c.Proposed || c.To.Sub(c.From) >= time.Minute || c.RecoveredAt.IsZero() || c.PoolBad != 1 || c.Worst.For != time.Minute {
			t.Fatalf("%+v", c)
		}
		if got.Bad != 0 || got.Instants != got.Good+got.Between+got.Unknown || got.Unknown != 0 || len(got.Failed) != 0 {
			t.Errorf("%+v", got)
		}
		for guardrail, want := range map[string]string{
			"freeze": "unknown", "hold": "unknown", "pool_floor": "unknown", "common_mode": "allow", "cooldown": "allow", "rate": "allow", "protected": "allow",
		} {
			if a := answerOf(got, guardrail); a != want {
				t.Errorf("%s: %q, want %q", guardrail, a, want)
			}
		}
	})
}

// What there was no judging of is unknown, and says why.
func TestExplainUnknown(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		if _, err := r.explain(3, startTime()); err == nil {
			t.Error("explained before any round")
		}
		r.rounds(15 * time.Minute)
		at := r.clk.Now().Add(-5 * time.Minute)
		r.src.dead = true
		x, err := r.explain(3, at)
		if err != nil || len(x.Recomputed[0].Failed) != 1 || x.Recomputed[0].Unknown != x.Recomputed[0].Instants || x.Recomputed[0].Closest != nil {
			t.Errorf("%+v %v", x, err)
		}
		r.src.dead = false
		for at, want := range map[time.Time]string{r.clk.Now().Add(time.Hour): "has not come yet"} {
			if _, err := r.explain(3, at); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v", err)
			}
		}
		_, err = r.e.Explain(t.Context(), ExplainQuery{Target: Target{Pool: ingest, Host: "nobody"}, At: at, Around: time.Hour})
		if err == nil {
			t.Error("explained a host that isn't there")
		}
		_, err = r.e.Explain(t.Context(), ExplainQuery{Target: Target{Pool: ingest, Host: r.host(3)}, At: at, Around: 24 * time.Hour})
		if err == nil || !strings.Contains(err.Error(), "at most 6h") {
			t.Errorf("%v", err)
		}
		r.e.explaining.Lock()
		if _, err := r.explain(3, at); err == nil || !strings.Contains(err.Error(), "another explanation") {
			t.Errorf("%v", err)
		}
		r.e.explaining.Unlock()
	})
}

// With a case at the time, its record is the answer and no source is asked;
// beside one, the ledger says what its cases would have meant.
func TestExplainWithCases(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.rounds(15 * time.Minute)
		early := r.clk.Now().Add(-5 * time.Minute)
		r.bad(3)
		c := r.reaches(3, remedy.StageOut)
		r.rounds(time.Minute)
		fetched := r.src.fetched
		x, err := r.explain(3, c.OpenedAt.Add(time.Second))
		if err != nil || len(x.Cases) != 1 || x.Cases[0].ID != c.ID || len(x.Recomputed) != 0 || r.src.fetched != fetched {
			t.Errorf("%+v %v", x, err)
		}
		if x, err = r.explain(3, early); err != nil || len(x.Cases) != 0 || !slices.Equal(x.Nearby, []remedy.CaseID{c.ID}) {
			t.Errorf("%+v %v", x, err)
		}
		r.good(3)
		r.must(r.undo(c.ID, remedy.UndoFixed))
		r.rounds(2 * time.Minute)
		r.bad(3)
		r.rounds(4 * time.Minute) // a case that the cooldown blocks
		blocked := r.open(3)
		r.good(3)
		r.rounds(15 * time.Minute)
		if blocked == nil {
			t.Fatal("no case was opened")
		}
		past := pastOf(r.l.Cases(ledger.CaseFilter{Pool: ingest}), r.cfg, r.clk.Now())
		run := &BadRun{From: blocked.OpenedAt, To: blocked.OpenedAt, PoolBad: 9}
		got := Recomputed{Guardrails: past.guardrails(nil, r.cfg, r.cfg.Detectors[0].Spec(), Target{Pool: ingest, Host: r.host(3)}, run, 10)}
		for guardrail, want := range map[string]string{"cooldown": "block", "common_mode": "block", "rate": "allow"} {
			if a := answerOf(got, guardrail); a != want {
				t.Errorf("%s: %q, want %q: %+v", guardrail, a, want, got.Guardrails)
			}
		}
		if !past.out(r.host(3), c.Acted().FinishedAt.Add(time.Second)) || past.out(r.host(3), early) || past.out(r.host(4), c.OpenedAt) {
			t.Error("who was out is not what the cases say")
		}
		if x, err := r.explain(5, startTime().Add(-40*24*time.Hour)); err != nil || !x.Forgotten || len(x.Recomputed) != 1 {
			t.Errorf("%+v %v", x, err)
		}
		past.kept = r.clk.Now()
		got.Guardrails = past.guardrails(&ledger.Freeze{By: alice()}, r.cfg, r.cfg.Detectors[0].Spec(), Target{Pool: ingest, Host: r.host(3)}, run, 10)
		if answerOf(got, "cooldown") != "unknown" || answerOf(got, "freeze") != "block" {
			t.Errorf("%+v", got.Guardrails)
		}
	})
}

// One wide fetch, cut into windows, is judged as each instant's own fetches are.
func TestRecomputeEqualsTheLiveRun(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.rounds(5 * time.Minute)
		r.bad(3)
		r.src.set(r.host(4), r.clk.Now(), 0, true)
		r.rounds(3 * time.Minute)
		r.good(3, 5)
		r.rounds(5 * time.Minute)
		d, view := r.cfg.Detectors[0], remedy.PoolView{Name: ingest}
		for _, h := range r.src.hosts {
			view.Hosts = append(view.Hosts, remedy.HostView{Name: h, State: remedy.ServiceIn})
		}
		fetch := func(qs []remedy.Query) remedy.Results {
			return source.FetchAll(t.Context(), map[remedy.SourceName]source.Source{"prom": r.src}, qs, 1)
		}
		n, bad := 0, 0
		failed := Recompute(d, view, startTime(), r.clk.Now(), fetch, func(j remedy.Judgement) {
			n++
			own := d.Judge(view, j.At, fetch(d.Queries(view, j.At)), nil)
			if want, got := own.Findings(), j.Findings(); !reflect.DeepEqual(want, got) || !reflect.DeepEqual(own.SourceFresh, j.SourceFresh) {
				t.Errorf("at %s:\n%+v, want\n%+v", j.At, got, want)
			}
			for _, f := range j.Findings() {
				if f.BadNow {
					bad++
				}
			}
		})
		if n < 25 || bad < 3 || len(failed) > 0 {
			t.Errorf("%d instants, %d bad, %v: this tests little", n, bad, failed)
		}
	})
}
