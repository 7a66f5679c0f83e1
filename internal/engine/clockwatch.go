package engine

import (
	"fmt"
	"time"

	"warden/internal/clock"
	"warden/internal/ledger"
)

// clockStands is how long a stepped clock must go on evenly before it is
// believed again, and how far back drift is summed up.
const clockStands = 10 * time.Minute

// clockWatch compares wall and monotonic time. A step doesn't pass by itself:
// until the clock has stood for clockStands nothing is done, and no freeze or
// hold ends because of it.
type clockWatch struct {
	anchor  clock.Reading // what drift is measured against
	last    clock.Reading
	tripped bool
	drift   time.Duration
	// good is the last reading before the clock stepped: while it is not
	// believed, committed time goes on from there by monotonic time.
	good clock.Reading
}

// stamp is the time that entries carry. A clock that jumped ahead and comes
// back must leave no debt, for committed time never goes back: so a jump of
// more than most counts as soon as it is there, and not from the next round on.
func (w *clockWatch) stamp(now clock.Reading, most time.Duration) time.Time {
	switch {
	case w.tripped:
		return w.good.Wall.Add(now.Mono - w.good.Mono)
	case apart(w.anchor, now).Abs() > most:
		return w.last.Wall.Add(now.Mono - w.last.Mono)
	}
	return now.Wall
}

func newClockWatch(now clock.Reading) clockWatch { return clockWatch{anchor: now, last: now} }

// apart is how far wall and monotonic time moved apart from one reading to the
// other; positive when the wall clock went ahead.
func apart(from, to clock.Reading) time.Duration {
	return to.Wall.Sub(from.Wall) - (to.Mono - from.Mono)
}

// read takes a reading. It reports whether the clock has just been found to
// have stepped by more than most, the first time or once more.
func (w *clockWatch) read(now clock.Reading, most time.Duration) (stepped bool) {
	before, step := w.last, apart(w.last, now)
	w.last = now
	if w.tripped {
		again := step.Abs() > most
		if again {
			w.anchor = now // it moved once more: the standing begins anew
			w.drift += step
		}
		if now.Mono-w.anchor.Mono >= clockStands || w.drift.Abs() <= most {
			*w = newClockWatch(now) // it has stood, or it was put right
		}
		return again
	}
	w.drift = apart(w.anchor, now)
	if w.drift.Abs() > most {
		w.tripped, w.anchor, w.good = true, now, before
		return true
	}
	if now.Mono-w.anchor.Mono >= clockStands {
		w.anchor = now
	}
	return false
}

// readClock reads the clocks for a round and tells people when they stepped.
func (e *Engine) readClock(cfg *Config) {
	now := e.Clock.Read()
	e.mu.Lock()
	defer e.mu.Unlock()
	behind := e.behind()
	switch {
	case e.clocks.read(now, cfg.MaxClockOffset) && !e.clocks.tripped:
		e.stepped = "this node's clock is back where it was before it stepped: all goes on"
	case e.clocks.tripped && e.clocks.anchor == now:
		e.stepped = fmt.Sprintf("this node's clock stepped by %s: nothing is done until it has gone evenly for %s", e.clocks.drift.Round(time.Second), clockStands)
	case behind > cfg.MaxClockOffset && !e.clocks.tripped && !e.late:
		e.stepped = fmt.Sprintf("this node's clock is %s behind the time that was committed last: nothing is done until it has caught up", behind.Round(time.Second))
	}
	if e.late = behind > cfg.MaxClockOffset; e.late {
		e.lateAt = &now.Mono
	}
	e.drift.Store(int64(e.clocks.drift))
	e.stampMu.Lock()
	defer e.stampMu.Unlock()
	e.stamps = e.clocks
}

// clockNotice tells once that the clock stepped.
func (e *Engine) clockNotice() []ledger.Body {
	if e.stepped == "" {
		return nil
	}
	return []ledger.Body{&ledger.NoticeAdd{Kind: ledger.NoticeStop, Page: true, Detail: e.stepped}}
}

// behind is how far this node's clock is behind committed time: after it was
// set back, or on a node whose clock is slow. 0 when it isn't.
func (e *Engine) behind() time.Duration {
	return max(0, e.Ledger.Status().Time.Sub(e.Clock.Now()))
}

// asOf is the instant that new deadlines are counted from: committed time
// never goes back, so they must not either.
func (e *Engine) asOf() time.Time {
	now, last := e.entryTime(), e.Ledger.Status().Time
	if last.After(now) {
		return last
	}
	return now
}

// mayExpire reports whether the clock can be trusted to say that anything is
// over: a freeze, a hold, a question, the time that a closed case is kept.
func (e *Engine) mayExpire(cfg *Config) bool {
	return max(time.Duration(e.drift.Load()).Abs(), e.behind()) <= cfg.MaxClockOffset
}

// entryTime is the time that an entry carries.
func (e *Engine) entryTime() time.Time {
	e.stampMu.Lock()
	defer e.stampMu.Unlock()
	return e.stamps.stamp(e.Clock.Read(), e.Config().MaxClockOffset)
}
