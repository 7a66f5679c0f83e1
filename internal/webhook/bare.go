package webhook

import (
	"slices"
	"strings"

	"warden/internal/chat"
	"warden/internal/ledger"
)

// bare is a message without what people and actions said freely: an event may go
// to a page that the whole world reads. What is left of a detail are the words up
// to the first colon, which are warden's own; of a case's, none.
func bare(m chat.Message) chat.Message {
	switch c := m.Case; {
	case c != nil && m.Notice.Kind != ledger.NoticeStop: // the case says enough
		m.Notice.Detail = ""
	default:
		m.Notice.Detail, _, _ = strings.Cut(m.Notice.Detail, ": ")
	}
	if c := m.Case; c != nil {
		k := *c
		k.Note, k.Executions = "", slices.Clone(c.Executions)
		for i := range k.Executions {
			k.Executions[i].Note, k.Executions[i].Output = "", ""
		}
		m.Case = &k
	}
	if d := m.Demotion; d != nil {
		said := *d
		said.Reason = ""
		m.Demotion = &said
	}
	return m
}
