package slack

import (
	"errors"
	"regexp"
	"slices"

	"warden/internal/ledger"
)

// errLie says that what was answered can't be right. What was asked for may have
// been done or not.
var errLie = errors.New("what Slack answered can't be right, so nothing counts as told: it is tried again; look for a proxy on the way to it")

// The forms of ids: https://docs.slack.dev/reference/objects/conversation-object
// and https://docs.slack.dev/messaging/retrieving-messages.
var (
	channelForm = regexp.MustCompile(`^[CDG][A-Z0-9]{2,30}$`)
	tsForm      = regexp.MustCompile(`^[0-9]{1,12}\.[0-9]{1,9}$`)
)

// believable reports whether what was asked for can be at the place that Slack
// says: an edit stays where it was, and a post is in the channel that was asked
// for, where that was an id and no name.
func believable(asked, at target) bool {
	switch {
	case !tsForm.MatchString(at.ts) || !channelForm.MatchString(at.channel):
		return false
	case asked.ts != "":
		return at.ts == asked.ts && at.channel == asked.channel
	}
	return !channelForm.MatchString(asked.channel) || at.channel == asked.channel
}

// taken reports whether a post can't be new where Slack says: another message
// stands there already.
func taken(at target, stand []ledger.Post) bool {
	return slices.ContainsFunc(stand, func(p ledger.Post) bool { return p.Place == at.channel && p.ID == at.ts })
}
