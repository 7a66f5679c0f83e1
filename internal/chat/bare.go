package chat

import (
	"slices"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Bare is remedy.Bare.
func Bare(s string) string { return remedy.Bare(s) }

// bare is a message whose free text holds no marks of commands. Records are copied,
// and never changed.
func bare(m Message) Message {
	n := &m.Notice
	// The others say nothing in a person's words, and may name a command.
	//exhaustive:ignore
	switch n.Kind {
	case ledger.NoticeLabel, ledger.NoticeReviewed, ledger.NoticeComplaint:
		n.Detail = Bare(n.Detail)
	case ledger.NoticeStop:
		if n.Case == 0 {
			n.Detail = Bare(n.Detail)
		}
	}
	if m.Case == nil {
		return m
	}
	m.Case = bareCase(m.Case)
	return m
}

// bareCase is a copy of a case whose people's words hold no marks of commands.
func bareCase(of *ledger.Case) *ledger.Case {
	c := *of
	reply := func(r *ledger.CaseReply) *ledger.CaseReply {
		if r == nil {
			return nil
		}
		out := *r
		out.Reason, out.By.Name = Bare(r.Reason), Bare(r.By.Name)
		return &out
	}
	c.Answer = reply(c.Answer)
	if u := c.Unasked; u != nil {
		out := *u
		out.Why = Bare(u.Why)
		c.Unasked = &out
	}
	if s := c.Snooze; s != nil {
		out := *s
		out.Reason, out.By.Name = Bare(s.Reason), Bare(s.By.Name)
		c.Snooze = &out
	}
	if r := c.Manual; r != nil {
		out := *r
		out.Reason, out.By.Name = Bare(r.Reason), Bare(r.By.Name)
		c.Manual = &out
	}
	if s := c.Cancel; s != nil {
		out := *s
		out.Reason, out.By.Name = Bare(s.Reason), Bare(s.By.Name)
		c.Cancel = &out
	}
	c.Events = slices.Clone(c.Events)
	for i := range c.Events {
		c.Events[i].What = Bare(c.Events[i].What)
	}
	return &c
}
