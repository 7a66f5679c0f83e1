package pager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/PagerDuty/go-pagerduty"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// change is one change event: what warden did by itself, or the undo of that.
type change struct {
	key     string // of its receipt
	at      time.Time
	summary string
	details map[string]any
}

// The bounds of events, in characters.
const (
	maxSummary = 500
	maxDetail  = 500
)

// changesOf is what of a case is a change: executions that nobody was asked
// about and that may have had an effect, and their undo.
func changesOf(c *ledger.Case) []change {
	var out []change
	alone := false
	for i := range c.Executions {
		x := &c.Executions[i]
		effect := x.Outcome == remedy.OutcomeDone || x.Outcome == remedy.OutcomePartial || x.Outcome == remedy.OutcomeUnknown
		last := i == len(c.Executions)-1
		settled := !last || c.Stage != remedy.StageExecuting && c.Stage != remedy.StageVerifying || x.Outcome == remedy.OutcomeUnknown
		what := ""
		switch {
		case x.Kind == remedy.KindAct && !x.By.Person && effect:
			alone = true
			did := "warden "
			if x.Outcome == remedy.OutcomeUnknown {
				did = "warden may have "
			}
			what = did + fmt.Sprintf("%s %s%s", verb(c.Action, true), name(string(c.Host)), seen(c))
		case x.Kind == remedy.KindUndo && alone && effect:
			what = fmt.Sprintf("warden put %s back (%s%s)", name(string(c.Host)), onWhoseWord(c, x), reasonOf(c))
		}
		if what == "" || !settled {
			continue
		}
		switch took, known := x.Took.Get(); {
		case x.Outcome == remedy.OutcomeUnknown:
			what += ", nobody knows"
		case x.Outcome == remedy.OutcomePartial:
			what += ", in part only"
		case x.Outcome != remedy.OutcomeDone || last && c.Outcome == remedy.OutcomeUnverified || known && !took:
			what += ", not verified"
		}
		if n := inService(c); n != "" && x.Kind == remedy.KindAct && x.Outcome != remedy.OutcomeUnknown {
			what += ", " + n
		}
		approver, back := "auto", undoLine(c)
		if x.Kind == remedy.KindUndo {
			approver, back = name(x.By.Name), ""
		}
		at := x.FinishedAt
		if at.IsZero() {
			at = x.StartedAt
		}
		out = append(out, change{
			key: fmt.Sprintf("change/%s/%s", c.ID, x.Token), at: at, summary: clip(chat.Clean(what), maxSummary),
			details: map[string]any{
				"case": c.ID.String(), "pool": detail(string(c.Pool)), "host": detail(string(c.Host)), "action": detail(string(c.Action)),
				"detector": detail(string(c.Detector)), "plan": x.PlanHash, "approver": approver, "outcome": string(x.Outcome),
				"why": detail(why(c)), "undo": detail(back),
			},
		})
	}
	return out
}

func detail(s string) string { return clip(chat.Clean(s), maxDetail) }

// seen is the number that made warden act: " (no data)".
func seen(c *ledger.Case) string {
	if c.Opened == nil {
		return ""
	}
	return " (" + name(string(c.Detector)) + " " + chat.FindingShort(*c.Opened) + ")"
}

// changes sends the change events of the cases that something is owed about.
func (d *delivery) changes(ctx context.Context) error {
	ok, err := d.api.canSend()
	if !d.s.ChangeEvents || !ok && err == nil {
		return nil
	}
	var failed error
	done := map[remedy.CaseID]bool{}
	for _, m := range d.owed.Messages {
		if m.Case == nil || m.Notice.Kind != ledger.NoticeOutcome || done[m.Case.ID] {
			continue
		}
		done[m.Case.ID] = true
		for _, e := range changesOf(m.Case) {
			if _, sent := d.post(e.key); sent || d.owed.Now.Sub(e.at) > keepFor {
				continue
			}
			if err == nil && failed == nil {
				refused := d.out.Refused
				failed = d.sendChange(ctx, m, e)
				d.lost[m.Case.ID] = d.lost[m.Case.ID] || d.out.Refused > refused
			}
			if err != nil || failed != nil {
				d.hold(m.Case.ID)
			}
		}
	}
	return errors.Join(err, failed)
}

func (d *delivery) sendChange(ctx context.Context, m chat.Message, e change) error {
	if m.Again {
		e.summary += " (may be a repeat)"
	}
	event := pagerduty.ChangeEvent{RoutingKey: d.api.key, Payload: pagerduty.ChangeEventPayload{
		Summary: e.summary, Source: clip("warden/"+d.s.Cluster+"/"+chat.Clean(string(m.Case.Host)), maxDetail),
		Timestamp: e.at.UTC().Format(time.RFC3339), CustomDetails: e.details,
	}}
	if d.c.Talk != nil {
		if link := cleanLink(d.c.Talk(m.Case.ID)); link != "" {
			event.Links = append(event.Links, pagerduty.ChangeEventLink{Href: link, Text: "Slack"})
		}
	}
	_, err := call(ctx, func(ctx context.Context) (*pagerduty.ChangeEventResponse, error) {
		got, err := d.api.events.CreateChangeEventWithContext(ctx, event)
		return right(got, err, func(r *pagerduty.ChangeEventResponse) bool { return r.Status == statusSuccess })
	})
	if err != nil {
		return d.judged(err, "the change event of "+m.Case.ID.String())
	}
	d.receipt(ledger.Post{Key: e.key, Case: m.Case.ID})
	d.out.Sent++
	d.spoke[m.Case.ID]++
	return nil
}
