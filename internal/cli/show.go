package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/web"
)

func (p *program) newShowCommand() *cobra.Command {
	var f incidentFlags
	cmd := &cobra.Command{
		Use: "show CASE | --incident ID", Short: "Show a case: facts, plan, stage, outcome; or an incident's timeline", GroupID: groupLook, Args: cobra.MaximumNArgs(1),
		Example: `  warden show W-1042
  warden show W-1042 --json
  warden show --incident Q2K5M8XW3T --out md
  warden show --host ingest-17 --since 02:30 --until 04:00 --out md`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case f.given() && len(args) > 0:
				return usage("give a case or an incident, not both; `warden show --help` shows how")
			case f.given():
				return p.showIncident(cmd.Context(), &f)
			case len(args) == 0:
				return usage("it needs a case, such as W-1042; `warden cases` lists them. For a timeline give --incident, or --host and --since")
			case f.since != "" || f.until != "":
				return usage("--since and --until are for a timeline: give --incident or --host as well")
			}
			return p.lookAt(cmd.Context(), args[0], p.showCase)
		},
	}
	cmd.Flags().StringVar(&f.incident, "incident", "", "the timeline of PagerDuty's incident `ID`: what warden saw, did and did not do")
	cmd.Flags().StringSliceVar(&f.hosts, "host", nil, "the timeline of a `HOST`, for an incident that warden has no note on; may be repeated")
	cmd.Flags().StringVar(&f.since, "since", "", "where the timeline begins, a `TIME` such as 02:30 (default with --incident: half an hour before its first case)")
	cmd.Flags().StringVar(&f.until, "until", "", "where it ends, a `TIME` (default: with its last case)")
	cmd.Flags().StringVar(&f.out, "out", "md", "the timeline's `FORMAT`: md, to paste in a review")
	complete(cmd, "out", "md")
	return cmd
}

// lookAt fetches a case and shows it.
func (p *program) lookAt(ctx context.Context, arg string, show func(*web.CaseDetail)) error {
	id, err := caseArg(arg)
	if err != nil {
		return err
	}
	client, err := p.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	d, err := p.fetch(ctx, client, id)
	if err != nil {
		return err
	}
	if p.printer.asJSON() {
		return p.printer.object(d)
	}
	show(d)
	return nil
}

// title is a case's first line.
func (o *printer) title(k *ledger.Case) {
	state := string(k.Stage)
	if k.Outcome != "" {
		state += ", " + string(k.Outcome)
	}
	name := o.paint(bold, say("%s  %s %s", k.ID, k.Action, k.Host)) + say(" (pool %s)", k.Pool)
	o.line(name + "    " + o.paint(styleOf(k.Stage, k.Outcome), chat.Clean(state)))
}

