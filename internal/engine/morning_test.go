package engine

import (
	"slices"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/cron"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// daily has a rig tell a summary on a schedule.
func daily(t *testing.T, schedule, zone string) func(*setup) {
	t.Helper()
	when, err := cron.Parse(schedule)
	if err != nil {
		t.Fatal(err)
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	return func(s *setup) {
		s.config = func(c *Config) {
			c.Daily = &Daily{Schedule: when, Zone: loc}
			c.Morning = func(_ ledger.Night, s ledger.Summary, now chat.MorningNow) *chat.Morning {
				return &chat.Morning{Date: s.Date, From: s.From, To: s.To, By: s.By, Title: "words", Quiet: now.ChecksAnHour == 0}
			}
		}
	}
}

// mornings are the summaries that people heard.
func (r *rig) mornings() (out []chat.Message) {
	for _, m := range r.ear.heard {
		if m.Notice.Kind == ledger.NoticeSummary {
			out = append(out, m)
		}
	}
	return out
}

func dates(all []ledger.Summary) (out []string) {
	for _, s := range all {
		out = append(out, s.Date)
	}
	return out
}

// A summary is due once a day; what nobody led for is told once, by the newest.
func TestASummaryIsDueOnceADay(t *testing.T) {
	t.Parallel()
	r := newRig(t, daily(t, "5 9 * * 1-5", "UTC"))
	r.rounds(4 * time.Minute)
	if all := r.l.Summaries(); len(all) != 0 {
		t.Fatalf("before it is due: %+v", all)
	}
	r.rounds(3 * time.Minute)
	r.restart()
	r.rounds(3 * time.Minute)
	due := startTime().Add(5 * time.Minute)
	all := r.l.Summaries()
	if len(all) != 1 || all[0].Date != "2026-03-02" || !all[0].To.Equal(due) || !all[0].From.Equal(due.Add(-3*24*time.Hour)) { // since Friday's
		t.Fatalf("Monday's: %+v", all)
	}
	heard := r.mornings()
	if len(heard) != 1 || heard[0].Morning == nil || heard[0].Morning.Date != "2026-03-02" || heard[0].Morning.Quiet {
		t.Fatalf("heard: %+v", heard)
	}
	r.clk.Advance(6*24*time.Hour + 12*time.Hour) // down from Monday to Sunday night
	r.restart()
	r.rounds(3 * time.Minute)
	all = r.l.Summaries()
	if got := dates(all); !slices.Equal(got, []string{"2026-03-02", "2026-03-06"}) || !all[1].From.Equal(due) || !all[1].To.Equal(due.Add(4*24*time.Hour)) {
		t.Fatalf("after the week: %+v", all)
	}
	r.must(r.e.SendSummary(r.ctx(), alice(), time.Time{}))
	r.rounds(time.Minute)
	heard = r.mornings()
	if len(heard) != 3 || heard[2].Morning == nil || heard[2].Morning.By != "alice" || !heard[2].Morning.From.Equal(all[1].To) {
		t.Fatalf("the extra one: %+v", heard)
	}
	r.clk.Advance(12 * time.Hour)
	r.rounds(3 * time.Minute)
	last, _ := r.l.LastSummary()
	if last.Date != "2026-03-09" || !last.From.Equal(all[1].To) {
		t.Errorf("the extra one counted for Monday's: %+v", last)
	}
	if m, err := r.e.PreviewSummary(time.Time{}); err != nil || !m.From.Equal(last.To) {
		t.Errorf("a preview: %+v %v", m, err)
	}
	if _, err := r.e.PreviewSummary(r.clk.Now().Add(time.Hour)); err == nil {
		t.Error("a preview of what is to come")
	}
	if err := r.e.SendSummary(r.ctx(), remedy.Warden(), time.Time{}); err == nil {
		t.Error("warden asked itself for an extra one")
	}
}

// On nights on which clocks change, each day has one: a time that is skipped is
// due at the next instant there is, one that is repeated the first time round.
// One ends where the next begins.
func TestSummariesOnNightsOnWhichClocksChange(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		from time.Time
		want []time.Time
	}{
		{"skipped", time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC), []time.Time{
			time.Date(2026, 3, 28, 1, 30, 0, 0, time.UTC), time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC), time.Date(2026, 3, 30, 0, 30, 0, 0, time.UTC),
		}},
		{"repeated", time.Date(2026, 10, 23, 12, 0, 0, 0, time.UTC), []time.Time{
			time.Date(2026, 10, 24, 0, 30, 0, 0, time.UTC), time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC), time.Date(2026, 10, 26, 1, 30, 0, 0, time.UTC),
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, daily(t, "30 1 * * *", "Europe/Dublin"))
			r.rounds(time.Minute)
			r.clk.Advance(test.from.Sub(r.clk.Now()))
			r.turn()
			before := len(r.l.Summaries())
			for r.clk.Now().Before(test.want[2].Add(12 * time.Hour)) {
				r.clk.Advance(30 * time.Minute)
				r.turn()
			}
			got := r.l.Summaries()[before:]
			if len(got) != len(test.want) {
				t.Fatalf("due: %+v", got)
			}
			for i, s := range got {
				if !s.To.Equal(test.want[i]) || i > 0 && !s.From.Equal(got[i-1].To) {
					t.Errorf("%s: %s to %s, want up to %s", s.Date, s.From, s.To, test.want[i])
				}
			}
		})
	}
}

