package policy_test

import (
	"testing"
	"time"

	"warden/internal/remedy"
	"warden/policy"
)

func TestHostLock(t *testing.T) {
	const limit = "one execution a host"
	run(t, "host_lock", []trial{
		{"free", nil, remedy.EffectAllow, false, "nothing holds this host", limit},
		{"locked", world(func(w *policy.World) { w.Lock = remedy.Known(policy.Lock{Case: 1042}) }),
			remedy.EffectWait, false, "W-1042 holds this host", limit},
		{"unknown", world(func(w *policy.World) { w.Lock = remedy.Fact[policy.Lock]{} }),
			remedy.EffectBlock, true, "unknown: whether an execution holds the host could not be told", ""},
	})
}

func TestConcurrency(t *testing.T) {
	run(t, "concurrency", []trial{
		{"free", nil, remedy.EffectAllow, false, "0 executing in the pool", "1 at a time"},
		{"full", world(func(w *policy.World) { w.Running = remedy.Known(1) }),
			remedy.EffectWait, false, "1 executing in the pool", "1 at a time"},
		{"room for one more", func(p *policy.Proposal, w *policy.World) {
			w.Running = remedy.Known(1)
			limits(func(l *policy.Limits) { l.MaxConcurrent = 2 })(p, w)
		}, remedy.EffectAllow, false, "1 executing in the pool", "2 at a time"},
		{"none allowed is nothing to wait for", limits(func(l *policy.Limits) { l.MaxConcurrent = 0 }),
			remedy.EffectBlock, false, "0 executing in the pool", "0 at a time"},
		{"negative", world(func(w *policy.World) { w.Running = remedy.Known(-1) }),
			remedy.EffectBlock, true, "unknown: the count of executions makes no sense", ""},
		{"unknown", world(func(w *policy.World) { w.Running = remedy.Fact[int]{} }),
			remedy.EffectBlock, true, "unknown: how many executions the pool has is not known", ""},
		{"limits unknown", world(func(w *policy.World) { w.Limits = remedy.Fact[policy.Limits]{} }),
			remedy.EffectBlock, true, "unknown: no voter has reported the pool's limits", ""},
	})
}

func TestRate(t *testing.T) {
	rate := func(r policy.Rate, perHour, perDay int) func(*policy.Proposal, *policy.World) {
		return func(p *policy.Proposal, w *policy.World) {
			w.Rate = remedy.Known(r)
			limits(func(l *policy.Limits) { l.ClusterPerHour, l.ClusterPerDay = perHour, perDay })(p, w)
		}
	}
	const limit = "4 an hour, 12 a day"
	run(t, "rate", []trial{
		{"none yet", nil, remedy.EffectAllow, false, "0 in 1h and 0 in 24h in the pool", limit},
		{"one left", rate(policy.Rate{PoolHour: 3, PoolDay: 11}, 0, 0),
			remedy.EffectAllow, false, "3 in 1h and 11 in 24h in the pool", limit},
		{"the hour is full", rate(policy.Rate{PoolHour: 4, PoolDay: 4}, 0, 0),
			remedy.EffectBlock, false, "4 in 1h and 4 in 24h in the pool", limit},
		{"the day is full", rate(policy.Rate{PoolHour: 0, PoolDay: 12}, 0, 0),
			remedy.EffectBlock, false, "0 in 1h and 12 in 24h in the pool", limit},
		{"a cluster limit of 0 is not configured", rate(policy.Rate{ClusterHour: 99, ClusterDay: 99}, 0, 0),
			remedy.EffectAllow, false, "0 in 1h and 0 in 24h in the pool", limit},
		{"the cluster's hour is full", rate(policy.Rate{ClusterHour: 8, ClusterDay: 9}, 8, 0),
			remedy.EffectBlock, false, "0 in 1h and 0 in 24h in the pool; 8 in 1h in the cluster", limit + "; cluster 8 an hour"},
		{"the cluster's day is full", rate(policy.Rate{ClusterHour: 1, ClusterDay: 20}, 8, 20),
			remedy.EffectBlock, false, "0 in 1h and 0 in 24h in the pool; 1 in 1h in the cluster; 20 in 24h in the cluster",
			limit + "; cluster 8 an hour; cluster 20 a day"},
		{"a pool's 0 allows none", limits(func(l *policy.Limits) { l.PerHour = 0 }),
			remedy.EffectBlock, false, "0 in 1h and 0 in 24h in the pool", "0 an hour, 12 a day"},
		{"negative", rate(policy.Rate{ClusterDay: -1}, 0, 0),
			remedy.EffectBlock, true, "unknown: the count of actions started makes no sense", ""},
		{"negative limit", limits(func(l *policy.Limits) { l.PerDay = -1 }),
			remedy.EffectBlock, true, "unknown: a limit of the pool is negative", ""},
		{"unknown", world(func(w *policy.World) { w.Rate = remedy.Fact[policy.Rate]{} }),
			remedy.EffectBlock, true, "unknown: how many actions were started is not known", ""},
	})
}

