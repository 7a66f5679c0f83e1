package ledger_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// history drives a ledger through random entries. It looks at the ledger to
// find entries that have a chance of being admitted, and every so often makes
// one that has none.
type history struct {
	t     *rapid.T
	l     *ledger.Ledger
	now   time.Time
	index uint64
	term  uint64
	log   [][]byte
	terms []uint64
	check *checker
	rng   *rand.Rand
}

// draw draws a number below n. What rapid draws leans towards small numbers,
// which would make most of these histories much alike, so rapid draws the seed.
func (h *history) draw(n int) int { return h.rng.IntN(n) }

func (h *history) between(lo, hi int) int { return lo + h.draw(hi-lo+1) }

func pick[T any](h *history, all []T) T { return all[h.draw(len(all))] }

func newHistory(t *rapid.T) *history {
	h := &history{t: t, l: ledger.New(), now: t0(), term: 1, check: newChecker(t)}
	h.rng = rand.New(rand.NewChaCha8(sha256.Sum256(rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "seed"))))
	voters := []remedy.NodeID{"n1", "n2", "n3"}[:pick(h, []int{1, 1, 1, 3})]
	h.apply(remedy.Warden(), &ledger.ClusterInit{ClusterID: "c", Voters: voters, Invited: []remedy.NodeID{"n2", "n3"}})
	for _, v := range voters {
		if h.between(0, 9) > 0 {
			h.apply(remedy.Warden(), h.report(v))
		}
	}
	for _, p := range somePools() {
		h.apply(remedy.Warden(), &ledger.PoolSize{Pool: p, N: h.between(3, 8)})
	}
	return h
}

func somePools() []remedy.PoolName     { return []remedy.PoolName{"p1", "p2"} }
func someActions() []remedy.ActionName { return []remedy.ActionName{"drain", "restart"} }

func (h *history) pool() remedy.PoolName { return pick(h, somePools()) }
func (h *history) action() remedy.ActionName {
	return pick(h, someActions())
}
func (h *history) host() remedy.HostName {
	return remedy.HostName(fmt.Sprint("h", h.between(1, 5)))
}

// domain is where a host stands; now and then nobody knows, or in the words of
// another label.
func (h *history) domain(host remedy.HostName) string {
	switch h.between(0, 12) {
	case 0:
		return ""
	case 1:
		return "row=7"
	}
	return "rack=" + []string{"a", "a", "b", "b", "c", "c"}[int(host[len(host)-1]-'0')%6]
}

func (h *history) yes(odds int) bool {
	return h.between(1, odds) == 1
}

func (h *history) report(node remedy.NodeID) *ledger.NodeReport {
	r := &ledger.NodeReport{Node: node, MaxVersion: 1, ConfigHash: h.config()}
	for _, p := range somePools() {
		r.Pools = append(r.Pools, ledger.PoolReport{Pool: p, Limits: ledger.Limits{
			MinInService: h.between(0, 4), MaxOut: h.between(0, 5),
			MaxOutFraction: float64(h.between(6, 20)) / 20, MaxConcurrent: pick(h, []int{0, 1, 1, 2, 2, 2, 3, 3}),
			DomainLabel: pick(h, []string{"", "rack", "rack", "rack", "rack", "row"}), MaxDomains: h.between(0, 3),
		}})
		for _, a := range someActions() {
			levels := []remedy.Level{remedy.LevelAuto, remedy.LevelAuto, remedy.LevelAuto, remedy.LevelConfirm, remedy.LevelConfirm, remedy.LevelNotify, remedy.LevelMetricOnly}
			r.Levels = append(r.Levels, ledger.LevelReport{Action: a, Pool: p, Level: pick(h, levels), Cooldown: time.Hour, LeavesIn: a == "restart" && !h.yes(8)})
		}
	}
	return r
}

