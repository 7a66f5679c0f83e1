package slack

import (
	"cmp"
	"fmt"
	"slices"
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
// told, and giveUpTries how often it did so here. What waits for an answer is never
// given up.
const (
	giveUpAfter = 24 * time.Hour
	giveUpTries = 3
)

// held is what Slack has refused, and goes on refusing as far as anybody knows.
type held struct {
	channel, code string
	edit          bool
	tries         int
	since, until  time.Time
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

// holds reports whether a message was refused, and is not to be tried yet.
func (r *round) holds(key string, to target) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held[holdKey(key, to)].until.After(r.Clock.Now())
}

// tries is how often a message was refused.
func (r *round) tries(key string, to target) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held[holdKey(key, to)].tries
}

// hold remembers that a message was refused.
func (r *round) hold(key string, to target, err error) {
	r.got.Refused++
	now := r.Clock.Now()
	r.mu.Lock()
	if len(r.held) >= mostHeld {
		r.forget(now)
	}
	h := r.held[holdKey(key, to)]
	h.channel, h.code, h.edit = to.channel, slackCode(err), to.ts != ""
	if h.tries++; h.tries == 1 {
		h.since = now
	}
	pause := min(heldFirst<<min(h.tries-1, 10), heldLast)
	h.until = now.Add(pause)
	r.held[holdKey(key, to)] = h
	r.mu.Unlock()
	r.Logger.Warn("Slack refuses a message; the others go on, and it is tried again", zap.String("key", key), zap.String("channel", to.channel),
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
// the message under a key that has them: what they tell is over, and stands in the
// ledger and the audit.
func (r *round) giveUp(j job, key string) {
	c := j.m.Case
	waits := c != nil && (c.Ask != nil || c.Veto != nil)
	if len(j.seqs) == 0 || waits || r.owed.Now.Sub(j.oldest) < giveUpAfter || r.tries(key, target{channel: r.set.Channel}) < giveUpTries {
		return
	}
	r.Logger.Error("a message is given up: Slack has refused it for a day; `warden show` and `warden cases` have what it says", zap.String("key", j.key), zap.Int("notices", len(j.seqs)))
	r.got.Seqs = append(r.got.Seqs, j.seqs...)
	r.got.Dropped += len(j.seqs)
}

// Refusal is a message that Slack refuses for a reason of its own.
type Refusal struct {
	// Channel is where it is, or was to be.
	Channel string
	// Code is Slack's word for why.
	Code string
	// Edit says that the message stands, and says what isn't so any more.
	Edit bool
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
		channel, code string
		edit          bool
	}
	by := map[kind]Refusal{}
	s.forget(now)
	for _, h := range s.held {
		at := kind{h.channel, h.code, h.edit}
		x := by[at]
		if x.N++; x.N == 1 || h.since.Before(x.Since) {
			x.Since = h.since
		}
		x.Channel, x.Code, x.Edit = h.channel, h.code, h.edit
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
