package chat

import (
	"strings"

	"warden/internal/ledger"
)

// Bare is what somebody wrote, without the marks that warden's own commands stand
// in: those are there to be copied, and nobody else's words are.
func Bare(s string) string { return strings.ReplaceAll(s, "`", "ˋ") }

// bare is a message whose free text holds no marks of commands. Records are copied,
// and never changed.
func bare(m Message) Message {
	n := &m.Notice
	// The others say nothing in a person's words, and may name a command.
	//exhaustive:ignore
	switch n.Kind {
	case ledger.NoticeLabel, ledger.NoticeReviewed:
		n.Detail = Bare(n.Detail)
	case ledger.NoticeStop:
		if n.Case == 0 {
			n.Detail = Bare(n.Detail)
		}
	}
	if m.Case == nil {
		return m
	}
	c := *m.Case
	reply := func(r *ledger.CaseReply) *ledger.CaseReply {
		if r == nil {
			return nil
		}
		out := *r
		out.Reason, out.By.Name = Bare(r.Reason), Bare(r.By.Name)
		return &out
	}
	c.Answer = reply(c.Answer)
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
	m.Case = &c
	return m
}
