package pager

import (
	"errors"
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

// The pauses of a half that fails without saying how long it wants to be left
// alone: they double from the first to the last.
const (
	gatePause    = time.Second
	gatePauseMax = 30 * time.Second
)

// gate says how long a half is left alone, so that the other isn't.
type gate struct {
	until time.Time
	step  time.Duration
	why   *trouble
}

// errResting says that a half is being left alone. It is no new trouble.
var errResting = errors.New("PagerDuty is left alone for a while")

// fails closes the gate of a half for as long as a trouble asks for, or for longer
// each time.
func (p *Pager) fails(h half, t *trouble, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := &p.gates[h]
	g.step = min(max(2*g.step, gatePause), gatePauseMax)
	g.until, g.why = now.Add(max(t.wait, g.step)), t
}

// works opens the gate of a half that answered.
func (p *Pager) works(h half) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gates[h] = gate{}
}

// rests reports how long a half is left alone still, and why.
func (p *Pager) rests(h half, now time.Time) (time.Duration, *trouble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.gates[h]
	if left := g.until.Sub(now); left > 0 {
		return left, g.why
	}
	return 0, nil
}

// pauses leaves one note alone for a while, and paused says whether it still is.
func (p *Pager) pauses(key string, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.alone) > 1000 {
		clear(p.alone)
	}
	p.alone[key] = p.Clock.Now().Add(d)
}

func (p *Pager) paused(key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.Clock.Now().Before(p.alone[key])
}
