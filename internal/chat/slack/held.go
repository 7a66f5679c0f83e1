package slack

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
)

// A message that Slack refuses is tried again after a pause of its own, which
// doubles from the first to the last. The others don't wait for it.
const (
	heldFirst = 30 * time.Second
	heldLast  = 15 * time.Minute
)

// mostHeld is from how many refusals on the old ones are looked for.
const mostHeld = 1000

// editTries is how often an edit is refused before the message is posted anew: what
// stands there may be a question that was decided long ago.
const editTries = 3

// giveUpAfter is how old a notice is that is given up where Slack refuses to have it
// told, and giveUpTries how often it did so here. What waits for a person, by an answer
// or because nobody knows what happened, is never given up.
const (
	giveUpAfter = 24 * time.Hour
	giveUpTries = 3
)

// held is what Slack has refused, or has trouble with, and still does as far as
// anybody knows.
type held struct {
	channel, code string
	edit, trouble bool
	// spelled says that it stands, but for its blocks.
	spelled bool
	// tries is how often, but for trouble that may be everybody's: see hold.
	tries              int
	since, last, until time.Time
}

// errHeld says that a message is refused, or was and is not tried yet: it is no
// fault of the others, and none of the round.
var errHeld = fmt.Errorf("refused: %w", errLater)

// refusedForGood reports whether Slack's answer is about this message, or its
// channel, and not about warden's account, a moment of trouble, or a limit. The
// words are those of https://docs.slack.dev/reference/methods/chat.postMessage and
// chat.update.
func refusedForGood(err error) bool {
	code := slackCode(err)
	return code != "" && code != errNoCode && !ofAccount(code) && !ofTrouble(code) && !ofLimit(code)
}

// ofAccount reports whether a code says that warden is not let in at all.
func ofAccount(code string) bool {
	return slices.Contains([]string{"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope", "org_login_required", "not_allowed_token_type", "two_factor_setup_required"}, code)
}

// ofTrouble reports whether a code says that Slack has trouble of its own. What was
// asked for may have been done, by the pages of the methods: "some aspect of the
// operation may have succeeded".
func ofTrouble(code string) bool {
	return slices.Contains([]string{"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"}, code)
}

func ofLimit(code string) bool {
	return slices.Contains([]string{"ratelimited", "rate_limited", "message_limit_exceeded"}, code)
}

// holdKey is what is remembered of a message: one that can't be edited can be
// posted, and one that a channel refuses may be in another.
func holdKey(key string, to target) string {
	if to.ts != "" {
		return "edit " + key
	}
	return key + " in " + to.channel
}

// holds is why a message is not to be tried yet: errHeld where it was refused,
// errTroubled where it was in trouble. It is nil for one that may be.
func (r *round) holds(key string, to target) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.held[holdKey(key, to)]
	switch left := h.until.Sub(r.Clock.Now()); {
	case left <= 0:
		return nil
	case h.trouble:
		r.waits(left)
		return errTroubled
	}
	return errHeld
}

// tries is how often a message was refused.
func (r *round) tries(key string, to target) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held[holdKey(key, to)].tries
}

// hold remembers that a message was refused, or is in trouble. Trouble counts as the
// message's own where others got through since the try before; else it may be
// everybody's, and its pause doesn't grow.
func (r *round) hold(key string, to target, err error) {
	now, trouble := r.Clock.Now(), !refusedForGood(err)
	r.mu.Lock()
	if len(r.held) >= mostHeld {
		r.forget(now)
	}
	h := r.held[holdKey(key, to)]
	first := h.since.IsZero()
	h.channel, h.code, h.edit, h.trouble = to.channel, codeOf(err), to.ts != "", trouble
	h.spelled = strings.HasPrefix(key, spelledKey)
	if first {
		h.since = now
	}
	if first || !trouble || r.went.After(h.last) {
		h.tries++
	}
	pause := min(heldFirst<<min(h.tries-1, 10), heldLast)
	if first && trouble {
		pause = troubleFirst
	}
	h.last, h.until = now, now.Add(pause)
	r.held[holdKey(key, to)] = h
	r.mu.Unlock()
	what := "Slack refuses a message; the others go on, and it is tried again"
	switch {
	case h.spelled:
		what = "Slack refuses the blocks of a message: it stands as text, with commands in the place of buttons, and gets them as soon as Slack takes them"
	case trouble:
		what = "a message is in trouble; the others go on, and it is tried again"
	default:
		r.got.Refused++
	}
	r.Logger.Warn(what, zap.String("key", key), zap.String("channel", to.channel),
		zap.Bool("edit", h.edit), zap.Int("tries", h.tries), zap.Duration("in", pause), zap.Error(err))
}

