package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/web"
)

// incidentFlags say which incident a timeline is of.
type incidentFlags struct {
	incident, since, until, out string
	hosts                       []string
}

func (f *incidentFlags) given() bool { return f.incident != "" || len(f.hosts) > 0 }

// showIncident prints a timeline to paste in a review.
func (p *program) showIncident(ctx context.Context, f *incidentFlags) error {
	if f.out != "md" {
		return usage("--out %s is nothing that a timeline can be; use md", f.out)
	}
	q := web.TimelineQuery{Incident: f.incident, Hosts: f.hosts}
	for _, t := range []struct {
		flag, text string
		to         *time.Time
	}{{"since", f.since, &q.Since}, {"until", f.until, &q.Until}} {
		if t.text == "" {
			continue
		}
		at, err := parseAt(t.text, p.clock.Now(), p.printer.zone)
		if err != nil {
			return usage("--%s: %w", t.flag, err)
		}
		*t.to = at
	}
	client, err := p.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	t, err := read(ctx, p, func(ctx context.Context) (*web.Timeline, error) { return client.Timeline(ctx, q) })
	if err != nil {
		return err
	}
	if p.printer.asJSON() {
		return p.printer.object(t)
	}
	for _, l := range markdown(t) {
		p.printer.line(l)
	}
	return nil
}

// markdown words a timeline for a review, a line each.
func markdown(t *web.Timeline) []string {
	title := "# " + joinHosts(t.Hosts)
	if t.Incident != "" {
		title = "# Incident " + md(t.Incident)
		if l := mdLink(t.Link); l != "" {
			title = "# Incident [" + md(t.Incident) + "](" + l + ")"
		}
	}
	out := []string{
		title + ": what warden saw, did and did not do", "",
		fmt.Sprintf("Cluster %s, %s to %s. All times are UTC. Hosts: %s.", md(t.Cluster), utc(t.From), utc(t.To), joinHosts(t.Hosts)), "",
		"## Timeline", "",
	}
	rows := timelineRows(t)
	if len(rows) == 0 {
		out = append(out, "Warden saw nothing of these hosts in this time.")
	} else {
		out = append(out, "| UTC | who | what | why |", "| --- | --- | --- | --- |")
	}
	for _, r := range rows {
		out = append(out, fmt.Sprintf("| %s | %s | %s | %s |", utc(r.at), md(r.who), md(r.what), md(r.why)))
	}
	out = append(out, "", "## What warden did not do", "")
	out = append(out, notDone(t)...)
	if took := howLong(t); len(took) > 0 {
		out = append(out, "", "## How long it took", "")
		out = append(out, took...)
	}
	return append(out, "", fmt.Sprintf("Made from the ledger at %s. `warden explain CASE` says of each decision why, and `warden audit` proves it.", utc(t.ServedAt)))
}

