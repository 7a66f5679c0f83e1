package report_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"warden/internal/chat"
	"warden/internal/golden"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/report"
	"warden/internal/trust"
)

func dublin(t *testing.T) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Dublin")
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// clock is an instant of November 2026.
func clock(day, hour, minute int) time.Time {
	return time.Date(2026, 11, day, hour, minute, 0, 0, time.UTC)
}

func finding(at time.Time) *remedy.Finding {
	return &remedy.Finding{
		Verdict: remedy.VerdictBad, Value: remedy.Known(0.41), Term: remedy.Term{Unit: "of expected canary data", Direction: remedy.Below, Bad: 0.5, Clear: 0.7},
		At: at, Window: 10 * time.Minute, For: 6 * time.Minute, BadSince: at.Add(-6 * time.Minute),
	}
}

func aCase(id int, host string, at time.Time, change ...func(*ledger.Case)) *ledger.Case {
	c := &ledger.Case{
		ID: remedy.CaseID(id), Pool: "ingest", Host: remedy.HostName(host), Action: "drain", Detector: "canary_missing", Stage: remedy.StageProposed,
		OpenedAt: at.Add(-time.Minute), ChangedAt: at, Opened: finding(at), Latest: finding(at), ProposedAt: at, CountedAt: at,
		Decision: &remedy.Decision{Level: remedy.LevelAuto, Answers: []remedy.Answer{{Guardrail: "pool_floor", Effect: remedy.EffectAllow, Observed: "39 of 40 in service after this", Limit: "floor 30"}}},
	}
	for _, f := range change {
		f(c)
	}
	return c
}

func ran(kind remedy.ExecutionKind, by string, at time.Time, outcome remedy.Outcome) func(*ledger.Case) {
	return func(c *ledger.Case) {
		x := ledger.Execution{Token: remedy.Token{Term: 3, Index: uint64(c.ID)*10 + uint64(len(c.Executions))}, Kind: kind, By: remedy.Actor{Name: by, Person: by != "warden"}, StartedAt: at, TakesOut: true}
		if outcome != "" {
			x.FinishedAt, x.Outcome = at.Add(3*time.Second), outcome
		}
		if outcome == remedy.OutcomeDone && kind != remedy.KindUndo {
			x.Took, x.TookAt = remedy.Known(true), at.Add(2*time.Minute)
		}
		c.Executions = append(c.Executions, x)
		c.Stage, c.Outcome, c.ChangedAt = remedy.StageOut, outcome, at.Add(2*time.Minute)
	}
}

func closed(outcome remedy.Outcome, at time.Time) func(*ledger.Case) {
	return func(c *ledger.Case) {
		c.Stage, c.Outcome, c.ClosedAt, c.ChangedAt = remedy.StageClosed, outcome, at, at
	}
}

func asked(at time.Time) func(*ledger.Case) {
	return func(c *ledger.Case) {
		c.Stage = remedy.StageWaiting
		c.Ask = &ledger.Ask{PlanHash: "c1c1e1", Approvers: []string{"@ops"}, AskedAt: at, ExpiresAt: at.Add(20 * time.Minute)}
	}
}

func answeredBy(who string, approve bool, at time.Time, why string) func(*ledger.Case) {
	return func(c *ledger.Case) {
		c.Answer = &ledger.CaseReply{Approve: approve, By: remedy.Actor{Name: who, Person: true}, At: at, Reason: why}
	}
}

// proof is the evidence of the cases, with what was said of each.
func proof(cases []*ledger.Case, said map[int]trust.Label) trust.Evidence {
	r := trust.Record{Key: trust.Key{Action: "drain", Pool: "ingest", Detector: "canary_missing", Digest: "51c0e9"}, Since: clock(1, 8, 0)}
	for _, c := range cases {
		s := trust.Sample{Case: c.ID, Host: c.Host, At: c.ProposedAt, Acted: len(c.Executions) > 0, Approved: c.Answer != nil && c.Answer.Approve}
		if l := said[int(c.ID)]; l != trust.Unlabelled {
			s.Said = []trust.Statement{{Label: l, Source: trust.SourcePerson, By: "kim", At: c.ProposedAt.Add(time.Hour)}}
		}
		r.Cases = append(r.Cases, s)
	}
	return trust.Evidence{Action: "drain", Pool: "ingest", Reported: remedy.LevelConfirm, Effective: remedy.LevelConfirm, Rules: trust.DefaultRules(), Current: []trust.Record{r}}
}

