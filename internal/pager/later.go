package pager

import (
	"context"
	"errors"
	"slices"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// laterFor is how long the incident of something that is over is still looked for:
// a monitor that pages after warden has acted does so within minutes. What waits for
// a person is looked for as long as it waits, up to a day.
const laterFor = time.Hour

// laterKey names the receipt of a milestone for which there was no incident. It holds
// the kind and the number of the notice, so that whoever leads writes the same note
// with the same marker.
func laterKey(id remedy.CaseID) string { return "later/" + id.String() }

// keepForLater has a milestone looked at again: the monitor may page about the host
// only after warden has found it, and whoever is woken then looks at the incident.
func (d *delivery) keepForLater(m chat.Message) {
	if had, ok := d.post(laterKey(m.Case.ID)); ok && had.Seq >= m.Notice.Seq {
		return
	}
	d.receipt(ledger.Post{Key: laterKey(m.Case.ID), Case: m.Case.ID, ID: string(m.Notice.Kind), Seq: m.Notice.Seq})
	d.c.alone.leave(laterKey(m.Case.ID), d.c.Clock.Now(), freshFor)
}

// doneWith ends the looking for the incident of a case: a note as new as what it would
// tell is there.
func (d *delivery) doneWith(id remedy.CaseID, covers uint64) {
	if had, ok := d.post(laterKey(id)); ok && had.Seq <= covers {
		had.Gone = true
		d.receipt(had)
	}
}

// later writes the newest milestones of cases that had no incident when they were
// told, where there is one now. A case is looked at once a minute, and all of them
// share one list of incidents. Cases that are owed one anyway were just looked at.
func (d *delivery) later(ctx context.Context, owed []chat.Message) error {
	if d.owed.About == nil {
		return nil
	}
	var errs []error
	cases := slices.Clone(d.state.Cases)
	slices.SortStableFunc(cases, func(a, b *ledger.Case) int { return d.c.alone.before(laterKey(a.ID), laterKey(b.ID)) })
	for _, c := range cases {
		now := d.c.Clock.Now()
		p, ok := d.post(laterKey(c.ID))
		if !ok || !waitsFor(c, d.owed.Now.Sub(p.At)) || slices.ContainsFunc(owed, func(m chat.Message) bool { return m.Case.ID == c.ID }) {
			continue
		}
		if d.c.alone.resting(halfREST.key(), now) || d.c.alone.resting(p.Key, now) {
			continue
		}
		m, ok := d.owed.About(c.ID)
		kind := ledger.NoticeKind(p.ID)
		if !ok || m.Case == nil || !slices.Contains(milestones(d.s.Notes), kind) {
			continue
		}
		m.Notice.Seq, m.Notice.Kind, m.Notice.At = p.Seq, kind, p.At
		d.c.alone.leave(p.Key, now, freshFor)
		refused := d.out.Refused
		errs = append(errs, d.noteOn(ctx, m, true))
		if d.out.Refused > refused {
			d.doneWith(c.ID, p.Seq) // as one that is refused when it is told
		}
	}
	return errors.Join(errs...)
}

// waitsFor reports whether an incident of a case is worth looking for, so long after
// its milestone: nothing was done yet, or it was lately.
func waitsFor(c *ledger.Case, since time.Duration) bool {
	return since < laterFor || c.Open() && c.Acted() == nil && since <= keepFor
}
