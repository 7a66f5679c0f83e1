package slack

import (
	"cmp"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"warden/internal/clock"
)

// The methods that bring messages.
const (
	methodPost   = "chat.postMessage"
	methodUpdate = "chat.update"
	methodHook   = "response_url"
)

// longestPause is how long a method is left alone at most, whatever Slack, or
// something on the way to it, says: questions wait meanwhile.
const longestPause = 15 * time.Minute

// mostPauses bounds what is remembered.
const mostPauses = 1000

// pauses are how long Slack's methods are to be left alone. Slack limits each
// method by itself, and posts by channel as well
// (https://docs.slack.dev/apis/web-api/rate-limits), so that nothing that somebody
// looks at holds up a question. It is safe for concurrent use; nil pauses nothing.
type pauses struct {
	clock clock.Clock

	mu    sync.Mutex
	until map[string]time.Time
	// ids are those of channels that are configured by name, as Slack's answers have
	// said: what stands is edited, and threads are told, by the id.
	ids map[string]string
}

func newPauses(c clock.Clock) *pauses {
	return &pauses{clock: c, until: map[string]time.Time{}, ids: map[string]string{}}
}

// lane is the channel as limits are of it: its id, as soon as it is known.
func (p *pauses) lane(channel string) string {
	if p == nil {
		return channel
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.laneOf(channel)
}

// laneOf is lane, for who holds the lock.
func (p *pauses) laneOf(channel string) string { return cmp.Or(p.ids[channel], channel) }

// learn notes which id a channel has that was asked for by another name.
func (p *pauses) learn(asked, id string) {
	if p == nil || asked == id {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ids[asked] = id
}

// pauseKey is what a limit is of.
func pauseKey(method, channel string) string {
	if method == methodPost || method == methodHook {
		return method + " " + channel
	}
	return method
}

// left is how long a method is to be left alone, in a channel where it posts.
func (p *pauses) left(method, channel string) time.Duration {
	if p == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(p.until[pauseKey(method, p.laneOf(channel))].Sub(p.clock.Now()), 0)
}

// note remembers a limit.
func (p *pauses) note(method, channel string, d time.Duration) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock.Now()
	if len(p.until) >= mostPauses {
		for k, at := range p.until {
			if !at.After(now) {
				delete(p.until, k)
			}
		}
	}
	p.until[pauseKey(method, p.laneOf(channel))] = now.Add(min(max(d, time.Second), longestPause))
}

// methodOf is which method a request calls, and in which channel. An address to
// answer at is no method, and a secret: a digest of it stands for it, so that one
// that is limited mutes no other.
func methodOf(r *http.Request, form url.Values) (method, channel string) {
	dir, method := path.Split(r.URL.Path)
	if !strings.HasSuffix(dir, "/api/") {
		return methodHook, digest(r.URL.Path)
	}
	return method, form.Get("channel")
}
