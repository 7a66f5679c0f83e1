package pager

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
	"warden/simulate/fakepager"
)

// alertKind is a way that an alert begins and ends.
type alertKind struct {
	name     string
	begin    func(r *room)
	wait     time.Duration // until it is worth an alert
	key      string
	severity string
	// almost is what does not end it, end what does.
	almost, end func(r *room)
}

// alertKinds are all of them.
func alertKinds() []alertKind {
	none := func(*room) {}
	failed := func(stage remedy.Stage, outcome, ran remedy.Outcome) func(r *room) {
		return func(r *room) {
			r.state.Cases = []*ledger.Case{r.ended(r.bad(1042, "ingest-17"), stage, outcome, ran)}
		}
	}
	storm := func(s ledger.StormState) func(r *room) {
		return func(r *room) {
			s.Detector = "canary"
			r.state.Pools = []ledger.PoolStatus{{Name: "ingest", Storms: []ledger.StormState{s}}}
		}
	}
	return []alertKind{
		{"failed", failed(remedy.StageClosed, remedy.OutcomeFailed, remedy.OutcomeFailed), 0, "action_failed/ingest/ingest-17", critical, none,
			func(r *room) { r.state.Labelled = map[remedy.CaseID]bool{1042: true} }},
		{"unverified", failed(remedy.StageOut, remedy.OutcomeUnverified, remedy.OutcomeDone), 0, "verify_failed/ingest/ingest-17", critical, none,
			func(r *room) { r.state.Cases[0] = r.undone(r.state.Cases[0]) }},
		{"partial", failed(remedy.StageOut, remedy.OutcomePartial, remedy.OutcomePartial), 0, "verify_failed/ingest/ingest-17", critical,
			func(r *room) { // it went well before, and on another host
				r.state.Cases = append(r.state.Cases, r.drained(r.bad(1041, "ingest-17"), sam()), r.drained(r.bad(1043, "ingest-18"), sam()))
			},
			func(r *room) { r.state.Cases = append(r.state.Cases, r.drained(r.bad(1044, "ingest-17"), sam())) }},
		{"unknown", failed(remedy.StageExecuting, "", remedy.OutcomeUnknown), 0, "action_unknown/ingest/ingest-17", critical, none,
			func(r *room) { // a person said where it is
				c := *r.state.Cases[0]
				c.Stage, c.Outcome = remedy.StageClosed, remedy.OutcomeFailed
				r.state.Cases[0] = &c
			}},
		{"common mode", storm(ledger.StormState{On: true, StartedAt: began}), 0, "common_mode/ingest/canary", critical,
			storm(ledger.StormState{StartedAt: began, EndedAt: began.Add(time.Hour)}),
			func(r *room) { r.clk.Advance(calmAfter) }},
		{"breaker", func(r *room) {
			r.state.Latches = []ledger.Latch{{Pool: "ingest", Why: ledger.LatchStorms, Since: began}}
		}, 0,
			"breaker_open/ingest/second_common_mode", warning, none, func(r *room) { r.state.Latches = nil }},
		{"breaker of everything", func(r *room) { r.state.Latches = []ledger.Latch{{Why: ledger.LatchGuarantee, Since: began}} }, 0,
			"breaker_open/-/guarantee", warning, none, func(r *room) { r.state.Latches = nil }},
		{"demoted", func(r *room) {
			r.state.Demotions = []trust.Demotion{{Action: "drain", Pool: "ingest", By: remedy.Warden(), At: began, Why: "wrong"}}
		}, 0, "demoted/ingest/drain", warning, none, func(r *room) { r.state.Demotions = nil }},
		{"source", func(r *room) {
			r.state.SourcesKnown, r.state.Blind = true, map[remedy.SourceName]string{"graphite": "timeout"}
		}, blindFor,
			"source_blind/-/graphite", warning, func(r *room) { r.state.SourcesKnown, r.state.Blind = false, nil }, func(r *room) { r.state.SourcesKnown = true }},
		{"outbox", func(r *room) {
			r.state.Waiting = map[ledger.Surface]time.Time{"slack": r.clk.Now(), "pagerduty": began}
		}, stuckFor,
			"outbox_stuck/-/slack", warning, none, func(r *room) { r.state.Waiting = nil }},
		{"config", func(r *room) { r.state.Configs = map[remedy.NodeID]string{"a": "1", "b": "1", "c": "2"} }, splitFor,
			"config_split/-/config", warning, none, func(r *room) { r.state.Configs["c"] = "1" }},
		{"question", func(r *room) {
			r.set.PageOnConfirm = []remedy.PoolName{"ingest"}
			r.reload()
			r.state.Cases = []*ledger.Case{r.bad(1042, "ingest-17")}
		}, 0, "confirm_waiting/ingest/ingest-17", serious, none, func(r *room) { r.state.Cases = []*ledger.Case{r.drained(r.state.Cases[0], sam())} }},
		{"question that somebody opposes", func(r *room) {
			r.set.PageOnConfirm = []remedy.PoolName{"ingest"}
			r.reload()
			r.state.Cases = []*ledger.Case{r.numbered(r.bad(1042, "ingest-17"))}
			r.state.Standing = map[remedy.CaseID]ledger.Standing{1042: kimSays(1)}
		}, 0, "confirm_waiting/ingest/ingest-17", serious, none, func(r *room) { r.state.Cases = nil }},
		{"question that many oppose", func(r *room) {
			r.set.PageOnConfirm = []remedy.PoolName{"ingest"}
			r.reload()
			r.state.Cases = []*ledger.Case{r.numbered(r.bad(1042, "ingest-17"))}
			r.state.Standing = map[remedy.CaseID]ledger.Standing{1042: kimSays(5)}
		}, 0, "confirm_waiting/ingest/ingest-17", serious, none, func(r *room) { r.state.Cases = nil }},
		{"question that nobody can answer", func(r *room) {
			r.set.PageOnConfirm = []remedy.PoolName{"ingest"}
			r.reload()
			r.state.Cases = []*ledger.Case{unasked(r.bad(1042, "ingest-17"))}
		}, 0, "confirm_waiting/ingest/ingest-17", serious,
			func(r *room) { // another one waits for the end of quiet hours, as questions do
				c := *unasked(r.bad(1043, "ingest-18"))
				c.Unasked = &ledger.Unasked{Why: "quiet hours", Until: began.Add(8 * time.Hour)}
				r.state.Cases = append(r.state.Cases, &c)
			}, func(r *room) { r.state.Cases = nil }},
	}
}

