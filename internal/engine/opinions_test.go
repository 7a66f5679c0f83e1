package engine

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// chorus is the rest of a cluster: each node says what it is told to.
type chorus struct {
	mu    sync.Mutex
	r     *rig
	says  map[remedy.NodeID]func(q remedy.OpinionQuery, o *remedy.Opinion) bool // false for silence
	ahead map[remedy.NodeID]time.Duration
	asked []remedy.OpinionQuery
}

const n2, n3 remedy.NodeID = "n2-bbbb", "n3-cccc"

// Opinions has each node judge by the fleet's series, as honest nodes would, and
// then lets it say something else.
func (c *chorus) Opinions(_ context.Context, q remedy.OpinionQuery) []remedy.Opinion {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, q)
	var out []remedy.Opinion
	for _, n := range []remedy.NodeID{n2, n3} {
		o := c.r.e.Opinion(context.Background(), q)
		o.Node = n
		o.Findings = slices.Clone(o.Findings)
		if say := c.says[n]; say == nil || say(q, &o) {
			out = append(out, o)
		}
	}
	return out
}

func (c *chorus) Clocks(context.Context) []remedy.ClockReading {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []remedy.ClockReading
	for n, d := range c.ahead {
		out = append(out, remedy.ClockReading{Node: n, Ahead: d, Error: time.Millisecond})
	}
	return out
}

func silent(remedy.OpinionQuery, *remedy.Opinion) bool { return false }

func changed(f func(o *remedy.Opinion)) func(remedy.OpinionQuery, *remedy.Opinion) bool {
	return func(_ remedy.OpinionQuery, o *remedy.Opinion) bool { f(o); return true }
}

func verdictOf(v remedy.Verdict) func(remedy.OpinionQuery, *remedy.Opinion) bool {
	return changed(func(o *remedy.Opinion) {
		for i := range o.Findings {
			o.Findings[i].Verdict, o.Findings[i].Value = v, remedy.Known(0.97)
		}
	})
}

// three makes the rig's node one of three.
func three(r *rig) *chorus {
	r.t.Helper()
	c := &chorus{r: r, says: map[remedy.NodeID]func(remedy.OpinionQuery, *remedy.Opinion) bool{}, ahead: map[remedy.NodeID]time.Duration{n2: 0, n3: 0}}
	r.l = ledger.New()
	r.log.l, r.log.index, r.log.entries = r.l, 0, nil
	r.commit(&ledger.ClusterInit{ClusterID: "c", Voters: []remedy.NodeID{node, n2, n3}})
	r.voters = c
	r.restart()
	for _, n := range []remedy.NodeID{n2, n3} {
		r.commit(r.cfg.Report(n))
	}
	return c
}

// Only a majority of the configured voters that says bad, by the same detector at
// the same instant, lets warden act by itself; whatever else is said is none.
func TestSecondOpinion(t *testing.T) {
	t.Parallel()
	other := func(f func(o *remedy.Opinion)) func(remedy.OpinionQuery, *remedy.Opinion) bool { return changed(f) }
	for _, tt := range []struct {
		name   string
		two    func(remedy.OpinionQuery, *remedy.Opinion) bool
		acts   int
		quotes string
	}{
		{"both agree", nil, 1, ""},
		{"one agrees, one is silent", nil, 1, "no answer"},
		{"good", verdictOf(remedy.VerdictGood), 0, "n2-bbbb: good"},
		{"unknown", verdictOf(remedy.VerdictUnknown), 0, "n2-bbbb: unknown"},
		{"out", verdictOf(remedy.VerdictOut), 0, "n2-bbbb: out"},
		{"silence", silent, 0, "n2-bbbb: no answer"},
		{"another digest", other(func(o *remedy.Opinion) { o.Digest = "else" }), 0, "digest else"},
		{"no such detector", other(func(o *remedy.Opinion) { *o = remedy.Opinion{Node: o.Node} }), 0, "no such detector"},
		{"another instant", other(func(o *remedy.Opinion) { o.Findings[0].At = o.Findings[0].At.Add(step) }), 0, "judged something else"},
		{"another host", other(func(o *remedy.Opinion) { o.Findings[0].Host = "h00009" }), 0, "doesn't list the host"},
		{"in its own words", other(func(o *remedy.Opinion) { o.Findings, o.Why = nil, "its sources\x1b[31m are down" }), 0, "its sources"},
		{"no voter", other(func(o *remedy.Opinion) { o.Node = "n9-ffff" }), 0, "n2-bbbb: no answer"},
		{"the leader's own word", other(func(o *remedy.Opinion) { o.Node = node }), 0, "n2-bbbb: no answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			story(t, func(r *rig) {
				t := r.t
				c := three(r)
				c.says[n2] = tt.two
				if tt.name != "both agree" {
					c.says[n3] = silent
				}
				r.rounds(time.Minute)
				r.bad(3)
				r.rounds(6 * time.Minute)
				if r.lb.acts() != tt.acts {
					t.Fatalf("%d acts: %+v", r.lb.acts(), r.last(3).Decision)
				}
				k := r.last(3)
				var words strings.Builder
				for _, o := range k.Opinions {
					words.WriteString(string(o.Node) + ": " + inShort(o) + "; ")
				}
				if !strings.Contains(words.String(), tt.quotes) || (tt.quotes == "") != (len(k.Opinions) == 0) || strings.Contains(words.String(), "\x1b") {
					t.Errorf("the case has %q", words.String())
				}
				if tt.acts == 0 && (k.Decision.Level != remedy.LevelNotify || k.Outcome != remedy.OutcomeTold) {
					t.Errorf("%s, %s", k.Decision.Level, k.Outcome)
				}
				for _, q := range c.asked {
					if q.Pool != ingest || q.Detector != canary || len(q.Hosts) != 1 || !q.At.Equal(q.At.Truncate(step)) {
						t.Errorf("asked %+v", q)
					}
				}
				if tt.acts == 1 && len(c.asked) != 2 {
					t.Errorf("asked %d times, want once in the round and once after START", len(c.asked))
				}
				check(t, r, tt.name)
			})
		})
	}
}

