package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// cases sorts what cases went through into what was done, what was wanted and
// what waits.
func (w *morning) cases() (did, wanted, waiting chat.MorningPart) {
	did = chat.MorningPart{Name: chat.MorningDid, Title: "Did"}
	wanted = chat.MorningPart{Name: chat.MorningWanted, Title: "Wanted to, not allowed"}
	waiting = chat.MorningPart{Name: chat.MorningWaiting, Title: "Waiting for you"}
	held := map[string]int{}
	for _, c := range w.night.Cases {
		acts, fresh := w.acts(c)
		if len(acts) > 0 {
			did.Items = append(did.Items, w.done(c, acts, fresh))
		}
		switch asked := w.asked(c); {
		case asked == answerable, asked == unanswered:
			waiting.Items = append(waiting.Items, w.waits(c, asked))
		case len(acts) > 0:
		case asked == answered, w.in(proposedAt(c)) && !w.acted(c):
			wanted.Items = append(wanted.Items, w.wished(c))
		case w.in(c.OpenedAt) && proposedAt(c).IsZero() && c.Decision != nil && c.Decision.BlockedBy != "":
			held[c.Decision.BlockedBy]++
		}
	}
	for _, p := range []*chat.MorningPart{&did, &wanted, &waiting} {
		p.Count = len(p.Items)
		slices.SortStableFunc(p.Items, func(a, b chat.MorningItem) int {
			return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Case, b.Case))
		})
	}
	wanted.More = heldBack(held)
	w.carried(&wanted)
	return did, wanted, waiting
}

// heldBack says of what guardrails kept warden from wanting it at all.
func heldBack(held map[string]int) string {
	names, n := []string{}, 0
	for name, k := range held {
		names, n = append(names, name), n+k
	}
	if n == 0 {
		return ""
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(held[b], held[a]), cmp.Compare(a, b)) })
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", chat.Clean(strings.ReplaceAll(name, "_", " ")), held[name])
	}
	return fmt.Sprintf("held back by guardrails: %d (%s)", n, strings.Join(names, ", "))
}

// carried says how many wishes from before are still there.
func (w *morning) carried(p *chat.MorningPart) {
	n := 0
	for _, c := range w.night.Cases {
		if at := proposedAt(c); c.Stage == remedy.StageProposed && at.Before(w.from) && !at.IsZero() && !w.acted(c) {
			n++
		}
	}
	if n == 0 {
		return
	}
	if p.More != "" {
		p.More = "; " + p.More
	}
	p.More = fmt.Sprintf("%d from before are not settled yet: `warden cases`", n) + p.More
}

// proposedAt is when warden first wanted to act on a case; zero if it never did.
// Older builds kept only the newest time that it was counted.
func proposedAt(c *ledger.Case) time.Time {
	if c.ProposedAt.IsZero() {
		return c.CountedAt
	}
	return c.ProposedAt
}

// happened reports whether an execution had an effect, or may have had one.
func happened(x *ledger.Execution) bool {
	return x.Outcome != remedy.OutcomeAborted || x.Late != ""
}

// acted reports whether anything was begun on a case by the end of what is
// covered.
func (w *morning) acted(c *ledger.Case) bool {
	return slices.ContainsFunc(c.Executions, func(x ledger.Execution) bool { return happened(&x) && w.before(x.StartedAt) })
}

// acts are the executions of a case that a summary tells of: those that began in
// what it covers, and those from before it that ended in it. fresh reports whether
// one is of the former.
func (w *morning) acts(c *ledger.Case) (acts []*ledger.Execution, fresh bool) {
	for i := range c.Executions {
		x := &c.Executions[i]
		switch {
		case !happened(x):
		case w.in(x.StartedAt):
			acts, fresh = append(acts, x), true
		case x.StartedAt.Before(w.from) && (w.in(x.FinishedAt) || w.in(x.TookAt)):
			acts = append(acts, x)
		}
	}
	return acts, fresh
}

// done words what was done about a case.
func (w *morning) done(c *ledger.Case, acts []*ledger.Execution, fresh bool) chat.MorningItem {
	i := item(c, acts[0].StartedAt)
	i.Earlier = !fresh
	var parts []string
	for _, x := range acts {
		if w.in(x.StartedAt) {
			i.Tokens = append(i.Tokens, x.Token.String())
		}
		parts = append(parts, w.execution(c, x, &i))
	}
	if left := stays(c); left != "" && acts[0].Kind != remedy.KindUndo {
		parts[0] += ", " + left
	}
	if helped, known := c.Helped.Get(); known && !helped {
		stress(&i, "did not help")
	}
	say(&i, "%s", strings.Join(parts, "; "))
	w.judged(c, &i)
	if c.Stage == remedy.StageOut && c.Manual == nil {
		w.putBack(c, &i)
	}
	return i
}

