package engine

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// mailbox is a surface that can be down, and hang.
type mailbox struct {
	surface ledger.Surface

	mu    sync.Mutex
	got   []chat.Owed // what was delivered, each time
	calls int
	down  time.Duration // how long it asks to be left alone; 0 for up
	hangs bool
}

func (b *mailbox) Surface() ledger.Surface { return b.surface }

func (b *mailbox) Deliver(ctx context.Context, o chat.Owed) (chat.Delivery, error) {
	b.mu.Lock()
	b.calls++
	down, hangs := b.down, b.hangs
	b.mu.Unlock()
	switch {
	case hangs:
		<-ctx.Done()
		return chat.Delivery{}, context.Cause(ctx)
	case down > 0:
		return chat.Delivery{Wait: down}, errTest
	}
	var d chat.Delivery
	for _, m := range o.Messages {
		d.Seqs = append(d.Seqs, m.Notice.Seq)
		if m.Case != nil {
			d.Posts = append(d.Posts, ledger.Post{Key: "case/" + m.Case.ID.String(), Case: m.Case.ID, ID: "1"})
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(o.Messages) > 0 || len(o.Changed) > 0 {
		b.got = append(b.got, o)
	}
	return d, nil
}

func (b *mailbox) set(down time.Duration, hangs bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down, b.hangs = down, hangs
}

// told lists the numbers of the notices that were delivered, in order.
func (b *mailbox) told() (seqs []uint64, again int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.got {
		for _, m := range o.Messages {
			seqs = append(seqs, m.Notice.Seq)
			if m.Again {
				again++
			}
		}
	}
	return seqs, again
}

func (b *mailbox) called() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls
}

// couriers adds surfaces to a rig's config.
func couriers(all ...chat.Courier) func(*setup) {
	return func(s *setup) { s.config = func(c *Config) { c.Couriers = all } }
}

// One surface that hangs, and one that is down, hold up nothing: neither the
// others nor what is done. Once they are back they are told everything, once.
func TestSurfacesDontHoldUpEachOther(t *testing.T) {
	t.Parallel()
	slack, pd, hook := &mailbox{surface: ledger.SurfaceSlack}, &mailbox{surface: ledger.SurfacePagerDuty}, &mailbox{surface: ledger.SurfaceWebhook}
	goroutines(t, func(r *rig, pass func(time.Duration)) {
		t := r.t
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.e.Run(ctx) }()
		pass(2 * time.Minute)
		all, asks := r.l.Surfaces()
		if want := []ledger.Surface{ledger.SurfaceConsole, ledger.SurfacePagerDuty, ledger.SurfaceSlack, ledger.SurfaceWebhook}; !slices.Equal(all, want) || asks != ledger.SurfaceSlack {
			t.Fatalf("surfaces %v, %s asks", all, asks)
		}
		slack.set(0, true)
		pd.set(5*time.Minute, false)
		before := pd.called()
		r.bad(3)
		pass(4 * time.Minute)
		if r.lb.acts() != 1 {
			t.Fatalf("%d acts while Slack hangs", r.lb.acts())
		}
		there, _ := hook.told()
		if c := r.last(3); c == nil || len(there) == 0 || len(r.l.PendingFor(ledger.SurfaceSlack)) == 0 || len(r.l.PendingFor(ledger.SurfaceWebhook)) != 0 {
			t.Errorf("the webhook was told %v, Slack is owed %v", there, r.l.PendingFor(ledger.SurfaceSlack))
		}
		if n := pd.called() - before; n > 1 {
			t.Errorf("PagerDuty asked to be left alone for 5 minutes and was called %d times in 4", n)
		}
		pd.set(0, false)
		pass(6 * time.Minute)
		back, again := pd.told()
		if !slices.Equal(back[len(back)-len(there):], there) || again != 0 {
			t.Errorf("PagerDuty was told %v, %d again, and the webhook %v", back, again, there)
		}
		stop() // the tenure ends although Slack hangs
		r.must(<-ended)
		if got, _ := slack.told(); len(got) > 0 && slices.Contains(got, there[0]) {
			t.Errorf("Slack was told %v", got)
		}
		slack.set(0, false)
		next, end := context.WithCancel(t.Context())
		go func() { ended <- r.e.Run(next) }()
		pass(2 * time.Minute)
		got, again := slack.told()
		if !slices.Contains(got, there[0]) || again == 0 || len(r.l.PendingFor(ledger.SurfaceSlack)) != 0 {
			t.Errorf("Slack was told %v, %d of them as told before perhaps", got, again)
		}
		end()
		r.must(<-ended)
	}, couriers(slack, pd, hook))
}