func (p *program) showCase(d *web.CaseDetail) {
	o, k, now := p.printer, d.Case, p.asOf(d.ServedAt)
	o.title(k)
	opened := say("%s, %s", o.stamp(k.OpenedAt), ago(now, k.OpenedAt))
	rows := [][]cell{{c("opened"), c(opened)}}
	add := func(label, format string, args ...any) { rows = append(rows, []cell{c(label), c(format, args...)}) }
	if !k.ClosedAt.IsZero() {
		add("closed", "%s", o.stamp(k.ClosedAt))
	}
	if m := k.Manual; m != nil {
		add("by hand", "%s: %s", m.By.Name, m.Reason)
		if len(m.Acknowledged) > 0 {
			add("knowing", "%s", strings.Join(m.Acknowledged, ", "))
		}
	}
	if k.Opened != nil {
		add("saw", "%s", saw(k.Opened))
	}
	if k.Latest != nil {
		add("latest", "%s; judged %s: %s", saw(k.Latest), o.stamp(k.Latest.At), k.Latest.Verdict)
	}
	rows = append(rows, opinions(k)...)
	add("level", "%s in force now", d.Effective)
	if k.Decision != nil {
		add("decided", "%s", whatNext(k))
	}
	if a := k.Ask; a != nil {
		add("asked", "%s, until %s: %s", o.stamp(a.AskedAt), o.stamp(a.ExpiresAt), strings.Join(k.AskedOf(), " "))
		for i, w := range a.Changes {
			add([]string{"changed", ""}[min(i, 1)], "%s", w)
		}
	}
	if w := chat.Waits(k, now); w != "" {
		add("waits", "%s", w)
	}
	if d.Against != "" {
		add("against", "%s", d.Against)
	}
	for _, a := range k.Approvals {
		add("approval", "%s", joined(": ", fmt.Sprintf("by %s, %s", a.By.Name, o.stamp(a.At)), a.Reason))
	}
	if s := k.Snooze; s != nil {
		add("put off", "%s", joined(": ", fmt.Sprintf("by %s, %s, until %s", s.By.Name, o.stamp(s.At), o.stamp(s.Until)), s.Reason))
	}
	if a := k.Answer; a != nil {
		word := "denied"
		if a.Approve {
			word = "approved"
		}
		add("answer", "%s", joined(": ", fmt.Sprintf("%s by %s, %s", word, a.By.Name, o.stamp(a.At)), a.Reason))
	}
	if s := k.Cancel; s != nil {
		add("cancelled", "%s", joined(": ", fmt.Sprintf("by %s, %s", s.By.Name, o.stamp(s.At)), s.Reason))
	}
	rows = append(rows, o.labelRows(d.Labels)...)
	rows = append(rows, postRows(d.Posts)...)
	if helped, known := k.Helped.Get(); known {
		add("helped", "%s", yesNo(helped))
	}
	if d.Probe != nil {
		add("fit to return", "%s", strings.TrimPrefix(fitness(d.Probe), "fit to return: "))
	}
	if k.Note != "" {
		add("note", "%s", k.Note)
	}
	o.table("  ", nil, rows)
	if k.Plan != nil {
		o.line("")
		o.plan("  ", k.Plan, k.PlanHash)
	}
	if len(k.Executions) > 0 {
		o.line("")
		o.executions(k)
	}
	o.next(k, d.AgainstAt)
}

