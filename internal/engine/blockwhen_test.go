package engine

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"warden/detectors"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/policy"
)

// While a block_when fires, or can't be told, nothing is done at any rung and
// nothing is counted; when it is over everything is decided afresh.
func TestBlockWhenHoldsBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		trouble func(*siren)
		unread  bool
		says    string
	}{
		{"fires", func(s *siren) { s.fires = []float64{0, 1} }, false, "major-incident fires: 1 series, 1 the largest"},
		{"present is empty", func(s *siren) { s.gone = true }, true, "present returns nothing"},
		{"present is stale", func(s *siren) { s.age = 91 * time.Second }, true, "is 1m31s old (at most 1m30s)"},
		{"the source is down", func(s *siren) { s.dead = true }, true, "the siren is down: mend it"},
		{"no number", func(s *siren) { s.fires = []float64{0, math.NaN()} }, true, "query returns NaN"},
	} {
		for _, rung := range []remedy.Level{remedy.LevelMetricOnly, remedy.LevelConfirm, remedy.LevelAuto} {
			t.Run(tt.name+" at "+rung.String(), func(t *testing.T) {
				t.Parallel()
				s := &siren{}
				story(t, func(r *rig) {
					t := r.t
					tt.trouble(s)
					r.bad(3)
					r.rounds(10 * time.Minute)
					c := r.open(3)
					a := answered(c, "block_when")
					if r.lb.acts() != 0 || blockedBy(c) != "block_when" || a.Unreadable != tt.unread || !strings.Contains(a.Observed, tt.says) {
						t.Fatalf("%d acts, blocked by %q, block_when answers %+v", r.lb.acts(), blockedBy(c), a)
					}
					if r.wouldAct() != 0 || c.Ask != nil {
						t.Error("blocked, and counted or asked")
					}
					s.set(func(s *siren) { s.fires, s.gone, s.age, s.dead = nil, false, 0, false })
					r.rounds(2 * time.Minute)
					switch rung {
					case remedy.LevelMetricOnly:
						if r.wouldAct() != 1 {
							t.Errorf("would have acted %d times", r.wouldAct())
						}
					case remedy.LevelConfirm:
						if r.open(3).Stage != remedy.StageWaiting {
							t.Errorf("nobody is asked: %s", r.open(3).Stage)
						}
					case remedy.LevelBlocked, remedy.LevelNotify, remedy.LevelAuto:
						if r.lb.acts() != 1 {
							t.Errorf("%d acts after it was over", r.lb.acts())
						}
					}
				}, heeding(s), level(rung))
			})
		}
	}
}

// A person is asked to repeat what they want while it fires, and refused while
// it can't be told: nobody can have seen that.
func TestBlockWhenAsksPeople(t *testing.T) {
	t.Parallel()
	s := &siren{fires: []float64{2}}
	story(t, func(r *rig) {
		t := r.t
		r.rounds(2 * time.Minute)
		run := func(acked ...string) string {
			var err error
			r.do(func() {
				_, err = r.e.RunByHand(r.ctx(), alice(), RunRequest{Action: drain, Target: Target{Pool: ingest, Host: r.host(5)}, Reason: "mine", Acknowledged: acked})
				r.attend()
			})
			no, ok := errors.AsType[*Refusal](err)
			switch {
			case err == nil:
				return ""
			case !ok || !strings.Contains(no.Reason, "block_when: "):
				t.Fatalf("%v", err)
			}
			return no.Code
		}
		if code := run(); code != RefusedAsk || r.lb.acts() != 0 {
			t.Fatalf("%q, %d acts", code, r.lb.acts())
		}
		s.set(func(s *siren) { s.dead = true })
		r.rounds(step)
		if code := run("block_when"); code != RefusedGuardrail || r.lb.acts() != 0 {
			t.Fatalf("%q, %d acts", code, r.lb.acts())
		}
		s.set(func(s *siren) { s.dead = false })
		r.rounds(step)
		if code := run("block_when"); code != "" || r.lb.acts() != 1 {
			t.Fatalf("%q, %d acts", code, r.lb.acts())
		}
		// It fires on, and putting the host back is free.
		c := r.reaches(5, remedy.StageOut)
		s.set(func(s *siren) { s.dead = true })
		r.rounds(step)
		r.must(r.undo(c.ID, remedy.UndoTest))
		if got := r.lb.admin(r.host(5)); got != "ready" {
			t.Errorf("after the undo it is in %q", got)
		}
	}, heeding(s))
}