// busy is a night with all that there can be, on three nodes.
func busy() ledger.Night {
	cases := []*ledger.Case{
		aCase(1031, "edge-07", clock(18, 5, 0), ran(remedy.KindAct, "warden", clock(18, 5, 1), remedy.OutcomeDone)),
		aCase(1036, "edge-29", clock(20, 4, 30), ran(remedy.KindAct, "warden", clock(20, 4, 31), remedy.OutcomeDone)),
		aCase(1042, "ingest-17", clock(20, 3, 11), ran(remedy.KindAct, "warden", clock(20, 3, 12), remedy.OutcomeDone),
			ran(remedy.KindUndo, "kim", clock(20, 7, 10), remedy.OutcomeDone), closed(remedy.OutcomeUndone, clock(20, 7, 10)), func(c *ledger.Case) { c.UndoReason = remedy.UndoFixed }),
		aCase(1043, "ingest-18", clock(20, 2, 0), asked(clock(20, 2, 0)), answeredBy("sam", true, clock(20, 2, 4), ""), ran(remedy.KindAct, "sam", clock(20, 2, 5), remedy.OutcomeFailed), closed(remedy.OutcomeFailed, clock(20, 2, 5))),
		aCase(1044, "edge-11", clock(20, 4, 40), closed(remedy.OutcomeSelfRecovered, clock(20, 4, 46))),
		aCase(1045, "edge-03", clock(20, 5, 10)),
		aCase(1046, "edge-04", clock(20, 5, 15), asked(clock(20, 5, 15)), closed(remedy.OutcomeExpired, clock(20, 5, 35))),
		aCase(1047, "edge-05", clock(20, 9, 20), asked(clock(20, 9, 20))),
		aCase(1048, "edge-06", clock(20, 6, 0), asked(clock(20, 6, 0)), answeredBy("ben", false, clock(20, 6, 2), "it is the switch"), closed(remedy.OutcomeDenied, clock(20, 6, 2))),
		aCase(1049, "edge-08", clock(20, 6, 30), func(c *ledger.Case) {
			c.Stage, c.ProposedAt, c.CountedAt = remedy.StageDetected, time.Time{}, time.Time{}
			c.Decision = &remedy.Decision{BlockedBy: "common_mode"}
		}),
		aCase(1050, "edge-09", clock(20, 8, 0), ran(remedy.KindAct, "warden", clock(20, 8, 1), remedy.OutcomeUnknown), func(c *ledger.Case) { c.Stage = remedy.StageExecuting }),
		aCase(1051, "edge-10", clock(19, 9, 0), ran(remedy.KindManual, "fran", clock(20, 8, 30), ""), func(c *ledger.Case) {
			c.Stage, c.Detector, c.Manual = remedy.StageExecuting, "", &ledger.ManualRun{By: remedy.Actor{Name: "fran", Person: true}, Reason: "fan"}
			c.ProposedAt, c.CountedAt = time.Time{}, time.Time{}
		}),
		aCase(1052, "edge-12", clock(19, 4, 0)), // wanted the night before, and still
	}
	evidence := proof(cases[:9], map[int]trust.Label{1042: trust.Right, 1044: trust.Wrong})
	return ledger.Night{
		Now: clock(20, 9, 30), Cases: cases, Voters: []remedy.NodeID{"n1-a", "n2-b", "n3-c"},
		Reports: []ledger.NodeReport{{Node: "n1-a", ConfigHash: "aaaa"}, {Node: "n2-b", ConfigHash: "aaaa"}, {Node: "n3-c", ConfigHash: "bbbb"}},
		Holds:   []ledger.Hold{{Pool: "ingest", Host: "edge-29", By: remedy.Actor{Name: "sam", Person: true}, Reason: chat.OnItReason, Since: clock(20, 8, 0), Until: clock(21, 8, 0)}},
		Pools: []ledger.PoolStatus{
			{Name: "ingest", N: 40, Known: true, Storms: []ledger.StormState{{Detector: "canary_missing", StartedAt: clock(20, 6, 29), EndedAt: clock(20, 6, 41)}}},
			{Name: "edge", N: 42, Known: true, Blocked: "it shrank from 42 to 20"},
		},
		Trust: []trust.Evidence{evidence},
		Happenings: []ledger.Happening{
			{Kind: ledger.HappenedLead, At: clock(17, 1, 0), Node: "n1-a", Term: 2}, {Kind: ledger.HappenedLead, At: clock(20, 2, 10), Node: "n2-b", Term: 3},
			{Kind: ledger.HappenedBlind, At: clock(20, 2, 31), Until: clock(20, 2, 38), Source: "graphite"}, {Kind: ledger.HappenedBlind, At: clock(20, 9, 0), Source: "prometheus"},
		},
	}
}

