package slack

import (
	"context"
	"errors"
	"slices"
	"time"

	api "github.com/slack-go/slack"
	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// round is one Deliver.
type round struct {
	*Slack
	set  Settings
	x    session
	owed chat.Owed
	got  chat.Delivery
	// wait is the shortest time after which something more can be sent.
	wait time.Duration
	// shared are the cases that are told together, by the key of their message.
	shared map[string][]job
	// spoke is the case of which each shared complaint speaks since this round.
	spoke map[string]remedy.CaseID
	// own is how many messages told a notice.
	own int
	// trouble is what went wrong with messages that are held for it, so many.
	trouble  error
	troubles int
	calls    calls
}

// Deliver implements chat.Courier. It sends what may be sent now, at most one
// message a channel, and says when to call again: what changes meanwhile is
// merged into what is sent then.
func (s *Slack) Deliver(ctx context.Context, owed chat.Owed) (chat.Delivery, error) {
	jobs, done := plan(owed)
	jobs = append(jobs, s.reviews(owed, jobs)...)
	jobs = append(jobs, s.resigned(owed, jobs)...)
	r := &round{Slack: s, set: s.Settings(), owed: owed, got: chat.Delivery{Seqs: done, Unwanted: len(done)}, spoke: map[string]remedy.CaseID{}}
	if len(jobs) == 0 && len(r.replaced()) == 0 {
		return r.got, nil
	}
	x, err := s.session(ctx)
	if err != nil {
		if limited, ok := errors.AsType[*api.RateLimitedError](err); ok {
			r.got.Wait = min(limited.RetryAfter, longestPause)
		}
		return r.got, classed(err)
	}
	r.x = x
	jobs, failed := r.missed(ctx, jobs)
	gone := away(failed)
	for _, j := range jobs {
		if ctx.Err() != nil || gone {
			break
		}
		err := r.alone(j.key, func() error { return r.deliver(ctx, j) })
		switch {
		case errors.Is(err, errHeld):
			r.giveUp(j, r.refusedAs(j))
		case !errors.Is(err, errLater):
			failed, gone = errors.Join(failed, err), away(err)
		}
	}
	if ctx.Err() == nil && !gone {
		failed = errors.Join(failed, r.guarded("earlier", func() error { return r.earlier(ctx) }))
	}
	if ctx.Err() == nil {
		failed = errors.Join(failed, r.guarded("digests", func() error { return r.digests(ctx) }))
	}
	failed = errors.Join(failed, r.guarded("threads", func() error { r.threads(ctx); return nil }))
	if r.got.Sent == 0 {
		failed = errors.Join(failed, r.trouble) // it may be everybody's
	} else {
		r.got.Troubled = r.troubles
	}
	r.got.Posts = slices.DeleteFunc(r.got.Posts, r.known)
	r.got.Wait = min(r.wait, lookIn)
	r.got.Merged = max(len(r.got.Seqs)-r.got.Unwanted-r.got.Dropped-r.own, 0)
	return r.got, classed(failed)
}

// away reports whether Slack itself can't be reached, so that whatever else is sent
// would fail as well.
func away(err error) bool {
	if err == nil {
		return false
	}
	_, limited := errors.AsType[*api.RateLimitedError](err)
	return slackCode(err) == "" && !limited && !errors.Is(err, errBug) && !errors.Is(err, errLie)
}

// send is Slack.send, counted. What Slack refuses for good is held back by itself,
// and so is what is in trouble.
func (r *round) send(ctx context.Context, x session, key string, to target, made rendered) (at target, gone bool, err error) {
	if err := r.holds(key, to); err != nil {
		return to, false, err
	}
	at, gone, err = r.Slack.send(ctx, x, key, to, made, slices.Concat(r.owed.Posts, r.got.Posts)...)
	switch {
	case gone:
	case err == nil:
		r.got.Sent++
		r.release(key, to)
		r.through()
	case refusedForGood(err):
		r.hold(key, to, err)
		return at, false, errHeld
	case ofOne(err):
		return at, false, r.troubled(key, to, err)
	case answeredBadly(err), ctx.Err() == nil && brokeOff(err):
		r.hold(key, to, err) // the next round is the others'
	}
	if _, limited := errors.AsType[*api.RateLimitedError](err); limited {
		_ = r.later(to, errLater)
	}
	return at, gone, err
}

// known reports whether the ledger has all that a receipt says already. Such a receipt
// would do nothing but wake this courier, which would write it once more, and so for ever.
func (r *round) known(p ledger.Post) bool {
	have, ok := r.owed.Post(p.Key)
	if !ok {
		return false
	}
	have, p = receipt(have), receipt(p)
	same := have.Of.Equal(p.Of)
	have.Of, p.Of = time.Time{}, time.Time{}
	return same && have == p
}

// later notes when a message may be sent. One that is refused has nobody wait.
func (r *round) later(to target, err error) error {
	if errors.Is(err, errHeld) {
		return err
	}
	r.waits(max(r.ready(r.x, to), time.Millisecond))
	return errLater
}

// waits has the round called again after a while at the latest.
func (r *round) waits(d time.Duration) {
	if r.wait == 0 || d < r.wait {
		r.wait = d
	}
}

// deliver brings one message up to date.
func (r *round) deliver(ctx context.Context, j job) error {
	c := j.m.Case
	post, posted := r.owed.Post(j.key)
	if j.m.Notice.Kind == ledger.NoticeSummary && j.m.Morning != nil {
		return r.summary(ctx, j, post, posted)
	}
	if j.key != caseKey(j.m.Notice.Case) || c == nil {
		return r.news(ctx, j, post, posted)
	}
	o := chat.CardOptions{Zone: r.set.Zone, Tone: r.set.Tone}
	card := chat.CardOf(j.m, o)
	var complaint *ledger.Post
	if card.State == chat.CardComplaint {
		if r.spoke[complaintKey(c)] > c.ID { // the message speaks of a later case by now
			r.got.Seqs = append(r.got.Seqs, j.seqs...)
			return nil
		}
		n := said{N: 1, Since: j.m.Notice.At, Case: c.ID}
		if p, ok := r.owed.Post(complaintKey(c)); ok {
			was := saidIn(p)
			switch young := r.set.ComplainEvery > 0 && r.owed.Now.Sub(was.Since) < r.set.ComplainEvery; {
			case was.Case > c.ID:
				r.got.Seqs = append(r.got.Seqs, j.seqs...)
				return nil
			case was.Case == c.ID:
				n = was
				post, posted = orElse(post, posted, p)
			case young:
				n = said{N: was.N + 1, Since: was.Since, Case: c.ID}
				post, posted = orElse(post, posted, p)
				post.Hash = ""
			}
		}
		o.Repeat, o.Since = n.N, n.Since
		if n.N < 2 {
			o.Since = time.Time{}
		}
		card = chat.CardOf(j.m, o)
		complaint = &ledger.Post{Key: complaintKey(c), Case: c.ID, Hash: n.String()}
	}
	if r.inDigest(post) {
		if card.State == chat.CardComplaint || card.State == chat.CardOver && !j.urgent {
			r.digest(j, post)
			return nil
		}
		post, posted = ledger.Post{}, false
	}
	if !posted && !j.urgent && r.overBudget(c.Pool) {
		r.digest(j, post)
		return nil
	}
	o.Spelled = true
	return r.card(ctx, j, card, chat.CardOf(j.m, o), post, posted, complaint)
}

func orElse(post ledger.Post, posted bool, p ledger.Post) (ledger.Post, bool) {
	if posted {
		return post, true
	}
	return p, p.ID != ""
}

// card posts or edits a case's message; spelled is the same where nothing can be tapped.
func (r *round) card(ctx context.Context, j job, card, spelled chat.Card, post ledger.Post, posted bool, complaint *ledger.Post) error {
	c := j.m.Case
	l, was := links{}, ledger.Post{}
	to := target{channel: r.set.channelOf(j.m)}
	if posted {
		to = target{channel: post.Place, ts: post.ID}
		if asksAnew(card, c, post) && j.asks > post.Seq {
			was, l.Earlier, to = post, post.Link, target{channel: r.set.channelOf(j.m)}
		}
	}
	card.Again = to.ts == "" && (card.Again || r.doubtful(j.key))
	mark := stamp(card, c, r.render(withoutAgain(card), c, "", links{}).hash(), r.x.signer.id)
	asText, spells := r.spelledStamp(spelled, c), c.Open() && r.spells(j.key, to)
	if to.ts != "" && (post.Hash == mark || spells && post.Hash == asText) {
		r.told(j, post, post.Hash, complaint, false)
		return nil
	}
	if r.ready(r.x, to) > 0 {
		return r.later(to, errLater) // nobody is looked up for it yet
	}
	mention := ""
	if to.ts == "" {
		mention = r.mention(ctx, card, c)
	}
	both := func(mention string, l links) rendered {
		made := r.render(card, c, mention, l)
		spelled.Again = card.Again
		made.Spelled = textOf(r.render(spelled, nil, mention, l))
		return made
	}
	to.spelled = to.ts != "" && post.Hash == asText
	made := both(mention, l)
	if spells {
		made = made.withoutBlocks()
	}
	at, err := r.put(ctx, j, to, made, func(earlier string) rendered {
		return both(r.mention(ctx, card, c), links{Earlier: earlier})
	}, post.Link)
	if err != nil {
		return err
	}
	switch {
	case at.refused != nil:
		mark = asText
		r.hold(spelledKey+j.key, at, at.refused)
	case spells && at.ts == to.ts:
		mark = asText
	default:
		r.release(spelledKey+j.key, at)
	}
	fresh := at.ts != to.ts
	if fresh {
		r.spend(c.Pool)
		if to.ts != "" && post.Hash != "" { // without, it stands for another case's complaint
			was = post // which couldn't be edited
		}
		r.replaces(c, was)
	}
	post = ledger.Post{Key: j.key, Case: c.ID, Place: at.channel, ID: at.ts, Link: r.x.permalink(at.channel, at.ts), Seq: post.Seq}
	r.told(j, post, mark, complaint, fresh)
	r.overflow(ctx, at, made.Full)
	return nil
}

func withoutAgain(k chat.Card) chat.Card {
	k.Again = false
	return k
}

// put sends a message where it belongs. One that can't be edited any more, or that
// Slack refuses to edit, is posted anew, and leads to the old one; a channel that
// takes none, or not this one, is replaced by the one for all.
func (r *round) put(ctx context.Context, j job, to target, made rendered, anew func(earlier string) rendered, earlier string) (target, error) {
	at, gone, err := r.send(ctx, r.x, j.key, to, made)
	if gone || to.ts != "" && errors.Is(err, errHeld) && r.hopeless(j.key, to) {
		to = target{channel: r.set.channelOf(j.m)}
		made = anew(earlier)
		r.free(r.x.pauses.lane(to.channel)) // the failed edit used its turn
		at, _, err = r.send(ctx, r.x, j.key, to, made)
	}
	if to.ts == "" && to.channel != r.set.Channel && errors.Is(err, errHeld) && (!errors.Is(err, errTroubled) || r.hopeless(j.key, to)) {
		to = target{channel: r.set.Channel}
		at, _, err = r.send(ctx, r.x, j.key, to, made)
	}
	if errors.Is(err, errLater) {
		return at, r.later(to, err)
	}
	if err == nil && len(j.seqs) > 0 {
		r.own++
	}
	return at, err
}

// free gives a channel its turn back, of which nothing came.
func (s *Slack) free(lane string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.next, lane)
}

