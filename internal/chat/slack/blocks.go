package slack

import (
	"strings"

	api "github.com/slack-go/slack"

	"warden/internal/chat"
)

// rendered is a message as Slack takes it.
type rendered struct {
	Text   string      `json:"text"`
	Blocks []api.Block `json:"blocks"`
	// Full is what had to be cut, for the thread; empty for nothing.
	Full []whole `json:"-"`
	// Spelled is all of it as text, for where the blocks are refused and the buttons
	// with them; empty for what has none.
	Spelled string `json:"-"`
}

// whole is escaped text that was cut, as it was; Code is what a command printed.
type whole struct {
	Text string
	Code bool
}

// links are what a message leads to; all may be empty.
type links struct {
	Earlier string
	// Cut is where all is that had to be cut, where that is not put into the thread.
	Cut string
}

// render turns a card into blocks. sign makes the value of a button.
func render(k chat.Card, sign func(chat.Verb) string, mention string, l links) rendered {
	b := &builder{elsewhere: l.Cut}
	out := rendered{Text: short(plain(k.Text), maxText)}
	title := k.Title
	if k.Mark != "" {
		title = k.Mark + " " + title
	}
	b.add(api.NewHeaderBlock(text(api.PlainTextType, short(plain(title), maxHeader))))
	b.lines("lead", k.Lead)
	b.lines("answers", k.Spelled)
	b.facts(k.Facts)
	if k.Joke != "" {
		b.section("joke", "_"+short(mark(k.Joke), mostJoke)+"_")
	}
	b.output(k.Output)
	if mention != "" {
		b.section("call", mention)
	}
	b.buttons(k.Buttons, sign)
	var foot []string
	for i, f := range k.Foot {
		if i == 0 || strings.ContainsAny(f, " ") {
			foot = append(foot, mark(f))
			continue
		}
		foot = append(foot, code(f))
	}
	switch i := k.Incident; {
	case i.URL != "":
		foot = append(foot, "<"+entities.Replace(i.URL)+"|"+mark(i.Text)+">")
	case i.Text != "":
		foot = append(foot, mark(i.Text))
	}
	if l.Earlier != "" {
		foot = append(foot, "<"+entities.Replace(l.Earlier)+"|earlier message>")
	}
	if k.Again {
		foot = append(foot, "may be a repeat: warden restarted before it was acknowledged")
	}
	var small []string
	if len(foot) > 0 {
		small = append(small, strings.Join(foot, " · "))
	}
	switch {
	case k.ByHand == "":
	case k.Prose:
		small = append(small, mark(k.Hand)+": "+mark(k.ByHand))
	default:
		small = append(small, mark(k.Hand)+": "+code(k.ByHand))
	}
	b.context("foot", small)
	out.Blocks, out.Full = b.blocks, b.full
	return out
}

// preformatted is what a command printed, for a block of code.
func preformatted(lines []string) string {
	var out []string
	for _, l := range lines {
		out = append(out, entities.Replace(strings.ReplaceAll(chat.Clean(l), "`", "ˋ")))
	}
	return strings.Join(out, "\n")
}

// builder collects blocks within the limits.
type builder struct {
	blocks []api.Block
	// elsewhere is where all is that had to be cut; empty for the thread, which gets
	// what is in full.
	elsewhere string
	full      []whole
}

func (b *builder) add(x api.Block) {
	if len(b.blocks) < maxBlocks-2 || x.BlockType() == api.MBTAction || x.BlockType() == api.MBTContext {
		b.blocks = append(b.blocks, x)
	}
}

// fit cuts, and keeps what was cut for the thread, or says where it is.
func (b *builder) fit(s string, most int) string { return b.cut(s, most, false) }

func (b *builder) cut(s string, most int, printed bool) string {
	if b.elsewhere != "" {
		out, _ := fit(s, most, " …(cut: "+b.elsewhere+")")
		return out
	}
	out, cut := fit(s, most, more)
	if cut {
		b.full = append(b.full, whole{s, printed})
	}
	return out
}

// output is what a command printed.
func (b *builder) output(lines []string) {
	if len(lines) > 0 {
		b.section("output", "```"+b.cut(preformatted(lines), mostOutput, true)+"```")
	}
}

func text(kind, s string) *api.TextBlockObject {
	if kind == api.PlainTextType {
		return api.NewTextBlockObject(kind, s, false, false)
	}
	return api.NewTextBlockObject(kind, s, false, true) // verbatim: Slack makes no links of its own
}

func (b *builder) section(id, s string) {
	if s == "" {
		return
	}
	b.add(api.NewSectionBlock(text(api.MarkdownType, s), nil, nil, api.SectionBlockOptionBlockID(id)))
}

// lines are paragraphs of text, together in one block.
func (b *builder) lines(id string, lines []string) {
	var out []string
	for _, l := range lines {
		if l = commands(strings.TrimRight(l, " ")); l != "" {
			out = append(out, l)
		}
	}
	if len(out) > 0 {
		b.section(id, b.fit(strings.Join(out, "\n"), mostLead))
	}
}

// facts are the first as a block of its own, and the others side by side.
func (b *builder) facts(facts []chat.CardFact) {
	var fields []*api.TextBlockObject
	for i, f := range facts {
		if i == 0 {
			b.section("why", b.fit("*"+mark(f.Label)+"*  "+mark(f.Text), mostFact))
			continue
		}
		fields = append(fields, text(api.MarkdownType, b.fit("*"+mark(f.Label)+"*\n"+mark(f.Text), mostFact)))
	}
	if len(fields) > 0 {
		b.add(api.NewSectionBlock(nil, fields[:min(len(fields), maxFields)], nil, api.SectionBlockOptionBlockID("facts")))
	}
}

// buttons are what can be done. Only the one that acts has a style.
func (b *builder) buttons(all []chat.Button, sign func(chat.Verb) string) {
	b.buttonsIn("decide", all, sign)
}

func (b *builder) buttonsIn(id string, all []chat.Button, sign func(chat.Verb) string) {
	if len(all) == 0 || sign == nil {
		return
	}
	var out []api.BlockElement
	for _, k := range all {
		e := api.NewButtonBlockElement(actionPrefix+string(k.Verb), sign(k.Verb), text(api.PlainTextType, short(plain(k.Label), maxButton)))
		if k.Main {
			e = e.WithStyle(api.StylePrimary)
		}
		if c := k.Confirm; c != nil {
			e = e.WithConfirm(api.NewConfirmationBlockObject(
				text(api.PlainTextType, short(plain(c.Title), maxConfTitle)), text(api.MarkdownType, short(mark(c.Text), maxConfText)),
				text(api.PlainTextType, short(plain(c.Yes), maxConfButt)), text(api.PlainTextType, short(plain(c.No), maxConfButt))))
		}
		out = append(out, e)
	}
	b.add(api.NewActionBlock(id, out...))
}

// actionPrefix is what the action ids of warden's buttons begin with.
const actionPrefix = "warden."

func (b *builder) context(id string, all []string) {
	var out []api.MixedElement
	for _, s := range all {
		out = append(out, text(api.MarkdownType, b.fit(s, mostFoot)))
	}
	if len(out) > 0 {
		b.add(api.NewContextBlock(id, out...))
	}
}
