package ledger

import (
	"slices"

	"warden/internal/remedy"
)

// catchUp owes new surfaces what people still have to do something about: open
// questions and announcements. The one where people are asked also gets the cases
// whose host is out, or of which nobody knows, since that is where they are put
// back. What is over is history, and told to nobody.
func (m *machine) catchUp(added []Surface, x step) {
	if len(added) == 0 {
		return
	}
	var asks []Surface
	if slices.Contains(added, m.talk.asks()) {
		asks = []Surface{m.talk.asks()}
	}
	for c := range m.cases.all() {
		switch {
		case c.Stage == remedy.StageWaiting && c.Veto != nil:
			m.owe(NoticeAnnounced, c, added, x)
		case c.Stage == remedy.StageWaiting && c.Ask != nil && c.Answer == nil:
			m.owe(NoticeQuestion, c, added, x)
		case c.Open() && (c.Stage == remedy.StageOut || c.UnknownExecution()):
			m.owe(NoticeOutcome, c, asks, x)
		}
	}
}

// owe owes a notice about a case to some surfaces more: one of its kind that still
// waits for others, so that the delivery which begins a window is the same one, and
// else a new one.
func (m *machine) owe(kind NoticeKind, c *Case, to []Surface, x step) {
	if len(to) == 0 {
		return
	}
	for i := len(m.notices) - 1; i >= 0; i-- {
		n := m.notices[i]
		if n.Case != c.ID || n.Kind != kind || kind == NoticeAnnounced && n.Seq != c.Veto.Notice {
			continue
		}
		n.Owed = slices.Concat(n.Owed, to)
		slices.Sort(n.Owed)
		n.Owed = slices.Compact(n.Owed)
		m.notices = slices.Clone(m.notices)
		m.notices[i] = n
		return
	}
	m.notifyOn(to, Notice{Kind: kind, Case: c.ID, Pool: c.Pool}, x)
}
