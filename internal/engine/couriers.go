package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// The pauses of a courier that can't get through: they double from the first to
// the last, so that a surface that is down isn't hammered and one that is back
// is noticed.
const (
	courierPause    = time.Second
	courierPauseMax = 30 * time.Second
)

// post runs one loop a surface while this node leads, so that one that hangs
// holds up no other, and nothing else.
type post struct {
	mu   sync.Mutex
	work sync.WaitGroup
	// tenure ends when the tenure does; nil while there is none.
	tenure context.Context //nolint:containedctx // the loops outlive whoever wakes them
	loops  map[ledger.Surface]chan struct{}
}

// wake has every courier look for what it owes, and starts the loop of one that
// is new. The loop is the tenure's: whoever wakes it, such as a person who says
// yes, is gone before it is.
func (e *Engine) wake() {
	known, _ := e.Ledger.Surfaces()
	e.post.mu.Lock()
	defer e.post.mu.Unlock()
	ctx := e.post.tenure
	if ctx == nil {
		return
	}
	for _, c := range e.Config().Couriers {
		s := c.Surface()
		if !slices.Contains(known, s) {
			continue // the ledger owes it nothing yet
		}
		loop, ok := e.post.loops[s]
		if !ok {
			loop = make(chan struct{}, 1)
			if e.post.loops == nil {
				e.post.loops = map[ledger.Surface]chan struct{}{}
			}
			e.post.loops[s] = loop
			again := newest(e.Ledger.PendingFor(s))
			e.post.work.Go(func() { e.bring(ctx, s, loop, again) })
		}
		select {
		case loop <- struct{}{}:
		default:
		}
	}
}

// callBack waits for the couriers' loops, whose context has ended.
func (e *Engine) callBack() {
	e.post.mu.Lock()
	e.post.tenure = nil //nolint:fatcontext // none is woken from now on
	e.post.mu.Unlock()
	e.post.work.Wait()
	e.post.mu.Lock()
	defer e.post.mu.Unlock()
	e.post.loops = nil
}

// callOut lets couriers work as long as ctx lasts.
func (e *Engine) callOut(ctx context.Context) {
	e.post.mu.Lock()
	defer e.post.mu.Unlock()
	e.post.tenure = ctx //nolint:fatcontext // it is the one of the tenure, and ends with it
}

// newest is the number of the newest of the notices; 0 for none.
func newest(all []ledger.Notice) uint64 {
	if len(all) == 0 {
		return 0
	}
	return all[len(all)-1].Seq
}

// courier is the surface's courier in the config in force; nil for none.
func (e *Engine) courier(s ledger.Surface) chat.Courier {
	for _, c := range e.Config().Couriers {
		if c.Surface() == s {
			return c
		}
	}
	return nil
}

// bring delivers what one surface is owed, whenever it is woken, until ctx ends.
// Notices up to again may have been told by an earlier tenure.
func (e *Engine) bring(ctx context.Context, s ledger.Surface, woken <-chan struct{}, again uint64) {
	pause, wait := courierPause, time.Duration(0)
	var receipt *ledger.NoticeDelivered
	for {
		calls, retry := woken, (<-chan time.Time)(nil)
		if wait > 0 {
			calls, retry = nil, e.Clock.After(wait) // it is left alone until then
		}
		select {
		case <-ctx.Done():
			return
		case <-calls:
		case <-retry:
		}
		c := e.courier(s)
		if c == nil {
			wait = 0
			continue
		}
		var ok bool
		if receipt, wait, ok = e.bringOnce(ctx, c, receipt, again); ok {
			pause = courierPause
			continue
		}
		wait, pause = max(wait, pause), min(2*pause, courierPauseMax)
	}
}

// bringOnce commits the receipt that is left from before, and only then delivers
// more. It returns the receipt that could not be committed, how long the surface
// wants to be left alone, and whether all went well.
func (e *Engine) bringOnce(ctx context.Context, c chat.Courier, left *ledger.NoticeDelivered, again uint64) (*ledger.NoticeDelivered, time.Duration, bool) {
	if left != nil {
		if err := e.commitReceipt(ctx, left); err != nil && !errors.Is(err, errReceipt) {
			e.Logger.Warn("what was told is not committed yet", zap.String("surface", string(c.Surface())), zap.Error(err))
			return left, 0, false
		}
	}
	got, err := e.deliver(ctx, c, again)
	if err != nil && ctx.Err() == nil {
		e.Logger.Warn("people can't be told yet", zap.String("surface", string(c.Surface())), zap.Error(err))
	}
	if len(got.Seqs) == 0 && len(got.Posts) == 0 {
		return nil, got.Wait, err == nil
	}
	receipt := &ledger.NoticeDelivered{Surface: c.Surface(), Seqs: got.Seqs, Posts: got.Posts}
	// What was posted is worth a receipt although the tenure is ending.
	commit, cancel := context.WithTimeout(context.WithoutCancel(ctx), receiptWithin)
	defer cancel()
	cerr := e.commitReceipt(commit, receipt)
	if errors.Is(cerr, errReceipt) {
		e.Logger.Error("what was told can't be put on record, and is told again: its receipt is not one that the ledger takes", zap.String("surface", string(c.Surface())), zap.Error(cerr))
		return nil, max(got.Wait, refusedPause), false
	}
	if cerr != nil {
		e.Logger.Warn("what was told is not committed yet", zap.String("surface", string(c.Surface())), zap.Error(cerr))
		return receipt, got.Wait, false
	}
	if len(got.Seqs) > 0 {
		e.Kick() // a window may have begun
	}
	return nil, got.Wait, err == nil
}

