package slack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
	// Waiting are the questions that this person may answer and has not, Announced
	// what is done unless somebody says no, Approved the cases to which they said yes,
	// and Out those whose host is out; each newest first.
	Waiting, Announced, Approved, Out []*ledger.Case
	// Links lead to the messages of cases; none where nothing was posted yet.
	Links map[remedy.CaseID]string
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
	h := Home{Links: LinksOf(l)}
	for _, c := range l.Cases(ledger.CaseFilter{}) {
		if c.Stage == remedy.StageWaiting && c.Veto != nil {
			h.Announced = append(h.Announced, c)
		}
		if waitsFor(c, by) {
			h.Waiting = append(h.Waiting, c)
		}
		if approvedBy(c, by) {
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

// LinksOf lead to the messages of cases, by a ledger.
func LinksOf(l *ledger.Ledger) map[remedy.CaseID]string {
	out := map[remedy.CaseID]string{}
	for _, p := range l.Posts(ledger.SurfaceSlack) {
		if p.Case != 0 && p.Link != "" && p.Key == caseKey(p.Case) {
			out[p.Case] = p.Link
		}
	}
	return out
}

// How many of each a home shows: together they stay below the 50 blocks of a
// message, and a home may have 100.
const (
	homeWaiting   = 5
	homeAnnounced = 5
	homeApproved  = 10
	homeOut       = 8
	homeLadder    = 30
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
		b.section("said", short(commands(words), maxSection))
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

// home puts in what a person sees. Its buttons are those of the cards, but for the
// one that lets something happen, and those that need a channel: a yes wants the
// facts of its question, which are where the line leads to.
func (s *Slack) home(b *builder, x session, h Home) {
	zone := s.Settings().Zone
	card := func(c *ledger.Case) chat.Card {
		return chat.CardOf(chat.Message{Case: c, Notice: ledger.Notice{Kind: ledger.NoticeOutcome, Case: c.ID, Pool: c.Pool}}, chat.CardOptions{Zone: zone, Tone: chat.TonePlain})
	}
	title := func(id, text string, n int) {
		b.section(id, fmt.Sprintf("*%s*  (%d)", text, n))
	}
	title("waiting", "Waiting for your answer", len(h.Waiting))
	answerable := func(id string, c *ledger.Case, at int) {
		k := card(c)
		b.section(fmt.Sprintf("%s%d", id, at), short(mark(k.Text), maxSection)+"\n"+leadsTo(h.Links[c.ID], c.ID))
		b.buttonsIn(fmt.Sprintf("%sb%d", id, at), slices.DeleteFunc(k.Buttons, func(one chat.Button) bool {
			return one.Verb == chat.VerbApprove || one.Verb == chat.VerbDetails
		}), x.signer.of(c, time.Time{}))
	}
	for i, c := range h.Waiting[:min(len(h.Waiting), homeWaiting)] {
		answerable("w", c, i)
	}
	title("announced", "Done unless somebody says no", len(h.Announced))
	for i, c := range h.Announced[:min(len(h.Announced), homeAnnounced)] {
		answerable("a", c, i)
	}
	title("out", "Out because of me", len(h.Out))
	for i, c := range h.Out[:min(len(h.Out), homeOut)] {
		b.section(fmt.Sprintf("o%d", i), short(mark(card(c).Text), maxSection))
		if c.Plan != nil && len(c.Plan.UndoSteps) > 0 {
			b.buttonsIn(fmt.Sprintf("ob%d", i), []chat.Button{chat.UndoButton(c)}, x.signer.of(c, time.Time{}))
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

// leadsTo is where all of a case is to be seen: in its message, and on the command
// line where none was posted yet.
func leadsTo(link string, id remedy.CaseID) string {
	if link == "" {
		return "All of it: " + code("warden show "+id.String())
	}
	return "<" + entities.Replace(link) + "|The message, with all facts>"
}

// waitsFor reports whether a case asks somebody who has not answered under any of
// their names, and did not ask for it themselves.
func waitsFor(c *ledger.Case, by remedy.Actor) bool {
	if c.Stage != remedy.StageWaiting || c.Ask == nil || c.Answer != nil || !by.MayApprove(c.Ask.Approvers) || approvedBy(c, by) {
		return false
	}
	return !c.Ask.ByHand || c.Manual == nil || !remedy.SamePerson(c.Manual.By, by, c.Ask.Aliases)
}

// approvedBy reports whether somebody said yes to a case, under whatever name.
func approvedBy(c *ledger.Case, by remedy.Actor) bool {
	return slices.ContainsFunc(append(c.Approved(), c.Doubtful()...), func(a ledger.CaseReply) bool {
		return remedy.OnePerson(a.By, by, c.Ask.Aliases)
	})
}
