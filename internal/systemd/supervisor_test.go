package systemd

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"warden/internal/clock"
)

// recorder is a socket whose datagrams are kept, with when they came.
type recorder struct {
	mu    sync.Mutex
	fail  error
	began time.Time
	got   []datagram
}

type datagram struct {
	at   time.Duration
	text string
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return 0, r.fail
	}
	for line := range strings.Lines(string(p)) {
		r.got = append(r.got, datagram{time.Since(r.began), strings.TrimSuffix(line, "\n")})
	}
	return len(p), nil
}
func (*recorder) SetWriteDeadline(time.Time) error { return nil }
func (*recorder) Close() error                     { return nil }

// lines are what came with the prefix.
func (r *recorder) lines(prefix string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, d := range r.got {
		if strings.HasPrefix(d.text, prefix) {
			out = append(out, d.text)
		}
	}
	return out
}

// last is when the prefix came last; -1 if never.
func (r *recorder) last(prefix string) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range slices.Backward(r.got) {
		if strings.HasPrefix(d.text, prefix) {
			return d.at
		}
	}
	return -1
}

// subject is a process that is looked at.
type subject struct {
	mu   sync.Mutex
	mark map[string]string
	idle map[string]bool
	line string
	hang chan struct{} // a look hangs until it is closed
}

func (s *subject) look(ctx context.Context) Sample {
	s.mu.Lock()
	hang := s.hang
	sample := Sample{Status: s.line}
	for _, name := range []string{"evaluation", "apply"} {
		sample.Signs = append(sample.Signs, Sign{Name: name, Mark: s.mark[name], Idle: s.idle[name], Within: 2 * time.Minute})
	}
	s.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-ctx.Done():
		}
	}
	return sample
}

func (s *subject) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// under runs f in a bubble, beside a Supervisor with a watchdog of 30 s.
func under(t *testing.T, f func(s *Supervisor, r *recorder, p *subject)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{began: time.Now()}
		p := &subject{mark: map[string]string{"evaluation": "0", "apply": "0"}, idle: map[string]bool{}, line: "leader"}
		s := New(Options{Notifier: &Notifier{conn: r, watchdog: 30 * time.Second}, Look: p.look, Clock: clock.System(), Logger: zap.NewNop()})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.Run(ctx)
		}()
		synctest.Wait()
		f(s, r, p)
		cancel()
		<-done
		synctest.Wait()
	})
}

// goOn moves evaluation and apply for d, a step each second.
func goOn(p *subject, d time.Duration, names ...string) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		p.set(func() {
			for _, n := range names {
				p.mark[n] = time.Now().String()
			}
		})
		<-time.After(time.Second)
	}
	synctest.Wait()
}

func TestReadyFirst(t *testing.T) {
	t.Parallel()
	under(t, func(_ *Supervisor, r *recorder, p *subject) {
		if first := r.lines("")[0]; first != "READY=1" {
			t.Errorf("the first message is %q", first)
		}
		goOn(p, time.Minute, "evaluation", "apply")
		if n := len(r.lines("READY=1")); n != 1 {
			t.Errorf("%d READY", n)
		}
		if n := len(r.lines("WATCHDOG=1")); n < 4 {
			t.Errorf("%d pings in a minute", n)
		}
		p.set(func() { p.line = "follower" })
		goOn(p, time.Minute, "evaluation", "apply")
		if got := r.lines("STATUS="); !slices.Equal(got, []string{"STATUS=leader", "STATUS=follower"}) {
			t.Errorf("status: %v", got)
		}
	})
}

// TestHangStopsThePings: whichever stands still while it has something to do,
// and however lively the other is.
func TestHangStopsThePings(t *testing.T) {
	t.Parallel()
	for hung, lively := range map[string]string{"evaluation": "apply", "apply": "evaluation"} {
		t.Run(hung, func(t *testing.T) {
			t.Parallel()
			under(t, func(_ *Supervisor, r *recorder, p *subject) {
				goOn(p, time.Minute, hung, lively)
				goOn(p, 10*time.Minute, lively)
				last := r.last("WATCHDOG=1")
				if last < 2*time.Minute || last > 3*time.Minute+10*time.Second {
					t.Errorf("the last ping came at %s, and %s stood still from 1m on", last, hung)
				}
				if got := r.lines("STATUS=stuck: " + hung); len(got) == 0 {
					t.Errorf("status doesn't say that %s is stuck: %v", hung, r.lines("STATUS="))
				}
				goOn(p, time.Minute, hung, lively)
				if now := r.last("WATCHDOG=1"); now < 11*time.Minute {
					t.Errorf("no ping came after it went on: %s", now)
				}
			})
		})
	}
}

