package engine

import (
	"context"
	"sync"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/trust"
)

// editor is a surface that edits one message a case, as Slack does.
type editor struct {
	mu    sync.Mutex
	shown map[string]int // by message, how many lines its case had
	// meanwhile happens while an edit is on its way; once.
	meanwhile func(c *ledger.Case)
}

func (*editor) Surface() ledger.Surface { return ledger.SurfaceSlack }

func (b *editor) Deliver(_ context.Context, o chat.Owed) (d chat.Delivery, _ error) {
	show := func(c *ledger.Case) {
		b.mu.Lock()
		same, meanwhile := b.shown[c.ID.String()] == len(c.Events), b.meanwhile
		b.shown[c.ID.String()] = len(c.Events)
		if !same {
			b.meanwhile = nil
		}
		b.mu.Unlock()
		if same {
			return
		}
		if meanwhile != nil {
			meanwhile(c)
		}
		d.Posts = append(d.Posts, ledger.Post{Key: "case/" + c.ID.String(), Case: c.ID, ID: "1", Of: c.ChangedAt})
	}
	for _, m := range o.Messages {
		d.Seqs = append(d.Seqs, m.Notice.Seq)
		if m.Case != nil && chat.TellsCase(m.Notice.Kind) {
			show(m.Case)
		}
	}
	for _, c := range o.Changed {
		show(c)
	}
	return d, nil
}

// What changes about a case while its message is on its way is told by the next edit:
// the receipt is younger than the change, and doesn't hide it.
func TestWhatChangesMeanwhileIsTold(t *testing.T) {
	slack := &editor{shown: map[string]int{}}
	goroutines(t, func(r *rig, pass func(time.Duration)) {
		ctx, stop := context.WithCancel(r.t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.e.Run(ctx) }()
		pass(2 * time.Minute)
		r.bad(3)
		pass(20 * time.Minute)
		slack.mu.Lock()
		slack.meanwhile = func(c *ledger.Case) {
			r.must(r.e.Label(r.t.Context(), named("bob"), ledger.CaseLabel{Case: c.ID, Label: trust.Unclear}))
			<-r.e.Clock.After(time.Second) // and only then has the edit its answer
		}
		slack.mu.Unlock()
		r.must(r.e.Label(r.t.Context(), alice(), ledger.CaseLabel{Case: r.last(3).ID, Label: trust.Right}))
		pass(5 * time.Minute)
		c := r.last(3)
		slack.mu.Lock()
		if got := slack.shown[c.ID.String()]; got != len(c.Events) || slack.meanwhile != nil {
			r.t.Errorf("the message shows %d of %d lines: %+v", got, len(c.Events), c.Events)
		}
		slack.mu.Unlock()
		stop()
		r.must(<-ended)
	}, couriers(slack))
}
