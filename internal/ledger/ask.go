package ledger

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"warden/internal/remedy"
)

// Snooze is a person's word that a question is to be asked, or an act announced, again
// later.
type Snooze struct {
	By     remedy.Actor `json:"by"`
	At     time.Time    `json:"at"`
	Until  time.Time    `json:"until"`
	Reason string       `json:"reason,omitempty"`
	// Announced says that it was announced: who does nothing then lets it act.
	Announced bool `json:"announced,omitempty"`
}

// NotAsked begins what is told of a case that is to be asked about and isn't.
const NotAsked = "not asked: "

// Unasked says why a case that is to be asked about isn't yet.
type Unasked struct {
	// Why says it in words: "quiet hours".
	Why string `json:"why"`
	// Until is when it will be; zero where nobody could answer: see Stuck.
	Until time.Time `json:"until,omitzero"`
}

// Stuck reports whether nobody could answer, so that no time makes it a question: people
// are told of the host as at notify. It is false for nil.
func (u *Unasked) Stuck() bool { return u != nil && u.Until.IsZero() }

// Announcement has a case at auto wait until people could have said no.
type Announcement struct {
	PlanHash string `json:"plan_hash"`
	// For is how long people have from the delivery of the announcement on.
	For time.Duration `json:"for"`
	// Within is how long the delivery may take, and how long after its end the
	// announcement still holds.
	Within time.Duration `json:"within"`
	// Mention is whom the announcement may call, of those in Who: the approvers of
	// its action, with where each came from. Anybody may say no to it; these are the
	// ones who have to hear of it. Nobody is called where it is empty.
	Mention remedy.Mention    `json:"mention,omitempty"`
	Who     []remedy.Approver `json:"who,omitempty"`
}

// Veto is an announcement that was made. Its window begins when the committed
// receipt covers its notice, and not before: nobody can say no to what they
// have not heard.
type Veto struct {
	Announcement
	// Notice is the sequence number of the notice that says it.
	Notice      uint64    `json:"notice"`
	AnnouncedAt time.Time `json:"announced_at"`
	DeliveredAt time.Time `json:"delivered_at,omitzero"`
	EndsAt      time.Time `json:"ends_at,omitzero"`
}

// Lost reports whether the announcement was not delivered in time.
func (v *Veto) Lost(now time.Time) bool {
	return v.DeliveredAt.IsZero() && !now.Before(v.AnnouncedAt.Add(v.Within))
}

// Over reports whether the announcement was made so long ago that it has to be
// made again.
func (v *Veto) Over(now time.Time) bool {
	return !v.EndsAt.IsZero() && !now.Before(v.EndsAt.Add(v.Within))
}

// Open reports whether nothing may be done yet.
func (v *Veto) Open(now time.Time) bool { return v.EndsAt.IsZero() || now.Before(v.EndsAt) }

// extended reports whether the question has what came with version 3.
func (a *Ask) extended() bool {
	return a != nil && (a.Needed > 1 || a.ByHand || len(a.Who) > 0 || len(a.Aliases) > 0 || a.Mention != "" || len(a.Changes) > 0 || a.After != 0)
}

// NeededYes is how many different people have to say yes; 1 or more.
func (a *Ask) NeededYes() int { return max(a.Needed, 1) }

// WhoWords lists who may answer, with where each came from.
func (a *Ask) WhoWords() []string {
	if len(a.Who) == 0 {
		return slices.Clone(a.Approvers)
	}
	out := make([]string, len(a.Who))
	for i, w := range a.Who {
		out[i] = w.String()
	}
	return out
}

// MayAnswer lists whose yes to the case's question may count: whoever asked for it
// by hand is not among them. It is empty without a question, and the caller's.
func (c *Case) MayAnswer() []remedy.Approver {
	if c.Ask == nil {
		return nil
	}
	who := slices.Clone(c.Ask.Who)
	if len(who) == 0 {
		for _, match := range c.Ask.Approvers {
			who = append(who, remedy.Approver{Match: match})
		}
	}
	return slices.DeleteFunc(who, func(w remedy.Approver) bool { return !w.Group() && c.requested(w.Apart()) })
}

