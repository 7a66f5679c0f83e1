package cli

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"warden/internal/clock"
	"warden/internal/config"
	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/web"
)

// fakeOutline is a file as the agent would show it.
func fakeOutline(path string) (config.Outline, config.Report, error) {
	cfg, report, err := config.Load(path, parseOptions())
	if err != nil {
		return config.Outline{}, report, err
	}
	built, err := builder{clock: clock.System(), env: func(string) (string, bool) { return "", false }}.build(cfg)
	if err != nil {
		return config.Outline{}, report, err
	}
	return outlineOf(cfg, built), report, nil
}

func (f *fakeAPI) config(*http.Request) (any, error) {
	return &web.ConfigInForce{Schema: web.SchemaConfig, ServedAt: fakeNow, Node: "n1", Voters: []remedy.NodeID{"n1"}, Outline: f.outline}, nil
}

func (f *fakeAPI) reload(*http.Request) (any, error) {
	o, report, err := fakeOutline(f.next)
	if errors.Is(err, config.ErrInvalid) {
		p := &web.Problem{Status: http.StatusConflict, Code: web.CodeConfig, Detail: "nothing was reloaded, and the old config stays in force: " + report.Summary()}
		for _, x := range report {
			p.Errors = append(p.Errors, web.ProblemPart{Where: fmt.Sprintf("%s:%d:%d", x.File, x.Line, x.Col), Key: x.Key, Message: string(x.Severity) + ": " + x.Text})
		}
		return nil, p
	}
	if err != nil {
		return nil, err
	}
	changes := config.Compare(f.outline, o)
	f.outline = o
	out := &web.ReloadReport{Schema: web.SchemaReload, Node: "n1", Hash: o.Hash, Verdict: changes.Verdict(), Warnings: []string{"warden.toml:3:1: warning: odd"}}
	for _, c := range changes {
		line := web.ReloadLine{Change: c, Text: c.String()}
		if c.Kind == config.ChangePromotion {
			line.InForce = "in force stays " + c.From + ": n3 still says " + c.From
		}
		out.Changes = append(out.Changes, line)
	}
	return out, nil
}

func (f *fakeAPI) policy() *web.Policy {
	out := fakePolicy()
	for _, d := range f.demotions() {
		for i := range out.Levels {
			if l := &out.Levels[i]; l.Action == d.Action && l.Pool == d.Pool {
				l.Effective, l.Demotion = min(l.Effective, d.To), &d
				l.Why = append(l.Why, fmt.Sprintf("demoted to %s; `warden promote %s --pool %s --review` lifts it", d.To, d.Action, d.Pool))
			}
		}
	}
	if f.waived != nil {
		out.Waivers = []ledger.Waiver{*f.waived}
		for _, l := range out.Levels {
			for i := range l.Nodes {
				l.Nodes[i].Waived = l.Nodes[i].Node == f.waived.Node
			}
		}
		out.Levels[0].Effective, out.Levels[0].Why = remedy.LevelNotify, out.Levels[0].Why[:1]
	}
	return out
}

func (f *fakeAPI) waive(r *http.Request) (any, error) {
	q, err := body[web.WaiveRequest](r)
	if err != nil {
		return nil, err
	}
	if q.Node != "n3" {
		return nil, refuse(http.StatusNotFound, engine.RefusedNotFound, q.Node+" is not a voter")
	}
	f.waived = &ledger.Waiver{Node: "n3", By: person("sam"), Reason: q.Reason, Since: fakeNow}
	return f.policy(), nil
}

func (f *fakeAPI) unwaive(*http.Request) (any, error) {
	if f.waived == nil {
		return nil, refuse(http.StatusConflict, ledger.RefusedNothing, "n3 is not waived: there is nothing to end")
	}
	f.waived = nil
	return f.policy(), nil
}

func fakePolicy() *web.Policy {
	node := func(n remedy.NodeID, l remedy.Level) web.NodeLevel {
		return web.NodeLevel{Node: n, Level: l, Reported: true}
	}
	level := func(a remedy.ActionName, p remedy.PoolName, file, effective remedy.Level, approvers ...string) web.Level {
		l := web.Level{Action: a, Pool: p, File: file, Effective: effective, Approvals: max(1, len(approvers)), Approvers: append([]string{}, approvers...)}
		if file == remedy.LevelAuto {
			l.AnnounceSec = 600
		}
		return l
	}
	return &web.Policy{Schema: web.SchemaPolicy, ServedAt: fakeNow, Node: "n1", Waivers: []ledger.Waiver{}, QuietHours: "22:00 to 08:00 Europe/Dublin, defer", Levels: []web.PolicyLevel{
		{
			Level: level("drain", "edge", remedy.LevelAuto, remedy.LevelMetricOnly, "sam"),
			Nodes: []web.NodeLevel{node("n1", remedy.LevelAuto), node("n2", remedy.LevelNotify), {Node: "n3", Level: remedy.LevelMetricOnly}},
			Why:   []string{"n2 last reported notify", "n3 has not reported its file yet"},
		},
		{
			Level: level("drain", "ingest", remedy.LevelAuto, remedy.LevelAuto, "sam", "@oncall"),
			Nodes: []web.NodeLevel{node("n1", remedy.LevelAuto), node("n2", remedy.LevelAuto), node("n3", remedy.LevelAuto)}, Why: []string{},
			Note: "assume_in_service: nothing in this pool goes above confirm",
		},
		{Level: level("maint", "ingest", remedy.LevelMetricOnly, remedy.LevelMetricOnly), Nodes: []web.NodeLevel{node("n1", remedy.LevelMetricOnly)}, Why: []string{}},
	}}
}

