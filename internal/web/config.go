package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"warden/internal/config"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// The schemas of the answers about the config.
const (
	SchemaConfig = "warden.config_in_force/v1"
	SchemaPolicy = "warden.policy/v1"
	SchemaReload = "warden.reload/v1"
)

// ConfigInForce is what the answering node runs, without secrets. It answers
// GET /api/v1/config.
type ConfigInForce struct {
	Schema   string        `json:"schema"`
	ServedAt time.Time     `json:"served_at"`
	Node     remedy.NodeID `json:"node"`
	// Voters are the nodes whose files count: a promotion holds once all of
	// them have it, anything stricter as soon as one has.
	Voters []remedy.NodeID `json:"voters"`
	config.Outline
}

// Policy is who is trusted with what. It answers GET /api/v1/policy.
type Policy struct {
	Schema   string        `json:"schema"`
	ServedAt time.Time     `json:"served_at"`
	Node     remedy.NodeID `json:"node"`
	Levels   []PolicyLevel `json:"levels" doc:"by action and pool"`
}

// PolicyLevel is one action's rung in one pool, and why it is no higher.
type PolicyLevel struct {
	Level
	// Nodes is what each voter last committed.
	Nodes []NodeLevel `json:"nodes"`
	// Why says why less is in force than this node's file says; empty when
	// nothing lowers it.
	Why []string `json:"why" doc:"why less is in force than this node's file says"`
	// Note says what else keeps its decisions from going as high as the level.
	Note string `json:"note,omitempty"`
}

// NodeLevel is one voter's word on an action in a pool.
type NodeLevel struct {
	Node  remedy.NodeID `json:"node"`
	Level remedy.Level  `json:"level" doc:"metric-only for a voter that has not reported the action"`
	// Reported is false for a voter whose file, as committed, doesn't have the
	// action in this pool, or that never reported.
	Reported bool `json:"reported"`
}

// ReloadReport is what a reload did. It answers POST /api/v1/reload.
type ReloadReport struct {
	Schema   string        `json:"schema"`
	Node     remedy.NodeID `json:"node"`
	Hash     string        `json:"hash"`
	Verdict  string        `json:"verdict" doc:"the changes counted, in one line"`
	Changes  []ReloadLine  `json:"changes"`
	Warnings []string      `json:"warnings"`
}

// ReloadLine is one change, with its words.
type ReloadLine struct {
	config.Change
	Text string `json:"text"`
}

// configRoutes registers what is about the config.
func (s *surface) configRoutes(api huma.API) {
	route(api, http.MethodGet, "/config", "get-config", "The configuration in force, without secrets", func(_ context.Context, _ *none) (*ConfigInForce, error) {
		o := s.Node.Outline()
		o.Levels, o.Detectors, o.Settings = list(o.Levels), list(o.Detectors), list(o.Settings)
		return &ConfigInForce{
			Schema: SchemaConfig, ServedAt: s.now(), Node: s.Node.ID, Voters: list(s.Ledger.Status().Voters), Outline: o,
		}, nil
	})
	route(api, http.MethodGet, "/policy", "get-policy", "Who is trusted with what, and why not with more", func(_ context.Context, _ *none) (*Policy, error) {
		return s.policy(), nil
	})
	route(api, http.MethodPost, "/reload", "reload", "Put the config file in force, all of it or nothing", func(ctx context.Context, _ *none) (*ReloadReport, error) {
		var done Reloaded
		by, err := actor(ctx)
		if err != nil {
			return nil, err
		}
		if done, err = s.Node.Reload(detached(ctx), by); err != nil {
			return nil, reloadProblem(err)
		}
		out := &ReloadReport{
			Schema: SchemaReload, Node: s.Node.ID, Hash: done.Hash, Verdict: done.Changes.Verdict(), Changes: []ReloadLine{}, Warnings: []string{},
		}
		for _, c := range done.Changes {
			out.Changes = append(out.Changes, ReloadLine{Change: c, Text: c.String()})
		}
		for _, w := range done.Warnings {
			out.Warnings = append(out.Warnings, w.String())
		}
		return out, nil
	})
}

// reloadProblem words why a config was not put in force, problem by problem.
func reloadProblem(err error) error {
	r, ok := errors.AsType[*ReloadRefused](err)
	if !ok {
		return problem(http.StatusConflict, CodeConfig, err.Error())
	}
	p := problem(http.StatusConflict, CodeConfig, "nothing was reloaded, and the old config stays in force: "+r.Report.Summary())
	for _, x := range r.Report {
		where := x.File
		if x.Line > 0 {
			where = fmt.Sprintf("%s:%d:%d", x.File, x.Line, x.Col)
		}
		p.Errors = append(p.Errors, ProblemPart{Where: where, Key: x.Key, Message: string(x.Severity) + ": " + x.Text})
	}
	return p
}

// policy collects every level with what each voter says of it.
func (s *surface) policy() *Policy {
	cfg, st := s.Engine.Config(), s.Ledger.Status()
	out := &Policy{Schema: SchemaPolicy, ServedAt: s.now(), Node: s.Node.ID, Levels: []PolicyLevel{}}
	for _, l := range s.levels(cfg, "") {
		p := PolicyLevel{Level: l, Nodes: []NodeLevel{}, Why: []string{}}
		for _, v := range st.Voters {
			n := reportedBy(st.Reports, v, l.Action, l.Pool)
			p.Nodes = append(p.Nodes, n)
			if n.Level < l.File {
				p.Why = append(p.Why, whyLower(st.Reports, n))
			}
		}
		if len(st.Voters) == 0 && l.File > remedy.LevelMetricOnly {
			p.Why = append(p.Why, "no voter is known yet: the cluster has not been founded")
		}
		if cfg.Pools[l.Pool].AssumeInService && l.Effective > remedy.LevelConfirm {
			p.Note = "assume_in_service: nothing in this pool goes above confirm"
		}
		out.Levels = append(out.Levels, p)
	}
	return out
}

func whyLower(reports []ledger.NodeReport, n NodeLevel) string {
	known := slices.ContainsFunc(reports, func(r ledger.NodeReport) bool { return r.Node == n.Node })
	switch {
	case !known:
		return fmt.Sprintf("%s has not reported its file yet", n.Node)
	case !n.Reported:
		return fmt.Sprintf("the file of %s, as it last reported it, doesn't have this action here", n.Node)
	}
	return fmt.Sprintf("%s last reported %s", n.Node, n.Level)
}

// reportedBy is one voter's word on an action in a pool, as the ledger counts
// it.
func reportedBy(reports []ledger.NodeReport, node remedy.NodeID, action remedy.ActionName, pool remedy.PoolName) NodeLevel {
	out := NodeLevel{Node: node, Level: remedy.LevelMetricOnly}
	for _, r := range reports {
		if r.Node != node {
			continue
		}
		for _, l := range r.Levels {
			if l.Action == action && l.Pool == pool {
				out.Level, out.Reported = max(l.Level, remedy.LevelMetricOnly), true
			}
		}
	}
	return out
}
