package policy

import (
	"fmt"
	"slices"
	"time"

	"warden/internal/cron"
	"warden/internal/remedy"
)

const docWindows = "Lowers to each window's cap while a deny window is open, or while allow windows apply and none is open; deny wins."

// Window is one [[guardrails.windows]]: it opens whenever Schedule occurs in
// Location, and stays open for Duration of elapsed time.
type Window struct {
	Name string
	// Deny says that nothing above Cap is done while it is open; otherwise
	// nothing above Cap is done while no such window is.
	Deny     bool
	Schedule cron.Schedule
	Duration time.Duration
	Location *time.Location
	// Cap is the level that is left while it trips.
	Cap remedy.Level
	// Pools and Actions narrow what it applies to; empty means all.
	Pools   []remedy.PoolName
	Actions []remedy.ActionName
}

// applies reports whether the window is about a proposal.
func (v Window) applies(p *Proposal) bool {
	return (len(v.Pools) == 0 || slices.Contains(v.Pools, p.Pool)) && (len(v.Actions) == 0 || slices.Contains(v.Actions, p.Action))
}

// open returns until when the window is open; false when it isn't. A deny
// window is open by elapsed time or by the clock on the wall: where clocks are
// put back it opens in the repeated hour as well, and one of 24 h lasts the
// whole of a day that has 25. An allow window is open by elapsed time alone.
func (v Window) open(now time.Time) (until time.Time, ok bool) {
	if since := v.Schedule.Last(now, now.Add(-v.Duration), v.Location); !since.IsZero() && now.Before(since.Add(v.Duration)) {
		until = since.Add(v.Duration)
	}
	if v.Deny {
		l := now.In(v.Location)
		wall := time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), l.Nanosecond(), time.UTC)
		since := v.Schedule.Last(wall, wall.Add(-v.Duration), time.UTC)
		if left := since.Add(v.Duration).Sub(wall); !since.IsZero() && left > 0 && now.Add(left).After(until) {
			until = now.Add(left)
		}
	}
	return until, !until.IsZero()
}

// flaw says what makes a window unusable; empty when nothing does.
func (v Window) flaw() string {
	switch {
	case v.Location == nil:
		return "window " + v.Name + " has no time zone"
	case v.Duration <= 0:
		return "window " + v.Name + " has no duration"
	case v.Cap >= remedy.LevelAuto:
		return "window " + v.Name + " leaves every level"
	}
	return ""
}

// checkWindows lowers to the lowest cap of the deny windows that are open and,
// where allow windows apply and none is open, of those. What was decided
// before and is only put back again is held up by deny windows alone, whatever
// level they leave: nobody is there to say yes to it.
func checkWindows(p *Proposal, w *World) remedy.Answer {
	all, ok := w.Windows.Get()
	switch {
	case !ok:
		return unreadable(why(w.Windows, "the windows are not known"))
	case w.Now.IsZero():
		return unreadable("the decision has no time")
	}
	var deny, allowing, opened *openWindow
	for _, v := range all {
		if !v.applies(p) {
			continue
		}
		if flaw := v.flaw(); flaw != "" {
			return unreadable(flaw)
		}
		until, open := v.open(w.Now)
		o := &openWindow{Window: v, until: until}
		switch {
		case v.Deny && open:
			deny = o.lower(deny)
		case v.Deny:
		case open:
			opened = o
		default:
			allowing = o.lower(allowing)
		}
	}
	switch {
	case deny != nil:
		observed, limit := "deny window "+deny.Name+" is open", "until "+instant(deny.until, w.Now)
		if p.Kind == remedy.KindReassert {
			return block(observed, limit)
		}
		return capAt(deny.Cap, observed, limit)
	case opened != nil:
		return allow("allow window "+opened.Name+" is open", "until "+instant(opened.until, w.Now))
	case allowing != nil && p.Kind != remedy.KindReassert:
		return capAt(allowing.Cap, "no allow window is open", allowing.next(w.Now))
	}
	return allow("no window is in the way", fmt.Sprintf("%d configured", len(all)))
}

// openWindow is a window with when it closes, if it is open.
type openWindow struct {
	Window
	until time.Time
}

// lower returns which of two leaves less; the one before when both do alike.
func (o *openWindow) lower(before *openWindow) *openWindow {
	if before != nil && before.Cap <= o.Cap {
		return before
	}
	return o
}

// next words when the window opens next.
func (o *openWindow) next(now time.Time) string {
	at := o.Schedule.Next(now, o.Location)
	if at.IsZero() {
		return o.Name + " never opens"
	}
	return o.Name + " opens " + instant(at, now)
}
