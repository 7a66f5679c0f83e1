package slack

import (
	"fmt"
	"unicode/utf8"

	api "github.com/slack-go/slack"

	"warden/internal/chat"
)

// What a message as a whole may hold, and how many of what is in it.
const (
	maxTotal    = 12_000
	maxElements = 25 // of actions
	maxSmall    = 10 // of a context
	maxField    = 2000
)

// breaches are the limits that a message does not keep, of Slack's and of a lock
// screen's; none for one that is shown as it was meant.
func (r rendered) breaches() []string {
	l := &limited{}
	if n := utf8.RuneCountInString(html(r.Text)); n > chat.MaxHeadline {
		l.add("a lock screen shows %d characters, and this has %d", chat.MaxHeadline, n)
	}
	l.most("the text", r.Text, maxText)
	if len(r.Blocks) > maxBlocks {
		l.add("a message has %d blocks at most, and this has %d", maxBlocks, len(r.Blocks))
	}
	for _, b := range r.Blocks {
		l.block(b)
	}
	if l.total > maxTotal {
		l.add("a message holds %d characters, and this has %d", maxTotal, l.total)
	}
	return l.said
}

// limited counts what a message holds.
type limited struct {
	said  []string
	total int
}

func (l *limited) add(format string, args ...any) {
	l.said = append(l.said, fmt.Sprintf(format, args...))
}

func (l *limited) most(what, s string, most int) {
	n := utf8.RuneCountInString(s)
	l.total += n
	if n > most {
		l.add("%s has %d characters, and Slack takes %d", what, n, most)
	}
	if n == 0 {
		l.add("%s is empty, which Slack does not take", what)
	}
}

func (l *limited) object(what string, t *api.TextBlockObject, most int) {
	if t != nil {
		l.most(what, t.Text, most)
	}
}

func (l *limited) block(b api.Block) {
	switch b := b.(type) {
	case *api.HeaderBlock:
		l.object("a header", b.Text, maxHeader)
	case *api.SectionBlock:
		l.object("a section", b.Text, maxSection)
		if len(b.Fields) > maxFields {
			l.add("a section has %d fields at most, and this has %d", maxFields, len(b.Fields))
		}
		for _, f := range b.Fields {
			l.object("a field", f, maxField)
		}
		if x := b.Accessory; x != nil && x.ButtonElement != nil {
			l.button(x.ButtonElement)
		}
	case *api.ContextBlock:
		if len(b.ContextElements.Elements) > maxSmall {
			l.add("a context has %d elements at most, and this has %d", maxSmall, len(b.ContextElements.Elements))
		}
		for _, e := range b.ContextElements.Elements {
			if t, ok := e.(*api.TextBlockObject); ok {
				l.object("a foot", t, maxSection)
			}
		}
	case *api.ActionBlock:
		if len(b.Elements.ElementSet) > maxElements {
			l.add("a row has %d buttons at most, and this has %d", maxElements, len(b.Elements.ElementSet))
		}
		for _, e := range b.Elements.ElementSet {
			if k, ok := e.(*api.ButtonBlockElement); ok {
				l.button(k)
			}
		}
	}
}

func (l *limited) button(k *api.ButtonBlockElement) {
	l.object("a button", k.Text, maxButton)
	if utf8.RuneCountInString(k.Value) > maxValue {
		l.add("the value of a button has more than %d characters", maxValue)
	}
	if c := k.Confirm; c != nil {
		l.object("the title of a second question", c.Title, maxConfTitle)
		l.object("a second question", c.Text, maxConfText)
		l.object("a yes", c.Confirm, maxConfButt)
		l.object("a no", c.Deny, maxConfButt)
	}
}
