package slack

import (
	"strings"

	api "github.com/slack-go/slack"
)

// Forget drops what was looked up of people.
func (s *Slack) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.people, s.groups, s.ids = map[string]looked{}, groupsSeen{}, map[string]looked{}
}

// Header marks a text that is a header and no section.
func Header(s string) string { return headerMark + s }

const headerMark = "\x00header\x00"

// Breaches are those of a message with a text and blocks.
func Breaches(lock string, blocks ...string) []string {
	r := rendered{Text: lock}
	for _, s := range blocks {
		if h, ok := strings.CutPrefix(s, headerMark); ok {
			r.Blocks = append(r.Blocks, api.NewHeaderBlock(text(api.PlainTextType, h)))
			continue
		}
		r.Blocks = append(r.Blocks, api.NewSectionBlock(text(api.MarkdownType, s), nil, nil))
	}
	return r.breaches()
}
