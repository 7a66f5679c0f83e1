package pager

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/PagerDuty/go-pagerduty"
	"go.uber.org/zap"

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

// owedChange is a change event that was not sent, and the notice that it is owed by.
type owedChange struct {
	change
	m chat.Message
}

// changes sends the change events of the cases that something is owed about. What one
// of them meets holds up no other.
func (d *delivery) changes(ctx context.Context) error {
	ok, err := d.api.canSend()
	if !d.s.ChangeEvents || !ok && err == nil {
		return nil
	}
	var owed []owedChange
	done := map[remedy.CaseID]bool{}
	for _, m := range d.owed.Messages {
		if m.Case == nil || m.Notice.Kind != ledger.NoticeOutcome || done[m.Case.ID] {
			continue
		}
		done[m.Case.ID] = true
		for _, e := range changesOf(m.Case) {
			if _, sent := d.post(e.key); !sent && d.owed.Now.Sub(e.at) <= keepFor {
				owed = append(owed, owedChange{e, m})
			}
		}
	}
	slices.SortStableFunc(owed, func(a, b owedChange) int { return d.c.alone.before(a.key, b.key) })
	errs := []error{err}
	for _, e := range owed {
		id := e.m.Case.ID
		if err != nil || d.resting(halfEvents.key()) || d.resting(e.key) || d.resting(unclearKey(e.key)) {
			d.hold(id)
			continue
		}
		refused := d.out.Refused
		if failed := d.sendChange(ctx, e); failed != nil {
			errs = append(errs, failed)
			d.hold(id)
			d.c.alone.aside(e.key, d.c.Clock.Now(), failed)
		}
		d.lost[id] = d.lost[id] || d.out.Refused > refused
	}
	return errors.Join(errs...)
}

// unclearPauses are how long a change event is left alone after an answer that doesn't
// say whether it was taken. It has no key by which PagerDuty would drop a double, so
// after one more it is given up.
var unclearPauses = [...]time.Duration{refusedPause, time.Hour}

func unclearKey(change string) string { return "unclear/" + change }

// unclear notes that nobody knows whether a change event was taken, and reports
// whether it is given up.
func (d *delivery) unclear(e owedChange) bool {
	key := unclearKey(e.key)
	n := d.c.alone.times(key)
	if n < len(unclearPauses) {
		d.c.alone.leave(key, d.c.Clock.Now(), unclearPauses[n])
		return false
	}
	d.c.alone.works(key)
	d.out.Refused++
	d.c.Logger.Error("a change event is given up: it was sent again and again, and no answer says whether PagerDuty has it; look for a proxy on the way", zap.Stringer("case", e.m.Case.ID), zap.Int("tries", n+1))
	return true
}

// sendChange sends one. Whether it was taken is said by the status, or in its place by
// words with a 202.
func (d *delivery) sendChange(ctx context.Context, e owedChange) error {
	m, receipt := e.m, ledger.Post{Key: e.key, Case: e.m.Case.ID}
	if m.Again || d.c.alone.times(unclearKey(e.key)) > 0 {
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
		return right(got, err, func(r *pagerduty.ChangeEventResponse) bool {
			return r.Status == statusSuccess || r.Status == "" && r.Message != "" && statusOf(ctx) == http.StatusAccepted
		})
	})
	if err != nil {
		if t, ok := errors.AsType[*trouble](err); ok && t.unclear && d.unclear(e) {
			d.receipt(receipt) // an undo that is told later doesn't send it again
			return nil
		}
		return d.judged(err, "the change event of "+m.Case.ID.String())
	}
	d.c.alone.works(e.key)
	d.c.alone.works(unclearKey(e.key))
	d.receipt(receipt)
	d.out.Sent++
	d.spoke[m.Case.ID]++
	return nil
}
