package ledger

import (
	"slices"
	"strings"
	"time"

	"warden/internal/remedy"
	"warden/internal/trust"
)

// Happening is something about warden itself that people want to know of the
// next morning, and that no case has: notices are gone once they are told.
type Happening struct {
	Kind HappeningKind `json:"kind"`
	// At is when it began; Until when it ended, zero while it lasts or where it has
	// no length.
	At    time.Time `json:"at"`
	Until time.Time `json:"until,omitzero"`
	// Node is who leads from At on, in Term.
	Node remedy.NodeID `json:"node,omitempty"`
	Term uint64        `json:"term,omitempty"`
	// Source is what could not be believed, Why the reason when it began.
	Source remedy.SourceName `json:"source,omitempty"`
	Why    string            `json:"why,omitempty"`
}

// HappeningKind says what a Happening is.
type HappeningKind string

// The kinds of happenings.
const (
	HappenedLead  HappeningKind = "lead"  // a node began to lead
	HappenedBlind HappeningKind = "blind" // a source could not be believed
)

// maxHappenings bounds what is remembered: what has ended goes first.
const maxHappenings = 500

// maxWhy bounds the reason of a happening, in bytes.
const maxWhy = 500

// happened remembers one. The oldest that has ended goes where there are too
// many, or the oldest where none has.
func (m *machine) happened(h Happening) {
	h.Why = strings.ToValidUTF8(h.Why[:min(len(h.Why), maxWhy)], "")
	m.happenings = append(m.happenings, h)
	if len(m.happenings) > maxHappenings {
		i := slices.IndexFunc(m.happenings, func(h Happening) bool { return h.Kind != HappenedBlind || !h.Until.IsZero() })
		m.happenings = slices.Delete(m.happenings, max(i, 0), max(i, 0)+1)
	}
}

// TenureBegin notes that its proposer leads.
type TenureBegin struct {
	// Again is true where the same leader looks again after nobody did for a while,
	// such as a machine that was suspended: what was before is no evidence.
	Again bool `json:"again,omitempty"`
}

func (*TenureBegin) kind() string { return "tenure.begin" }
func (*TenureBegin) since() int   { return 3 }

func (b *TenureBegin) apply(m *machine, x step) Result {
	if x.by.Person {
		return refuse(RefusedPerson, "who leads is not for people to say")
	}
	switch {
	case b.Again && m.tenure.Term == x.term:
		m.looksFrom(x)
		return done(0)
	case m.tenure.Term == x.term:
		return refuse(RefusedDecided, "it is known that %s leads", x.node)
	}
	m.looksFrom(x)
	m.happened(Happening{Kind: HappenedLead, At: x.at, Node: x.node, Term: x.term})
	return done(0)
}

// tenure is the newest of which the ledger knows: its term, and from when on its
// leader has looked at this state without a gap. Zero while none is known.
type tenure struct {
	Term uint64    `json:"term"`
	From time.Time `json:"from"`
}

// looksFrom has the leader of a term look from now on. What was before, nobody
// may have seen: no case was seen to stay bad then, nor not to.
func (m *machine) looksFrom(x step) {
	m.tenure = tenure{Term: x.term, From: x.at}
	for _, c := range m.openCases("") {
		if c.NotBadFor == 0 && c.NotBadSince.IsZero() {
			continue
		}
		n := *c
		if n.NotBadFor = 0; !n.NotBadSince.IsZero() {
			n.NotBadSince = x.at
		}
		m.cases.replace(&n)
	}
}

// looked is for how long the leader of the term of the newest entry has looked at a
// case since it was proposed; 0 while that one hasn't said that it leads.
func (m *machine) looked(s *trust.Sample, at time.Time) time.Duration {
	if m.tenure.Term != m.term {
		return 0
	}
	return at.Sub(later(s.At, m.tenure.From))
}

// sawSource notes from when to when a source could not be believed.
func (m *machine) sawSource(name remedy.SourceName, blind bool, why string, x step) {
	i := m.blindIndex(name)
	switch {
	case blind && i < 0:
		m.happened(Happening{Kind: HappenedBlind, At: x.at, Source: name, Why: why})
	case !blind && i >= 0:
		m.happenings[i].Until = x.at
	}
}

// blindIndex is the place of what lasts of a source's blindness, or -1.
func (m *machine) blindIndex(name remedy.SourceName) int {
	return slices.IndexFunc(m.happenings, func(h Happening) bool {
		return h.Kind == HappenedBlind && h.Source == name && h.Until.IsZero()
	})
}

// Blind lists the sources that can't be believed for now, by name.
func (l *Ledger) Blind() []remedy.SourceName {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var out []remedy.SourceName
	for _, h := range l.m.happenings {
		if h.Kind == HappenedBlind && h.Until.IsZero() {
			out = append(out, h.Source)
		}
	}
	slices.Sort(out)
	return out
}

// Led reports whether the leader of the newest entry's term has said that it leads,
// and the ledger took that.
func (l *Ledger) Led() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.m.term > 0 && l.m.tenure.Term == l.m.term
}

// Leads is the term of the newest tenure that is noted; 0 for none.
func (l *Ledger) Leads() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, h := range slices.Backward(l.m.happenings) {
		if h.Kind == HappenedLead {
			return h.Term
		}
	}
	return 0
}

// byHappening orders happenings by when they began. Several may be equal in it.
func byHappening(a, b Happening) int { return a.At.Compare(b.At) }

// mergeHappenings is what either knows, and is over for both: what lasted when a
// state was saved is not known to last.
func mergeHappenings(now, saved []Happening) []Happening {
	all := slices.Clone(now)
	for _, h := range saved {
		if !slices.ContainsFunc(now, func(o Happening) bool {
			return o.Kind == h.Kind && o.At.Equal(h.At) && o.Source == h.Source && o.Term == h.Term
		}) && (h.Kind != HappenedBlind || !h.Until.IsZero()) {
			all = append(all, h)
		}
	}
	slices.SortStableFunc(all, byHappening)
	return all[max(0, len(all)-maxHappenings):]
}

// Happenings returns what became of warden itself, by when it began. It is a copy.
func (l *Ledger) Happenings() []Happening {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.Clone(l.m.happenings)
}
