package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zaptest"

	"warden/internal/clock"
	"warden/internal/engine"
	"warden/internal/ledger"
)

// mouth speaks for a node, to a cluster that may have no leader.
type mouth struct {
	mu       sync.Mutex
	reported bool
	fail     error
	asked    int
	told     []string
}

func (m *mouth) Reported() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reported
}

func (m *mouth) ReportConfig(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	if m.fail == nil {
		m.reported = true
	}
	return m.fail
}

func (m *mouth) Tell(_ context.Context, kind ledger.NoticeKind, detail string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail == nil || !errors.Is(m.fail, engine.ErrNotCommitted) {
		m.told = append(m.told, string(kind)+" "+detail)
	}
	return m.fail
}

func (m *mouth) set(reported bool, fail error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reported, m.fail = reported, fail
}

func (m *mouth) heard() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.told)
}

// TestReporter shows that a node's config is reported at its start, after a
// reload and whenever the ledger lacks it, patiently while nobody leads, and that
// what a reload changed is told once.
func TestReporter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &mouth{}
		r := newReporter(m, clock.System(), zaptest.NewLogger(t))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.run(ctx)
		}()
		asked := func() int {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.asked
		}
		pass(time.Second)
		if asked() != 1 {
			t.Errorf("asked %d times at the start", asked())
		}
		pass(time.Hour)
		if asked() != 1 {
			t.Errorf("asked %d times, and the ledger has it", asked())
		}
		m.set(false, fmt.Errorf("%w: nobody leads", engine.ErrNotCommitted)) // such as after a snapshot was restored
		r.tell("one line more")
		pass(10 * time.Minute)
		if n := asked(); n < 60 || n > 200 {
			t.Errorf("asked %d times in ten minutes without a leader", n)
		}
		m.set(false, nil)
		pass(time.Minute)
		if told := m.heard(); !m.Reported() || !slices.Equal(told, []string{"config one line more"}) {
			t.Errorf("%v %q", m.Reported(), told)
		}
		m.set(true, errors.New("timed out")) // nobody knows: it isn't told again
		r.tell("two lines")
		pass(time.Hour)
		if told := m.heard(); len(told) != 2 {
			t.Errorf("%q", told)
		}
		cancel()
		<-done
	})
}