// AskedOf is MayAnswer in words, each with where they came from.
func (c *Case) AskedOf() []string {
	var out []string
	for _, w := range c.MayAnswer() {
		out = append(out, w.String())
	}
	return out
}

// Approved lists the people who said yes to the present plan and may, each
// once, in the order in which they did. Whoever asked for it by hand is not
// among them, nor who may be the same person as another: see remedy.Different. In
// which order they said it changes nothing of how many they are.
func (c *Case) Approved() []CaseReply {
	yes, picked := c.yes()
	out := make([]CaseReply, 0, len(picked))
	for _, i := range picked {
		out = append(out, yes[i])
	}
	return slices.Clip(out)
}

// Doubtful lists the yes of those who don't count beside Approved, for they may be one
// of those: nothing tells them apart.
func (c *Case) Doubtful() (out []CaseReply) {
	yes, picked := c.yes()
	for i, a := range yes {
		if !slices.ContainsFunc(picked, func(j int) bool { return remedy.OnePerson(yes[j].By, a.By, c.Ask.Aliases) }) {
			out = append(out, yes[i])
		}
	}
	return out
}

// yes are the yes of all who may say it to the present plan, and which of them count.
func (c *Case) yes() (yes []CaseReply, picked []int) {
	if c.Ask == nil {
		return nil, nil
	}
	given := c.Approvals
	if len(given) == 0 && c.Answer != nil && c.Answer.Approve {
		given = []CaseReply{*c.Answer}
	}
	var who []remedy.Actor
	for _, a := range given {
		if a.Approve && a.PlanHash == c.PlanHash && a.PlanHash == c.Ask.PlanHash && a.By.MayApprove(c.Ask.Approvers) && !c.requested(a.By) {
			yes, who = append(yes, a), append(who, a.By)
		}
	}
	return yes, remedy.Different(who, c.Ask.Aliases, len(who))
}

// mayBe says why somebody of another name counts as who asked for it.
func (c *Case) mayBe(by remedy.Actor) string {
	if remedy.OnePerson(by, c.Manual.By, c.Ask.Aliases) {
		return ""
	}
	return fmt.Sprintf(" (%s may be the same person, for [approvals.people] doesn't say who both are)", by.Name)
}

// requested reports whether the actor is who asked for it by hand, or may be.
func (c *Case) requested(by remedy.Actor) bool {
	return c.Ask != nil && c.Ask.ByHand && c.Manual != nil && remedy.SamePerson(c.Manual.By, by, c.Ask.Aliases)
}

// Asleep reports whether a person put the question off, and until when.
func (c *Case) Asleep(now time.Time) bool {
	return c != nil && c.Snooze != nil && now.Before(c.Snooze.Until)
}

// startedBy is in whose names an execution runs that needed a yes: of all who
// said it, and of who asked for it by hand.
func (c *Case) startedBy(by remedy.Actor) remedy.Actor {
	var all []remedy.Actor
	if c.Ask != nil && c.Ask.ByHand {
		all = append(all, c.Manual.By)
	}
	for _, a := range c.Approved() {
		all = append(all, a.By)
	}
	switch len(all) {
	case 0:
		return by
	case 1:
		return all[0]
	}
	who := remedy.Actor{Name: all[0].Name, Via: all[0].Via, Person: true}
	for _, a := range all[1:] {
		who.Name += " and " + a.Name
		if a.Via != who.Via {
			who.Via = ""
		}
	}
	return who
}

// unquestion takes back whatever was asked or announced.
func (c *Case) unquestion() {
	c.Ask, c.Answer, c.Approvals, c.Veto, c.Snooze, c.Unasked = nil, nil, nil, nil, nil, nil
}

// approvals is how many people have to say yes to an action in a pool: the most
// that any voter's config wants, and one at least.
func (m *machine) approvals(action remedy.ActionName, pool remedy.PoolName) int {
	n := 1
	for _, r := range m.trustReports {
		n = max(n, r.rung(action, pool).Approvals)
	}
	return n
}