// TestQuietProcessIsFed: a follower that nothing comes to for hours lives.
func TestQuietProcessIsFed(t *testing.T) {
	t.Parallel()
	under(t, func(_ *Supervisor, r *recorder, p *subject) {
		p.set(func() { p.idle["evaluation"], p.idle["apply"] = true, true })
		began := time.Now()
		<-time.After(5 * time.Hour)
		synctest.Wait()
		if n, want := len(r.lines("WATCHDOG=1")), int(time.Since(began)/(10*time.Second)); n < want {
			t.Errorf("%d pings in 5 hours, want %d at least", n, want)
		}
	})
}

// TestHungLookStopsThePings: a lock that is held for ever hangs who looks.
func TestHungLookStopsThePings(t *testing.T) {
	t.Parallel()
	under(t, func(_ *Supervisor, r *recorder, p *subject) {
		p.set(func() { p.idle["evaluation"], p.idle["apply"] = true, true })
		goOn(p, time.Minute)
		hang := make(chan struct{})
		p.set(func() { p.hang = hang })
		<-time.After(time.Hour)
		synctest.Wait()
		if last := r.last("WATCHDOG=1"); last > 4*time.Minute {
			t.Errorf("a ping came at %s", last)
		}
		p.set(func() { p.hang = nil })
		close(hang)
		goOn(p, time.Minute)
		if last := r.last("WATCHDOG=1"); last < time.Hour {
			t.Errorf("the last ping came at %s, and looks went on after an hour", last)
		}
	})
}

func TestReloadIsTold(t *testing.T) {
	t.Parallel()
	under(t, func(s *Supervisor, r *recorder, _ *subject) {
		one, two := s.Reloading(), s.Reloading()
		one()
		if n := len(r.lines("READY=1")); n != 1 {
			t.Errorf("READY during a reload: %d", n)
		}
		two()
		if n := len(r.lines("READY=1")); n != 2 {
			t.Errorf("no READY after it: %d", n)
		}
		if a, b := r.lines("RELOADING=1"), r.lines("MONOTONIC_USEC="); len(a) != 2 || len(b) != 2 || len(b[0]) < len("MONOTONIC_USEC=1") {
			t.Errorf("%v %v", a, b)
		}
	})
}

// TestStopAsksForTime: for as long as the stop may take, and no longer.
func TestStopAsksForTime(t *testing.T) {
	t.Parallel()
	under(t, func(s *Supervisor, r *recorder, p *subject) {
		goOn(p, time.Minute, "evaluation", "apply")
		s.Stopping(10*time.Minute, "stopping: an effect runs")
		s.Stopping(time.Hour, "again")
		s.Reloading()()
		synctest.Wait()
		<-time.After(9 * time.Minute) // nothing moves, and that is fine
		synctest.Wait()
		if a, b := r.last("EXTEND_TIMEOUT_USEC="), r.last("WATCHDOG=1"); a < 9*time.Minute || b < 9*time.Minute {
			t.Errorf("after 9 minutes of 10: extended at %s, fed at %s", a, b)
		}
		<-time.After(time.Hour)
		synctest.Wait()
		if a, b := r.last("EXTEND_TIMEOUT_USEC="), r.last("WATCHDOG=1"); a > 11*time.Minute || b > 11*time.Minute {
			t.Errorf("more than 10 minutes: extended at %s, fed at %s", a, b)
		}
		if got := r.lines("STOPPING=1"); len(got) != 1 || len(r.lines("RELOADING")) != 0 || len(r.lines("STATUS=again")) != 0 {
			t.Errorf("%v", r.lines(""))
		}
	})
}

// TestDeafManager: what can't be told is told again, and hurts nobody.
func TestDeafManager(t *testing.T) {
	t.Parallel()
	under(t, func(_ *Supervisor, r *recorder, p *subject) {
		goOn(p, time.Minute, "evaluation", "apply")
		r.mu.Lock()
		r.fail = os.ErrDeadlineExceeded
		r.mu.Unlock()
		p.set(func() { p.line = "follower" })
		goOn(p, time.Minute, "evaluation", "apply")
		r.mu.Lock()
		r.fail = nil
		r.mu.Unlock()
		goOn(p, time.Minute, "evaluation", "apply")
		if got := r.lines("STATUS="); !slices.Equal(got, []string{"STATUS=leader", "STATUS=follower"}) {
			t.Errorf("status: %v", got)
		}
	})
}

// TestNobodySupervises: without systemd there is nothing to do.
func TestNobodySupervises(t *testing.T) {
	t.Parallel()
	s := New(Options{Look: func(context.Context) Sample { t.Error("looked"); return Sample{} }, Clock: clock.System(), Logger: zap.NewNop()})
	s.Run(t.Context())
	s.Reloading()()
	s.Stopping(time.Minute, "stopping")
}