// apply encodes, applies and has the checker judge.
func (h *history) apply(by remedy.Actor, bodies ...ledger.Body) ledger.Applied {
	h.t.Helper()
	e, err := ledger.NewEntry(h.now, by, "n1", bodies...)
	if err != nil {
		h.t.Fatal(err)
	}
	data, err := e.Encode()
	if err != nil {
		h.t.Fatal(err)
	}
	h.index++
	h.log, h.terms = append(h.log, data), append(h.terms, h.term)
	was := h.trusted()
	h.check.left = was.left
	a, ok := h.l.Apply(h.index, h.term, data).(ledger.Applied)
	if !ok {
		h.t.Fatal("not an Applied")
	}
	before := h.check.time
	h.check.learned = h.check.learned || e.V >= 3
	h.check.entry(e, bodies, a)
	h.check.clicked(e, bodies, a)
	for i, want := range h.check.levels() {
		p, act := somePools()[i/len(someActions())], someActions()[i%len(someActions())]
		if got := h.l.Reported(act, p); got != want {
			h.t.Fatalf("the files have %s on %s at %s, want %s", act, p, got, want)
		}
	}
	h.trustHolds(was, bodies, a, by)
	h.check.sameLatches(h.l)
	if s := h.l.Status(); !s.Time.Equal(h.check.time) || s.Time.Before(before) {
		h.t.Fatalf("committed time is %v, want %v", s.Time, h.check.time)
	}
	return a
}

func (h *history) actor() remedy.Actor {
	return pick(h, []remedy.Actor{alice(), alice(), bob(), remedy.Warden()})
}

// step lets some time pass and applies one entry.
func (h *history) step() {
	h.tick()
	if len(h.l.Breakers().Latches) > 0 && h.yes(3) {
		h.breakers()
	}
	if h.yes(6) {
		h.trust()
	}
	if h.yes(20) {
		h.clicks()
	}
	switch what := h.between(0, 99); {
	case what < 34:
		h.apply(remedy.Warden(), h.judgement())
	case what < 56:
		h.attempt()
	case what < 74:
		h.end()
	case what < 78:
		h.answer()
	case what < 81:
		h.apply(h.actor(), &ledger.ManualOpen{
			Pool: h.pool(), Host: h.host(), Action: h.action(), Plan: h.plan(), Decision: *decision(remedy.LevelAuto),
			Acknowledged: pick(h, [][]string{nil, {"hold"}, {"breaker"}}),
		})
	case what < 84:
		b := &ledger.PoolOut{Pool: h.pool()}
		if h.yes(2) {
			host := h.host()
			b.Set = []ledger.OutFact{{Host: host, Admin: "maint", Domain: h.domain(host)}}
		} else {
			b.Clear = []remedy.HostName{h.host(), h.host(), h.host()}
		}
		h.apply(remedy.Warden(), b)
	case what < 88:
		h.apply(h.actor(), pick(h, []ledger.Body{
			&ledger.PoolSize{Pool: h.pool(), N: h.between(0, 8)}, &ledger.PoolSize{Pool: h.pool(), N: 6},
			&ledger.PoolSize{Pool: h.pool(), N: 7, Accepted: true}, &ledger.PoolSize{Pool: h.pool(), Stale: true}, &ledger.PoolAccept{Pool: h.pool()},
		}))
	case what < 95:
		h.restrain()
	case what < 97:
		h.breakers()
		h.members()
		h.surfaces()
	default:
		h.apply(remedy.Warden(), pick(h, []ledger.Body{
			&ledger.Storm{Pool: h.pool(), Detector: canary, On: h.yes(2)}, &ledger.StormReset{Pool: h.pool()},
			&ledger.CasesForget{Before: h.now.Add(-10 * time.Minute)}, &ledger.NoticeReceipt{Upto: 5},
			&ledger.ShadowEnd{Pool: h.pool(), Host: h.host()}, &ledger.HostGood{Pool: h.pool(), Host: h.host(), Action: h.action()},
		}))
	}
}

// tick moves the proposer's clock: on, a little back, or too far.
func (h *history) tick() {
	h.now = h.now.Add(time.Duration(h.between(-30, 150)) * time.Second)
	if h.yes(20) {
		h.term++
	}
	if h.yes(10) {
		h.apply(remedy.Warden(), &ledger.TenureBegin{Again: h.yes(30)})
	}
	if !h.yes(25) {
		return
	}
	h.now = h.now.Add(ledger.MaxGap + time.Second)
	if h.yes(4) {
		h.apply(remedy.Warden(), h.judgement()) // which must be refused
	}
	h.apply(remedy.Warden(), &ledger.ClockAccept{})
}

func (h *history) plan() remedy.Plan {
	return remedy.Plan{Steps: []string{pick(h, []string{"drain", "drain", "drain hard"})}}
}