// quietNight has nothing to tell.
func quietNight() ledger.Night {
	return ledger.Night{
		Now: clock(20, 9, 30), Voters: []remedy.NodeID{"n1-a", "n2-b", "n3-c"}, Pools: []ledger.PoolStatus{{Name: "ingest", N: 40}, {Name: "edge", N: 42}},
		Reports: []ledger.NodeReport{{Node: "n1-a", ConfigHash: "a"}, {Node: "n2-b", ConfigHash: "a"}, {Node: "n3-c", ConfigHash: "a"}},
	}
}

// hostile gives everything names that nobody should have.
func hostile() ledger.Night {
	night, bad := busy(), "<!channel> *x* `y` \x1b[31m\n"+strings.Repeat("é", 5000)
	for _, c := range night.Cases {
		c.Host, c.Pool, c.Action = remedy.HostName(bad+string(c.Host)), remedy.PoolName(bad), remedy.ActionName(bad)
		for i := range c.Executions {
			c.Executions[i].By.Name, c.Executions[i].Note = bad, bad
		}
		if c.Answer != nil {
			c.Answer.By.Name, c.Answer.Reason = bad, bad
		}
		c.Decision.BlockedBy += bad
	}
	for i := range night.Happenings {
		night.Happenings[i].Source, night.Happenings[i].Node = remedy.SourceName(bad), remedy.NodeID(bad+fmt.Sprint(i))
	}
	night.Pools[0].Name, night.Pools[1].Blocked = remedy.PoolName(bad), bad
	night.Freeze = &ledger.Freeze{By: remedy.Actor{Name: bad, Person: true}, Reason: bad}
	night.Latches = []ledger.Latch{{Pool: remedy.PoolName(bad), Detail: bad}}
	night.Trust[0].Pool, night.Trust[0].Action = remedy.PoolName(bad), remedy.ActionName(bad)
	night.Trust[0].Demotion = &trust.Demotion{To: remedy.LevelNotify, Why: trust.WhyPerson, By: remedy.Actor{Name: bad, Person: true}, Reason: bad}
	return night
}