// opinions are what the other nodes said of the host, where they differ.
func opinions(k *ledger.Case) [][]cell {
	rows := make([][]cell, 0, len(k.Opinions))
	for i, o := range k.Opinions {
		label := cell{}
		if i == 0 {
			label = c("others")
		}
		word := "no opinion: " + o.Why
		if f := o.Finding; f != nil {
			word = f.Verdict.String() + ": " + saw(f)
		}
		rows = append(rows, []cell{label, c("%s: %s", o.Node, word)})
	}
	return rows
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (o *printer) executions(k *ledger.Case) {
	wide := o.format == formatWide
	head := []string{"RUN", "KIND", "BY", "STARTED", "LASTED", "OUTCOME", "TOOK", "NOTE"}
	if wide {
		head = append(head, "TOKEN", "PRIOR", "OUTPUT")
	}
	rows := make([][]cell, 0, len(k.Executions))
	for i, x := range k.Executions {
		lasted, took := "-", "-"
		if !x.FinishedAt.IsZero() {
			lasted = chat.Span(x.FinishedAt.Sub(x.StartedAt))
		}
		if t, known := x.Took.Get(); known {
			took = yesNo(t)
		}
		if x.Late != "" {
			x.Note = joined("; ", fmt.Sprintf("given up, and then its effect came late (%s)", x.Late), x.Note)
		}
		row := []cell{
			c("%d", i+1), c("%s", x.Kind), c("%s", x.By.Name), c("%s", o.stamp(x.StartedAt)), c("%s", lasted),
			orDash(x.Outcome).in(styleOf("", x.Outcome)), c("%s", took), orDash(x.Note),
		}
		if wide {
			row = append(row, c("%s", x.Token), orDash(x.Prior), orDash(x.Output))
		}
		rows = append(rows, row)
	}
	o.table("  ", head, rows)
}

// next says what a person can do about a case now, who has seen what others say against
// it up to then.
func (o *printer) next(k *ledger.Case, seen time.Time) {
	switch {
	case k.UnknownExecution():
		o.talk("\nLook where %s is, then: warden resolve %s --as out|in", k.Host, k.ID)
	case k.Stage == remedy.StageWaiting && k.Ask != nil && k.Answer == nil:
		o.talk("\nYes: %s    no: warden deny %s --reason not-now    later: warden snooze %s 30m", k.YesCommand(seen), k.ID, k.ID)
	case k.Stage == remedy.StageWaiting && k.Veto != nil:
		o.talk("\nStop it: warden deny %s --reason not-now    later: warden snooze %s 30m", k.ID, k.ID)
	case k.Stage == remedy.StageOut:
		o.talk("\nPut it back: warden undo %s", k.ID)
	}
}

// explainCase is the decision's trace: what was seen, what would be done, what
// every guardrail said, and what happened then.
func (p *program) explainCase(d *web.CaseDetail) {
	o, k := p.printer, d.Case
	o.title(k)
	o.line(chat.Clean(whatNext(k)))
	decision := k.Decision
	if d.Now != nil {
		// It was asked about on an older decision, and starts on none of it.
		decision = d.Now
	}
	if decision != nil && len(decision.Rehearsed) > 0 {
		o.line(rehearsal(decision))
	}
	o.line("")
	rows := [][]cell{}
	if f := k.Latest; f != nil {
		rows = append(rows, []cell{c("saw"), c("%s", saw(f))},
			[]cell{{}, c("%s; judged %s: %s", samples(f), o.stamp(f.At), f.Verdict)})
		if k.Opened != nil && !k.Opened.At.Equal(f.At) {
			rows = append(rows, []cell{c("first"), c("%s", saw(k.Opened))}, []cell{{}, c("judged %s", o.stamp(k.Opened.At))})
		}
	}
	rows = append(rows, opinions(k)...)
	if k.Plan != nil {
		rows = append(rows, []cell{c("would"), c("%s", joined("    plan ", k.Plan.Summary, k.PlanHash))})
		for _, s := range k.Plan.Steps {
			rows = append(rows, []cell{{}, c("%s", s)})
		}
	}
	rows = append(rows, o.labelRows(d.Labels)...)
	o.table("  ", nil, rows)
	if decision != nil {
		o.line("")
		o.answers("  ", decision)
		o.line("")
		if d.Now != nil {
			o.line("  right now: " + standsInTheWay(decision, k.Answer != nil && k.Answer.Approve))
		} else {
			o.line("  " + howFar(decision, d.Effective))
		}
	}
	if len(k.Events) > 0 {
		o.line("")
		o.timeline(k)
	}
}

// rehearsal says which cases a decision below confirm counted that did nothing
// either.
func rehearsal(d *remedy.Decision) string {
	ids := make([]string, 0, mostRehearsed)
	for _, id := range d.Rehearsed[:min(len(d.Rehearsed), mostRehearsed)] {
		ids = append(ids, id.String())
	}
	more := ""
	if len(d.Rehearsed) > mostRehearsed {
		more = " and more"
	}
	return say("rehearsed: at %s nothing is done. What is marked counts what would have been done for %s%s.", d.Effective, strings.Join(ids, ", "), more)
}

// mostRehearsed is how many cases are named.
const mostRehearsed = 5

// standsInTheWay says what keeps a case that waits from starting.
func standsInTheWay(d *remedy.Decision, approved bool) string {
	switch {
	case d.BlockedBy != "" && d.Waiting:
		return say("it would wait for %s", d.BlockedBy)
	case d.BlockedBy != "":
		return say("%s stands in its way", d.BlockedBy)
	case d.Level < remedy.LevelConfirm:
		return say("the level is %s, and that does not let it start", d.Level)
	case approved:
		return "nothing stands in its way: it starts with the next round"
	}
	return "nothing stands in its way but a person's yes"
}

// howFar says how far a decision went, and how far it might have gone.
func howFar(d *remedy.Decision, now remedy.Level) string {
	text := say("decided: %s, as far as its level allows", d.Level)
	if d.Level < d.Effective {
		text = say("decided: %s; its level would allow %s", d.Level, d.Effective)
	}
	if now != d.Effective {
		text += say("; the level is %s now", now)
	}
	return text
}

// postRows say where people talk of a case.
func postRows(posts []web.CasePost) [][]cell {
	var rows [][]cell
	for _, x := range posts {
		label := map[string]string{"case": string(x.Surface), "incident": "incident"}[x.About]
		text := strings.TrimSpace(x.ID + "  " + x.Link)
		if n, several := strings.CutPrefix(x.ID, "ambiguous: "); several {
			text = "none: " + n + " open incidents may be about the host (ambiguous: " + n + ")"
		} else if x.About == "case" {
			text = cmp.Or(x.Link, x.ID)
		}
		rows = append(rows, []cell{c("%s", label), c("%s", text)})
	}
	return rows
}
