package engine

import (
	"context"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// late is PagerDuty, which finds a case's incident in a call after the one that
// told of the case.
type late struct {
	mailbox
	found string
}

func (l *late) Deliver(ctx context.Context, o chat.Owed) (chat.Delivery, error) {
	d, err := l.mailbox.Deliver(ctx, o)
	d.Posts = nil
	for _, m := range o.Messages {
		if l.found != "" && m.Case != nil {
			d.Posts = append(d.Posts, ledger.Post{Key: ledger.IncidentKey(m.Case.ID), Case: m.Case.ID, ID: l.found, Link: "https://acme.pagerduty.com/incidents/" + l.found})
		}
	}
	return d, err
}

// The incident that PagerDuty's courier found is in what Slack is given about the
// case, whose message is looked at again for it, and for nothing else. Two
// candidates are none.
func TestSlackHearsOfTheIncident(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ id, want string }{{"Q2K5M8XW3T", "Q2K5M8XW3T"}, {ledger.SeveralIncidents(2), ""}} {
		slack, pd := &mailbox{surface: ledger.SurfaceSlack}, &late{mailbox: mailbox{surface: ledger.SurfacePagerDuty}, found: c.id}
		goroutines(t, func(r *rig, pass func(time.Duration)) {
			t := r.t
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- r.e.Run(ctx) }()
			defer func() { stop(); r.must(<-ended) }()
			pass(2 * time.Minute)
			pd.set(3*time.Minute, false)
			r.bad(3)
			pass(4 * time.Minute)
			k := r.last(3)
			if _, ok := r.l.Post(ledger.SurfaceSlack, "case/"+k.ID.String()); !ok {
				t.Fatal("Slack was not told while PagerDuty was away")
			}
			pd.set(0, false)
			pass(6 * time.Minute)
			m, ok := r.e.aboutCase(k.ID)
			got := ""
			if m.Incident != nil {
				got = m.Incident.ID
			}
			if !ok || got != c.want {
				t.Errorf("%s: the message has the incident %q, want %q", c.id, got, c.want)
			}
			post := r.receiptOf(ledger.SurfaceSlack, k.ID)
			found := r.receiptOf(ledger.SurfacePagerDuty, k.ID)
			after := r.e.newsOfIncident(k.ID, found.At.Add(-time.Second))
			if after != (c.want != "") || r.e.newsOfIncident(k.ID, found.At) {
				t.Errorf("%s: news of the incident: %t; Slack's receipt is %+v, PagerDuty's %+v", c.id, after, post, found)
			}
		}, couriers(slack, pd))
	}
}

// receiptOf is what a surface posted about a case.
func (r *rig) receiptOf(s ledger.Surface, id remedy.CaseID) ledger.Post {
	r.t.Helper()
	key := "case/" + id.String()
	if s == ledger.SurfacePagerDuty {
		key = ledger.IncidentKey(id)
	}
	p, ok := r.l.Post(s, key)
	if !ok {
		r.t.Fatalf("%s has posted nothing under %s", s, key)
	}
	return p
}
