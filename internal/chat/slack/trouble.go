package slack

import (
	"errors"
	"fmt"
	"net"
	"time"

	api "github.com/slack-go/slack"
)

// A message in trouble is held as a refused one is, but that the first time may be
// a moment's.
const troubleFirst = 2 * time.Second

// troubleTries is how often a message was in trouble, while others got through, until
// it counts as refused: what was asked for may have been done all the same.
const troubleTries = 5

// errTroubled says that a message is in trouble, or was and is not tried yet. It is
// an error of the round only where nothing else got through.
var errTroubled = fmt.Errorf("in trouble: %w", errHeld)

// ofOne reports whether an error may be of this message alone, although what Slack
// says is not about it: another may go through, and is tried.
func ofOne(err error) bool {
	code := slackCode(err)
	return ofTrouble(code) || ofAccount(code) || code == errNoCode || errors.Is(err, errLie) || errors.Is(err, errBug)
}

// answeredBadly reports whether Slack, or a proxy before it, answered with a status
// alone, or with a page. That is everybody's as far as the round knows.
func answeredBadly(err error) bool {
	_, status := errors.AsType[api.StatusCodeError](err)
	page, ok := errors.AsType[*unanswered](err)
	return status || ok && page.cause == nil
}

// brokeOff reports whether a call reached Slack, or something before it, and ended
// without an answer. It may be this message that something there can't take; the round
// ends, as all may be away.
func brokeOff(err error) bool {
	_, cut := errors.AsType[*unanswered](err)
	_, lost := errors.AsType[net.Error](err)
	return (cut || lost) && ambiguous(err)
}

// codeOf is what went wrong, in a word that may be shown.
func codeOf(err error) string {
	if code := slackCode(err); code != "" {
		return code
	}
	if status, ok := errors.AsType[api.StatusCodeError](err); ok {
		return fmt.Sprintf("status %d", status.Code)
	}
	if errors.Is(err, errBug) {
		return "nothing: it is a fault in warden itself, which the log has; please report it"
	}
	if brokeOff(err) && !answeredBadly(err) {
		return "no answer"
	}
	return "what can't be right"
}

// troubled holds a message for trouble.
func (r *round) troubled(key string, to target, err error) error {
	r.hold(key, to, err)
	_ = r.holds(key, to) // and is called again for it
	r.trouble = errors.Join(r.trouble, err)
	r.troubles++
	return errTroubled
}

// through notes that something got through.
func (r *round) through() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.went = r.Clock.Now()
}

// hopeless reports whether a message is held for so often that it is said in another
// way, or not at all.
func (r *round) hopeless(key string, to target) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.held[holdKey(key, to)]
	if h.trouble {
		return h.tries >= troubleTries
	}
	return h.tries >= editTries
}

// faultKey is what the keys begin with of what failed in warden itself.
const faultKey = "fault "

// alone does the work of one message. Where that ends in a fault of warden's own, it
// is held by itself.
func (r *round) alone(key string, do func() error) error {
	to := target{channel: r.set.Channel}
	if err := r.holds(faultKey+key, to); err != nil {
		return err
	}
	err := r.guarded(key, do)
	if errors.Is(err, errBug) {
		return r.troubled(faultKey+key, to, errBug)
	}
	r.release(faultKey+key, to)
	return err
}