// What rounds remember is not acted on: it is asked again between START and the
// effect, for people as well.
func TestBlockWhenIsAskedAgain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		trouble func(*siren)
		says    string
	}{
		{"fires", func(s *siren) { s.fires = []float64{1} }, "block_when: major-incident fires"},
		{"source down", func(s *siren) { s.dead = true }, "block_when: unknown: major-incident: the siren is down"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &siren{kept: &siren{}}
			tt.trouble(s)
			story(t, func(r *rig) {
				t := r.t
				r.bad(3)
				r.rounds(6 * time.Minute)
				c := r.open(3)
				if x := c.Execution(); r.lb.acts() != 0 || x == nil || x.Outcome != remedy.OutcomeAborted || !strings.Contains(x.Note, tt.says) {
					t.Fatalf("%d acts, %+v", r.lb.acts(), x)
				}
				r.must(r.byHand(5))
				if x := r.last(5).Execution(); r.lb.acts() != 0 || x.Outcome != remedy.OutcomeAborted || !strings.Contains(x.Note, tt.says) {
					t.Fatalf("%d acts by hand, %+v", r.lb.acts(), x)
				}
				s.set(func(s *siren) { s.fires, s.dead, s.kept = nil, false, nil })
				r.rounds(20 * time.Minute)
				if r.lb.acts() != 1 {
					t.Errorf("%d acts when it was over", r.lb.acts())
				}
			}, heeding(s))
		})
	}
}

// A config that was just loaded has not asked yet, and one that is loaded while
// a person's run is about to begin makes it start over.
func TestBlockWhenAfterReload(t *testing.T) {
	t.Parallel()
	s := &siren{}
	story(t, func(r *rig) {
		t := r.t
		r.rounds(2 * time.Minute)
		set := defaults()
		heeding(s)(&set)
		r.must(r.e.Reconfigure(r.ctx(), r.config(set)))
		if err := r.byHand(5); err == nil || !strings.Contains(err.Error(), "block_when: unknown: the config was reloaded") {
			t.Fatalf("%v", err)
		}
		r.rounds(step)
		reload := func() {
			s.onFresh = nil
			r.must(r.e.Reconfigure(r.ctx(), r.config(set)))
		}
		s.onFresh = reload
		r.must(r.byHand(5))
		if x := r.last(5).Execution(); r.lb.acts() != 0 || x.Outcome != remedy.OutcomeAborted || !strings.Contains(x.Note, "the config was reloaded") {
			t.Fatalf("%d acts, %+v", r.lb.acts(), x)
		}
		r.rounds(step)
		r.must(r.byHand(5))
		if r.lb.acts() != 1 {
			t.Errorf("%d acts", r.lb.acts())
		}
	})
}

// Each distinct question is asked once a round, and what is about others holds
// nothing back.
func TestBlockWhenElsewhere(t *testing.T) {
	t.Parallel()
	s := &siren{fires: []float64{1}}
	story(t, func(r *rig) {
		t := r.t
		before := s.fetched
		r.rounds(step)
		if n := s.fetched - before; n != 2 {
			t.Errorf("a round asked %d questions", n)
		}
		r.bad(3)
		r.rounds(5 * time.Minute)
		if r.lb.acts() != 1 {
			t.Errorf("%d acts", r.lb.acts())
		}
	}, func(set *setup) {
		heeding(s, func(b *BlockWhen) { b.Pools = []remedy.PoolName{"edge"} })(set)
		one := set.config
		set.config = func(c *Config) {
			one(c)
			other := c.BlockWhen[0]
			other.Name, other.Pools, other.Actions = "other", nil, []remedy.ActionName{"maint"}
			c.BlockWhen = append(c.BlockWhen, other)
		}
	})
}

// The past is asked for past the cache: what that holds of now is neither used
// nor thrown away.
func TestExplainLeavesTheCacheAlone(t *testing.T) {
	t.Parallel()
	s := &siren{kept: &siren{fires: []float64{1}}}
	story(t, func(r *rig) {
		r.rounds(10 * time.Minute)
		before := s.fetched
		spec := r.cfg.Detectors[0].Spec()
		got := r.e.recall(r.ctx(), r.cfg, Target{Pool: ingest, Host: r.host(3)}, spec, r.clk.Now().Add(-5*time.Minute))
		if a := answerOf(Recomputed{Guardrails: got}, "block_when"); a != "allow" || s.fetched != before {
			r.t.Errorf("%q, and the cache was asked %d times", a, s.fetched-before)
		}
	}, heeding(s))
}