// announceFor is how long an action has to be announced before it is done at
// auto: the longest that any voter's config wants.
func (m *machine) announceFor(action remedy.ActionName, pool remedy.PoolName) time.Duration {
	var d time.Duration
	for _, r := range m.trustReports {
		d = max(d, r.rung(action, pool).AnnounceFor)
	}
	return d
}

// rung is what a report says of an action in a pool; the zero value for nothing.
func (b *TrustReport) rung(action remedy.ActionName, pool remedy.PoolName) TrustRung {
	i := slices.IndexFunc(b.Rungs, func(r TrustRung) bool { return r.Action == action && r.Pool == pool })
	if i < 0 {
		return TrustRung{}
	}
	return b.Rungs[i]
}

// Asking is what all voters' configs together want of a question.
type Asking struct {
	// Approvals is how many people have to say yes; 1 or more.
	Approvals int
	// AnnounceFor is how long it has to be announced at auto; 0 for not at all.
	AnnounceFor time.Duration
}

// Asking answers for an action in a pool.
func (l *Ledger) Asking(action remedy.ActionName, pool remedy.PoolName) Asking {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return Asking{Approvals: l.m.approvals(action, pool), AnnounceFor: l.m.announceFor(action, pool)}
}

// put puts a judgement's question to people, or keeps why it isn't put. The
// case is an editable copy that is decided at confirm, or at auto with an
// announcement that was not delivered.
//
// was is why it wasn't put before.
func (m *machine) put(c *Case, b *CaseJudge, was *Unasked, x step) {
	if b.Ask == nil || c.PlanHash == "" || b.Ask.PlanHash != c.PlanHash || len(b.Ask.Approvers) == 0 || c.Asleep(x.at) {
		return
	}
	ask := *b.Ask
	ask.ByHand = false // a judgement is nobody's wish
	if why := m.asks(c, ask, x); why != "" {
		c.Unasked = was // what is said once more is no line of its own
		c.noteUnasked(&Unasked{Why: why}, x)
		return
	}
	c.Outcome = ""
	c.event(x, "asked")
	m.notify(Notice{Kind: NoticeQuestion, Case: c.ID, Pool: c.Pool}, x)
}

// asks has the case wait for the answer to a question. The caller tells of it next: the
// number of that notice is the question's. Where nobody could answer it so that it counts,
// nothing changes, and it returns why.
func (m *machine) asks(c *Case, ask Ask, x step) (why string) {
	if ask, why = m.wanted(c, ask); why != "" && m.learns() {
		return why
	}
	ask.AskedAt, ask.ExpiresAt = x.at, stamp(ask.ExpiresAt)
	if ask.Notice = 0; m.learns() {
		ask.Notice = m.lastNotice + 1 // the caller tells it next
	}
	c.unquestion()
	c.Ask, c.Stage = &ask, remedy.StageWaiting
	return ""
}

// announce has the case wait until people could have said no.
func (m *machine) announce(c *Case, a *Announcement, x step) {
	said := *a
	said.For = max(said.For, m.announceFor(c.Action, c.Pool))
	if c.PlanHash == "" || said.PlanHash != c.PlanHash || said.For <= 0 || said.Within <= 0 || c.Asleep(x.at) {
		return
	}
	c.unquestion()
	c.Stage = remedy.StageWaiting
	c.event(x, "announced")
	m.notify(Notice{Kind: NoticeAnnounced, Case: c.ID, Pool: c.Pool}, x)
	c.Veto = &Veto{Announcement: said, Notice: m.lastNotice, AnnouncedAt: x.at}
}

// delivered begins the windows of the announcements that a receipt of the surface
// that asks covers. A notice that was dropped before was told to nobody, and
// begins none.
func (m *machine) delivered(covered func(Notice) bool, x step) {
	for _, n := range m.notices {
		if n.Kind != NoticeAnnounced || !covered(n) {
			continue
		}
		c := m.find(n.Case)
		if c == nil || c.Stage != remedy.StageWaiting || c.Veto == nil || c.Veto.Notice != n.Seq || !c.Veto.DeliveredAt.IsZero() {
			continue
		}
		c = m.edit(c, x)
		v := *c.Veto
		v.DeliveredAt, v.EndsAt = x.at, after(x.at, v.For)
		c.Veto = &v
		c.event(x, "the announcement was delivered")
	}
}

