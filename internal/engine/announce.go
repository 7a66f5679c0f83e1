package engine

import (
	"context"
	"sync"

	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// voice remembers what was told. It has a lock of its own, since telling goes
// on beside rounds: a reader that hangs must not hold up anything else.
type voice struct {
	mu    sync.Mutex
	busy  bool
	told  uint64 // the newest notice that was announced
	again uint64 // notices up to here may have been told by an earlier tenure
}

// reset forgets what an earlier tenure told.
func (v *voice) reset(again uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.told, v.again = 0, again
}

// take reports whether the caller may speak now: one does at a time.
func (v *voice) take() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.busy {
		return false
	}
	v.busy = true
	return true
}

func (v *voice) release() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.busy = false
}

// heard is the newest notice that was told, and up to which notice telling may
// be repeating an earlier tenure.
func (v *voice) heard() (told, again uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.told, v.again
}

func (v *voice) said(seq uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.told = max(v.told, seq)
}

// announce tells people what waits to be told, beside whatever else goes on.
func (e *Engine) announce(ctx context.Context) {
	e.wake()
	if len(e.Ledger.PendingFor(ledger.SurfaceConsole)) == 0 || !e.voice.take() {
		return
	}
	e.Spawn(func() {
		delivered := e.tell(ctx)
		e.voice.release()
		// What came between the last look and the release woke nobody. What
		// can't be delivered waits for the next round.
		if told, _ := e.voice.heard(); delivered && newer(e.Ledger.PendingFor(ledger.SurfaceConsole), told) {
			e.Kick()
		}
	})
}

// newer reports whether a notice waits that was not told yet.
func newer(pending []ledger.Notice, told uint64) bool {
	return len(pending) > 0 && pending[len(pending)-1].Seq > told
}

// tell delivers notices and commits their receipts, until none is left. It
// reports whether all that it saw were delivered. A notice whose receipt could
// not be committed is not told again by this tenure; its receipt is.
func (e *Engine) tell(ctx context.Context) (delivered bool) {
	for ctx.Err() == nil {
		upto, all := uint64(0), true
		told, again := e.voice.heard()
		for _, n := range e.Ledger.PendingFor(ledger.SurfaceConsole) {
			if n.Seq > told {
				if err := e.Announcer.Announce(ctx, e.message(n, again)); err != nil {
					e.Logger.Warn("a notice can't be told yet", zap.Uint64("seq", n.Seq), zap.Error(err))
					all = false
					break
				}
				e.voice.said(n.Seq)
			}
			upto = n.Seq
		}
		if upto == 0 {
			return all
		}
		if err := e.commit(ctx, remedy.Warden(), &ledger.NoticeReceipt{Upto: upto}); err != nil {
			e.Logger.Warn("a receipt is not committed yet", zap.Error(err))
			return false
		}
		if !all {
			return false
		}
	}
	return false
}

// message is a notice with the records it is about, as they are now.
func (e *Engine) message(n ledger.Notice, again uint64) chat.Message {
	c, _ := e.Ledger.Case(n.Case)
	m := chat.Message{Notice: n, Case: c, Again: n.Seq > 0 && n.Seq <= again, Grave: e.grave()}
	if c != nil {
		m.Level = e.Ledger.Level(c.Action, c.Pool)
		if c.Stage == remedy.StageWaiting {
			said := e.Ledger.Standing(c)
			m.Against, m.Seen = said.Words, said.Newest
		}
		if i, is := e.Ledger.Incident(n.Case); is && i.Several == 0 {
			m.Incident = &chat.Incident{ID: i.ID, Link: i.Link, At: i.At}
		}
		m.ManualHint = e.Config().Actions[c.Action].Spec.Hint(c.Pool, c.Host)
	}
	switch {
	case n.Kind == ledger.NoticeSummary:
		e.summarized(&m)
	case n.Kind == ledger.NoticeDemoted:
		e.demotedMessage(&m)
	case c != nil && c.Detector != "" && (n.Kind == ledger.NoticeQuestion || c.Ask != nil && c.Answer == nil):
		if in, ok := e.Ledger.Trust(c.Action, c.Pool); ok {
			m.Sure = trust.Sure(in, c.Detector, e.Ledger.Status().Time)
		}
	}
	return m
}
