package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"warden/internal/remedy"
	"warden/internal/trust"
	"warden/internal/web"
)

// review is what the flags of promote --review say.
type review struct {
	on     bool
	action remedy.ActionName
	pool   remedy.PoolName
	reason string
	// seen is when the newest cause came that is shown.
	seen time.Time
}

// review lifts a demotion. On a terminal it shows what happened first.
func (p *program) review(ctx context.Context, r review) error {
	client, err := p.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	res, err := p.evidence(ctx, client, web.TrustQuery{Action: r.action, Pool: r.pool})
	if err != nil {
		return err
	}
	row, err := toReview(res, r)
	if err != nil {
		return err
	}
	if row.Demotion != nil {
		r.seen = row.Demotion.Newest()
	}
	if p.interactive() {
		p.whatHappened(row)
	}
	if r.reason == "" && p.interactive() {
		if r.reason, err = p.question(ctx, "What did you find? It is kept with the review:"); err != nil {
			return err
		}
	}
	if r.reason == "" {
		return usage("say what you found with --reason TEXT: people will ask")
	}
	if err := p.confirm(ctx, "give --yes", "Lift it?"); err != nil {
		return err
	}
	after, err := write(ctx, p, "warden policy list", func(ctx context.Context) (*web.Trust, error) {
		return client.Review(ctx, web.ReviewRequest{Action: r.action, Pool: row.Pool, Reason: r.reason, Seen: r.seen})
	})
	if err != nil {
		return err
	}
	if p.printer.asJSON() {
		return list(p.printer, after, after.Rows)
	}
	level, note := row.Effective, ""
	for _, x := range after.Rows {
		if x.Action == r.action && x.Pool == row.Pool {
			level = x.Effective
			switch {
			case x.Grant != nil && !x.Grant.Judged:
				note = " until its gate is judged again"
			case level < x.Reported:
				note = ", and the gate leaves no more"
			}
		}
	}
	p.printer.line(say("Reviewed: %s on %s is at %s%s.", r.action, row.Pool, level, note))
	p.printer.talk("The opposite: warden demote %s --pool %s --to %s --reason TEXT", r.action, row.Pool, row.Effective)
	return nil
}

// toReview finds the one pool whose demotion or gate is meant.
func toReview(res *web.Trust, r review) (*web.TrustRow, error) {
	rows := slices.DeleteFunc(slices.Clone(res.Rows), func(x web.TrustRow) bool {
		held := x.Grant != nil && x.Grant.Judged && x.Grant.To < x.Reported
		return x.Demotion == nil && !held
	})
	switch len(rows) {
	case 0:
		where := ""
		if r.pool != "" {
			where = " on " + string(r.pool)
		}
		return nil, fail(ExitRefused, fmt.Errorf("nothing lowers %s%s: what its level is, the files say; see `warden policy list`", r.action, where))
	case 1:
		return &rows[0], nil
	}
	names := make([]string, len(rows))
	for i, x := range rows {
		names[i] = string(x.Pool)
	}
	return nil, &usageError{errors.New("several pools wait for a review: say which of " + strings.Join(names, ", ") + " with --pool")}
}

// whatHappened shows a demotion, the case that it is about and what else is
// known of it, as talk.
func (p *program) whatHappened(row *web.TrustRow) {
	shown := p.talker()
	shown.line(say("%s on %s", row.Action, row.Pool))
	shown.demotion(row)
	if d := row.Demotion; d != nil {
		for _, id := range casesOf(d) {
			for i := range row.Wrong {
				if x := &row.Wrong[i]; x.Case == id {
					shown.line("    " + say("%s  %s  %s  %s", x.Case, shown.stamp(x.At), x.Host, shown.said(x.Statements)))
					shown.line("      " + say("%s", x.Cause))
				}
			}
			shown.line(say("  all of it: warden explain %s", id))
		}
	}
	if row.Grant != nil {
		shown.line(say("  with it lifted the gate is judged again, and the level stays as it is until the verdict; the files ask for %s", row.Reported))
		return
	}
	shown.line(say("  with it lifted the files' level holds: %s", row.Reported))
}

// casesOf are the cases that a demotion is about, each once.
func casesOf(d *trust.Demotion) []remedy.CaseID {
	ids := []remedy.CaseID{d.Case}
	for _, c := range d.Causes {
		ids = append(ids, c.Case)
	}
	slices.Sort(ids)
	return slices.DeleteFunc(slices.Compact(ids), func(id remedy.CaseID) bool { return id == 0 })
}