// execution words one execution; what went wrong is stressed.
func (w *morning) execution(c *ledger.Case, x *ledger.Execution, i *chat.MorningItem) string {
	do, doing, did := chat.VerbWords(c.Action)
	host := short(c.Host)
	who := "by myself"
	switch {
	case x.Kind == remedy.KindUndo:
		do, doing, did, who = "put back ", "putting back ", "put back ", "by "+short(x.By.Name)
		if c.UndoReason != "" {
			who += " (" + string(c.UndoReason) + ")"
		}
	case x.Kind == remedy.KindReassert:
		who = "again, for a load balancer had forgotten it"
	case x.Kind == remedy.KindManual:
		who = "run by " + short(x.By.Name)
	case c.Answer != nil && c.Answer.Approve:
		who = "approved by " + short(c.Answer.By.Name)
	}
	if x.Kind == remedy.KindUndo && len(i.Tokens) > 1 {
		did, doing = "put back ", "putting it back "
		host = w.when(x.StartedAt)
	}
	said := strings.TrimSpace(did+host) + " " + who
	switch {
	case x.FinishedAt.IsZero():
		return strings.TrimSpace(doing+host) + " " + who + ": under way"
	case x.Late != "":
		stress(i, "it came late, after I had given it up")
		return said
	}
	switch x.Outcome { //exhaustive:ignore // those that an execution ends with
	case remedy.OutcomeFailed:
		stress(i, "failed%s", reason(x.Note))
		return "did not " + strings.TrimSpace(do+host) + ", " + who
	case remedy.OutcomePartial:
		stress(i, "on some of its load balancers only")
	case remedy.OutcomeUnknown:
		stress(i, "nobody knows whether it happened")
		return "tried to " + strings.TrimSpace(do+host) + ", " + who
	default:
		if x.Kind != remedy.KindUndo && x.Kind != remedy.KindReassert {
			switch took, known := x.Took.Get(); {
			case !known:
				said += ", not verified yet"
			case took:
				said += ", verified"
			default:
				stress(i, "not seen to take")
			}
		}
	}
	return said
}

// reason is a note behind a colon.
func reason(note string) string {
	if note == "" {
		return ""
	}
	return ": " + chat.Fit(chat.Bare(chat.Clean(note)), 120)
}

// stays is how many hosts stayed in service, by the decision.
func stays(c *ledger.Case) string {
	if c.Decision == nil {
		return ""
	}
	for _, a := range c.Decision.Answers {
		if a.Guardrail == "pool_floor" && !a.Unreadable && a.Effect == remedy.EffectAllow {
			return strings.TrimSuffix(a.Observed, " after this")
		}
	}
	return ""
}

// The states of a case's question, as of the end of what is covered.
type question int

const (
	unasked    question = iota // there was none, or not in this time
	answerable                 // it can be answered
	unanswered                 // nobody answered in time
	answered                   // somebody answered, or it was taken back
)

// asked is what became of a case's question. One that was asked in what is
// covered is told of once; one that still waits is told of every time.
func (w *morning) asked(c *ledger.Case) question {
	a := c.Ask
	if a == nil || a.ByHand || !w.before(a.AskedAt) {
		return unasked
	}
	open := c.Open() || !w.before(c.ClosedAt)
	switch {
	case open && (c.Answer == nil || !w.before(c.Answer.At)) && !w.acted(c):
		return answerable
	case c.Outcome == remedy.OutcomeExpired && (w.in(a.AskedAt) || w.in(c.ClosedAt)):
		return unanswered
	case w.in(a.AskedAt) && !w.acted(c):
		return answered
	}
	return unasked
}

// waits words a question that waits, or that nobody answered.
func (w *morning) waits(c *ledger.Case, q question) chat.MorningItem {
	i := item(c, c.Ask.AskedAt)
	i.Earlier = !w.in(c.Ask.AskedAt)
	do, _, _ := chat.VerbWords(c.Action)
	say(&i, "%s%s?%s", strings.ToUpper(do[:1])+do[1:], short(c.Host), evidence(c))
	still := c.Stage == remedy.StageWaiting && c.Answer == nil
	switch {
	case q == unanswered:
		stress(&i, "nobody answered by %s", w.when(c.Ask.ExpiresAt))
		if command := quoted("warden run %s %s --pool %s --reason TEXT", string(c.Action), string(c.Host), string(c.Pool)); command != "" {
			i.Offers = append(i.Offers, chat.MorningOffer{Verb: chat.OfferRun, Label: label(do+"%s", c.Host), Command: command})
		}
	case !still:
		i.Text = chat.Fit(i.Text+" Since then: "+fate(c), mostText)
		return i
	default:
		stress(&i, "expires %s", w.when(c.Ask.ExpiresAt))
		i.Ask = &chat.MorningAsk{PlanHash: c.Ask.PlanHash, AskedAt: c.Ask.AskedAt, ExpiresAt: c.Ask.ExpiresAt, Question: c.Question()}
		i.Offers = append(i.Offers, w.yes(c, i.Ask, do),
			chat.MorningOffer{Verb: chat.OfferDeny, Label: label("Leave %s", c.Host), Command: fmt.Sprintf("warden deny %s", c.ID)})
	}
	i.Offers = append(i.Offers, chat.MorningOffer{
		Verb: chat.OfferHold, Label: label("Hold %s", c.Host), Command: quoted("warden hold %s 4h --pool %s --reason TEXT", string(c.Host), string(c.Pool)),
	})
	return i
}