func TestCooldown(t *testing.T) {
	last := func(at time.Time) func(*policy.Proposal, *policy.World) {
		return world(func(w *policy.World) { w.LastOnHost = remedy.Known(at) })
	}
	run(t, "cooldown", []trial{
		{"first time", nil, remedy.EffectAllow, false, "first time on this host", "6h"},
		{"too soon", last(at(0, 12)), remedy.EffectBlock, false, "last started 00:12:00 UTC", "6h: until 06:12:00 UTC"},
		{"yesterday, too soon", last(at(0, 0).Add(-time.Hour)), remedy.EffectBlock, false,
			"last started 2026-03-13 23:00:00 UTC", "6h: until 05:00:00 UTC"},
		{"to the second", last(at(3, 0).Add(-6 * time.Hour)), remedy.EffectAllow, false, "last started 2026-03-13 21:00:00 UTC", "6h"},
		{"future", last(at(3, 1)), remedy.EffectBlock, false,
			"last started in the future, at 03:01:00 UTC: a clock is wrong", "6h"},
		{"future without a cooldown", func(p *policy.Proposal, w *policy.World) {
			last(at(3, 1))(p, w)
			limits(func(l *policy.Limits) { l.CooldownPerHost = 0 })(p, w)
		}, remedy.EffectBlock, false, "last started in the future, at 03:01:00 UTC: a clock is wrong", "0s"},
		{"negative limit", limits(func(l *policy.Limits) { l.CooldownPerHost = -1 }),
			remedy.EffectBlock, true, "unknown: a limit of the pool is negative", ""},
		{"unknown", world(func(w *policy.World) { w.LastOnHost = remedy.Fact[time.Time]{} }),
			remedy.EffectBlock, true, "unknown: when this last ran on the host is not known", ""},
	})
}

func TestSettle(t *testing.T) {
	last := func(at time.Time) func(*policy.Proposal, *policy.World) {
		return world(func(w *policy.World) { w.LastInPool = remedy.Known(at) })
	}
	run(t, "settle", []trial{
		{"first", nil, remedy.EffectAllow, false, "nothing has run in this pool", "5m"},
		{"settling", last(at(2, 56)), remedy.EffectWait, false, "last ran 02:56:00 UTC", "5m: until 03:01:00 UTC"},
		{"settled", last(at(2, 55)), remedy.EffectAllow, false, "last ran 02:55:00 UTC", "5m"},
		{"future", last(at(3, 1)), remedy.EffectBlock, false, "last ran in the future, at 03:01:00 UTC: a clock is wrong", "5m"},
		{"limits unknown", world(func(w *policy.World) { w.Limits = remedy.Fact[policy.Limits]{} }),
			remedy.EffectBlock, true, "unknown: no voter has reported the pool's limits", ""},
		{"unknown", world(func(w *policy.World) { w.LastInPool = remedy.Fact[time.Time]{} }),
			remedy.EffectBlock, true, "unknown: when something last ran in the pool is not known", ""},
	})
}