func (h *history) judgement() *ledger.CaseJudge {
	level := pick(h, []remedy.Level{remedy.LevelAuto, remedy.LevelAuto, remedy.LevelAuto, remedy.LevelConfirm, remedy.LevelConfirm, remedy.LevelNotify, remedy.LevelBlocked})
	pool, action := h.pool(), h.action()
	if h.yes(2) {
		level = h.l.Level(action, pool)
	}
	b := &ledger.CaseJudge{
		Pool: pool, Host: h.host(), Action: action, Detector: canary, Digest: h.digest(),
		Finding: remedy.Finding{Verdict: remedy.VerdictBad, At: h.now.Add(-time.Duration(h.between(0, 60)) * time.Second)}, Decision: decision(level), Plan: new(h.plan()), TakesOut: true,
	}
	if h.yes(8) {
		b.Finding.Verdict = pick(h, []remedy.Verdict{remedy.VerdictUnknown, remedy.VerdictGood, remedy.VerdictOut})
	}
	if h.yes(10) {
		b.Decision = nil
	}
	if b.Decision != nil && b.Decision.Level == remedy.LevelConfirm {
		b.Ask = &ledger.Ask{PlanHash: b.Plan.Hash(), Approvers: []string{"alice"}, ExpiresAt: h.now.Add(20 * time.Minute)}
	}
	if h.yes(3) {
		b.Count, b.Shadow, b.ShadowOut = true, true, time.Hour
	}
	return b
}

// some draws one of the cases at a stage, or any at all.
func (h *history) some(stages ...remedy.Stage) *ledger.Case {
	var all []*ledger.Case
	for _, s := range stages {
		all = append(all, h.l.Cases(ledger.CaseFilter{Stage: s})...)
	}
	if h.yes(12) {
		all = h.l.Cases(ledger.CaseFilter{})
	}
	if len(all) == 0 {
		return nil
	}
	return pick(h, all)
}

// end finishes, verifies, resolves or closes something.
func (h *history) end() {
	c := h.some(remedy.StageExecuting, remedy.StageExecuting, remedy.StageVerifying, remedy.StageOut)
	if c == nil {
		return
	}
	switch {
	case c.UnknownExecution() && h.yes(2):
		h.apply(h.actor(), &ledger.Resolve{Case: c.ID, Out: h.yes(2)})
	case c.Stage == remedy.StageExecuting:
		h.finish(c, remedy.OutcomeDone, remedy.OutcomeDone, remedy.OutcomeUnknown, remedy.OutcomeFailed, remedy.OutcomePartial, remedy.OutcomeAborted, "nonsense")
	case c.Stage == remedy.StageVerifying:
		h.apply(remedy.Warden(), &ledger.ExecVerdict{Case: c.ID, Took: h.yes(2), Returned: h.yes(5)})
	case !h.yes(4):
		b := &ledger.CaseForgot{Case: c.ID, Balancers: []string{"a", "b"}[:min(2, h.between(0, 9))]}
		if h.yes(3) {
			b.Blocked = "frozen"
		}
		h.apply(remedy.Warden(), b)
		if again, ok := h.l.Case(c.ID); ok && !h.yes(8) {
			h.attemptOn(again)
		}
	default:
		h.apply(remedy.Warden(), &ledger.CaseClose{Case: c.ID, Outcome: pick(h, remedy.Outcomes())})
	}
}

func (h *history) finish(c *ledger.Case, outcomes ...remedy.Outcome) {
	h.apply(remedy.Warden(), &ledger.ExecFinish{
		Case: c.ID, Token: c.Execution().Token, Outcome: pick(h, outcomes),
		Recovered: h.yes(3), Stale: h.yes(4), QuietFor: time.Duration(h.between(0, 60)) * time.Minute,
	})
}

func (h *history) answer() {
	c := h.some(remedy.StageWaiting)
	if c == nil {
		return
	}
	if h.yes(6) || c.Ask != nil && !h.now.Before(c.Ask.ExpiresAt) {
		h.apply(remedy.Warden(), &ledger.CaseExpire{Case: c.ID, QuietFor: time.Hour})
		return
	}
	b := &ledger.CaseAnswer{Case: c.ID, Approve: !h.yes(4), PlanHash: c.PlanHash, QuietFor: time.Hour, Reason: pick(h, []string{"", "false-alarm", "known-work"})}
	if h.yes(6) {
		b.PlanHash = "other"
	}
	by := h.actor()
	if h.yes(3) {
		h.apply(by, b)
		return
	}
	h.readAnd(c, by, b)
}