func TestMornings(t *testing.T) {
	t.Parallel()
	day := ledger.Summary{Date: "2026-11-20", From: clock(19, 9, 30), To: clock(20, 9, 30)}
	all := chat.MorningNow{Answering: remedy.Known(3), ChecksAnHour: 9840}
	weekend := busy()
	weekend.Now, weekend.Forgot = clock(23, 9, 30), clock(21, 0, 0)
	zone := dublin(t)
	for _, test := range []struct {
		name  string
		night ledger.Night
		s     ledger.Summary
		now   chat.MorningNow
		o     report.MorningOptions
	}{
		{"busy", busy(), day, chat.MorningNow{Answering: remedy.Known(2), ChecksAnHour: 9840}, report.MorningOptions{Zone: zone, MostItems: report.MostItems}},
		{"monday", weekend, ledger.Summary{Date: "2026-11-23", From: clock(20, 9, 30), To: clock(23, 9, 30)}, all, report.MorningOptions{Zone: zone}},
		{"quiet", quietNight(), day, all, report.MorningOptions{Zone: zone}},
		{"quiet_not_told", quietNight(), day, all, report.MorningOptions{NoQuietLine: true}},
		{"one_part", busy(), day, all, report.MorningOptions{Zone: zone, Parts: []chat.MorningPartName{chat.MorningStillOut}}},
		{"extra", busy(), ledger.Summary{Date: "2026-11-20T14:03:05.000Z", From: clock(20, 8, 0), To: clock(20, 14, 3), By: "kim"}, chat.MorningNow{}, report.MorningOptions{Zone: zone, MostItems: 1}},
		{"hostile", hostile(), day, all, report.MorningOptions{Zone: zone, MostItems: report.MostItems}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := report.Morning(test.night, test.s, test.now, test.o)
			reads(t, test.name, m)
			safe(t, m)
			if again := report.Morning(test.night, test.s, test.now, test.o); !cmp.Equal(m, again) {
				t.Errorf("the same night reads differently: %s", cmp.Diff(m, again))
			}
		})
	}
}

// reads holds a summary to its file: as text, and what buttons are made of.
func reads(t *testing.T, name string, m *chat.Morning) {
	t.Helper()
	text := chat.MorningText(m)
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n%s\nquiet %v, skipped %v\n", text.Headline, strings.Join(text.Lines, "\n"), m.Quiet, m.Skip)
	for _, p := range m.Parts {
		for _, i := range p.Items {
			for _, o := range i.Offers {
				fmt.Fprintf(&out, "[%s] %s %s\n", o.Label, o.Verb, i.Case)
			}
		}
	}
	path := filepath.Join("testdata", "morning_"+name+".golden")
	golden.Check(t, *update, path, out.String())
}

