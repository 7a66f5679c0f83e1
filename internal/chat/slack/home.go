package slack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	api "github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Home is what one person sees in the app's home tab: all of it follows from the
// ledger.
type Home struct {
	// Waiting are the questions that this person may answer and has not, Approved
	// the cases to which they said yes, and Out those whose host is out; each newest
	// first.
	Waiting, Approved, Out []*ledger.Case
	// Ladder are the levels in force, by action and pool.
	Ladder []Rung
}

// Rung is the level of one action in one pool.
type Rung struct {
	Action remedy.ActionName
	Pool   remedy.PoolName
	Level  remedy.Level
}

// HomeOf is a person's home, by a ledger. Nothing in it is changed.
func HomeOf(l *ledger.Ledger, by remedy.Actor) Home {
	var h Home
	said := func(c *ledger.Case) bool {
		return slices.ContainsFunc(c.Approved(), func(a ledger.CaseReply) bool { return a.By.Name == by.Name })
	}
	for _, c := range l.Cases(ledger.CaseFilter{}) {
		if c.Stage == remedy.StageWaiting && c.Ask != nil && c.Answer == nil && by.MayApprove(c.Ask.Approvers) && !said(c) {
			h.Waiting = append(h.Waiting, c)
		}
		if said(c) {
			h.Approved = append(h.Approved, c)
		}
		if c.Open() && c.Stage == remedy.StageOut {
			h.Out = append(h.Out, c)
		}
	}
	for _, r := range l.Status().Reports {
		for _, x := range r.Levels {
			h.Ladder = append(h.Ladder, Rung{x.Action, x.Pool, l.Level(x.Action, x.Pool)})
		}
	}
	slices.SortFunc(h.Ladder, func(a, b Rung) int { return cmp.Or(cmp.Compare(a.Action, b.Action), cmp.Compare(a.Pool, b.Pool)) })
	h.Ladder = slices.Compact(h.Ladder)
	return h
}

// How many of each a home shows: together they stay below the 50 blocks of a
// message, and a home may have 100.
const (
	homeWaiting  = 5
	homeApproved = 10
	homeOut      = 10
	homeLadder   = 30
)

// homed answers somebody who opens the app's home tab.
func (s *Slack) homed(ctx context.Context, envelope, team string, e *slackevents.AppHomeOpenedEvent) {
	if e.Tab != "home" || !s.first("e/"+envelope) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	x, err := s.session(ctx)
	if err != nil {
		s.Logger.Warn("a home can't be shown", zap.Error(err))
		return
	}
	s.publish(ctx, x, team, e.User, "")
}

// publish shows a person their home as it is now, with words of what became of
// their last click there; empty for none. Who may answer nothing sees why.
func (s *Slack) publish(ctx context.Context, x session, team, user, words string) {
	if s.HomeOf == nil || user == "" {
		return
	}
	b := &builder{}
	if words != "" {
		b.section("said", short(mark(words), maxSection))
	}
	by, err := s.actor(ctx, x, team, user)
	switch {
	case errors.Is(err, ErrNobody):
		b.section("nobody", mark(err.Error()))
	case err != nil:
		s.Logger.Warn("a home can't be shown", zap.String("user", user), zap.Error(err))
		return
	default:
		s.home(b, x, s.HomeOf(by))
	}
	_, err = x.client.PublishViewContext(ctx, api.PublishViewContextRequest{UserID: user, View: api.HomeTabViewRequest{
		Type: api.VTHomeTab, CallbackID: actionPrefix + "home", Blocks: api.Blocks{BlockSet: b.blocks},
	}})
	if err != nil {
		s.Logger.Warn("a home can't be shown", zap.String("user", user), zap.Error(err))
	}
}

// home puts in what a person sees. Its buttons are those of the cards.
func (s *Slack) home(b *builder, x session, h Home) {
	zone := s.Settings().Zone
	sign := func(c *ledger.Case) func(chat.Verb) string {
		return func(v chat.Verb) string {
			return x.signer.sign(Value{Verb: v, Case: c.ID, Plan: c.PlanHash, Nonce: nonce(c)})
		}
	}
	card := func(c *ledger.Case) chat.Card {
		return chat.CardOf(chat.Message{Case: c, Notice: ledger.Notice{Kind: ledger.NoticeOutcome, Case: c.ID, Pool: c.Pool}}, chat.CardOptions{Zone: zone, Tone: chat.TonePlain})
	}
	title := func(id, text string, n int) {
		b.section(id, fmt.Sprintf("*%s*  (%d)", text, n))
	}
	title("waiting", "Waiting for your answer", len(h.Waiting))
	for i, c := range h.Waiting[:min(len(h.Waiting), homeWaiting)] {
		k := card(c)
		b.section(fmt.Sprintf("w%d", i), short(mark(k.Text), maxSection))
		// Details are for a channel: a home has nowhere to whisper.
		b.buttonsIn(fmt.Sprintf("wb%d", i), slices.DeleteFunc(k.Buttons, func(one chat.Button) bool { return one.Verb == chat.VerbDetails }), sign(c))
	}
	title("out", "Out because of me", len(h.Out))
	for i, c := range h.Out[:min(len(h.Out), homeOut)] {
		b.section(fmt.Sprintf("o%d", i), short(mark(card(c).Text), maxSection))
		if c.Plan != nil && len(c.Plan.UndoSteps) > 0 {
			b.buttonsIn(fmt.Sprintf("ob%d", i), []chat.Button{chat.UndoButton(c)}, sign(c))
		}
	}
	title("approved", "Approved by you", len(h.Approved))
	var lines []string
	for _, c := range h.Approved[:min(len(h.Approved), homeApproved)] {
		lines = append(lines, mark(card(c).Text))
	}
	b.section("yes", short(strings.Join(lines, "\n"), maxSection))
	title("ladder", "What I may do", len(h.Ladder))
	lines = nil
	for _, r := range h.Ladder[:min(len(h.Ladder), homeLadder)] {
		lines = append(lines, fmt.Sprintf("%s in %s: *%s*", code(string(r.Action)), code(string(r.Pool)), r.Level))
	}
	b.section("rungs", short(strings.Join(lines, "\n"), maxSection))
	b.context("foot", []string{"as of when you opened this tab; a pool's channel has the rest, and `warden cases` all of it"})
}
