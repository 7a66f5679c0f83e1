package pager

import (
	"errors"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"
)

// half is one of the two ways to PagerDuty: the REST API, by which notes go, and
// the Events API, by which alerts and change events go. Each has its own key, its
// own limits and its own trouble.
type half int

// The halves.
const (
	halfREST half = iota
	halfEvents
)

// key names a half in pauses. No note, alert or case has such a name.
func (h half) key() string { return halfKey + strconv.Itoa(int(h)) }

const halfKey = "half/"

// The pauses of what fails without saying how long it wants to be left alone: they
// double from the first to the last.
const (
	gatePause    = time.Second
	gatePauseMax = 30 * time.Second
	// asidePauseMax is the last of those of one note, alert or change event: what
	// PagerDuty has trouble with all day costs it a call a minute.
	asidePauseMax = time.Minute
)

// errResting says that a half is being left alone. It is no new trouble.
var errResting = errors.New("PagerDuty is left alone for a while")

// maxPauses bounds what is remembered; without it, it would grow with each host
// that was ever bad.
const maxPauses = 1000

// pauses remembers what is left alone for a while, by key: a half of PagerDuty
// that failed, a note that one incident refused, an alert that was refused, a case
// whose incident was just looked for. Forgetting any of it costs a call too many
// and nothing else. Its zero value remembers nothing.
type pauses struct {
	mu sync.Mutex
	on map[string]pause
}

// pause is how long one thing is left alone, and why. step is the newest of those
// that double, and times how often it was left alone in a row; both outlive until, so
// that what fails again waits longer.
type pause struct {
	from, until time.Time
	step        time.Duration
	times       int
	why         *trouble
}

// isHalf reports whether a key is of a half of PagerDuty.
func isHalf(key string) bool { return strings.HasPrefix(key, halfKey) }

// leave leaves something alone for so long from now.
func (p *pauses) leave(key string, now time.Time, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set(key, now, pause{from: now, until: now.Add(d), times: p.on[key].times + 1})
}

// aside notes that something failed which is no half: a trouble that is its own leaves
// it alone for longer each time until works is called, and in one that all would meet
// it only lets the others go first.
func (p *pauses) aside(key string, now time.Time, err error) {
	if t, ok := errors.AsType[*trouble](err); ok && !t.wide {
		p.fails(key, now, t)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.on[key]
	one.from, one.until = now, now
	p.set(key, now, one)
}

// times is how often in a row something was left alone.
func (p *pauses) times(key string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.on[key].times
}

// before orders two things by when they failed last, those first that did not: so
// however many fail, and however often, each has its turn.
func (p *pauses) before(a, b string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.on[a].from.Compare(p.on[b].from)
}

// fails leaves something alone for as long as a trouble asks for, or for longer each
// time until works is called.
func (p *pauses) fails(key string, now time.Time, t *trouble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	longest := asidePauseMax
	if isHalf(key) {
		longest = gatePauseMax
	}
	step := min(max(2*p.on[key].step, gatePause), longest)
	p.set(key, now, pause{from: now, until: now.Add(max(t.wait, step)), step: step, times: p.on[key].times + 1, why: t})
}

// works ends the pause of something, and what it remembers of the ones before.
func (p *pauses) works(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.on, key)
}

// left is how long something is left alone still, and why; 0 where it isn't. A
// clock that was set back ends a pause: nobody could say how long it lasts.
func (p *pauses) left(key string, now time.Time) (time.Duration, *trouble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.on[key]
	if now.Before(one.from) || !now.Before(one.until) {
		return 0, nil
	}
	return one.until.Sub(now), one.why
}

// resting reports whether something is left alone.
func (p *pauses) resting(key string, now time.Time) bool {
	left, _ := p.left(key, now)
	return left > 0
}

// forget ends every pause.
func (p *pauses) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.on)
}

// set notes a pause. Where there are too many, those that are over make room, and
// then the one that ends first; never that of a half.
func (p *pauses) set(key string, now time.Time, one pause) {
	if p.on == nil {
		p.on = map[string]pause{}
	}
	delete(p.on, key)
	if len(p.on) >= maxPauses {
		maps.DeleteFunc(p.on, func(k string, o pause) bool { return !isHalf(k) && !now.Before(o.until) })
	}
	if len(p.on) >= maxPauses {
		first := ""
		for k, o := range p.on {
			if !isHalf(k) && (first == "" || o.until.Before(p.on[first].until)) {
				first = k
			}
		}
		delete(p.on, first)
	}
	p.on[key] = one
}
