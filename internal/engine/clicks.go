package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// RefusedClicks has it committed that clicks did nothing: see
// ledger.ClicksRefused. Its error is a *Refusal where no more may be said for
// now, or not every node knows how; after any other it may be said again, since
// the ledger takes each once.
func (e *Engine) RefusedClicks(ctx context.Context, b *ledger.ClicksRefused) error {
	applied, err := e.say(ctx, b)
	if err != nil {
		return err
	}
	return fromResult(applied.Results[0])
}

// byClick reports whether somebody comes by a surface on which refusals cost
// nothing: whoever is in the workspace may click.
func byClick(by remedy.Actor) bool { return by.Via == string(ledger.SurfaceSlack) }

// foretold is the ledger's refusal of what somebody clicked, without an entry:
// those are told of in bounds, as RefusedClicks. What it would take is proposed,
// and decided by its place in the log; and so is all where this node may not have
// applied the log, or may not lead any more.
func (e *Engine) foretold(ctx context.Context, by remedy.Actor, b ledger.Body) (ledger.Result, bool) {
	if !byClick(by) || !e.Ledger.Led() || !e.inTenure() {
		return ledger.Result{}, false
	}
	r := e.Ledger.Foretell(e.entryTime(), by, b)
	if r.OK || r.Code == ledger.RefusedClock {
		return ledger.Result{}, false
	}
	return r, e.Log.Verify(ctx) == nil
}

// inTenure reports whether this node leads and has applied what earlier leaders
// committed.
func (e *Engine) inTenure() bool {
	e.post.mu.Lock()
	defer e.post.mu.Unlock()
	return e.post.tenure != nil && e.post.tenure.Err() == nil
}

// clickGate lets what is said of clicks into the log within the ledger's bounds.
// The ledger refuses what is beyond them, but what it refuses is in the log as
// well; so it is asked before, one entry after the other.
type clickGate struct {
	mu sync.Mutex
	// proposed is when entries were, of the last hour: while none is applied, as
	// without a majority, the ledger can't count them.
	proposed []time.Time
}

// mostProposed is how many entries this node proposes within
// ledger.ClicksWithin, for itself and for others.
const mostProposed = 2 * ledger.MaxClicksTold

// admit refuses an entry that is beyond the bounds. Otherwise it returns what to
// call once the entry was committed, or with why it was not.
func (g *clickGate) admit(l *ledger.Ledger, now time.Time, node remedy.NodeID, bodies []ledger.Body) (done func(error), err error) {
	i := slices.IndexFunc(bodies, func(b ledger.Body) bool { _, is := b.(*ledger.ClicksRefused); return is })
	if i < 0 {
		return func(error) {}, nil
	}
	b, ok := bodies[i].(*ledger.ClicksRefused)
	if !ok || len(bodies) > 1 {
		return nil, refusal(ledger.RefusedBad, "what is said of clicks stands alone in its entry")
	}
	g.mu.Lock()
	if err := g.room(l.AdmitsClicks(now, node, b), now); err != nil {
		g.mu.Unlock()
		return nil, err
	}
	return func(err error) {
		if !errors.Is(err, ErrNotCommitted) && !errors.Is(err, ErrBusy) {
			g.proposed = append(g.proposed, now)
		}
		g.mu.Unlock()
	}, nil
}

// room is why there is none for one more entry.
func (g *clickGate) room(said ledger.Result, now time.Time) error {
	if !said.OK {
		return fromResult(said)
	}
	g.proposed = slices.DeleteFunc(g.proposed, func(at time.Time) bool {
		d := now.Sub(at)
		return d < 0 || d >= ledger.ClicksWithin
	})
	if n := len(g.proposed); n >= mostProposed {
		return refusal(ledger.RefusedPace, "%d entries on clicks were proposed within the last %s", n, ledger.ClicksWithin)
	}
	return nil
}
