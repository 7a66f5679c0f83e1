package engine

import (
	"context"
	"slices"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// A question that waits when Slack is switched on by a reload is told there, once,
// although it is not asked again, and nothing that is over is.
func TestAWaitingQuestionIsToldOnceSlackIsSwitchedOn(t *testing.T) {
	t.Parallel()
	slack := &mailbox{surface: ledger.SurfaceSlack}
	goroutines(t, func(r *rig, pass func(time.Duration)) {
		t := r.t
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.e.Run(ctx) }()
		defer func() { stop(); r.must(<-ended) }()
		pass(2 * time.Minute)
		r.bad(5)
		pass(8 * time.Minute)
		over := r.last(5)
		r.good(5)
		pass(10 * time.Minute)
		r.bad(3)
		pass(8 * time.Minute)
		c := r.last(3)
		if c.Stage != remedy.StageWaiting || c.Ask == nil || r.last(5).Open() {
			t.Fatalf("it does not wait, or the other does: %+v", c)
		}
		asked := c.Ask.AskedAt
		cfg := *r.cfg
		cfg.Couriers = []chat.Courier{slack}
		cfg.Hash, r.cfg = "with Slack", &cfg
		r.must(r.e.Reconfigure(ctx, &cfg))
		pass(2 * time.Minute)
		c = r.last(3)
		told := 0
		slack.mu.Lock()
		for _, o := range slack.got {
			for _, m := range o.Messages {
				if m.Notice.Kind == ledger.NoticeQuestion && m.Case.ID == c.ID {
					told++
				}
				if m.Notice.Case == over.ID {
					t.Errorf("what is over is told: %+v", m.Notice)
				}
			}
		}
		slack.mu.Unlock()
		if told != 1 || !c.Ask.AskedAt.Equal(asked) {
			t.Errorf("Slack was told of the question %d times; it was asked at %s and %s", told, asked, c.Ask.AskedAt)
		}
		if all, asks := r.l.Surfaces(); !slices.Contains(all, ledger.SurfaceSlack) || asks != ledger.SurfaceSlack {
			t.Errorf("%v, %s asks", all, asks)
		}
	}, level(remedy.LevelConfirm))
}
