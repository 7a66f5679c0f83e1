package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// ErrNotCommitted is wrapped by a Log when an entry was certainly not
// committed and this node can't commit any: it doesn't lead, or is stopping.
var ErrNotCommitted = errors.New("nothing was committed")

// Tell has people told of something that is not about a case.
func (e *Engine) Tell(ctx context.Context, kind ledger.NoticeKind, detail string) error {
	if _, err := e.say(ctx, &ledger.NoticeAdd{Kind: kind, Detail: detail}); err != nil {
		return err
	}
	e.Kick()
	return nil
}

// entryBytes is how large an entry grows before another one is begun: half of
// what the log takes. Only a storm or a fleet that changes at once gets there.
const entryBytes = 512 << 10

// commit puts bodies into one entry, or into none when there are none; what
// one entry can't hold goes, in order, into as many as it takes. Refusals are
// logged: in a round they mean that a person was faster.
func (e *Engine) commit(ctx context.Context, by remedy.Actor, bodies ...ledger.Body) error {
	for len(bodies) > 0 {
		n, err := fitting(bodies)
		if err != nil {
			return err
		}
		applied, err := e.commitEntry(ctx, by, bodies[:n]...)
		if err != nil {
			return err
		}
		for i, r := range applied.Results {
			if !r.OK {
				e.Logger.Info("the ledger refused an operation", zap.Int("op", i), zap.String("code", r.Code), zap.String("reason", r.Reason))
			}
		}
		bodies = bodies[n:]
	}
	return nil
}

// fitting is how many of the bodies go into one entry; at least one.
func fitting(bodies []ledger.Body) (int, error) {
	size := 0
	for i, b := range bodies {
		raw, err := json.Marshal(b)
		if err != nil {
			return 0, fmt.Errorf("encode an operation: %w; this is a bug, please report it", err)
		}
		if size += len(raw); i > 0 && size > entryBytes {
			return i, nil
		}
	}
	return len(bodies), nil
}

// commitEntry commits one entry. Committed time may not step far in one entry:
// alone, this node is the majority that accepts the step first.
func (e *Engine) commitEntry(ctx context.Context, by remedy.Actor, bodies ...ledger.Body) (ledger.Applied, error) {
	return e.commitFor(ctx, e.Node, by, bodies...)
}

// commitFor commits one entry that a node wants.
func (e *Engine) commitFor(ctx context.Context, node remedy.NodeID, by remedy.Actor, bodies ...ledger.Body) (applied ledger.Applied, err error) {
	now := e.entryTime()
	pass, err := e.clicks.admit(e.Ledger, now, node, bodies)
	if err != nil {
		return ledger.Applied{}, err
	}
	defer func() { pass(err) }()
	if last := e.Ledger.Status().Time; !last.IsZero() && now.Sub(last) > ledger.MaxGap {
		if err := e.mayAcceptClock(ctx); err != nil {
			return ledger.Applied{}, err
		}
		entry, err := ledger.NewEntry(now, remedy.Warden(), e.Node, &ledger.ClockAccept{})
		if err != nil {
			return ledger.Applied{}, err
		}
		if _, err := e.Log.Commit(ctx, entry); err != nil {
			return ledger.Applied{}, fmt.Errorf("accept the clock: %w", err)
		}
	}
	entry, err := ledger.NewEntry(now, by, node, bodies...)
	if err != nil {
		return ledger.Applied{}, err
	}
	defer e.beat()
	return e.Log.Commit(ctx, entry)
}
