package ledger_test

import (
	"io"
	"sync"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Readers go on while entries are applied, and what they were handed stays as
// it was.
func TestReadersBesideApply(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	held := r.ok(judge("h1", remedy.LevelNotify))
	kept := r.get(held)
	events, latest := len(kept.Events), *kept.Latest
	stop := make(chan struct{})
	var readers sync.WaitGroup
	forever := func(f func()) {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					f()
				}
			}
		})
	}
	now := r.now
	forever(func() { view(r.l, now) })
	forever(func() {
		s, err := r.l.Snapshot()
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := s.WriteTo(io.Discard); err != nil {
			t.Error(err)
		}
	})
	forever(func() {
		for _, c := range r.l.Cases(ledger.CaseFilter{}) {
			if c.Stage == remedy.StageExecuting && c.Execution() == nil {
				t.Error("half a case was seen")
			}
			for _, e := range c.Events {
				_ = e.What
			}
		}
	})
	forever(func() {
		p := r.l.Preview(now, remedy.Warden(), judge("h1", remedy.LevelNotify, shadowed), &ledger.PoolSize{Pool: pool, N: 9})
		p.Facts(ledger.FactsQuery{Pool: pool, Host: "h1", Action: drain, Now: now})
	})
	for i := range 100 {
		r.pass(time.Second)
		host := remedy.HostName([]string{"h2", "h3", "h4"}[i%3])
		id := r.drained(host)
		r.ok(judge("h1", remedy.LevelNotify, shadowed), &ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: host}}},
			&ledger.Storm{Pool: pool, Detector: canary, On: i%2 == 0})
		r.finish(id, r.start(id, bob(), undoing, func(b *ledger.ExecStart) { b.UndoReason = remedy.UndoTest }), remedy.OutcomeDone)
		r.ok(&ledger.PoolOut{Pool: pool, Clear: []remedy.HostName{host}}, &ledger.NoticeReceipt{Upto: uint64(i)}, &ledger.CasesForget{Before: r.now.Add(-time.Minute)})
	}
	close(stop)
	readers.Wait()
	if len(kept.Events) != events || kept.Latest.At != latest.At || kept.Stage != remedy.StageProposed {
		t.Error("a case that was handed out changed")
	}
}