// A clock that steps says nothing of what day it is, in either direction.
func TestASteppedClockMakesNoSummaryDue(t *testing.T) {
	t.Parallel()
	r := newRig(t, daily(t, "30 9 * * *", "UTC"))
	r.rounds(2 * time.Minute)
	r.clk.Skew(2 * time.Hour)
	r.rounds(5 * time.Minute)
	if all := r.l.Summaries(); len(all) != 0 {
		t.Fatalf("the clock stepped ahead: %+v", all)
	}
	r.clk.Skew(-2 * time.Hour)
	r.rounds(30 * time.Minute)
	if got := dates(r.l.Summaries()); !slices.Equal(got, []string{"2026-03-02"}) {
		t.Fatalf("put right: %v", got)
	}
	r.clk.Skew(-20 * time.Minute) // the hour comes again
	r.rounds(40 * time.Minute)
	if got := dates(r.l.Summaries()); !slices.Equal(got, []string{"2026-03-02"}) || len(r.mornings()) != 1 {
		t.Errorf("set back: %v, told %d times", got, len(r.mornings()))
	}
}

// dueStory kills the leader at step die of the minutes around the instant; another
// goes on. It returns how many steps there were.
func dueStory(t *testing.T, die int) (steps int) {
	t.Helper()
	story(t, func(r *rig) {
		t := r.t
		r.rounds(4 * time.Minute)
		r.hooks.n, r.hooks.die = 0, die
		for range 8 {
			r.clk.Advance(step)
			if at := r.do(func() { r.turn() }); at != "" {
				r.restart()
			}
		}
		steps = r.hooks.n
		all, heard := r.l.Summaries(), r.mornings()
		if len(all) != 1 || len(heard) < 1 || len(heard) > 2 {
			t.Fatalf("killed at %d: due %+v, told %d times", die, all, len(heard))
		}
		if len(heard) == 2 && !heard[1].Again {
			t.Errorf("killed at %d: told twice, and the second doesn't say so", die)
		}
		for _, n := range r.l.Pending() {
			t.Errorf("killed at %d: never told: %+v", die, n)
		}
	}, daily(t, "5 9 * * *", "UTC"))
	return steps
}

func TestKilledWhenASummaryIsDue(t *testing.T) {
	t.Parallel()
	steps := dueStory(t, 0)
	if steps < 10 {
		t.Fatalf("only %d steps", steps)
	}
	for die := 1; die <= steps; die++ {
		dueStory(t, die)
	}
}

// Who led when, and when a source could not be believed, is kept for the morning.
// A new tenure doesn't say again that it is blind, and says when it isn't.
func TestHappeningsAreKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.rounds(5 * time.Minute)
	r.src.dead = true
	r.rounds(2 * time.Minute)
	r.log.term = 2
	r.restart()
	r.rounds(2 * time.Minute)
	r.src.dead = false
	r.rounds(5 * time.Minute)
	var leads, spans int
	for _, h := range r.l.Night(startTime()).Happenings {
		switch h.Kind {
		case ledger.HappenedLead:
			leads++
		case ledger.HappenedBlind:
			spans++
			if h.Source != "prom" || h.Until.Sub(h.At) < 3*time.Minute {
				t.Errorf("blind: %+v", h)
			}
		}
	}
	if leads != 2 || spans != 1 || len(r.l.Blind()) != 0 {
		t.Errorf("%d tenures, %d spans, blind %v", leads, spans, r.l.Blind())
	}
	if n := r.ear.count(ledger.NoticeSource); n != 2 {
		t.Errorf("told of the source %d times", n)
	}
}