// deliver has a courier deliver what it owes. One that fails in itself is a
// courier that can't get through, and not the end of the node: what it was given is text from
// everywhere.
func (e *Engine) deliver(ctx context.Context, c chat.Courier, again uint64) (got chat.Delivery, err error) {
	defer func() {
		if p := recover(); p != nil {
			e.Logger.Error("a courier failed in itself, and is tried again", zap.String("surface", string(c.Surface())), zap.String("panic", fmt.Sprint(p)), zap.Stack("stack"))
			got, err = chat.Delivery{}, errCourier
		}
	}()
	return c.Deliver(ctx, e.owed(c.Surface(), again))
}

// errCourier stands for a courier's panic.
var errCourier = errors.New("a fault in warden itself, which the log has: please report it")

// refusedPause is how long a surface waits whose receipt the ledger refused: what it
// said would be said again, and again.
const refusedPause = 15 * time.Minute

// errReceipt says that the ledger refused a receipt: to offer it again is no use.
var errReceipt = errors.New("the ledger refused a receipt")

// commitReceipt commits what a surface has told. Unlike what a round commits,
// nobody can have been faster: a refusal is an error.
func (e *Engine) commitReceipt(ctx context.Context, r *ledger.NoticeDelivered) error {
	applied, err := e.commitEntry(ctx, remedy.Warden(), r)
	if err != nil {
		return err
	}
	for _, x := range applied.Results {
		if !x.OK {
			return fmt.Errorf("%w: %s", errReceipt, x.Reason)
		}
	}
	return nil
}

// receiptWithin bounds the commit of a receipt whose tenure is ending.
const receiptWithin = 5 * time.Second

// owed is what a surface has not been told, as it stands now. Its time is not the
// newest entry's: in a quiet cluster that stands still, and so would every pause.
func (e *Engine) owed(s ledger.Surface, again uint64) chat.Owed {
	o := chat.Owed{Now: e.asOf(), Post: func(key string) (ledger.Post, bool) { return e.Ledger.Post(s, key) }}
	for _, n := range e.Ledger.PendingFor(s) {
		o.Messages = append(o.Messages, e.message(n, again))
	}
	o.Posts, o.About, o.Morning = e.Ledger.Posts(s), e.aboutCase, e.morningOf
	told := chat.Shown(o.Posts)
	for _, id := range sorted(told) {
		c, ok := e.Ledger.Case(id)
		if ok && (chat.Stale(told[id], c.ChangedAt, o.Now) || s == ledger.SurfaceSlack && e.newsOfIncident(id, told[id])) {
			o.Changed = append(o.Changed, c)
		}
	}
	return o
}

// newsOfIncident reports whether the incident of a case was found after an
// instant: Slack's cards lead there.
func (e *Engine) newsOfIncident(id remedy.CaseID, after time.Time) bool {
	i, ok := e.Ledger.Incident(id)
	return ok && i.Several == 0 && i.At.After(after)
}

// aboutCase is a case as it is now, in a message without a notice.
func (e *Engine) aboutCase(id remedy.CaseID) (chat.Message, bool) {
	c, ok := e.Ledger.Case(id)
	if !ok {
		return chat.Message{}, false
	}
	return e.message(ledger.Notice{Case: id, Pool: c.Pool, At: c.ChangedAt}, 0), true
}

// surfacesSince is the version of entries that knows surfaces.
const surfacesSince = 3

// surfaces is the operation that has the ledger owe people what the config in
// force says; nil where it does already, or
// not every voter could read it.
func (e *Engine) surfaces(cfg *Config) ledger.Body {
	want, asks := []ledger.Surface{ledger.SurfaceConsole}, ledger.SurfaceConsole
	for _, c := range cfg.Couriers {
		want = append(want, c.Surface())
		if c.Surface() == ledger.SurfaceSlack {
			asks = ledger.SurfaceSlack
		}
	}
	slices.Sort(want)
	have, haveAsks := e.Ledger.Surfaces()
	if slices.Equal(want, have) && asks == haveAsks || e.Ledger.Floor().Version < surfacesSince {
		return nil
	}
	return &ledger.SurfacesSet{Surfaces: want, Asks: asks}
}
