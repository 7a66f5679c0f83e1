package web

import (
	"maps"
	"slices"

	"warden/detectors"
	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// status puts warden at a glance together.
func (s *surface) status() *Status {
	now, raft, led, cfg := s.now(), s.raft(), s.Ledger.Status(), s.Engine.Config()
	v := s.Engine.View()
	defer v.Release()
	out := &Status{
		Schema: SchemaStatus, Now: now, Cluster: s.Node.Cluster(), ClusterID: led.ClusterID, Node: s.Node.ID,
		Leader: raft.Leader, LeaderID: raft.LeaderID, Version: s.Build.Version, Revision: s.Build.Revision,
		ConfigHash: cfg.Hash, Nodes: []NodeConfig{}, StartedAt: s.started.UTC(), UptimeSec: now.Sub(s.started).Seconds(),
		Audit: s.audit(led), Freeze: led.Freeze, Holds: list(led.Holds), Latches: list(s.Ledger.Breakers().Latches), Rounds: v.Rounds, LastRound: v.At.UTC(), Warm: v.Warm,
		Pools: []PoolSummary{}, Waiting: []CaseSummary{}, Unknown: []CaseSummary{}, Out: []CaseSummary{},
		Levels: s.levels(cfg, ""), Raft: raft,
	}
	out.Behind = s.behind()
	if !raft.Leader {
		out.Rounds, out.Warm = 0, false // those of a tenure that is over
	}
	if raft.LeaderID == "" && !raft.Leader {
		out.NoQuorum = s.noQuorum(v, now)
	}
	for _, r := range led.Reports {
		out.Nodes = append(out.Nodes, NodeConfig{Node: r.Node, ConfigHash: r.ConfigHash})
	}
	judged := map[remedy.PoolName][]remedy.Judgement{}
	for _, name := range s.pools() {
		p := s.picture(v, name, now)
		judged[name] = p.judged
		out.Pools = append(out.Pools, p.summary())
	}
	out.Detectors = detectorStates(cfg, judged, "")
	out.Sources = sourceStates(cfg, judged)
	for _, c := range s.Ledger.Cases(ledger.CaseFilter{Open: true}) {
		switch {
		case c.Stage == remedy.StageWaiting:
			out.Waiting = append(out.Waiting, summary(c, s.now()))
		case c.UnknownExecution():
			out.Unknown = append(out.Unknown, summary(c, s.now()))
		case tookOut(c):
			k := summary(c, s.now())
			k.Probe = s.fitness(c)
			out.Out = append(out.Out, k)
		}
	}
	if s.Node.Troubles != nil {
		out.Troubles = s.Node.Troubles()
	}
	out.Demotions, out.ToLabel = list(s.Ledger.Demotions()), s.toLabel(now)
	out.LastDay = lastDay(s.Ledger.Cases(ledger.CaseFilter{Since: now.Add(-day)}), now)
	out.LastDay.Wrong = s.wrongLately(now)
	return out
}

// levels lists the rungs of one pool, or of all.
func (s *surface) levels(cfg *engine.Config, only remedy.PoolName) []Level {
	out := []Level{}
	for _, name := range slices.Sorted(maps.Keys(cfg.Actions)) {
		a := cfg.Actions[name]
		for _, pool := range slices.Sorted(maps.Keys(a.Levels)) {
			if only != "" && only != pool {
				continue
			}
			w := s.Ledger.Asking(name, pool)
			out = append(out, Level{
				Approvals: max(w.Approvals, a.Approvals, 1), AnnounceSec: max(w.AnnounceFor, a.AnnounceFor).Seconds(),
				Action: name, Pool: pool, File: a.Levels[pool], Approvers: list(a.Approvers),
				// The engine holds to the lower of both: see Engine.world.
				Effective: min(a.Levels[pool], s.Ledger.Level(name, pool)),
			})
		}
	}
	return out
}

// detectorStates lists the detectors with each pool they judge, or with one.
func detectorStates(cfg *engine.Config, judged map[remedy.PoolName][]remedy.Judgement, only remedy.PoolName) []DetectorStatus {
	out := []DetectorStatus{}
	for _, d := range cfg.Detectors {
		spec := d.Spec()
		if spec.Proposes == "" {
			continue // it judges hosts when it is asked about one
		}
		for _, pool := range spec.Pools {
			if only != "" && only != pool {
				continue
			}
			state := DetectorStatus{
				Detector: spec.Name, Pool: pool, Source: spec.Source, Proposes: spec.Proposes, Digest: spec.Digest, Verdicts: noVerdicts(),
			}
			if j := judgementOf(judged[pool], spec); j != nil {
				state.At = j.At.UTC()
				for i := range j.Verdicts {
					state.Verdicts[j.Verdicts[i].Verdict.String()]++
				}
			}
			out = append(out, state)
		}
	}
	return out
}

func judgementOf(all []remedy.Judgement, spec detectors.Spec) *remedy.Judgement {
	i := slices.IndexFunc(all, func(j remedy.Judgement) bool { return j.Detector == spec.Name })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// sourceStates says of each source the worst that any detector saw of it.
func sourceStates(cfg *engine.Config, judged map[remedy.PoolName][]remedy.Judgement) []SourceStatus {
	out := []SourceStatus{}
	for _, name := range slices.Sorted(maps.Keys(cfg.Sources)) {
		state := SourceStatus{Source: name, MaxStalenessSec: cfg.Sources[name].MaxStaleness.Seconds()}
		asked, seen := false, false
		for _, d := range cfg.Detectors {
			spec := d.Spec()
			if spec.Source != name {
				continue
			}
			asked = true
			for _, pool := range spec.Pools {
				if j := judgementOf(judged[pool], spec); j != nil {
					state.add(j, !seen)
					seen = true
				}
			}
		}
		switch {
		case !asked:
			state.Why = "no detector asks it"
		case !seen:
			state.Why = "no round has run on this node"
		}
		out = append(out, state)
	}
	return out
}

// add makes the state no better than the judgement's: unknown is worse than
// stale, and stale is worse than fresh.
func (s *SourceStatus) add(j *remedy.Judgement, first bool) {
	if age, ok := j.SourceAge.Get(); ok && (s.AgeSec == nil || age.Seconds() > *s.AgeSec) {
		s.AgeSec = new(age.Seconds())
	}
	fresh, known := j.SourceFresh.Get()
	switch {
	case !known:
		s.Fresh, s.Why = nil, j.SourceFresh.Why
		if s.Why == "" {
			s.Why = "its queries failed"
		}
	case first:
		s.Fresh = &fresh
	case s.Fresh != nil && !fresh:
		s.Fresh = &fresh
	}
}
