package policy_test

import (
	"testing"
	"time"

	"warden/internal/remedy"
	"warden/policy"
)

func TestAttempts(t *testing.T) {
	tried := func(n int) func(*policy.Proposal, *policy.World) {
		return world(func(w *policy.World) { w.Attempts = remedy.Known(n) })
	}
	run(t, "attempts", []trial{
		{"none", nil, remedy.EffectAllow, false, "0 started on this host in 24h", "3 a day"},
		{"one left", tried(2), remedy.EffectAllow, false, "2 started on this host in 24h", "3 a day"},
		{"used up", tried(3), remedy.EffectCap, false, "3 started on this host in 24h: a person has to look at it", "3 a day"},
		{"more", tried(4), remedy.EffectCap, false, "4 started on this host in 24h: a person has to look at it", "3 a day"},
		{"none allowed", limits(func(l *policy.Limits) { l.MaxAttempts = 0 }),
			remedy.EffectCap, false, "0 started on this host in 24h: a person has to look at it", "0 a day"},
		{"negative", tried(-1), remedy.EffectBlock, true, "unknown: the count of attempts makes no sense", ""},
		{"negative limit", limits(func(l *policy.Limits) { l.MaxAttempts = -1 }),
			remedy.EffectBlock, true, "unknown: a limit of the pool is negative", ""},
		{"unknown", world(func(w *policy.World) { w.Attempts = remedy.Fact[int]{} }),
			remedy.EffectBlock, true, "unknown: how often something was tried on the host is not known", ""},
		{"limits unknown", world(func(w *policy.World) { w.Limits = remedy.Fact[policy.Limits]{} }),
			remedy.EffectBlock, true, "unknown: no voter has reported the pool's limits", ""},
	})
}

func TestFlapping(t *testing.T) {
	back := func(n int) func(*policy.Proposal, *policy.World) {
		return world(func(w *policy.World) { w.Flaps = remedy.Known(n) })
	}
	run(t, "flapping", []trial{
		{"never", nil, remedy.EffectAllow, false, "taken out and back 0 times in 24h", "below 3 a day"},
		{"once", back(1), remedy.EffectAllow, false, "taken out and back once in 24h", "below 3 a day"},
		{"twice", back(2), remedy.EffectAllow, false, "taken out and back 2 times in 24h", "below 3 a day"},
		{"three times", back(3), remedy.EffectCap, false, "taken out and back 3 times in 24h: a person has to look at it", "below 3 a day"},
		{"none allowed", limits(func(l *policy.Limits) { l.FlapLimit = 0 }),
			remedy.EffectCap, false, "taken out and back 0 times in 24h: a person has to look at it", "below 0 a day"},
		{"negative", back(-1), remedy.EffectBlock, true, "unknown: the count of take-outs that ended makes no sense", ""},
		{"negative limit", limits(func(l *policy.Limits) { l.FlapLimit = -1 }),
			remedy.EffectBlock, true, "unknown: a limit of the pool is negative", ""},
		{"unknown", world(func(w *policy.World) { w.Flaps = remedy.Fact[int]{} }),
			remedy.EffectBlock, true, "unknown: how often the host was taken out and came back is not known", ""},
		{"limits unknown", world(func(w *policy.World) { w.Limits = remedy.Fact[policy.Limits]{} }),
			remedy.EffectBlock, true, "unknown: no voter has reported the pool's limits", ""},
	})
}

// TestAPersonIsTheLimit shows what "notify, a person" is worth: warden keeps
// its hands off at every rung and tells, and a person may still act.
func TestAPersonIsTheLimit(t *testing.T) {
	for _, change := range []func(*policy.World){
		func(w *policy.World) { w.Attempts = remedy.Known(3) },
		func(w *policy.World) { w.Flaps = remedy.Known(3) },
	} {
		w := goodWorld()
		change(&w)
		act := policy.Decide(proposal(remedy.KindAct), w)
		if act.Level != remedy.LevelNotify || act.BlockedBy != "" || act.WouldAct || act.WouldAsk {
			t.Errorf("an act at auto: %+v", act)
		}
		w.Effective = remedy.Known(remedy.LevelMetricOnly)
		if d := policy.Decide(proposal(remedy.KindAct), w); d.Level != remedy.LevelMetricOnly || d.WouldAct {
			t.Errorf("an act at metric-only: %+v", d)
		}
		for _, kind := range []remedy.ExecutionKind{remedy.KindManual, remedy.KindUndo} {
			if d := policy.Decide(proposal(kind), w); d.Level != remedy.LevelAuto {
				t.Errorf("%s: %+v", kind, d)
			}
		}
	}
}

func TestEvidenceAge(t *testing.T) {
	aged := func(age, most time.Duration) func(*policy.Proposal, *policy.World) {
		return world(func(w *policy.World) {
			w.Evidence = remedy.Known(policy.Evidence{At: now.Add(-age), MaxAge: most})
		})
	}
	run(t, "evidence_age", []trial{
		{"of this round", nil, remedy.EffectAllow, false, "judged at 02:59:15 UTC", "at most 1m5s old"},
		{"at the limit", aged(time.Minute, time.Minute), remedy.EffectAllow, false, "judged at 02:59:00 UTC", "at most 1m old"},
		{"past it", aged(time.Minute+time.Second, time.Minute), remedy.EffectBlock, false, "judged at 02:58:59 UTC, 1m1s ago", "at most 1m old"},
		{"of yesterday", aged(10*time.Hour, time.Minute), remedy.EffectBlock, false, "judged at 2026-03-13 17:00:00 UTC, 10h ago", "at most 1m old"},
		{"of this instant", aged(0, time.Minute), remedy.EffectAllow, false, "judged at 03:00:00 UTC", "at most 1m old"},
		{"of tomorrow", aged(-time.Second, time.Minute), remedy.EffectBlock, false,
			"judged in the future, at 03:00:01 UTC: a clock is wrong", "at most 1m old"},
		{"no age allowed", aged(0, 0), remedy.EffectBlock, true, "unknown: max_evidence_age allows no age at all", ""},
		{"no time", world(func(w *policy.World) { w.Evidence = remedy.Known(policy.Evidence{MaxAge: time.Minute}) }),
			remedy.EffectBlock, true, "unknown: the evidence or the decision has no time", ""},
		{"unknown", world(func(w *policy.World) { w.Evidence = remedy.Fact[policy.Evidence]{} }),
			remedy.EffectBlock, true, "unknown: which instant the evidence is of is not known", ""},
	})
}