// told notes what got through.
func (r *round) told(j job, post ledger.Post, mark string, complaint *ledger.Post, fresh bool) {
	post.Hash, post.Of = mark, shows(j.m)
	for _, q := range j.seqs {
		post.Seq = max(post.Seq, q)
	}
	r.got.Seqs = append(r.got.Seqs, j.seqs...)
	r.got.Posts = append(r.got.Posts, receipt(post))
	if complaint != nil {
		complaint.Place, complaint.ID, complaint.Link, complaint.Of = post.Place, post.ID, post.Link, post.Of
		r.got.Posts = append(r.got.Posts, receipt(*complaint))
		r.spoke[complaint.Key] = complaint.Case
	}
	if fresh && j.m.Case != nil {
		// What led to the message is in it: its thread begins with what comes next.
		r.got.Posts = append(r.got.Posts, ledger.Post{Key: threadKey(j.m.Case.ID), Case: j.m.Case.ID, Place: post.Place, ID: post.ID, Hash: shown(lastEvent(j.m.Case))})
	}
}

// shows is how far a message shows its case; zero for news.
func shows(m chat.Message) time.Time {
	if m.Case == nil {
		return time.Time{}
	}
	at := m.Case.ChangedAt
	if m.Incident != nil && m.Incident.At.After(at) {
		at = m.Incident.At
	}
	return at
}

// receipt is a post as the ledger takes it.
func receipt(p ledger.Post) ledger.Post {
	p.Surface, p.At, p.Gone = "", time.Time{}, false
	if len(p.Link) > 500 {
		p.Link = ""
	}
	return p
}

func (r *round) render(card chat.Card, c *ledger.Case, mention string, l links) rendered {
	card, err := r.set.Templates.apply(card)
	if err != nil {
		r.Logger.Error("a template failed: the message has warden's own words", zap.Error(err))
	}
	return render(card, r.sign(c, card.Seen), mention, l)
}

// sign writes the values of a case's buttons, on a message that shows others' words up to seen.
func (r *round) sign(c *ledger.Case, seen time.Time) func(chat.Verb) string {
	if c == nil {
		return nil
	}
	return r.x.signer.of(c, seen)
}

// doubtful reports whether an earlier attempt may have posted it.
func (s *Slack) doubtful(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.maybe[key]
}

// threadKey is the key of what a case's thread has been told.
func threadKey(id remedy.CaseID) string { return "thread/" + id.String() }