// TestAlertsBeginAndEnd goes through each kind: what opens it, how urgent it is,
// and what ends it. Another leader ends what this one began.
func TestAlertsBeginAndEnd(t *testing.T) {
	t.Parallel()
	for _, tt := range alertKinds() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			r.must()
			r.clk.Advance(time.Hour)
			tt.begin(r)
			r.must()
			if tt.wait > 0 {
				if got := r.paged(); len(got) != 0 {
					t.Fatalf("at once: %q", got)
				}
				r.clk.Advance(tt.wait / 2)
				r.failover() // who leads next goes on counting
				r.must()
				if got := r.paged(); len(got) != 0 {
					t.Fatalf("too soon: %q", got)
				}
				r.clk.Advance(tt.wait / 2)
				r.must()
			}
			if got := r.paged(); !slices.Equal(got, []string{"warden/prod/" + tt.key}) {
				t.Fatalf("%q", got)
			}
			a := r.pd.Incidents()[0].Alerts[0]
			if a.Severity != tt.severity || a.Class == "" || a.Summary == "" || a.Details["what to do"] == "" {
				t.Errorf("%+v", a)
			}
			for range 3 {
				r.clk.Advance(time.Minute)
				r.must()
			}
			r.failover()
			tt.almost(r)
			r.must()
			if a := r.pd.Incidents()[0].Alerts[0]; a.Triggers != 1 || len(r.paged()) != 1 {
				t.Fatalf("%q, triggered %d times", r.paged(), a.Triggers)
			}
			r.failover()
			tt.end(r)
			r.must()
			if got := r.paged(); len(got) != 0 {
				t.Errorf("still open: %q", got)
			}
			for k := range r.posts {
				if strings.HasPrefix(k, alertPost) || strings.HasPrefix(k, sincePost) {
					t.Errorf("left: %s", k)
				}
			}
		})
	}
}