func utc(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

func joinHosts(hosts []remedy.HostName) string {
	names := make([]string, len(hosts))
	for i, h := range hosts {
		names[i] = md(string(h))
	}
	return strings.Join(names, ", ")
}

// timelineRow is one line of a timeline.
type timelineRow struct {
	at             time.Time
	who, what, why string
}

func timelineRows(t *web.Timeline) []timelineRow {
	var rows []timelineRow
	add := func(at time.Time, who, what, why string) {
		if !at.IsZero() && !at.Before(t.From) && !at.After(t.To) {
			rows = append(rows, timelineRow{at, who, what, why})
		}
	}
	for _, c := range t.Cases {
		caseRows(c, add)
	}
	for _, s := range t.Storms {
		add(s.StartedAt, "warden", fmt.Sprintf("hands off pool %s: common mode of %s", s.Pool, s.Detector), s.Detail)
		add(s.EndedAt, "warden", fmt.Sprintf("common mode of %s in pool %s is over", s.Detector, s.Pool), "")
	}
	where := func(pool remedy.PoolName) string { return cmp.Or(string(pool), "everything") }
	for _, l := range t.Latches {
		add(l.Since, "warden", "breaker of "+where(l.Pool)+" latched", l.Detail)
	}
	for _, r := range t.Resets {
		add(r.At, r.By.Name, "breaker of "+where(r.Pool)+" reset", r.Comment)
	}
	if f := t.Freeze; f != nil {
		add(f.Since, f.By.Name, "froze warden", f.Reason)
	}
	for _, h := range t.Holds {
		add(h.Since, h.By.Name, "held "+cmp.Or(string(h.Host), "pool "+string(h.Pool)), h.Reason)
	}
	for _, h := range t.Happenings {
		switch h.Kind {
		case ledger.HappenedLead:
			add(h.At, "warden", fmt.Sprintf("%s began to lead", h.Node), "")
		case ledger.HappenedBlind:
			add(h.At, "warden", fmt.Sprintf("source %s can't be believed", h.Source), h.Why)
			add(h.Until, "warden", fmt.Sprintf("source %s can be believed again", h.Source), "")
		}
	}
	slices.SortStableFunc(rows, func(a, b timelineRow) int { return a.at.Compare(b.at) })
	return rows
}

// caseRows are the lines of one case, with why where the case says it.
func caseRows(c *ledger.Case, add func(at time.Time, who, what, why string)) {
	subject := fmt.Sprintf("%s %s %s: ", c.ID, c.Action, c.Host)
	if f := c.Opened; f != nil && !f.BadSince.IsZero() {
		add(f.BadSince, "detector "+string(f.Detector), subject+"the host turns bad", chat.FindingSentence(*f))
	}
	for _, e := range folded(c.Events) {
		what, why := e.What, ""
		if e.n > 1 {
			what = fmt.Sprintf("%s and %s in turn, %d times until %s", e.What, e.back, e.n, utc(e.until))
		}
		word, rest, _ := strings.Cut(e.What, " ")
		switch {
		case e.What == "opened" && c.Opened != nil:
			why = chat.FindingSentence(*c.Opened)
		case e.What == "asked" && c.Ask != nil:
			why = "needs a yes of " + strings.Join(c.Ask.WhoWords(), " ") + " until " + utc(c.Ask.ExpiresAt)
		case strings.HasPrefix(e.What, "approved") || e.What == "denied":
			why = answerReason(c, e.At)
		case e.What == "START "+string(remedy.KindAct) || e.What == "START "+string(remedy.KindManual) || e.What == "START "+string(remedy.KindUndo):
			why = startedWhy(c, e.At)
		case word == "blocked" || word == "waiting":
			_, name, _ := strings.Cut(rest, " ")
			why = guardrailWhy(c, name)
		case strings.HasPrefix(e.What, "cancelled") && c.Cancel != nil:
			why = c.Cancel.Reason
		}
		add(e.At, cmp.Or(e.By, "warden"), subject+what, why)
	}
}

func answerReason(c *ledger.Case, at time.Time) string {
	for _, a := range append(slices.Clone(c.Approvals), ptr(c.Answer)...) {
		if a.At.Equal(at) && a.Reason != "" {
			return a.Reason
		}
	}
	return ""
}

func ptr[T any](p *T) []T {
	if p == nil {
		return nil
	}
	return []T{*p}
}

// startedWhy says on whose word an execution began.
func startedWhy(c *ledger.Case, at time.Time) string {
	for i := range c.Executions {
		x := &c.Executions[i]
		switch {
		case !x.StartedAt.Equal(at):
		case x.Kind == remedy.KindUndo:
			return joined(": ", "asked for by "+x.By.Name, string(c.UndoReason))
		case x.Kind == remedy.KindManual && c.Manual != nil:
			return joined(": ", "run by "+x.By.Name, c.Manual.Reason)
		case x.By.Person:
			return "approved by " + x.By.Name
		default:
			return "nobody was asked: it may act by itself there"
		}
	}
	return ""
}

// guardrailWhy is what a guardrail saw, as far as the newest decision has it.
func guardrailWhy(c *ledger.Case, name string) string {
	if c.Decision == nil {
		return ""
	}
	for _, a := range c.Decision.Answers {
		if a.Guardrail == name && a.Effect != remedy.EffectAllow && a.Effect != remedy.EffectNotBind {
			return chat.AnswerWords(a)
		}
	}
	return ""
}

// acted reports whether anything was done, or may have been.
func acted(c *ledger.Case) bool {
	return slices.ContainsFunc(c.Executions, func(x ledger.Execution) bool { return x.Outcome != remedy.OutcomeAborted })
}

// notDone lists the near misses: what warden saw and left alone, and why.
func notDone(t *web.Timeline) []string {
	var out []string
	list := func(c *ledger.Case, more string) {
		if acted(c) {
			return
		}
		line := fmt.Sprintf("- **%s** %s %s%s: ", c.ID, md(string(c.Action)), md(string(c.Host)), more)
		if c.Opened != nil {
			line += md(chat.FindingSentence(*c.Opened)) + ". "
		}
		line += "Nothing was done: " + md(whyNothing(c)) + "."
		out = append(out, line)
		for _, a := range stopping(c) {
			out = append(out, "  - "+md(strings.ReplaceAll(a.Guardrail, "_", " "))+": "+md(chat.AnswerWords(a)))
		}
	}
	for _, c := range t.Cases {
		list(c, "")
	}
	for _, c := range t.Nearby {
		list(c, " (another host of pool "+md(string(c.Pool))+")")
	}
	for _, s := range t.Storms {
		end := "it lasts"
		if !s.EndedAt.IsZero() {
			end = "until " + utc(s.EndedAt)
		}
		out = append(out, fmt.Sprintf("- From %s, %s, it started nothing by itself in pool %s: %s.", utc(s.StartedAt), end, md(string(s.Pool)), md(cmp.Or(s.Detail, "common mode"))))
	}
	if f := t.Freeze; f != nil {
		out = append(out, fmt.Sprintf("- From %s it was frozen by %s: %s.", utc(f.Since), md(f.By.Name), md(f.Reason)))
	}
	for _, h := range t.Holds {
		out = append(out, fmt.Sprintf("- From %s it left %s alone, held by %s: %s.", utc(h.Since), md(cmp.Or(string(h.Host), "pool "+string(h.Pool))), md(h.By.Name), md(h.Reason)))
	}
	if len(out) == 0 {
		return []string{"Nothing that it saw was left alone."}
	}
	return out
}

// whyNothing is the reason in a few words.
func whyNothing(c *ledger.Case) string {
	switch d := c.Decision; {
	case c.Open() && d != nil && d.BlockedBy != "":
		return "held back by " + strings.ReplaceAll(d.BlockedBy, "_", " ")
	case c.Open() && c.Stage == remedy.StageWaiting:
		return "it waits for an answer"
	case c.Open() && d != nil:
		return "the level is " + d.Level.String()
	case c.Outcome == remedy.OutcomeDenied && c.Answer != nil:
		return joined(": ", "denied by "+c.Answer.By.Name, c.Answer.Reason)
	case d != nil && d.BlockedBy != "":
		return joined(": ", "held back by "+strings.ReplaceAll(d.BlockedBy, "_", " ")+", then "+strings.ReplaceAll(string(c.Outcome), "_", " "), c.Note)
	}
	return joined(": ", strings.ReplaceAll(string(c.Outcome), "_", " "), c.Note)
}

// stopping are the answers that kept a case from more.
func stopping(c *ledger.Case) []remedy.Answer {
	if c.Decision == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.Decision.Answers), func(a remedy.Answer) bool {
		return a.Effect == remedy.EffectAllow || a.Effect == remedy.EffectNotBind
	})
}

// howLong says of each case that was acted on how long each part took.
func howLong(t *web.Timeline) []string {
	var out []string
	for _, c := range t.Cases {
		if !acted(c) {
			continue
		}
		from, parts := c.OpenedAt, []string{}
		if c.Opened != nil && !c.Opened.BadSince.IsZero() {
			from = c.Opened.BadSince
			parts = append(parts, "bad since "+utc(from))
		}
		step := func(what string, at time.Time) {
			if !at.IsZero() {
				parts = append(parts, what+" after "+chat.Span(at.Sub(from)))
			}
		}
		step("a case", c.OpenedAt)
		if c.Ask != nil {
			step("asked", c.Ask.AskedAt)
		}
		if c.Answer != nil {
			step("answered", c.Answer.At)
		}
		for _, x := range c.Executions {
			if x.Outcome == remedy.OutcomeAborted {
				continue
			}
			step(string(x.Kind)+" started", x.StartedAt)
			step("seen to have taken", x.TookAt)
		}
		out = append(out, fmt.Sprintf("- **%s** %s %s: %s.", c.ID, md(string(c.Action)), md(string(c.Host)), md(strings.Join(parts, ", "))))
	}
	return out
}
