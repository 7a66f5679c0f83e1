package slack

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	api "github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// mostWaiting is how many waiting cases are listed one by one.
const mostWaiting = 5

// maxCluster is how much of a cluster's name an answer has.
const maxCluster = 60

// asker is somebody who said something, and how they are answered.
type asker struct {
	place
	team string
	// hook is the response_url of a slash command, which reaches channels that the
	// bot is not in; empty for a mention.
	hook string
	// lead is how it is said where they are: "/warden" or "@warden".
	lead string
}

// slash answers a slash command.
func (s *Slack) slash(ctx context.Context, envelope string, c api.SlashCommand) {
	if !s.first("e/"+envelope, "s/"+c.TriggerID) {
		return
	}
	s.said(ctx, slashFrom(c), c.Text)
}

func slashFrom(c api.SlashCommand) asker {
	return asker{place: place{channel: c.ChannelID, user: c.UserID}, team: c.TeamID, hook: c.ResponseURL, lead: c.Command}
}

// event answers a mention; nothing else that happens is warden's.
func (s *Slack) event(ctx context.Context, envelope string, e slackevents.EventsAPIEvent) {
	if h, is := e.InnerEvent.Data.(*slackevents.AppHomeOpenedEvent); is {
		s.homed(ctx, envelope, e.TeamID, h)
		return
	}
	m, ok := e.InnerEvent.Data.(*slackevents.AppMentionEvent)
	if !ok || m.BotID != "" || !s.first("e/"+envelope, "m/"+m.Channel+"/"+m.TimeStamp) {
		return
	}
	thread := m.ThreadTimeStamp
	if thread == "" {
		thread = m.TimeStamp
	}
	who := asker{place: place{channel: m.Channel, user: m.User, thread: m.ThreadTimeStamp}, team: e.TeamID, lead: "@warden"}
	x, err := s.session(ctx)
	if err != nil {
		s.Logger.Warn("a mention can't be answered", zap.Error(err))
		return
	}
	text, ok := addressed(m.Text, x.bot)
	if !ok {
		if m.User != "" {
			s.whisper(ctx, x, who.place, chat.NotAddressed)
		}
		return
	}
	who.thread = thread
	// Slack sends text with its entities: people's words are as they typed them.
	s.said(ctx, who, strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(text))
}

// addressed is what a message says to the bot: what follows its name at the very
// beginning. Slack tells of every message that names it, and those are said to
// somebody else.
func addressed(text, bot string) (string, bool) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), "<@"+bot)
	name, said, closed := strings.Cut(rest, ">")
	if !ok || bot == "" || !closed || name != "" && !strings.HasPrefix(name, "|") {
		return "", false
	}
	return said, true
}

// said does what somebody said, where it is one of the words, and says what else
// there is where it isn't.
func (s *Slack) said(ctx context.Context, who asker, text string) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	x, err := s.session(ctx)
	k, wrong := chat.ParseCommand(text)
	about := request{what: strings.Join(k.Args, " "), word: k.Word, id: k.Case}
	if err != nil {
		if k.Changes() {
			s.unasked(ctx, about.what, who.place, who.hook, err)
		}
		s.Logger.Warn("what was said can't be answered", zap.Error(err))
		return
	}
	by, err := s.actor(ctx, x, who.team, who.user)
	if err != nil {
		s.refuseWord(ctx, x, who, about, true, err)
		return
	}
	if err := wrong; err != nil {
		s.answer(ctx, x, who, true, chat.NotDone(err.Error(), false), []string{err.Error()}, nil)
		return
	}
	if len(k.Args) == 0 {
		b := &builder{}
		b.section("said", short(helpText(chat.HelpLines(who.lead)), maxSection))
		s.answer(ctx, x, who, true, "What I know", nil, b.blocks)
		return
	}
	about.by = by.Name
	s.askDesk(ctx, x, who, by, k, about)
}

// helpText is what can be said, with the words as they are typed: what stands in
// backquotes at the beginning of a line is warden's own.
func helpText(lines []string) string {
	var out []string
	for _, l := range lines {
		form, what, ok := strings.Cut(strings.TrimPrefix(l, "`"), "`")
		if !ok || !strings.HasPrefix(l, "`") {
			form, what = "", l
		}
		out = append(out, code(form)+mark(what))
	}
	return strings.Join(out, "\n")
}