// What pages nobody: kinds that aren't asked for, runs by hand, levels that a
// person lowered, what happened a day ago.
func TestWhatPagesNobody(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	byHand := r.ended(r.bad(1, "a"), remedy.StageClosed, remedy.OutcomeFailed, remedy.OutcomeFailed)
	byHand.Executions[0].Kind = remedy.KindManual
	old := r.ended(r.bad(2, "b"), remedy.StageClosed, remedy.OutcomeFailed, remedy.OutcomeFailed)
	old.Executions[0].StartedAt = began.Add(-25 * time.Hour)
	r.state.Cases = []*ledger.Case{byHand, old, r.bad(3, "c")}
	r.state.Demotions = []trust.Demotion{{Action: "drain", Pool: "ingest", By: sam(), At: began}}
	r.must()
	if got := r.paged(); len(got) != 0 {
		t.Errorf("%q", got)
	}
	if lines := r.logs.FilterMessageSnippet("more than a day old").All(); len(lines) != 1 {
		t.Errorf("it is not said: %v", lines)
	}
	r.set.PageWhen = nil
	r.reload()
	r.state.Cases = []*ledger.Case{r.ended(r.bad(4, "d"), remedy.StageClosed, remedy.OutcomeFailed, remedy.OutcomeFailed)}
	r.must()
	if got := r.paged(); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// An alert that PagerDuty refuses is wanted still, and not sent in every round.
func TestAlertRefused(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.set.RoutingKey = func() (string, error) { return strings.Repeat("PLANTEDx", 4), nil }
	r.reload()
	r.state.Latches = []ledger.Latch{{Why: ledger.LatchGuarantee, Since: began}}
	for range 20 {
		r.must()
		r.clk.Advance(30 * time.Second)
	}
	if n := len(r.pd.Requests()); n != 2 {
		t.Errorf("%d calls in 10 minutes", n)
	}
	if lines := r.logs.FilterMessageSnippet("the alert can't be sent").All(); len(lines) != 1 {
		t.Errorf("%v", lines)
	}
	r.set.RoutingKey = func() (string, error) { return key, nil }
	r.reload()
	r.must()
	if got := r.paged(); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

// An alert that was opened by another routing key can't be ended by this one:
// what still holds is opened anew, and it is said that the old one stays.
func TestRoutingKeyChanges(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.state.Latches = []ledger.Latch{{Why: ledger.LatchGuarantee, Since: began}, {Pool: "edge", Why: ledger.LatchStorms, Since: began}}
	r.must()
	r.set.RoutingKey = func() (string, error) { return newKey, nil }
	r.reload()
	r.state.Latches = r.state.Latches[:1]
	r.must()
	r.must()
	if lines := r.logs.FilterMessageSnippet("another routing key").All(); len(lines) != 2 {
		t.Errorf("%v", lines)
	}
	r.state.Latches = nil
	r.must()
	if got := r.paged(); len(got) != 2 {
		t.Errorf("the two that were opened by the old key: %q", got)
	}
}

// A second failure on one host is told again, under one key.
func TestItHappensAgain(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	for i := range 2 {
		r.state.Cases = append(r.state.Cases, r.ended(r.bad(remedy.CaseID(7+i), "a"), remedy.StageClosed, remedy.OutcomeFailed, remedy.OutcomeFailed))
		r.must()
		r.clk.Advance(time.Minute)
	}
	if all := r.pd.Incidents(); len(all) != 1 || all[0].Alerts[0].Triggers != 2 || all[0].Alerts[0].Details["case"] != "W-8" {
		t.Errorf("%+v", all)
	}
}

// 300 alerts at once are sent within what PagerDuty takes.
func TestManyAlerts(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	for i := range 300 {
		r.state.Latches = append(r.state.Latches, ledger.Latch{Pool: remedy.PoolName(fmt.Sprintf("p%d", i)), Why: ledger.LatchStorms, Since: began})
	}
	for range 8 {
		got, err := r.deliver()
		if err != nil && chat.ReasonOf(err) != chat.ReasonRateLimited {
			t.Fatalf("%v, wait %s", err, got.Wait)
		}
		r.clk.Advance(max(got.Wait, 30*time.Second))
	}
	all := r.pd.Incidents()
	for _, inc := range all {
		if inc.Alerts[0].Triggers != 1 {
			t.Errorf("%s was triggered %d times", inc.Key, inc.Alerts[0].Triggers)
		}
	}
	if len(all) != 300 {
		t.Errorf("%d alerts", len(all))
	}
}

// Keys stay under what PagerDuty and the ledger take, tell hosts apart, and are
// the same for all.
func TestDedupKeys(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.OneOf(rapid.String(), rapid.StringN(200, 300, 2000)), 4, 4).Draw(t, "parts")
		other := slices.Clone(parts)
		other[3] += "x"
		a, b, c := dedupKey(slices.Clone(parts)...), dedupKey(slices.Clone(parts)...), dedupKey(other...)
		if a != b || a == c || len(alertPost+a) > maxKey || utf8.RuneCountInString(a) > 255 || !utf8.ValidString(a) || strings.ContainsAny(a, "\n\x00") {
			t.Fatalf("%q, %q, %q", a, b, c)
		}
		if !own(a) {
			t.Fatalf("%q is not known for warden's own", a)
		}
	})
	if got := dedupKey("prod", "action_failed", "ingest", "ingest-17"); got != "warden/prod/action_failed/ingest/ingest-17" {
		t.Error(got)
	}
}