// yes offers to say yes to a question over what people say against it, which its line
// shows. Where that is too much for a line it leads to where all of it is.
func (w *morning) yes(c *ledger.Case, ask *chat.MorningAsk, do string) chat.MorningOffer {
	said, whole := chat.Beside(w.night.Standing[c.ID])
	ask.Against, ask.Seen = said.Words, said.Newest
	if !whole {
		return chat.MorningOffer{Verb: chat.OfferLook, Label: label("Look at %s", c.Host), Command: "warden show " + c.ID.String()}
	}
	return chat.MorningOffer{Verb: chat.OfferApprove, Label: label(do+"%s", c.Host), Command: c.YesCommand(said.Newest)}
}

// wished words what warden would have done.
func (w *morning) wished(c *ledger.Case) chat.MorningItem {
	at := proposedAt(c)
	if c.Ask != nil && !w.in(at) {
		at = c.Ask.AskedAt
	}
	i := item(c, at)
	_, _, did := chat.VerbWords(c.Action)
	say(&i, "would have %s%s%s; %s", did, short(c.Host), evidence(c), fate(c))
	w.judged(c, &i)
	return i
}

// evidence is what the case rests on, in brackets.
func evidence(c *ledger.Case) string {
	f := c.Opened
	if c.Latest != nil && (c.Latest.Verdict == remedy.VerdictBad || f == nil) {
		f = c.Latest
	}
	if f == nil {
		return ""
	}
	return " (" + chat.Fit(chat.FindingSentence(*f), 140) + ")"
}

// fate is what became of a case, in words.
func fate(c *ledger.Case) string {
	switch {
	case c.Open():
		switch {
		case c.Stage == remedy.StageExecuting, c.Stage == remedy.StageVerifying, c.Stage == remedy.StageOut:
			return "acted on since"
		case c.Answer != nil && c.Answer.Approve:
			return "approved by " + short(c.Answer.By.Name)
		case c.Snooze != nil:
			return "put off by " + short(c.Snooze.By.Name)
		case c.Unasked.Stuck():
			return "nobody can be asked: " + chat.Fit(chat.Bare(chat.Clean(c.Unasked.Why)), 120)
		case c.Latest != nil && c.Latest.Verdict == remedy.VerdictBad:
			return "still bad"
		}
		return "not decided yet"
	case c.Outcome == remedy.OutcomeDenied && c.Answer != nil:
		return short(c.Answer.By.Name) + " said no" + reason(c.Answer.Reason)
	case c.Outcome == remedy.OutcomeSelfRecovered:
		return "recovered alone after " + chat.Span(c.ClosedAt.Sub(c.OpenedAt))
	case c.Outcome == remedy.OutcomeSuperseded && c.Latest != nil && c.Latest.Verdict == remedy.VerdictOut:
		return "somebody else took it out"
	case c.Outcome == remedy.OutcomeNoData:
		return "then there was no more data"
	}
	return strings.ReplaceAll(string(c.Outcome), "_", " ")
}

// judged says whether warden was right, or asks.
func (w *morning) judged(c *ledger.Case, i *chat.MorningItem) {
	s, ok := w.sample(c)
	if !ok {
		return
	}
	would := "I was"
	if !s.Acted {
		would = "I would have been"
	}
	switch s.Label() {
	case trust.Wrong:
		w.wrong++
		stress(i, "%s wrong", would)
	case trust.Right:
		stress(i, "%s right", would)
	case trust.Unclear:
	case trust.Unlabelled:
		i.Offers = append(i.Offers, labelOffers(c.ID)...)
	}
}

// labelOffers ask for somebody's word on a case.
func labelOffers(id remedy.CaseID) []chat.MorningOffer {
	return []chat.MorningOffer{
		{Verb: chat.OfferRight, Label: "Good call", Command: fmt.Sprintf("warden label %s right", id)},
		{Verb: chat.OfferWrong, Label: "False alarm", Command: fmt.Sprintf("warden label %s wrong", id)},
	}
}

// label is what a button says of a host.
func label(format string, host remedy.HostName) string {
	text := fmt.Sprintf(format, chat.Fit(chat.Clean(string(host)), 40))
	return strings.ToUpper(text[:1]) + text[1:]
}

// quoted is a command with names in it; empty where one could mean something to a
// shell.
func quoted(format string, names ...string) string {
	args := make([]any, len(names))
	for i, n := range names {
		plain := n != "" && len(n) <= 253 && !strings.HasPrefix(n, "-") && !strings.ContainsFunc(n, func(r rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:", r)
		})
		if !plain {
			return ""
		}
		args[i] = n
	}
	return fmt.Sprintf(format, args...)
}
