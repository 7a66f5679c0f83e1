package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// talk is where people are told, and what was posted there.
type talk struct {
	// Surfaces are where notices are owed, sorted; none for the console alone.
	Surfaces []Surface `json:"surfaces,omitempty"`
	// Asks is the surface whose delivery begins the window of an announcement;
	// empty for the console.
	Asks Surface `json:"asks,omitempty"`
}

// asks is the surface on which an announcement has to have been seen.
func (t talk) asks() Surface {
	if t.Asks == "" {
		return SurfaceConsole
	}
	return t.Asks
}

// owes reports whether the notice is still owed to a surface. One that names
// nobody is from before surfaces were known, and owed to the console.
func (n *Notice) owes(s Surface) bool {
	if len(n.Owed) == 0 {
		return s == SurfaceConsole
	}
	return slices.Contains(n.Owed, s)
}

// told takes a surface off the notices that were told there, and drops those
// that nobody is owed any more.
func (m *machine) told(s Surface, which func(Notice) bool, x step) {
	if s == m.talk.asks() {
		m.delivered(func(n Notice) bool { return n.owes(s) && which(n) }, x)
	}
	kept := m.notices[:0:0]
	for _, n := range m.notices {
		if n.owes(s) && which(n) {
			n.Owed = without(n.Owed, s)
			if len(n.Owed) == 0 {
				continue
			}
		}
		kept = append(kept, n)
	}
	m.notices = kept
}

// without is a list without one surface; the list given is not changed.
func without(all []Surface, s Surface) []Surface {
	var out []Surface
	for _, one := range all {
		if one != s {
			out = append(out, one)
		}
	}
	return out
}

// SurfacesSet says where people are told from now on. What a surface was owed
// that is no longer there is dropped; a new one is owed what comes from now on, and
// what people still have to answer.
type SurfacesSet struct {
	Surfaces []Surface `json:"surfaces"`
	// Asks is the one whose delivery begins the window of an announcement.
	Asks Surface `json:"asks"`
}

func (*SurfacesSet) kind() string { return "surfaces.set" }
func (*SurfacesSet) since() int   { return 3 }

func (b *SurfacesSet) apply(m *machine, x step) Result {
	all := slices.Sorted(slices.Values(b.Surfaces))
	all = slices.Compact(all)
	switch {
	case x.by.Person:
		return refuse(RefusedBad, "surfaces come from the config: edit it and reload")
	case len(all) == 0 || len(all) > 20 || slices.Contains(all, ""):
		return refuse(RefusedBad, "there is at least one surface to tell people on")
	case !slices.Contains(all, b.Asks):
		return refuse(RefusedBad, "the surface that asks, %q, is not one of them", b.Asks)
	}
	before := m.talk.Surfaces
	if len(before) == 0 {
		before = []Surface{SurfaceConsole}
	}
	added := slices.DeleteFunc(slices.Clone(all), func(s Surface) bool { return slices.Contains(before, s) })
	m.talk = talk{Surfaces: all, Asks: b.Asks}
	kept := m.notices[:0:0]
	for _, n := range m.notices {
		owed := n.Owed
		if len(owed) == 0 {
			owed = []Surface{SurfaceConsole}
		}
		n.Owed = nil
		for _, s := range owed {
			if slices.Contains(all, s) {
				n.Owed = append(n.Owed, s)
			}
		}
		if len(n.Owed) > 0 {
			kept = append(kept, n)
		}
	}
	m.notices = kept
	m.catchUp(added, x)
	return done(0)
}

// Surfaces lists where people are told, and which surface's delivery begins the
// window of an announcement.
func (l *Ledger) Surfaces() (all []Surface, asks Surface) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(l.m.talk.Surfaces) == 0 {
		return []Surface{SurfaceConsole}, SurfaceConsole
	}
	return slices.Clone(l.m.talk.Surfaces), l.m.talk.asks()
}

// PendingFor returns the notices that a surface is still owed, oldest first.
func (l *Ledger) PendingFor(s Surface) []Notice {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var out []Notice
	for i := range l.m.notices {
		if l.m.notices[i].owes(s) {
			out = append(out, l.m.notices[i])
		}
	}
	return out
}

// LastNotice is the number of the newest notice that was ever made.
func (l *Ledger) LastNotice() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.m.lastNotice
}

func (m *machine) writeTalk(l *lineWriter) {
	if len(m.talk.Surfaces) > 0 {
		l.record(record{Talk: &m.talk})
	}
	for i := range m.posts {
		l.record(record{Post: &m.posts[i]})
	}
	for i := range m.summaries {
		l.record(record{Summary: &m.summaries[i]})
	}
	for i := range m.happenings {
		l.record(record{Happening: &m.happenings[i]})
	}
	if !m.forgot.IsZero() {
		l.record(record{Forgot: &forgot{Until: m.forgot}})
	}
	for i := range m.clicks {
		l.record(record{Click: &m.clicks[i]})
	}
}

// addTalk takes in one record of what people are told; it returns how many
// fields were set.
func (m *machine) addTalk(r record) (set int) {
	if r.Talk != nil {
		m.talk = *r.Talk
		set++
	}
	if r.Post != nil {
		m.posts = append(m.posts, *r.Post)
		set++
	}
	if r.Summary != nil {
		m.summaries = append(m.summaries, *r.Summary)
		set++
	}
	if r.Happening != nil {
		m.happenings = append(m.happenings, *r.Happening)
		set++
	}
	if r.Forgot != nil {
		m.forgot = r.Forgot.Until
		set++
	}
	if r.Click != nil {
		m.clicks = append(m.clicks, *r.Click)
		set++
	}
	return set
}

// checkTalk holds a restored machine to the order of what people were told.
func (m *machine) checkTalk() error {
	if !rising(m.talk.Surfaces, cmp.Compare[Surface]) || len(m.talk.Surfaces) > 0 && !slices.Contains(m.talk.Surfaces, m.talk.Asks) {
		return errors.New("its surfaces are out of order, or lack the one that asks")
	}
	if !rising(m.posts, byPost) || !rising(m.summaries, bySummary) {
		return errors.New("its posts or summaries are out of order")
	}
	if !slices.IsSortedFunc(m.happenings, byHappening) {
		return errors.New("what happened is out of order")
	}
	for _, p := range m.posts {
		if p.Key == "" || p.Case != 0 && m.find(p.Case) == nil {
			return fmt.Errorf("it has a post %q of %s, which is not there", p.Key, p.Case)
		}
	}
	for _, n := range m.notices {
		for _, s := range n.Owed {
			if !slices.Contains(m.talk.Surfaces, s) {
				return fmt.Errorf("notice %d is owed to %s, which is not a surface", n.Seq, s)
			}
		}
	}
	return m.checkClicks()
}
