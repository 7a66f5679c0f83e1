package fakeslack

import (
	"fmt"
	"math"
	"time"
)

// pace limits how often a method is called, and a channel posted to. It lives
// on the workspace's clock.
type pace struct {
	off     bool
	buckets map[string]*bucket
}

// bucket holds what may still be done now.
type bucket struct {
	left float64
	at   time.Time
}

// burst is how many messages may be posted to a channel at once: the page
// allows "short bursts" and gives no number, so the least that is one.
const burst = 2

// take takes one from a bucket that holds at most size and gains rate a second.
// It returns how long until the next may be taken, 0 if it was given.
func (p *pace) take(now time.Time, key string, size, rate float64) time.Duration {
	if p.off {
		return 0
	}
	b := p.buckets[key]
	if b == nil {
		b = &bucket{left: size, at: now}
		p.buckets[key] = b
	}
	if gone := now.Sub(b.at).Seconds(); gone > 0 {
		b.left = min(size, b.left+gone*rate)
	}
	b.at = now
	// A caller that waits exactly as long as it should gets its turn.
	if b.left < 1-1e-6 {
		return time.Duration((1 - b.left) / rate * float64(time.Second))
	}
	b.left--
	return 0
}

func tooMany(rule ruleID, wait time.Duration, what string) *refusal {
	return &refusal{rule: rule, wait: max(1, int(math.Ceil(wait.Seconds()))), extra: answer{},
		messages: []string{what}}
}

// tier holds a method to its calls a minute.
func (p *pace) tier(now time.Time, method string, perMinute int) *refusal {
	if wait := p.take(now, "method/"+method, float64(perMinute), float64(perMinute)/60); wait > 0 {
		return tooMany(ruleTier, wait, fmt.Sprintf("%s is called more than %d times a minute", method, perMinute))
	}
	return nil
}

// post holds a channel to its messages a second.
func (p *pace) post(now time.Time, channel string) *refusal {
	rate := float64(rulePosts.limit())
	if wait := p.take(now, "channel/"+channel, burst, rate); wait > 0 {
		return tooMany(rulePosts, wait, fmt.Sprintf("%s gets more than %d message a second", channel, rulePosts.limit()))
	}
	return nil
}