// The past is explained with what the sources still know of it.
func TestExplainBlockWhen(t *testing.T) {
	t.Parallel()
	s := &siren{}
	story(t, func(r *rig) {
		t := r.t
		r.rounds(10 * time.Minute)
		r.ratio(0.1, 3)
		r.rounds(step)
		r.good(3)
		at := r.clk.Now()
		r.rounds(10 * time.Minute)
		explained := func() string {
			x, err := r.explain(3, at)
			if err != nil || len(x.Recomputed) != 1 || x.Recomputed[0].Closest == nil {
				t.Fatalf("%+v %v", x, err)
			}
			return answerOf(x.Recomputed[0], "block_when")
		}
		if got := explained(); got != "allow" {
			t.Errorf("%q", got)
		}
		s.fires = []float64{1}
		if got := explained(); got != "block" {
			t.Errorf("%q", got)
		}
		s.gone = true
		if got := explained(); got != "unknown" {
			t.Errorf("%q", got)
		}
	}, heeding(s))
}

// TestBlockWhenAnswers reads answers of both kinds of sources, by hand.
func TestBlockWhenAnswers(t *testing.T) {
	t.Parallel()
	nan, inf, gone := math.NaN(), math.Inf(1), remedy.Missing()
	at := startTime()
	sec := float64(at.Unix())
	prom := BlockWhen{Source: "prom", Query: "incident", Present: "here", MaxStaleness: 90 * time.Second}
	graphite := prom
	graphite.Dialect = detectors.Graphite
	instant := func(values ...float64) func(remedy.Query) remedy.Result {
		return func(q remedy.Query) remedy.Result {
			col := append([]float64{}, values...)
			return remedy.Result{Frame: &remedy.Frame{Keys: remedy.NewKeys(make([]string, len(col))), Start: q.Start.UnixMilli(), Step: 1000, Cols: [][]float64{col}}}
		}
	}
	// buckets of a minute; the last begins a minute before the instant.
	buckets := func(rows ...[]float64) func(remedy.Query) remedy.Result {
		return func(remedy.Query) remedy.Result {
			f := &remedy.Frame{Keys: remedy.NewKeys(make([]string, len(rows))), Step: 60_000, Widths: make([]int64, len(rows))}
			for i, row := range rows {
				f.Widths[i], f.Start = 60_000, at.UnixMilli()-int64(len(row))*60_000
				for k, v := range row {
					for len(f.Cols) <= k {
						f.Cols = append(f.Cols, make([]float64, len(rows)))
					}
					f.Cols[k][i] = v
				}
			}
			return remedy.Result{Frame: f}
		}
	}
	failed := func(remedy.Query) remedy.Result { return remedy.Result{Failed: "down: start it"} }
	unsure := func(f func(remedy.Query) remedy.Result) func(remedy.Query) remedy.Result {
		return func(q remedy.Query) remedy.Result { r := f(q); clear(r.Frame.Widths); return r }
	}
	for _, tt := range []struct {
		name           string
		b              BlockWhen
		fires, present func(remedy.Query) remedy.Result
		want           policy.Fired
		why            string
	}{
		{"nothing fires", prom, instant(), instant(sec - 5), policy.Fired{}, ""},
		{"zeros", prom, instant(0, math.Copysign(0, -1)), instant(sec - 5), policy.Fired{}, ""},
		{"one of three", prom, instant(0, 1, 0), instant(sec - 5), policy.Fired{Series: 1, Value: 1}, ""},
		{"the largest by amount", prom, instant(2, -7, 3), instant(sec - 5), policy.Fired{Series: 3, Value: -7}, ""},
		{"tiny", prom, instant(1e-300), instant(sec - 5), policy.Fired{Series: 1, Value: 1e-300}, ""},
		{"NaN", prom, instant(0, nan), instant(sec - 5), policy.Fired{}, "query returns NaN"},
		{"infinite", prom, instant(inf), instant(sec - 5), policy.Fired{}, "query returns +Inf"},
		{"NaN beside one that fires", prom, instant(nan, 1), instant(sec - 5), policy.Fired{Series: 1, Value: 1}, ""},
		{"present empty", prom, instant(), instant(), policy.Fired{}, "present returns nothing"},
		{"present empty, and it fires", prom, instant(1), instant(), policy.Fired{}, "present returns nothing"},
		{"present just fresh", prom, instant(), instant(sec - 90), policy.Fired{}, ""},
		{"present just stale", prom, instant(), instant(sec - 91), policy.Fired{}, "is 1m31s old (at most 1m30s)"},
		{"one present is fresh", prom, instant(), instant(sec-300, nan, sec-10), policy.Fired{}, ""},
		{"present of the future", prom, instant(), instant(sec + 91), policy.Fired{}, "1m31s in the future"},
		{"present without a time", prom, instant(), instant(nan, inf), policy.Fired{}, "no sample whose time can be told"},
		{"query failed", prom, failed, instant(sec - 5), policy.Fired{}, "down: start it"},
		{"present failed", prom, instant(1), failed, policy.Fired{}, "down: start it"},
		{"buckets for instants", prom, buckets([]float64{0}), instant(sec - 5), policy.Fired{}, "mistake in warden"},

		{"graphite: all null", graphite, buckets([]float64{gone, gone, gone}), buckets([]float64{1, 1, 1}), policy.Fired{}, ""},
		{"graphite: the newest is 0", graphite, buckets([]float64{5, 5, 0}), buckets([]float64{1, 1, 1}), policy.Fired{}, ""},
		{"graphite: the newest is not 0", graphite, buckets([]float64{0, 0, 5}), buckets([]float64{1, 1, 1}), policy.Fired{Series: 1, Value: 5}, ""},
		{"graphite: the newest is null", graphite, buckets([]float64{0, 5, gone}), buckets([]float64{1, 1, 1}), policy.Fired{Series: 1, Value: 5}, ""},
		{"graphite: the newest is too old", graphite, buckets([]float64{5, gone, gone}), buckets([]float64{1, 1, 1}), policy.Fired{}, ""},
		{"graphite: present of 0 is there", graphite, buckets(), buckets([]float64{gone, 0, gone}), policy.Fired{}, ""},
		{"graphite: present is old", graphite, buckets(), buckets([]float64{1, gone, gone}), policy.Fired{}, "is 2m0s old"},
		{"graphite: present is null", graphite, buckets(), buckets([]float64{gone, gone, gone}), policy.Fired{}, "no sample whose time can be told"},
		{"graphite: present is not there", graphite, buckets(), buckets(), policy.Fired{}, "present returns nothing"},
		{"graphite: not a number", graphite, buckets([]float64{0, 0, nan}), buckets([]float64{1, 1, 1}), policy.Fired{}, "query returns NaN"},
		{"graphite: no telling how wide", graphite, unsure(buckets([]float64{0, 0, 0})), buckets([]float64{1, 1, 1}), policy.Fired{}, "too short to tell how wide"},
		{"graphite: instants for buckets", graphite, instant(0), buckets([]float64{1, 1, 1}), policy.Fired{}, "mistake in warden"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fires, present := tt.b.queries(at)
			got := tt.b.said(at, remedy.Results{fires: tt.fires(fires), present: tt.present(present)})
			f, known := got.Get()
			if known != (tt.why == "") || f != tt.want || !strings.Contains(got.Why, tt.why) {
				t.Errorf("%+v %v %q, want %+v %q", f, known, got.Why, tt.want, tt.why)
			}
		})
	}
	if got := prom.said(at, remedy.Results{}); got.IsKnown() {
		t.Error("nothing was asked, and that is known")
	}
}

// An approval stays valid while it fires, and is carried out afterwards.
func TestApprovalOutlastsBlockWhen(t *testing.T) {
	t.Parallel()
	s := &siren{}
	story(t, func(r *rig) {
		t := r.t
		r.bad(3)
		c := r.reaches(3, remedy.StageWaiting)
		s.set(func(s *siren) { s.fires = []float64{1} })
		r.rounds(step)
		r.must(r.answer(c.ID, true))
		r.rounds(5 * time.Minute)
		if r.lb.acts() != 0 || r.open(3).Stage != remedy.StageWaiting {
			t.Fatalf("%d acts, %s", r.lb.acts(), r.open(3).Stage)
		}
		s.set(func(s *siren) { s.fires = nil })
		r.rounds(time.Minute)
		if r.lb.acts() != 1 || r.ear.count(ledger.NoticeStarted) != 1 {
			t.Errorf("%d acts when it was over", r.lb.acts())
		}
	}, heeding(s), level(remedy.LevelConfirm))
}