// A receipt that can't be committed is committed before anything more is told,
// and nothing is told twice in a tenure.
func TestAReceiptThatIsLost(t *testing.T) {
	t.Parallel()
	slack := &mailbox{surface: ledger.SurfaceSlack}
	goroutines(t, func(r *rig, pass func(time.Duration)) {
		t := r.t
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.e.Run(ctx) }()
		pass(time.Minute)
		r.log.mu.Lock()
		r.log.fault = func(e ledger.Entry) fault {
			if hasOp(e, "notice.delivered") {
				return lost
			}
			return noFault
		}
		r.log.mu.Unlock()
		r.bad(3)
		pass(4 * time.Minute)
		first, _ := slack.told()
		r.log.mu.Lock()
		r.log.fault = nil
		r.log.mu.Unlock()
		pass(2 * time.Minute)
		all, again := slack.told()
		twice := slices.Clone(all)
		slices.Sort(twice)
		if len(first) == 0 || len(slices.Compact(twice)) != len(all) || again != 0 || len(r.l.PendingFor(ledger.SurfaceSlack)) != 0 {
			t.Errorf("told %v, at first %v, %d again", all, first, again)
		}
		stop()
		r.must(<-ended)
	}, couriers(slack))
}

// A case that changes without a notice is shown to the surface that has a post
// of it, and only while the post is older.
func TestWhatWasPostedIsHeldAgainstItsCase(t *testing.T) {
	t.Parallel()
	slack := &mailbox{surface: ledger.SurfaceSlack}
	goroutines(t, func(r *rig, pass func(time.Duration)) {
		t := r.t
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.e.Run(ctx) }()
		r.bad(3)
		pass(5 * time.Minute)
		c := r.last(3)
		if _, ok := r.l.Post(ledger.SurfaceSlack, "case/"+c.ID.String()); !ok {
			t.Fatal("nothing was posted of it")
		}
		r.must(r.e.Label(t.Context(), alice(), ledger.CaseLabel{Case: c.ID, Label: 1}))
		pass(time.Minute)
		changed := false
		slack.mu.Lock()
		for _, o := range slack.got {
			changed = changed || slices.ContainsFunc(o.Changed, func(x *ledger.Case) bool { return x.ID == c.ID && x.Stage == remedy.StageOut })
		}
		slack.mu.Unlock()
		if !changed {
			t.Error("the label was not shown")
		}
		stop()
		r.must(<-ended)
	}, couriers(slack))
}

// twoPosts is a surface that posts a case twice and touches only one of them again.
type twoPosts struct {
	mu       sync.Mutex
	receipts int
}

func (*twoPosts) Surface() ledger.Surface { return ledger.SurfaceSlack }

func (p *twoPosts) Deliver(_ context.Context, o chat.Owed) (chat.Delivery, error) {
	var d chat.Delivery
	for _, m := range o.Messages {
		d.Seqs = append(d.Seqs, m.Notice.Seq)
		if m.Case == nil {
			continue
		}
		if _, ok := o.Post("first/" + m.Case.ID.String()); !ok {
			d.Posts = append(d.Posts, ledger.Post{Key: "first/" + m.Case.ID.String(), Case: m.Case.ID, ID: "1"})
		}
	}
	for _, c := range o.Changed {
		d.Posts = append(d.Posts, ledger.Post{Key: "case/" + c.ID.String(), Case: c.ID, ID: "2"})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.receipts++
	if len(d.Seqs) == 0 && len(d.Posts) == 0 {
		p.receipts--
	}
	return d, nil
}

// A post that is never touched again keeps no courier busy: each change of its case
// is told once, and then it is quiet.
func TestAPostThatIsNotTouchedAgainIsNoLoop(t *testing.T) {
	t.Parallel()
	slack := &twoPosts{}
	goroutines(t, func(r *rig, pass func(time.Duration)) {
		t := r.t
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.e.Run(ctx) }()
		r.bad(3)
		pass(10 * time.Minute)
		r.must(r.e.Label(t.Context(), alice(), ledger.CaseLabel{Case: r.last(3).ID, Label: 1}))
		pass(30 * time.Minute)
		slack.mu.Lock()
		if slack.receipts == 0 || slack.receipts > 12 {
			t.Errorf("%d receipts of one case's few changes", slack.receipts)
		}
		slack.mu.Unlock()
		stop()
		r.must(<-ended)
	}, couriers(slack))
}