// However often the leader changes, receipts are lost and PagerDuty fails, in the
// end what is open in PagerDuty is what is wrong, and each was triggered once for
// each time that somebody could not know that it was.
func TestAgreesInTheEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		r := newRoom(t)
		defer r.close()
		pools := []remedy.PoolName{"a", "b", "c"}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			switch rapid.IntRange(0, 5).Draw(rt, "step") {
			case 0:
				p := rapid.SampledFrom(pools).Draw(rt, "pool")
				if i := slices.IndexFunc(r.state.Latches, func(l ledger.Latch) bool { return l.Pool == p }); i >= 0 {
					r.state.Latches = slices.Delete(slices.Clone(r.state.Latches), i, i+1)
				} else {
					r.state.Latches = append(slices.Clone(r.state.Latches), ledger.Latch{Pool: p, Why: ledger.LatchStorms, Since: r.clk.Now()})
				}
			case 1:
				r.failover()
			case 2:
				r.pd.Trip(fakepager.Fault{Trouble: rapid.SampledFrom([]fakepager.Trouble{fakepager.Unavailable, fakepager.Cut, fakepager.HTML}).Draw(rt, "trouble"), Times: 1, After: rapid.Bool().Draw(rt, "after")})
			case 3:
				r.loseReceipts = rapid.Bool().Draw(rt, "lose")
			default:
				_, _ = r.deliver() // it may fail
			}
			r.clk.Advance(time.Minute)
		}
		r.pd.Mend()
		r.loseReceipts = false
		r.must()
		want := []string{}
		for _, l := range r.state.Latches {
			want = append(want, "warden/prod/breaker_open/"+string(l.Pool)+"/second_common_mode")
		}
		got := r.paged()
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) && len(want)+len(got) > 0 {
			rt.Fatalf("%s", cmp.Diff(want, got))
		}
	})
}
