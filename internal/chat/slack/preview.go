package slack

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	api "github.com/slack-go/slack"
	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/remedy"
)

// Preview is a message as it would be posted, of a sample.
type Preview struct {
	// Kind is the sample's name, and Channel where it would be posted.
	Kind    string `json:"kind"`
	Channel string `json:"channel,omitempty"`
	// Text is what a lock screen shows, and Blocks is Block Kit. Both are as they
	// are sent; the buttons' values are not, and nobody could use them.
	Text   string      `json:"text"`
	Blocks []api.Block `json:"blocks"`
	// Problems are the limits that it does not keep.
	Problems []string `json:"problems,omitempty"`
}

// Kinds are the names of all that Previews can show.
func Kinds() []string {
	var out []string
	for _, s := range Samples() {
		out = append(out, s.Name)
	}
	return out
}

// Previews renders samples as settings want them, by the code that renders what is
// sent. Kinds names them, all of them when empty. Nobody is asked and nothing is
// sent, so a mention of whom a question calls is left out.
func Previews(set Settings, kinds ...string) ([]Preview, error) {
	for _, k := range kinds {
		if all := Kinds(); !slices.Contains(all, k) {
			return nil, fmt.Errorf("there is no message %q: choose among %s", k, strings.Join(all, ", "))
		}
	}
	signer, err := newSigner("preview", "preview")
	if err != nil {
		return nil, err
	}
	r := &round{Slack: New(Options{Logger: zap.NewNop()}), set: set, x: session{signer: signer}}
	var out []Preview
	for _, s := range Samples() {
		if len(kinds) > 0 && !slices.Contains(kinds, s.Name) {
			continue
		}
		m := s.Message()
		if s.Morning != nil {
			title, err := set.Templates.greet(s.Morning)
			if err != nil {
				return nil, err // it was rendered on this sample when it was read
			}
			v := morningView{m: s.Morning, title: title, links: func(remedy.CaseID) string { return "" }, sign: signer.sign}
			made := v.render()
			out = append(out, Preview{Kind: s.Name, Channel: set.channelOf(m), Text: made.Text, Blocks: made.Blocks, Problems: made.breaches()})
			continue
		}
		o := chat.CardOptions{Zone: set.Zone, Tone: set.Tone, Repeat: s.Repeat}
		if s.Repeat > 1 {
			o.Since = s.Case.OpenedAt
		}
		made := r.render(chat.CardOf(m, o), s.Case, "", links{})
		out = append(out, Preview{Kind: s.Name, Channel: set.channelOf(m), Text: made.Text, Blocks: made.Blocks, Problems: made.breaches()})
	}
	return out, nil
}

// LockScreen is what a phone shows without being unlocked, and how many characters
// that are.
func (p Preview) LockScreen() (string, int) {
	s := html(p.Text)
	return s, utf8.RuneCountInString(s)
}

// Lines are the message as a phone shows it, as plain text, with the buttons in
// brackets.
func (p Preview) Lines() []string {
	var out []string
	add := func(t *api.TextBlockObject) {
		if t != nil {
			out = append(out, strings.Split(read(t), "\n")...)
		}
	}
	for _, b := range p.Blocks {
		switch b := b.(type) {
		case *api.HeaderBlock:
			add(b.Text)
		case *api.SectionBlock:
			add(b.Text)
			for _, f := range b.Fields {
				out = append(out, strings.Replace(read(f), "\n", ": ", 1))
			}
		case *api.ContextBlock:
			for _, e := range b.ContextElements.Elements {
				if t, ok := e.(*api.TextBlockObject); ok {
					add(t)
				}
			}
		case *api.ActionBlock:
			var row []string
			for _, e := range b.Elements.ElementSet {
				if k, ok := e.(*api.ButtonBlockElement); ok {
					row = append(row, "["+read(k.Text)+"]")
				}
			}
			out = append(out, strings.Join(row, " "))
		}
	}
	return out
}

// read is a text without its marks: what a name brought along of them has been
// replaced, so all that are left are warden's own.
func read(t *api.TextBlockObject) string {
	if t.Type != api.MarkdownType {
		return html(t.Text)
	}
	s := strings.NewReplacer("```", "", "`", "", "*", "").Replace(t.Text)
	if in, ok := strings.CutPrefix(s, "_"); ok {
		s = strings.TrimSuffix(in, "_")
	}
	return html(linked.ReplaceAllString(s, "$2 ($1)"))
}

// linked is a link in mrkdwn, with its text.
var linked = regexp.MustCompile(`<(https://[^|>]+)\|([^>]*)>`)

// html is text without entities.
func html(s string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(s)
}
