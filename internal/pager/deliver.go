package pager

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/PagerDuty/go-pagerduty"
	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// notes writes what is owed about cases on their incidents.
func (d *delivery) notes(ctx context.Context) error {
	ok, err := d.api.canRead()
	if d.s.Notes == NotesOff || !ok && err == nil {
		return nil
	}
	owed := d.milestones()
	if err != nil {
		for _, m := range owed {
			d.hold(m.Case.ID)
		}
		return err
	}
	slices.SortStableFunc(owed, func(a, b chat.Message) int { return d.c.alone.before(noteKey(a.Case.ID), noteKey(b.Case.ID)) })
	for _, m := range owed {
		d.looksFor(m.Case)
	}
	for _, c := range d.state.Cases {
		if p, ok := d.post(laterKey(c.ID)); ok && waitsFor(c, d.owed.Now.Sub(p.At)) {
			d.looksFor(c)
		}
		if _, ok := d.heldBack(c); ok {
			d.looksFor(c)
		}
	}
	var errs []error
	for _, m := range owed {
		// What all of them would meet closes the half; what one incident answers is
		// that incident's.
		if d.resting(halfREST.key()) || d.resting(noteKey(m.Case.ID)) {
			d.hold(m.Case.ID)
			continue
		}
		refused := d.out.Refused
		if err := d.noteOn(ctx, m, false); err != nil {
			errs = append(errs, err)
			d.hold(m.Case.ID)
			d.c.alone.aside(noteKey(m.Case.ID), d.c.Clock.Now(), err)
		} else {
			d.c.alone.works(noteKey(m.Case.ID))
		}
		d.lost[m.Case.ID] = d.lost[m.Case.ID] || d.out.Refused > refused
	}
	return errors.Join(append(errs, d.later(ctx, owed), d.refusals(ctx))...)
}

// milestones are the newest milestone of each case that is owed one, in the
// order of the cases. What is older than a day is no news.
func (d *delivery) milestones() []chat.Message {
	kinds, newest := milestones(d.s.Notes), map[remedy.CaseID]chat.Message{}
	for _, m := range d.owed.Messages {
		if m.Case != nil && slices.Contains(kinds, m.Notice.Kind) && d.owed.Now.Sub(m.Notice.At) <= keepFor {
			newest[m.Case.ID] = m
		}
	}
	out := make([]chat.Message, 0, len(newest))
	for _, m := range newest {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b chat.Message) int { return cmp.Compare(a.Case.ID, b.Case.ID) })
	return out
}

// noteOn writes one milestone on the incident of its case, and resolves that
// where it is configured and everything about it is proven. Of a late one, whose
// incident began after it was told, nothing is: what was proven was so before.
func (d *delivery) noteOn(ctx context.Context, m chat.Message, late bool) error {
	talk := ""
	if d.c.Talk != nil {
		talk = d.c.Talk(m.Case.ID)
	}
	n, ok := wording(m, talk, d.owed.Now)
	if !ok {
		return nil
	}
	inc, err := d.incidentOf(ctx, m.Case)
	if err != nil {
		return d.judged(err, "the incident of "+m.Case.ID.String())
	}
	if inc.id == "" {
		d.keepForLater(m)
		return nil
	}
	resolve := n.solved && d.s.Resolve && !late && d.onlyAbout(ctx, inc.id, m.Case.Host)
	switch {
	case resolve:
		n.lines = append(n.lines, resolvedLine)
	case n.solved:
		n.lines = append(n.lines, "This incident is left open for you.")
	}
	// Without a note that says so nothing is resolved.
	if said, err := d.write(ctx, inc, m.Case, n); err != nil || !resolve || !strings.Contains(said, resolvedLine) {
		return err
	}
	return d.resolve(ctx, inc, m.Case)
}

// resolvedLine is what a note says of an incident that is resolved with it.
const resolvedLine = "Every alert here is about this host: this incident is resolved with this."

// judged keeps an error that is worth another try, and drops one that is not.
func (d *delivery) judged(err error, what string) error {
	if d.trouble(err, what, zap.String("surface", string(ledger.SurfacePagerDuty))) {
		return err
	}
	return nil
}