// outcome is what came of it as blocks: the words of the command line, and the
// buttons that go with them.
func (s *Slack) outcome(x session, k chat.Command, got Reply) []api.Block {
	b := &builder{}
	out := strings.TrimRight(got.Text, "\n")
	if out == "" {
		out = "done"
	}
	words := preformatted([]string{" …(cut: warden " + chat.Fit(strings.Join(k.Args, " "), 100) + " has all of it)"})
	printed, _ := fit(preformatted(strings.Split(out, "\n")), maxSection-2*len(fence), words)
	b.section("output", fence+printed+fence)
	switch {
	case k.Word == "undo":
		if c, ok := s.Case(k.Case); ok {
			b.buttons([]chat.Button{chat.UndoButton(c)}, x.signer.of(c, time.Time{}))
		}
	case k.Action != "" && got.Plan != "":
		b.buttons([]chat.Button{chat.RunButton(k.Action, k.Host)}, func(v chat.Verb) string {
			return x.signer.sign(Value{Verb: v, Plan: got.Plan, Nonce: nonceOfRun(k.Action, k.Host, s.Clock.Now())})
		})
	case len(k.Args) == 1 && k.Args[0] == "status":
		// It is not edited when somebody decides: it leads to the messages that are, and
		// has no buttons of its own.
		for i, id := range got.Waiting[:min(len(got.Waiting), mostWaiting)] {
			c, ok := s.Case(id)
			if !ok {
				continue
			}
			card := chat.CardOf(chat.Message{Case: c, Notice: ledger.Notice{Kind: ledger.NoticeQuestion, Case: id, Pool: c.Pool}}, chat.CardOptions{Zone: s.Settings().Zone, Tone: chat.TonePlain})
			b.section(fmt.Sprintf("w%d", i), short(oneLine(card.Text, s.against(c)), mostLead)+"\n"+leadsTo(got.Links[id], id))
		}
		if more := len(got.Waiting) - mostWaiting; more > 0 {
			b.section("more", fmt.Sprintf("and %d more: %s", more, code("warden cases")))
		}
	}
	return b.blocks
}

// preview shows what a run by hand would do, in the thread of the message that
// offered it; its own button runs it.
func (s *Slack) preview(ctx context.Context, x session, cb api.InteractionCallback, where place, by remedy.Actor, v Value) {
	c, ok := s.Case(v.Case)
	if !ok {
		s.whisper(ctx, x, where, v.Case.String()+" is gone from the ledger, and nothing was done.")
		return
	}
	if where.thread == "" {
		where.thread = cb.Message.Timestamp
	}
	who := asker{place: where}
	k, err := chat.ParseCommand("run " + string(c.Action) + " " + string(c.Host))
	if err != nil {
		s.answer(ctx, x, who, true, chat.NotDone(err.Error(), false), []string{err.Error()}, nil)
		return
	}
	s.askDesk(ctx, x, who, by, k, request{what: string(v.Verb), by: by.Name, verb: v.Verb, id: v.Case})
}

// askDesk puts to the desk what somebody said, and answers them.
func (s *Slack) askDesk(ctx context.Context, x session, who asker, by remedy.Actor, k chat.Command, about request) {
	got, err := s.Desk.Ask(ctx, by, k)
	if err != nil {
		s.refuseWord(ctx, x, who, about, k.Changes(), err)
		return
	}
	s.Logger.Info("somebody asked in Slack", zap.Strings("request", k.Args), zap.String("by", by.Name))
	s.answer(ctx, x, who, false, strings.Join(k.Args, " "), nil, s.outcome(x, k, got))
}

// answer says it where it was asked: to all, since others have the same question,
// or to who asked alone.
func (s *Slack) answer(ctx context.Context, x session, who asker, private bool, title string, lines []string, blocks []api.Block) {
	if blocks == nil {
		b := &builder{elsewhere: "the command line has all of it"}
		b.lines("said", lines)
		blocks = b.blocks
	}
	if name := s.Settings().Cluster; name != "" {
		b := &builder{}
		b.context("cluster", []string{"warden of cluster " + code(short(chat.Clean(name), maxCluster))})
		blocks = append(blocks, b.blocks...)
	}
	opts := []api.MsgOption{api.MsgOptionText(short(plain(title), maxText), false), api.MsgOptionBlocks(blocks...), api.MsgOptionDisableLinkUnfurl()}
	var err error
	switch {
	case who.hook != "" && s.trusted(who.hook):
		kind := api.ResponseTypeInChannel
		if private {
			kind = api.ResponseTypeEphemeral
		}
		_, _, err = x.client.PostMessageContext(ctx, who.channel, append(opts, api.MsgOptionResponseURL(who.hook, kind))...)
	case private:
		if who.thread != "" {
			opts = append(opts, api.MsgOptionTS(who.thread))
		}
		_, err = x.client.PostEphemeralContext(ctx, who.channel, who.user, opts...)
	default:
		if who.thread != "" {
			opts = append(opts, api.MsgOptionTS(who.thread))
		}
		_, _, err = x.client.PostMessageContext(ctx, who.channel, opts...)
	}
	if err != nil {
		s.Logger.Warn("somebody can't be answered", zap.String("user", who.user), zap.Error(err))
	}
}

// trusted reports whether an address to answer at is Slack's: what came over a
// connection names it, and nothing that warden knows is sent elsewhere.
func (s *Slack) trusted(hook string) bool {
	u, err := url.Parse(hook)
	if err != nil {
		return false
	}
	if own := s.Settings().APIURL; own != "" {
		o, err := url.Parse(own)
		return err == nil && u.Scheme == o.Scheme && u.Host == o.Host
	}
	return u.Scheme == "https" && u.Host == "hooks.slack.com"
}

// against is what people say against a case.
func (s *Slack) against(c *ledger.Case) ledger.Standing {
	if s.Against == nil {
		return ledger.Standing{}
	}
	return s.Against(c)
}

// oneLine is a question where it has one line, with what people say against it: its
// buttons say that this was shown.
func oneLine(text string, against ledger.Standing) string {
	out := mark(text)
	if against.Words != "" {
		out += "\n" + mark(chat.Clean(against.Words)+": look first.")
	}
	return short(out, maxSection)
}
