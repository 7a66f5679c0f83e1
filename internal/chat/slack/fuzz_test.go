package slack

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	api "github.com/slack-go/slack"

	"warden/internal/chat"
)

// FuzzText has what a card says be anything: outside of what warden writes itself,
// nothing is a mention, a link, a style or an emoji, and Slack's limits hold.
func FuzzText(f *testing.F) {
	for _, s := range []string{
		"web-07", "<!channel>", "<!here|x>", "<@U0ALICE>", "<#C0OPS>", "<https://evil.example|ok>", "*bold*", "_it_", "~gone~", "`code`", "```", "`warden undo <!channel>`", "&lt;!channel&gt;", "&amp;lt;", ":fire:", ":+1:", "::a:b::",
		"<img src=x onerror=alert(1)>", "\x1b[31m", "\x1b]8;;https://evil.example\x07", "a\r\n> b", "\x00", "\u2028", "\u202egnp", "a\u200bb", "\xff\xfe", " ", "__a__", "_ _", "é_x_",
		strings.Repeat("<", 10_000), strings.Repeat("`", 10_000), strings.Repeat("`warden undo W-1` & ", 600), strings.Repeat("\x00", 10_000), strings.Repeat("🔥", 10_000),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		k := chat.Card{Text: chat.Fit(s, chat.MaxHeadline), Title: s, Lead: []string{s, s}, Joke: s, Output: []string{s, s}, Foot: []string{"W-3", s, s + " x"}, Hand: "by hand", ByHand: s}
		for range 7 { // the facts of a question
			k.Facts = append(k.Facts, chat.CardFact{Label: "why", Text: s})
		}
		if strings.TrimSpace(s) == "" {
			return // no card has an empty title
		}
		k.Buttons = []chat.Button{{Verb: chat.VerbApprove, Label: s, Main: true, Confirm: &chat.Confirm{Title: s, Text: s, Yes: s, No: s}}}
		made := render(k, func(chat.Verb) string { return "v" }, "", links{})
		for _, b := range made.breaches() {
			if !strings.HasPrefix(b, "a lock screen shows") { // which cards see to, after cleaning
				t.Errorf("%.40q: %s", s, b)
			}
		}
		onlyText(t, s, made)
		for _, m := range []string{mark(s), mark(s + "_" + s)} {
			if strings.ContainsAny(m, "*`~") || emoji.MatchString(m) || under.MatchString(m) {
				t.Errorf("%q has a style in %q", s, m)
			}
		}
	})
}

// onlyText wants nothing in a message that was made of s to be more than text, but for
// what warden writes itself.
func onlyText(t *testing.T, s string, made rendered) {
	t.Helper()
	check := func(kind, text string) {
		bare := text
		for _, e := range []string{"&amp;", "&lt;", "&gt;"} {
			bare = strings.ReplaceAll(bare, e, "")
		}
		if strings.ContainsAny(bare, "<>&") || !utf8.ValidString(text) || strings.ContainsFunc(strings.ReplaceAll(text, "\n", ""), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q is more than text in %q", s, text)
		}
		if kind == api.MarkdownType && strings.Count(text, "`")%2 != 0 {
			t.Errorf("%q leaves code open in %q", s, text)
		}
	}
	if strings.Contains(made.Text, "\n") {
		t.Errorf("the lock screen has lines: %q", made.Text)
	}
	check(api.PlainTextType, made.Text)
	object := func(o *api.TextBlockObject) {
		if o != nil {
			check(o.Type, o.Text)
		}
	}
	for _, b := range made.Blocks {
		switch b := b.(type) {
		case *api.HeaderBlock:
			object(b.Text)
		case *api.SectionBlock:
			object(b.Text)
			for _, x := range b.Fields {
				object(x)
			}
		case *api.ContextBlock:
			for _, x := range b.ContextElements.Elements {
				if o, ok := x.(*api.TextBlockObject); ok {
					object(o)
				}
			}
		case *api.ActionBlock:
			for _, e := range b.Elements.ElementSet {
				if x, ok := e.(*api.ButtonBlockElement); ok {
					object(x.Text)
					if x.Confirm != nil {
						object(x.Confirm.Title)
						object(x.Confirm.Text)
					}
				}
			}
		}
	}
}