// release forgets that a message was refused: it is where it should be, or in the
// channel for all.
func (r *round) release(key string, at target) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.held, "edit "+key)
	delete(r.held, holdKey(key, target{channel: at.channel}))
}

// refusedAs is the key under which a job's message was refused: one that goes to
// every channel has a key for each.
func (r *round) refusedAs(j job) string {
	if !r.byCard(j) && r.forAll(j.m.Notice) {
		return j.key + "/" + digest(r.set.Channel)
	}
	return j.key
}

// giveUp counts a job's notices as told where Slack has refused them for a day, or
// the message under a key that has them, or where warden failed at either: what they
// tell is over, and stands in the ledger and the audit.
func (r *round) giveUp(j job, key string) {
	c := j.m.Case
	waits := j.m.Notice.Page || c != nil && (c.Ask != nil || c.Veto != nil || c.UnknownExecution())
	home, tries := target{channel: r.set.Channel}, 0
	for _, k := range []string{key, faultKey + key, faultKey + j.key} {
		tries = max(tries, r.tries(k, home))
	}
	if len(j.seqs) == 0 || waits || r.owed.Now.Sub(j.oldest) < giveUpAfter || tries < giveUpTries {
		return
	}
	r.Logger.Error("a message is given up: for a day Slack has refused it, or warden failed at it; `warden show` and `warden cases` have what it says", zap.String("key", j.key), zap.Int("notices", len(j.seqs)))
	r.got.Seqs = append(r.got.Seqs, j.seqs...)
	r.got.Dropped += len(j.seqs)
}

// Refusal is a message that Slack refuses for a reason of its own, or that is in
// trouble again and again while others may not be.
type Refusal struct {
	// Channel is where it is, or was to be.
	Channel string
	// Code is Slack's word for why, or what else went wrong.
	Code string
	// Trouble says that it isn't refused: it may go through the next time.
	Trouble bool
	// Edit says that the message stands, and says what isn't so any more; Spelled that
	// it stands as it should, but as text, with commands in the place of its buttons.
	Edit, Spelled bool
	// N is how many messages are refused so, and Since when the first was.
	N     int
	Since time.Time
}

// Refusals lists what Slack refuses just now, on the node that tells people; by
// channel and code.
func (s *Slack) Refusals() []Refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Clock.Now()
	type kind struct {
		channel, code          string
		edit, trouble, spelled bool
	}
	by := map[kind]Refusal{}
	s.forget(now)
	for _, h := range s.held {
		if h.trouble && now.Sub(h.since) < heldFirst {
			continue // a moment of it is nobody's worry
		}
		at := kind{h.channel, h.code, h.edit && !h.spelled, h.trouble, h.spelled}
		x := by[at]
		if x.N++; x.N == 1 || h.since.Before(x.Since) {
			x.Since = h.since
		}
		x.Channel, x.Code, x.Edit, x.Trouble, x.Spelled = h.channel, h.code, at.edit, h.trouble, h.spelled
		by[at] = x
	}
	var out []Refusal
	for _, x := range by {
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b Refusal) int {
		return cmp.Or(cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Code, b.Code), a.Since.Compare(b.Since))
	})
	return out
}

// forget drops what nobody has tried since: it is told, or another node's to tell.
// The caller holds the lock.
func (s *Slack) forget(now time.Time) {
	for k, h := range s.held {
		if now.Sub(h.until) > heldLast {
			delete(s.held, k)
		}
	}
}

// lookIn is after how long the courier looks again at the latest where it waits for
// a channel or a method: something else, for another one, may have come.
const lookIn = 2 * time.Second