// Who is asked depends on no rung, and what is counted is what auto would do. At
// confirm a person is asked whatever the others say, and sees it.
func TestSecondOpinionByRung(t *testing.T) {
	t.Parallel()
	for _, rung := range []remedy.Level{remedy.LevelMetricOnly, remedy.LevelNotify, remedy.LevelConfirm} {
		for _, agree := range []bool{true, false} {
			story(t, func(r *rig) {
				t := r.t
				c := three(r)
				if !agree {
					c.says[n2], c.says[n3] = verdictOf(remedy.VerdictGood), silent
				}
				r.rounds(time.Minute)
				r.bad(3)
				r.rounds(5 * time.Minute)
				k := r.last(3)
				if len(c.asked) == 0 || k.Decision.WouldAct != agree || (len(k.Opinions) == 0) != agree {
					t.Errorf("%s, agree %v: asked %d times, %+v", rung, agree, len(c.asked), k.Decision)
				}
				if rung != remedy.LevelConfirm {
					if got := r.wouldAct(); got != map[bool]int{true: 1}[agree] {
						t.Errorf("%s, agree %v: counted %d", rung, agree, got)
					}
					return
				}
				if k.Stage != remedy.StageWaiting {
					t.Fatalf("%s: %+v", k.Stage, k.Decision)
				}
				r.must(r.answer(k.ID, true))
				if r.rounds(time.Minute); r.lb.acts() != 1 {
					t.Errorf("agree %v: a person's yes led to %d acts", agree, r.lb.acts())
				}
			}, level(rung))
		}
	}
}

// The gate goes by what the others say of the fresh instant.
func TestSecondOpinionIsAskedAgain(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		c := three(r)
		c.says[n3] = silent
		c.says[n2] = func(_ remedy.OpinionQuery, o *remedy.Opinion) bool {
			if k := r.open(3); k != nil && k.Stage == remedy.StageExecuting {
				return verdictOf(remedy.VerdictGood)(remedy.OpinionQuery{}, o)
			}
			return true
		}
		r.rounds(time.Minute)
		r.bad(3)
		r.rounds(4 * time.Minute)
		x := r.last(3).Executions
		if r.lb.acts() != 0 || len(x) == 0 || x[0].Outcome != remedy.OutcomeAborted || !strings.Contains(x[0].Note, "second_opinion") {
			t.Errorf("%d acts, %+v", r.lb.acts(), x)
		}
	})
}

// Turned off, or alone, nobody is asked; without a way to ask nothing is done.
func TestSecondOpinionOff(t *testing.T) {
	t.Parallel()
	for _, off := range []bool{true, false} {
		story(t, func(r *rig) {
			c := three(r)
			r.cfg.Corroborate = !off
			if !off {
				r.e.Voters = nil
			}
			r.rounds(time.Minute)
			r.bad(3)
			r.rounds(5 * time.Minute)
			// Without the others' clocks nothing is done either.
			if want := map[bool]int{true: 1}[off]; r.lb.acts() != want || len(c.asked) != 0 {
				r.t.Errorf("off %v: %d acts, asked %d times", off, r.lb.acts(), len(c.asked))
			}
		})
	}
}

// A storm asks nobody about its hosts.
func TestStormAsksNobody(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		c := three(r)
		r.rounds(time.Minute)
		r.bad(0, 1, 2, 3, 4, 5)
		r.rounds(5 * time.Minute)
		if len(c.asked) != 0 || r.lb.acts() != 0 {
			r.t.Errorf("asked %d times, %d acts", len(c.asked), r.lb.acts())
		}
	})
}

