package engine

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// ErrNotCommitted is wrapped by a Log when an entry was certainly not
// committed and this node can't commit any: it doesn't lead, or is stopping.
var ErrNotCommitted = errors.New("nothing was committed")

// report commits this node's config to the ledger, when it differs from what
// the ledger has.
func (e *Engine) report(ctx context.Context, cfg *Config) error {
	want := cfg.Report(e.Node)
	for _, r := range e.Ledger.Status().Reports {
		if r.Node == e.Node && sameReport(&r, want) {
			return nil
		}
	}
	return e.commit(ctx, remedy.Warden(), want)
}

// commit puts bodies into one entry, or into none when there are none.
// Refusals are logged: in a round they mean that a person was faster.
func (e *Engine) commit(ctx context.Context, by remedy.Actor, bodies ...ledger.Body) error {
	if len(bodies) == 0 {
		return nil
	}
	applied, err := e.commitEntry(ctx, by, bodies...)
	if err != nil {
		return err
	}
	for i, r := range applied.Results {
		if !r.OK {
			e.Logger.Info("the ledger refused an operation", zap.Int("op", i), zap.String("code", r.Code), zap.String("reason", r.Reason))
		}
	}
	return nil
}

// commitEntry commits one entry. Committed time may not step far in one entry:
// alone, this node is the majority that accepts the step first.
func (e *Engine) commitEntry(ctx context.Context, by remedy.Actor, bodies ...ledger.Body) (ledger.Applied, error) {
	now := e.Clock.Now()
	if last := e.Ledger.Status().Time; !last.IsZero() && now.Sub(last) > ledger.MaxGap {
		entry, err := ledger.NewEntry(now, remedy.Warden(), e.Node, &ledger.ClockAccept{})
		if err != nil {
			return ledger.Applied{}, err
		}
		if _, err := e.Log.Commit(ctx, entry); err != nil {
			return ledger.Applied{}, fmt.Errorf("accept the clock: %w", err)
		}
	}
	entry, err := ledger.NewEntry(now, by, e.Node, bodies...)
	if err != nil {
		return ledger.Applied{}, err
	}
	return e.Log.Commit(ctx, entry)
}

// announce tells people what waits to be told, and commits the receipt. The
// caller holds e.mu.
func (e *Engine) announce(ctx context.Context) {
	pending := e.Ledger.Pending()
	upto := uint64(0)
	for _, n := range pending {
		if n.Seq > e.told {
			c, _ := e.Ledger.Case(n.Case)
			m := chat.Message{Notice: n, Case: c, Again: n.Seq <= e.again}
			if c != nil {
				m.Level = e.Ledger.Level(c.Action, c.Pool)
			}
			if err := e.Announcer.Announce(ctx, m); err != nil {
				e.Logger.Warn("a notice can't be told yet", zap.Uint64("seq", n.Seq), zap.Error(err))
				break
			}
			e.told = n.Seq
		}
		upto = n.Seq
	}
	if upto == 0 {
		return
	}
	if err := e.commit(ctx, remedy.Warden(), &ledger.NoticeReceipt{Upto: upto}); err != nil {
		e.Logger.Warn("a receipt is not committed yet", zap.Error(err))
	}
}
