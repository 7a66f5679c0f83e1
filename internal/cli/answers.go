package cli

import (
	"warden/internal/chat"
	"warden/internal/remedy"
	"warden/internal/web"
)

// mark is how an answer of a guardrail is shown in the first column.
func mark(a remedy.Answer) cell {
	switch a.Effect {
	case remedy.EffectAllow:
		return c("ok").in(green)
	case remedy.EffectWait:
		return c("wait").in(yellow)
	case remedy.EffectAsk:
		return c("ask").in(yellow)
	case remedy.EffectCap:
		return c("cap").in(yellow)
	case remedy.EffectNotBind:
		return c("--").in(dim)
	case remedy.EffectBlock:
	}
	return c("NO").in(red)
}

// answers shows every guardrail's answer, one a line.
func (o *printer) answers(indent string, d *remedy.Decision) {
	rows := make([][]cell, 0, len(d.Answers))
	for _, a := range d.Answers {
		rows = append(rows, answer(a))
	}
	o.table(indent, nil, rows)
}

func answer(a remedy.Answer) []cell {
	limit := a.Limit
	if a.Effect == remedy.EffectCap {
		limit = joined(": ", limit, "at most "+a.Cap.String())
	}
	return []cell{mark(a), c("%s", a.Guardrail), c("%s", a.Observed), c("%s", limit)}
}

// against keeps the answers that stand in the way.
func against(d *remedy.Decision) []remedy.Answer {
	var out []remedy.Answer
	for _, a := range d.Answers {
		switch a.Effect {
		case remedy.EffectBlock, remedy.EffectWait, remedy.EffectAsk:
			out = append(out, a)
		case remedy.EffectAllow, remedy.EffectCap, remedy.EffectNotBind:
		}
	}
	return out
}

// plan shows what an action would change, and how to do it by hand.
func (o *printer) plan(indent string, plan *remedy.Plan, hash string) {
	rows := [][]cell{{c("would"), c("%s", plan.Summary)}}
	for _, s := range plan.Steps {
		rows = append(rows, []cell{{}, c("%s", s)})
	}
	if hash != "" {
		rows = append(rows, []cell{c("plan"), c("%s", hash)})
	}
	for i, s := range plan.UndoSteps {
		label := cell{}
		if i == 0 {
			label = c("undo")
		}
		rows = append(rows, []cell{label, c("%s", s)})
	}
	if plan.ManualHint != "" {
		rows = append(rows, []cell{c("by hand"), c("%s", plan.ManualHint)})
	}
	o.table(indent, nil, rows)
}

// preview shows what a run or an undo would do, what to know first, and what
// the guardrails say.
func (o *printer) preview(v *web.Preview) {
	o.plan("  ", &v.Plan, v.PlanHash)
	for _, w := range v.Warnings {
		o.line("  " + o.paint(yellow, "! "+chat.Clean(w)))
	}
	o.line("")
	o.answers("  ", &v.Decision)
}

// joined joins what is not empty.
func joined(between string, parts ...string) string {
	out := ""
	for _, s := range parts {
		if s == "" {
			continue
		}
		if out != "" {
			out += between
		}
		out += s
	}
	return out
}