// What this node answers when it is asked.
func TestOpinion(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.bad(3)
		r.rounds(3 * time.Minute)
		d, _ := r.cfg.detector(canary)
		good := remedy.OpinionQuery{
			Pool: ingest, Detector: canary, Digest: d.Spec().Digest, At: judgedAt(r.clk.Now(), step), Hosts: []remedy.HostName{r.host(2), r.host(4), "gone"},
		}
		o := r.e.Opinion(t.Context(), good)
		if o.Why != "" || o.Digest != good.Digest || len(o.Findings) != 2 || o.Findings[0].Host != r.host(2) || o.Findings[0].Verdict != remedy.VerdictGood || !o.Findings[1].At.Equal(good.At) {
			t.Errorf("%+v", o)
		}
		for name, change := range map[string]func(q *remedy.OpinionQuery){
			"detector": func(q *remedy.OpinionQuery) { q.Detector = "other" },
			"pool":     func(q *remedy.OpinionQuery) { q.Pool = "other" },
			"digest":   func(q *remedy.OpinionQuery) { q.Digest = "other" },
			"between":  func(q *remedy.OpinionQuery) { q.At = q.At.Add(time.Second) },
			"future":   func(q *remedy.OpinionQuery) { q.At = q.At.Add(2 * step) },
			"past":     func(q *remedy.OpinionQuery) { q.At = q.At.Add(-time.Hour) },
			"no host":  func(q *remedy.OpinionQuery) { q.Hosts = nil },
			"many":     func(q *remedy.OpinionQuery) { q.Hosts = make([]remedy.HostName, mostAsked+1) },
		} {
			q := good
			change(&q)
			if o := r.e.Opinion(t.Context(), q); o.Why == "" || len(o.Findings) > 0 || o.Node != node {
				t.Errorf("%s: %+v", name, o)
			}
		}
		r.clk.Advance(5 * time.Minute)
		late := good
		late.At = judgedAt(r.clk.Now(), step)
		if o := r.e.Opinion(t.Context(), late); o.Why == "" {
			t.Errorf("by a round of long ago: %+v", o)
		}
		r.restart()
		if o := r.e.Opinion(t.Context(), good); o.Why == "" {
			t.Errorf("before the first round: %+v", o)
		}
	})
}

// The leader's clock is held against the voters' that answered: nothing is done
// while it is off, or fewer than a majority is heard.
func TestClockMedian(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		ahead map[remedy.NodeID]time.Duration
		acts  int
	}{
		{"all alike", map[remedy.NodeID]time.Duration{n2: time.Second, n3: -time.Second}, 1},
		{"one is off", map[remedy.NodeID]time.Duration{n2: 0, n3: time.Hour}, 1},
		{"one is silent", map[remedy.NodeID]time.Duration{n3: time.Second}, 1},
		{"one is silent, the other off", map[remedy.NodeID]time.Duration{n3: 3 * time.Second}, 0},
		{"this one is off", map[remedy.NodeID]time.Duration{n2: 3 * time.Second, n3: 3 * time.Second}, 0},
		{"between the two", map[remedy.NodeID]time.Duration{n2: time.Hour, n3: -time.Hour}, 1},
		{"nobody answers", nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			story(t, func(r *rig) {
				c := three(r)
				c.ahead = tt.ahead
				r.rounds(time.Minute)
				r.bad(3)
				r.rounds(5 * time.Minute)
				if k := r.last(3); r.lb.acts() != tt.acts || (tt.acts == 0) != (blockedBy(k) == "clock") {
					r.t.Errorf("%d acts, blocked by %q", r.lb.acts(), blockedBy(k))
				}
			})
		})
	}
}

// Committed time steps far only when a majority has a clock like the leader's.
func TestClockIsAcceptedByAMajority(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		ahead map[remedy.NodeID]time.Duration
		want  bool
	}{
		{"a majority", map[remedy.NodeID]time.Duration{n2: 0, n3: 5 * time.Second}, true},
		{"a minority", map[remedy.NodeID]time.Duration{n2: 5 * time.Second, n3: -time.Hour}, false},
		{"silence", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			story(t, func(r *rig) {
				c := three(r)
				r.rounds(time.Minute)
				c.ahead = tt.ahead
				r.clk.Advance(2 * time.Hour)
				err := r.e.Hold(r.ctx(), alice(), Target{Pool: ingest, Host: r.host(1)}, "x", r.clk.Now().Add(time.Hour))
				if (err == nil) != tt.want {
					r.t.Errorf("%v", err)
				}
			})
		})
	}
}