// settle finishes everything that runs, with an effect or the lack of one, and
// verifies it.
func (h *history) settle() {
	for _, c := range h.l.Cases(ledger.CaseFilter{Stage: remedy.StageExecuting}) {
		if !c.UnknownExecution() {
			h.finish(c, remedy.OutcomeDone, remedy.OutcomeFailed, remedy.OutcomeUnknown)
		}
	}
	for _, c := range h.l.Cases(ledger.CaseFilter{Stage: remedy.StageVerifying}) {
		h.apply(remedy.Warden(), &ledger.ExecVerdict{Case: c.ID, Took: h.yes(2)})
	}
}

// replay applies the history to another ledger, from an index on.
func (h *history) replay(l *ledger.Ledger, from int) []any {
	var out []any
	for i := from; i < len(h.log); i++ {
		out = append(out, l.Apply(uint64(i+1), h.terms[i], h.log[i]))
	}
	return out
}

// No random history makes the ledger admit what must not start, let time go
// back, or leave an execution without an end.
func TestNoHistoryBreaksTheRules(t *testing.T) {
	t.Parallel()
	starts, reasserts, lifted := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(t)
		for range rapid.IntRange(200, 400).Draw(t, "steps") {
			h.step()
		}
		starts, reasserts, lifted = starts+h.check.starts, reasserts+h.check.reasserts, lifted+h.check.lifted
		h.settle()
		for _, c := range h.l.Cases(ledger.CaseFilter{}) {
			a := c.Acted()
			if a == nil || a.Outcome == remedy.OutcomeAborted {
				continue
			}
			if c.Stage != remedy.StageOut && c.Stage != remedy.StageClosed && !c.UnknownExecution() {
				t.Fatalf("%s acted, its execution has ended, and it is %s/%s: %+v", c.ID, c.Stage, c.Outcome, c.Executions)
			}
			if c.Stage == remedy.StageClosed && c.Outcome == "" {
				t.Fatalf("%s closed without an outcome", c.ID)
			}
		}
	})
	if lifted < 10 {
		t.Errorf("only %d breakers were reset", lifted)
	}
	t.Logf("%d STARTs, %d reasserts, %d resets", starts, reasserts, lifted)
	if starts < 120 || reasserts < 2 { // 160 to 260 and 7 to 26 were seen
		t.Errorf("only %d STARTs were admitted, %d of them reasserts: the histories test little", starts, reasserts)
	}
}

// A snapshot at any index, and the rest of the log behind it, is the same as
// the whole log.
func TestSnapshotAtEveryIndex(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(t)
		snaps := map[int][]byte{}
		for range rapid.IntRange(5, 20).Draw(t, "steps") {
			h.step()
			snaps[len(h.log)] = snapshotOf(t, h.l)
		}
		want := hashOf(t, h.l)
		// The newest and a few others: which, is drawn, and over the checks it is all.
		some := rapid.SliceOfNDistinct(rapid.SampledFrom(slices.Sorted(maps.Keys(snaps))), 1, min(3, len(snaps)), rapid.ID).Draw(t, "indexes")
		for _, at := range slices.Compact(slices.Sorted(slices.Values(append(some, len(h.log))))) {
			snap := snaps[at]
			l := ledger.New()
			if err := l.Restore(bytes.NewReader(snap)); err != nil {
				t.Fatalf("at %d: %v", at, err)
			}
			h.replay(l, at)
			if hashOf(t, l) != want {
				t.Fatalf("a snapshot at %d of %d, and the rest, is another state", at, len(h.log))
			}
			if at == len(h.log) {
				sameView(t, h.l, l, h.now)
			}
		}
	})
}

// The same bytes give the same answers and the same state on every node.
func TestTwoNodesAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(t)
		for range rapid.IntRange(10, 60).Draw(t, "steps") {
			h.step()
		}
		a, b := ledger.New(), ledger.New()
		if x, y := h.replay(a, 0), h.replay(b, 0); !reflect.DeepEqual(x, y) {
			t.Fatal("two nodes answered differently")
		}
		if hashOf(t, a) != hashOf(t, b) || hashOf(t, a) != hashOf(t, h.l) {
			t.Fatal("two nodes differ")
		}
	})
}
