package cli

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"warden/internal/chat"
	"warden/internal/config"
	"warden/internal/engine"
	"warden/internal/remedy"
	"warden/internal/trust"
	"warden/internal/web"
)

// diffVerdict is what the evidence says of one level of the new file.
type diffVerdict struct {
	Action remedy.ActionName `json:"action"`
	Pool   remedy.PoolName   `json:"pool"`
	trust.Verdict
	// Line is the verdict in one line, as promote, trust and a reload say it.
	Line string `json:"line"`
	// Restarted says that the evidence starts again with the file: a detector or
	// the action is another one.
	Restarted bool `json:"restarted,omitempty"`
	// Worst is how far the action could go by itself, in words; for auto only.
	Worst string `json:"worst,omitempty"`
	// Demoted is the level that a demotion leaves, whatever the file says.
	Demoted string `json:"demoted,omitempty"`
}

// rungsOf are the rungs of a config as the API previews them.
func rungsOf(cfg *engine.Config) web.TrustPreviewRequest {
	report := cfg.TrustReport("")
	q := web.TrustPreviewRequest{Rules: report.Rules, Rungs: []web.PreviewRung{}, Report: cfg.Report("")}
	for _, r := range report.Rungs {
		rung := web.PreviewRung{
			Action: r.Action, Pool: r.Pool, Level: cfg.Actions[r.Action].Levels[r.Pool], Target: r.Target, HasUndo: r.HasUndo,
			Detectors: []web.PreviewDetector{},
		}
		for _, d := range r.Detectors {
			rung.Detectors = append(rung.Detectors, web.PreviewDetector{Name: d.Name, Digest: d.Digest})
		}
		q.Rungs = append(q.Rungs, rung)
	}
	return q
}

// preview asks the agent what its evidence comes to with another config: what
// policy diff and promote go by. It is nil where the agent can't tell: an older one,
// or one that is asked over TCP.
func (p *program) preview(ctx context.Context, client *web.Client, q web.TrustPreviewRequest) (*web.Trust, error) {
	res, err := read(ctx, p, func(ctx context.Context) (*web.Trust, error) { return client.PreviewTrust(ctx, q) })
	if a, ok := errors.AsType[*web.APIError](err); ok && (a.Code == web.CodeNoEndpoint || a.Status == http.StatusMethodNotAllowed || a.Status == http.StatusForbidden) {
		return nil, nil //nolint:nilnil // that nobody can tell is an answer
	}
	return res, err
}

// verdicts asks the agent what its evidence says of a file's levels: of those
// that rise, and of those whose evidence would start again; and which levels in
// force would be others, once every voter has the file, beyond what the changes
// say. Evidence stays false where the agent can't tell.
func (p *program) verdicts(ctx context.Context, client *web.Client, q web.TrustPreviewRequest, d *diffed) error {
	res, err := p.preview(ctx, client, q)
	if err != nil || res == nil {
		return err
	}
	d.Evidence = true
	d.Moves = slices.DeleteFunc(res.Moves, func(m engine.Move) bool {
		return slices.ContainsFunc(d.Changes, func(c config.Change) bool {
			return ofLevel(c) && c.Subject == string(m.Action) && c.In == string(m.Pool) && m.Until >= min(m.From, m.To) && m.Review == remedy.LevelBlocked &&
				cmp.Or(c.From, remedy.LevelMetricOnly.String()) == m.From.String() && cmp.Or(c.To, remedy.LevelMetricOnly.String()) == m.To.String()
		})
	})
	for _, rung := range q.Rungs {
		i := slices.IndexFunc(res.Rows, func(r web.TrustRow) bool { return r.Action == rung.Action && r.Pool == rung.Pool })
		if i < 0 || rung.Level <= remedy.LevelMetricOnly {
			continue
		}
		row := &res.Rows[i]
		rises := slices.ContainsFunc(d.Changes, func(c config.Change) bool {
			return (c.Kind == config.ChangePromotion || c.Kind == config.ChangeNew) && c.Subject == string(rung.Action) && c.In == string(rung.Pool)
		})
		v := row.Rung(rung.Level)
		if v == nil || !rises && !row.Restarts {
			continue
		}
		x := diffVerdict{Action: rung.Action, Pool: rung.Pool, Verdict: *v, Line: row.Line(rung.Level), Restarted: row.Restarts}
		if rises && rung.Level == remedy.LevelAuto && row.Worst != nil {
			x.Worst = row.Worst.String()
		}
		if d := row.Demotion; d != nil && d.To < rung.Level {
			x.Demoted = d.To.String()
		}
		d.Verdicts = append(d.Verdicts, x)
	}
	return nil
}

// moves shows levels in force that move, as a reload tells them.
func (p *program) moves(all []engine.Move) {
	for _, m := range all {
		s := bold
		if m.To < m.From || m.Until < m.To {
			s = yellow
		}
		for i, line := range strings.Split(m.String(), "\n") {
			if line = chat.Clean(line); i > 0 {
				p.printer.line("  " + strings.TrimSpace(line))
				continue
			}
			p.printer.line(p.printer.paint(s, line))
		}
	}
}

// verdictNote is a verdict as the note of a change of level.
func verdictNote(v diffVerdict) cell {
	s := green
	if !v.Met || v.Demoted != "" {
		s = red
	}
	return c("%s", v.Line).in(s)
}

// failsAfter are the levels that would not pass their gates because the evidence
// starts again, a row each for the table of changes.
func failsAfter(all []diffVerdict) [][]cell {
	var rows [][]cell
	for _, v := range all {
		if v.Restarted && !v.Met {
			rows = append(rows, []cell{{}, {}, {}, c("^ so %s/%s would NOT pass its gate for %s after this change", v.Action, v.Pool, v.To).in(red)})
		}
	}
	return rows
}

// promises says, under the changes, what follows from them by the evidence.
func (p *program) promises(res diffed) {
	for _, v := range res.Verdicts {
		moves := slices.ContainsFunc(res.Moves, func(m engine.Move) bool { return m.Worst != "" && m.Action == v.Action && m.Pool == v.Pool })
		if v.Worst != "" && !moves {
			p.printer.line(say("%s/%s by itself: %s", v.Action, v.Pool, v.Worst))
		}
	}
}
