package cli

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"warden/internal/clock"
	"warden/internal/engine"
	"warden/internal/ledger"
)

// The pace of saying what was clicked.
const (
	clicksPause    = time.Second // after what could not be committed, doubling
	clicksPauseMax = 30 * time.Second
	clicksLater    = 5 * time.Minute // after a count that came too early
	clicksAtLast   = 2 * time.Second // when the node stops
)

// mostCounted is how many users this node counts by name; what is beyond is
// counted by kind.
const mostCounted = ledger.MaxClicksListed - 10

// clickBook has it audited that clicks did nothing, without letting those who
// click make the log grow: the first of each kind and user at once, all others as
// one count an hour. The ledger holds the cluster's nodes together to its bounds.
type clickBook struct {
	say    func(context.Context, *ledger.ClicksRefused) error
	clock  clock.Clock
	logger *zap.Logger
	nudge  chan struct{}

	mu sync.Mutex
	// waiting are the firsts that are to be said, at most ledger.MaxClicksTold.
	waiting []ledger.ClicksRefused
	// told are those that were, or for which there was no room.
	told map[clickKey]time.Time
	// counts are all others since an instant; due is when they are said.
	counts     map[clickKey]int
	since, due time.Time
}

type clickKey struct {
	kind ledger.ClickKind
	user string
}

func newClickBook(say func(context.Context, *ledger.ClicksRefused) error, c clock.Clock, l *zap.Logger) *clickBook {
	return &clickBook{say: say, clock: c, logger: l, nudge: make(chan struct{}, 1), told: map[clickKey]time.Time{}, counts: map[clickKey]int{}}
}

// note takes in one click that did nothing. It never waits.
func (k *clickBook) note(c ledger.ClicksRefused) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key, now := clickKey{c.Kind, c.User}, k.clock.Now()
	at, told := k.told[key]
	waits := slices.ContainsFunc(k.waiting, func(w ledger.ClicksRefused) bool { return clickKey{w.Kind, w.User} == key })
	if told && now.Sub(at) < ledger.ClicksWithin || waits || len(k.waiting) >= ledger.MaxClicksTold {
		k.count(key)
	} else {
		k.waiting = append(k.waiting, c)
	}
	select {
	case k.nudge <- struct{}{}:
	default:
	}
}

// count counts one click. mu is held.
func (k *clickBook) count(key clickKey) {
	if len(k.counts) == 0 {
		k.since = k.clock.Now()
		k.due = k.since.Add(ledger.ClicksWithin)
	}
	if _, known := k.counts[key]; !known && len(k.counts) >= mostCounted {
		key.user = ""
	}
	k.counts[key]++
}

// run says what is to be said until ctx ends, and then once more.
func (k *clickBook) run(ctx context.Context) {
	pause := clicksPause
	for ctx.Err() == nil {
		if k.flush(ctx, false) {
			pause = clicksPause
			k.rest(ctx, k.next(), k.nudge)
			continue
		}
		k.rest(ctx, pause, nil)
		pause = min(2*pause, clicksPauseMax)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), clicksAtLast)
	defer cancel()
	k.flush(last, true)
}

// rest waits for a span, a nudge or the end.
func (k *clickBook) rest(ctx context.Context, d time.Duration, nudge <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-nudge:
	case <-k.clock.After(d):
	}
}

// next is how long there is nothing to say.
func (k *clickBook) next() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.counts) == 0 {
		return ledger.ClicksWithin
	}
	return max(k.due.Sub(k.clock.Now()), clicksPause)
}

// flush says what is due; all there is, when it is the last time. It reports
// false where something is to be said again.
func (k *clickBook) flush(ctx context.Context, last bool) bool {
	for {
		k.mu.Lock()
		if len(k.waiting) == 0 {
			k.mu.Unlock()
			break
		}
		c := k.waiting[0]
		k.mu.Unlock()
		err := k.say(ctx, &c)
		if !k.settled(err) {
			return false
		}
		k.mu.Lock()
		k.waiting = k.waiting[1:]
		key := clickKey{c.Kind, c.User}
		k.tell(key)
		if err != nil {
			k.count(key) // it is told already, or there is no room
		}
		k.mu.Unlock()
	}
	return k.flushCounts(ctx, last)
}

// tell remembers that a kind and user need no entry for an hour. mu is held.
func (k *clickBook) tell(key clickKey) {
	now := k.clock.Now()
	if len(k.told) >= 1000 {
		for other, at := range k.told {
			if now.Sub(at) >= ledger.ClicksWithin {
				delete(k.told, other)
			}
		}
		if len(k.told) >= 1000 {
			clear(k.told) // the ledger still knows
		}
	}
	k.told[key] = now
}

func (k *clickBook) flushCounts(ctx context.Context, last bool) bool {
	k.mu.Lock()
	if len(k.counts) == 0 || !last && k.clock.Now().Before(k.due) {
		k.mu.Unlock()
		return true
	}
	b := &ledger.ClicksRefused{Surface: ledger.SurfaceSlack, Since: k.since}
	for key, n := range k.counts {
		b.Rest = append(b.Rest, ledger.ClickCount{Kind: key.kind, User: key.user, N: n})
	}
	k.mu.Unlock()
	slices.SortFunc(b.Rest, func(x, y ledger.ClickCount) int {
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.User, y.User))
	})
	err := k.say(ctx, b)
	if !k.settled(err) {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		k.due = k.clock.Now().Add(clicksLater)
		return true
	}
	for _, c := range b.Rest {
		key := clickKey{c.Kind, c.User}
		if k.counts[key] -= c.N; k.counts[key] <= 0 {
			delete(k.counts, key)
		}
	}
	k.since = k.clock.Now()
	k.due = k.since.Add(ledger.ClicksWithin)
	return true
}

// settled reports whether nothing is to be said again at once: it was committed, or
// refused.
func (k *clickBook) settled(err error) bool {
	if err == nil {
		return true
	}
	if r, refused := errors.AsType[*engine.Refusal](err); refused {
		if r.Code != ledger.RefusedPace {
			k.logger.Warn("clicks that did nothing can't be audited for now", zap.Error(err))
		}
		return true
	}
	k.logger.Debug("clicks that did nothing are not audited yet", zap.Error(err))
	return false
}