// maxDoubtful bounds the yes to one question that don't count: there are that many
// only where nothing tells unix users from people in a chat.
const maxDoubtful = 16

// collect stores one of several people's yes. One of somebody who may be another who
// said it already is kept, and counts once another of them turns out not to be needed:
// of a unix user and two people of a chat, two are two.
func (m *machine) collect(c *Case, b *CaseAnswer, x step) Result {
	for _, a := range c.Approvals {
		if remedy.OnePerson(a.By, x.by, c.Ask.Aliases) {
			return refuse(RefusedDecided, "%s approved it at %s already, and %d different people have to: another of %s", a.By.Name, a.At.Format(timeLayout), c.Ask.Needed, strings.Join(c.Ask.Approvers, ", "))
		}
	}
	if len(c.Doubtful()) >= maxDoubtful {
		return refuse(RefusedDecided, "%d people approved it, and nothing tells them apart: put email and unix of each into [approvals.people]", len(c.Approvals))
	}
	c = m.edit(c, x)
	reply := CaseReply{Approve: true, By: x.by, At: x.at, PlanHash: b.PlanHash, Reason: b.Reason}
	c.Approvals = append(slices.Clip(c.Approvals), reply)
	n := len(c.Approved())
	what := fmt.Sprintf("approved, %d of %d", n, c.Ask.Needed)
	if n >= c.Ask.Needed {
		c.Answer = &reply
	} else if of := c.couldBe(x.by); of != "" {
		what += fmt.Sprintf("; %s may be %s, for [approvals.people] doesn't say who both are", x.by.Name, of)
	}
	c.event(x, what)
	m.answered(c, b, x)
	m.notify(Notice{Kind: NoticeAnswered, Case: c.ID, Pool: c.Pool}, x)
	return done(c.ID)
}

// couldBe names another who said yes, and who may be the actor.
func (c *Case) couldBe(by remedy.Actor) string {
	for _, a := range c.Approvals {
		if a.By.Name != by.Name && remedy.SamePerson(a.By, by, c.Ask.Aliases) {
			return a.By.Name
		}
	}
	return ""
}

// admitUnasked checks a case at auto that waits for nobody.
func (m *machine) admitUnasked(c *Case, x step) Result {
	switch d := m.announceFor(c.Action, c.Pool); {
	case c.Asleep(x.at):
		return refuse(RefusedApproval, "%s put %s off until %s", c.Snooze.By.Name, c.ID, c.Snooze.Until.Format(timeLayout))
	case c.Undelivered:
		return refuse(RefusedApproval, "the announcement of %s could not be delivered: a person has to say yes", c.ID)
	case d > 0:
		return refuse(RefusedApproval, "%s has to be announced for %s first", c.ID, d)
	}
	return done(c.ID)
}

// noteUnasked keeps why a case isn't asked about, or that nothing is in the way.
func (c *Case) noteUnasked(u *Unasked, x step) {
	if u != nil && (c.Unasked == nil || c.Unasked.Why != u.Why) {
		c.event(x, NotAsked+u.Why)
	}
	if c.Unasked = u; u != nil {
		c.Unasked = &Unasked{Why: u.Why, Until: stamp(u.Until)}
	}
}

// checkWaiting holds a case that waits to having something to wait for.
func (c *Case) checkWaiting() error {
	if c.Stage == remedy.StageWaiting && c.Ask == nil && c.Veto == nil {
		return fmt.Errorf("%s is waiting and has no question", c.ID)
	}
	if c.Ask != nil && c.Ask.ByHand && c.Manual == nil {
		return fmt.Errorf("%s was asked for by hand, by nobody", c.ID)
	}
	return nil
}