// write writes a note unless it stands there already: this node's receipt may
// have been lost, or the node that wrote it. It returns what the note says that is
// there; empty where none is.
func (d *delivery) write(ctx context.Context, inc match, c *ledger.Case, n note) (string, error) {
	what := "the note on " + c.ID.String()
	there, err := call(ctx, func(ctx context.Context) ([]pagerduty.IncidentNote, error) {
		return d.api.rest.ListIncidentNotesWithContext(ctx, inc.id)
	})
	if err != nil {
		return "", d.judged(err, what)
	}
	receipt := ledger.Post{Key: n.key, Case: c.ID, Place: inc.id, Link: inc.link, Seq: n.covers}
	if n.key == "" {
		receipt.Key = noteKey(c.ID)
	}
	for _, one := range there {
		if ends(one.Content, n.marker(c.ID)) {
			receipt.ID = clipID(one.ID)
			d.wrote(receipt)
			return one.Content, nil
		}
	}
	made, err := call(ctx, func(ctx context.Context) (*pagerduty.IncidentNote, error) {
		got, err := d.api.rest.CreateIncidentNoteWithContext(ctx, inc.id, pagerduty.IncidentNote{
			Content: n.text(c.ID),
			// The library sends the user's summary as From, which PagerDuty wants.
			User: pagerduty.APIObject{Type: "user_reference", Summary: d.s.From},
		})
		return right(got, err, func(one *pagerduty.IncidentNote) bool { return one.ID != "" })
	})
	if err != nil {
		return "", d.judged(err, what)
	}
	receipt.ID = clipID(made.ID)
	d.wrote(receipt)
	d.out.Sent++
	return n.text(c.ID), nil
}

// wrote notes that a note is there.
func (d *delivery) wrote(p ledger.Post) {
	d.receipt(p)
	d.spoke[p.Case]++
	d.doneWith(p.Case, p.Seq)
}

// ends reports whether a note's last line is a marker: what a person quoted, or a
// host is called, is none.
func ends(content, mark string) bool {
	lines := strings.Split(strings.TrimSpace(content), "\n")
	return strings.TrimSpace(lines[len(lines)-1]) == mark
}

func clipID(id string) string { return id[:min(len(id), maxKey)] }

func noteKey(id remedy.CaseID) string { return "note/" + id.String() }

// onlyAbout reports whether every alert of an incident is about the host, by
// what they say now. Whatever isn't certain is a no.
func (d *delivery) onlyAbout(ctx context.Context, id string, host remedy.HostName) bool {
	alerts, err := d.alertsOf(ctx, id)
	if err != nil || len(alerts) == 0 || len(alerts) >= maxIncidents {
		return false
	}
	return !slices.ContainsFunc(alerts, func(a alert) bool {
		others := slices.ContainsFunc(a.hosts, func(v string) bool { return !(alert{hosts: []string{v}}).about(host) })
		return a.own() || others || !a.about(host)
	})
}

// resolve resolves an incident, after its note.
func (d *delivery) resolve(ctx context.Context, inc match, c *ledger.Case) error {
	_, err := call(ctx, func(ctx context.Context) (*pagerduty.ListIncidentsResponse, error) {
		got, err := d.api.rest.ManageIncidentsWithContext(ctx, d.s.From, []pagerduty.ManageIncidentsOptions{{ID: inc.id, Status: "resolved"}})
		return right(got, err, func(r *pagerduty.ListIncidentsResponse) bool {
			return slices.ContainsFunc(r.Incidents, func(one pagerduty.Incident) bool { return one.ID == inc.id && one.Status == "resolved" })
		})
	})
	if t, ok := errors.AsType[*trouble](err); ok && t.code == codeResolved {
		return nil // somebody was quicker
	}
	if err != nil {
		return d.judged(err, "the resolving of the incident of "+c.ID.String())
	}
	d.out.Sent++
	d.c.Logger.Info("incident resolved: its host is mended, and it was about nothing else", zap.String("incident", inc.id), zap.Stringer("case", c.ID))
	return nil
}

// holdBack is how long warden has to hold back before that is worth a note.
const holdBack = time.Minute

// heldBack is why warden holds back from a case, where it is worth a note.
func (d *delivery) heldBack(c *ledger.Case) (note, bool) {
	n, ok := refusal(c)
	since := d.owed.Now.Sub(c.OpenedAt)
	return n, ok && since >= holdBack && since <= keepFor
}

// refusals says on incidents why warden does nothing about their hosts: once for
// each incident and guardrail, however many hosts it is about.
func (d *delivery) refusals(ctx context.Context) error {
	var errs []error
	for _, c := range d.state.Cases {
		if d.resting(halfREST.key()) {
			break
		}
		n, ok := d.heldBack(c)
		if !ok {
			continue
		}
		inc, err := d.incidentOf(ctx, c)
		if err != nil {
			errs = append(errs, d.judged(err, "the incident of "+c.ID.String()))
			continue
		}
		if inc.id == "" {
			continue
		}
		n.key = "refused/" + inc.id + "/" + n.topic
		if _, told := d.post(n.key); told || len(n.key) > maxKey || d.resting(n.key) {
			continue
		}
		said, err := d.write(ctx, inc, c, n)
		if said == "" {
			d.c.alone.leave(n.key, d.c.Clock.Now(), refusedPause)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