// safe fails unless every string is one short line of printable text.
func safe(t *testing.T, m *chat.Morning) {
	t.Helper()
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var whole any
	if err := json.Unmarshal(raw, &whole); err != nil {
		t.Fatal(err)
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, x := range v {
				walk(x)
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		case string:
			if !utf8.ValidString(v) || strings.IndexFunc(v, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0 {
				t.Errorf("not one line of text: %q", v)
			}
			if n := utf8.RuneCountInString(v); n > 20000 {
				t.Errorf("%d characters: %.80q…", n, v)
			}
		}
	}
	walk(whole)
	if n := utf8.RuneCountInString(m.Title); n > chat.MaxHeadline {
		t.Errorf("the title has %d characters: %q", n, m.Title)
	}
	for _, p := range m.Parts {
		for _, i := range p.Items {
			if n := utf8.RuneCountInString(i.Text + i.Stress); n > 700 {
				t.Errorf("an item has %d characters", n)
			}
			for _, o := range i.Offers {
				if n := utf8.RuneCountInString(o.Label); n > 75 || strings.ContainsAny(o.Command, "\n;&|<>$") && o.Verb != chat.OfferResolve {
					t.Errorf("offer %+v", o)
				}
			}
		}
	}
}

// A question that can be answered says what an answer has to name.
func TestAnAskIsNamed(t *testing.T) {
	t.Parallel()
	m := report.Morning(busy(), ledger.Summary{From: clock(19, 9, 30), To: clock(20, 9, 30)}, chat.MorningNow{}, report.MorningOptions{})
	i := slices.IndexFunc(m.Parts, func(p chat.MorningPart) bool { return p.Name == chat.MorningWaiting })
	j := slices.IndexFunc(m.Parts[i].Items, func(i chat.MorningItem) bool { return i.Case == 1047 })
	if a := m.Parts[i].Items[j].Ask; a == nil || a.PlanHash != "c1c1e1" || !a.AskedAt.Equal(clock(20, 9, 20)) {
		t.Errorf("the question is %+v", a)
	}
	if m.Date != "2026-11-20" {
		t.Errorf("a preview is of %s", m.Date)
	}
}

// history is a random history of cases over some days, as it ended.
func history(t *rapid.T) []*ledger.Case {
	minutes := func(most int) time.Duration {
		return time.Duration(rapid.IntRange(1, most).Draw(t, "minutes")) * time.Minute
	}
	var out []*ledger.Case
	for n := range rapid.IntRange(0, 12).Draw(t, "cases") {
		at := clock(16, 0, 0).Add(minutes(7 * 24 * 60))
		c := aCase(100+n, fmt.Sprintf("h%d", n), at)
		if rapid.Bool().Draw(t, "older build") {
			c.ProposedAt = time.Time{}
		}
		if rapid.Bool().Draw(t, "asks") {
			at = at.Add(minutes(60))
			asked(at)(c)
			if rapid.Bool().Draw(t, "answered") {
				at = at.Add(minutes(60))
				yes := rapid.Bool().Draw(t, "yes")
				answeredBy("sam", yes, at, "")(c)
				if !yes {
					closed(remedy.OutcomeDenied, at)(c)
					out = append(out, c)
					continue
				}
			}
		}
		for range rapid.IntRange(0, 3).Draw(t, "executions") {
			at = at.Add(minutes(24 * 60))
			kind := rapid.SampledFrom([]remedy.ExecutionKind{remedy.KindAct, remedy.KindUndo, remedy.KindManual, remedy.KindReassert}).Draw(t, "kind")
			outcome := rapid.SampledFrom([]remedy.Outcome{remedy.OutcomeDone, remedy.OutcomeFailed, remedy.OutcomeUnknown, remedy.OutcomePartial, remedy.OutcomeAborted, ""}).Draw(t, "outcome")
			ran(kind, "sam", at, outcome)(c)
		}
		if rapid.Bool().Draw(t, "over") {
			end := remedy.OutcomeSelfRecovered
			if c.Ask != nil && c.Answer == nil && len(c.Executions) == 0 {
				end = remedy.OutcomeExpired
			}
			closed(end, at.Add(minutes(24*60)))(c)
		}
		out = append(out, c)
	}
	return out
}

// Of summaries that follow one another, each act, each question and each
// complaint is new in exactly one.
func TestEverythingIsToldOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cases := history(t)
		night := ledger.Night{Now: clock(29, 0, 0), Cases: cases, Trust: []trust.Evidence{proof(cases, nil)}}
		acts, asks, wishes := map[string]int{}, map[remedy.CaseID]int{}, map[remedy.CaseID]int{}
		for from := clock(16, 0, 0); from.Before(night.Now); {
			to := from.Add(time.Duration(rapid.IntRange(1, 4*24*60).Draw(t, "length")) * time.Minute)
			m := report.Morning(night, ledger.Summary{From: from, To: to}, chat.MorningNow{}, report.MorningOptions{})
			told := map[remedy.CaseID]bool{}
			for _, p := range m.Parts {
				for _, i := range p.Items {
					for _, token := range i.Tokens {
						acts[token]++
					}
					switch {
					case i.Earlier:
					case p.Name == chat.MorningDid:
						told[i.Case] = true
					case p.Name == chat.MorningWaiting, p.Name == chat.MorningWanted:
						told[i.Case] = true
						wishes[i.Case]++
					}
				}
			}
			for _, c := range cases {
				if a := c.Ask; a != nil && !a.AskedAt.Before(from) && a.AskedAt.Before(to) && told[c.ID] {
					asks[c.ID]++
				}
			}
			from = to
		}
		for _, c := range cases {
			begun := false
			for _, x := range c.Executions {
				want := 1
				if x.Outcome == remedy.OutcomeAborted {
					want = 0
				}
				begun = begun || want > 0
				if got := acts[x.Token.String()]; got != want {
					t.Fatalf("execution %s of %s (%s) is told %d times, not %d", x.Token, c.ID, x.Outcome, got, want)
				}
			}
			if c.Ask != nil && asks[c.ID] != 1 {
				t.Fatalf("the question of %s is told %d times: %+v", c.ID, asks[c.ID], c)
			}
			if c.Ask == nil && !begun && wishes[c.ID] != 1 {
				t.Fatalf("the complaint of %s is told %d times", c.ID, wishes[c.ID])
			}
		}
	})
}
