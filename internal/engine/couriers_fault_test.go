package engine

import (
	"context"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
)

// faulty is a courier that fails in itself.
type faulty struct{ calls int }

func (*faulty) Surface() ledger.Surface { return ledger.SurfaceSlack }

func (f *faulty) Deliver(context.Context, chat.Owed) (chat.Delivery, error) {
	f.calls++
	panic("a fault of the test's")
}

// A courier with a fault is one that can't get through: the node goes on, and the
// courier is tried again.
func TestACourierWithAFaultIsTriedAgain(t *testing.T) {
	t.Parallel()
	bad, hook := &faulty{}, &mailbox{surface: ledger.SurfaceWebhook}
	goroutines(t, func(r *rig, pass func(time.Duration)) {
		ctx, stop := context.WithCancel(r.t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.e.Run(ctx) }()
		pass(2 * time.Minute)
		r.bad(3)
		pass(2 * time.Minute)
		stop()
		r.must(<-ended)
		if got, _ := hook.told(); bad.calls < 2 || len(got) == 0 {
			r.t.Errorf("it was called %d times, and the webhook was told %v", bad.calls, got)
		}
	}, couriers(bad, hook))
}
