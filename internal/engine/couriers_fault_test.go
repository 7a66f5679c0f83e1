package engine

import (
	"context"
	"strings"
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

// lying is a courier whose receipts the ledger doesn't take.
type lying struct{ calls int }

func (*lying) Surface() ledger.Surface { return ledger.SurfaceSlack }

func (l *lying) Deliver(_ context.Context, o chat.Owed) (d chat.Delivery, _ error) {
	for _, m := range o.Messages {
		d.Seqs = append(d.Seqs, m.Notice.Seq)
		d.Posts = append(d.Posts, ledger.Post{Key: "notice/" + strings.Repeat("9", 200)})
	}
	if len(d.Seqs) > 0 {
		l.calls++
	}
	return d, nil
}

// What was told and can't be put on record is told again: seldom, and it is seen.
func TestARefusedReceiptIsNoLoop(t *testing.T) {
	t.Parallel()
	bad := &lying{}
	goroutines(t, func(r *rig, pass func(time.Duration)) {
		ctx, stop := context.WithCancel(r.t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.e.Run(ctx) }()
		pass(2 * time.Minute)
		r.bad(3)
		pass(20 * time.Minute)
		stop()
		r.must(<-ended)
		if bad.calls == 0 || bad.calls > 3 {
			r.t.Errorf("it was told %d times in 20 minutes", bad.calls)
		}
	}, couriers(bad))
}
