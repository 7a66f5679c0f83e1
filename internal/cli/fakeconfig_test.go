package cli

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"warden/internal/clock"
	"warden/internal/config"
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
		out.Changes = append(out.Changes, web.ReloadLine{Change: c, Text: c.String()})
	}
	return out, nil
}

func fakePolicy() *web.Policy {
	node := func(n remedy.NodeID, l remedy.Level) web.NodeLevel {
		return web.NodeLevel{Node: n, Level: l, Reported: true}
	}
	level := func(a remedy.ActionName, p remedy.PoolName, file, effective remedy.Level, approvers ...string) web.Level {
		return web.Level{Action: a, Pool: p, File: file, Effective: effective, Approvers: append([]string{}, approvers...)}
	}
	return &web.Policy{Schema: web.SchemaPolicy, ServedAt: fakeNow, Node: "n1", Levels: []web.PolicyLevel{
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