// stats answers what it was asked for, and with that which flags arrived.
func (*fakeAPI) stats(r *http.Request) (any, error) {
	q := r.URL.Query()
	s := &web.Stats{Schema: web.SchemaStats, ServedAt: fakeNow, By: q.Get("by"), Rows: []web.StatsRow{}}
	switch q.Get("within") {
	case "24h":
		s.Since = fakeNow.Add(-24 * time.Hour)
	case "1h":
		return s, nil // nothing happened
	}
	busy := web.StatsRow{
		Name: "canary_missing", Opened: 9, Open: 2, ByHand: 1, WouldHave: 4, Asked: 5, Approved: 3, Denied: 1, Started: 3, Took: 2, NotTaken: 1, CalledOff: 1, Undone: 2,
		Outcomes: map[string]int{"undone": 2, "expired": 1, "denied": 1, "self_recovered": 3},
		Decide:   web.Duration{N: 5, MedianSec: 4, WorstSec: 31, WorstCase: 1042}, Answer: web.Duration{N: 4, MedianSec: 155, WorstSec: 1190, WorstCase: 1031},
		Take: web.Duration{N: 2, MedianSec: 88.4, WorstSec: 171.2, WorstCase: 1040},
	}
	s.Rows = append(s.Rows, busy)
	if s.By != "all" {
		s.Rows = append(s.Rows, web.StatsRow{Name: "evil\x1b[31m", Opened: 1, Open: 1, Outcomes: map[string]int{}})
	} else {
		s.Rows[0].Name = ""
	}
	return s, nil
}

// explain answers for hosts by their names.
func (f *fakeAPI) explain(r *http.Request) (any, error) {
	q := r.URL.Query()
	at, err := time.Parse(time.RFC3339Nano, q.Get("at"))
	if err != nil {
		return nil, err
	}
	around, err := time.ParseDuration(q.Get("around"))
	if err != nil {
		return nil, err
	}
	x := &web.Explanation{Schema: web.SchemaExplanation, ServedAt: fakeNow, Explanation: engine.Explanation{
		Pool: "ingest", Host: remedy.HostName(q.Get("host")), At: at, From: at.Add(-around), To: at.Add(around),
		Cases: []*ledger.Case{}, Nearby: []remedy.CaseID{}, Recomputed: []engine.Recomputed{}, Unknowable: []string{"the inventory of that time: today's is used"},
	}}
	finding := func(value float64, at time.Time) remedy.Finding {
		out := *fakeFinding(x.Host, value, 0)
		out.At, out.Verdict, out.Reason = at, remedy.VerdictUnknown, remedy.ReasonPending
		return out
	}
	one := engine.Recomputed{Detector: "canary_missing", Proposes: "drain", Instants: 121, Good: 110, Between: 11, Reasons: map[string]int{}, Failed: []string{}}
	switch x.Host {
	case "ingest-17":
		x.Cases = append(x.Cases, f.cases[1042])
		return x, nil
	case "ingest-22":
		run := &engine.BadRun{From: at.Add(-4 * time.Minute), To: at.Add(-time.Minute), Instants: 7, PoolBad: 1, RecoveredAt: at.Add(-30 * time.Second)}
		run.Worst = finding(0.47, run.To)
		one.Closest, one.Worst = run, &run.Worst
		one.Guardrails = []engine.Recalled{
			{Guardrail: "freeze", Answer: "unknown", Observed: "earlier freezes are not kept"},
			{Guardrail: "common_mode", Answer: "allow", Observed: "1 of 40 hosts bad at once", Limit: "8"},
			{Guardrail: "cooldown", Answer: "block", Observed: "last ran 2h before", Limit: "6h"},
		}
		x.Nearby = []remedy.CaseID{1043}
	case "ingest-23":
		f := finding(0.61, at)
		one.Worst, one.Unknown, one.Good, one.Reasons = &f, 3, 107, map[string]int{remedy.ReasonFewPoints: 3}
	case "ingest-24":
		one.Good, one.Between, one.Unknown = 0, 0, 121
		one.Reasons, one.Failed = map[string]int{remedy.ReasonSourceFailed: 121}, []string{"connection refused: check that it runs, and the port in url"}
	case "ingest-25":
		run := &engine.BadRun{From: at.Add(-10 * time.Minute), To: x.To, Instants: 81, Proposed: true, PoolBad: 12}
		run.Worst = finding(0.05, at)
		one.Closest = run
		one.Guardrails = []engine.Recalled{{Guardrail: "common_mode", Answer: "block", Observed: "12 of 40 hosts bad at once", Limit: "8"}}
		x.Forgotten = true
	case "ingest-26":
		return nil, refuse(http.StatusNotFound, engine.RefusedNotFound, "there is no pool or host \"ingest-26\": see `warden hosts`")
	}
	x.Recomputed = append(x.Recomputed, one)
	return x, nil
}
