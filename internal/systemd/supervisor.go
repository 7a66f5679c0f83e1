package systemd

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"warden/internal/clock"
)

const (
	// statusEvery is how often the status is looked at, when the watchdog
	// doesn't want to be fed more often.
	statusEvery = 5 * time.Second
	// lookWithin is how long one look at the process may take. Who can't be
	// looked at is stuck, too.
	lookWithin = time.Minute
)

// Sample is one look at the process.
type Sample struct {
	// Signs are what has to move.
	Signs []Sign
	// Status is one line for people: what `systemctl status` shows.
	Status string
}

// Options is what a Supervisor is made of. All fields are required, Notifier
// apart: nil is nobody.
type Options struct {
	Notifier *Notifier
	// Look looks at the process. It may take long, or hang: nothing else does
	// then. It gets a context that ends when Run's does.
	Look   func(ctx context.Context) Sample
	Clock  clock.Clock
	Logger *zap.Logger
}

// Supervisor keeps the service manager informed. Its methods may be called from
// any goroutine, and none of them blocks for longer than a message takes.
type Supervisor struct {
	Options
	sample  atomic.Pointer[Sample]
	looks   atomic.Uint64
	stopped chan struct{} // closed when the process was told to stop

	mu       sync.Mutex // guards what follows, and the order of messages
	ready    bool
	until    time.Duration // monotonic: until when a stop is waited for
	reloads  int
	told     string // the status systemd has
	stuck    string // what was logged as stuck
	deafness bool   // that systemd can't be told was logged
}

// New makes a Supervisor that does nothing before Run.
func New(o Options) *Supervisor {
	return &Supervisor{Options: o, stopped: make(chan struct{})}
}

// Run says that the process is ready and keeps the service manager informed
// until ctx ends. It returns at once when there is none.
func (s *Supervisor) Run(ctx context.Context) {
	if s.Notifier == nil {
		return
	}
	every := s.every()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go s.watch(ctx, every)
	var v vitals
	s.tell(func() []string {
		s.ready = true
		return []string{"READY=1"}
	})
	for {
		s.beat(&v, every)
		select {
		case <-ctx.Done():
			return
		case <-s.stopped:
			s.wind(ctx, every)
			return
		case <-s.Clock.After(every):
		}
	}
}

// every is how often the service manager is told: three times as often as it
// has to be.
func (s *Supervisor) every() time.Duration {
	if w := s.Notifier.Watchdog(); w > 0 {
		return min(statusEvery, w/3)
	}
	return statusEvery
}

// watch looks at the process again and again. It has a goroutine of its own,
// since a look at what hangs may hang.
func (s *Supervisor) watch(ctx context.Context, every time.Duration) {
	for ctx.Err() == nil {
		sample := s.Look(ctx)
		s.sample.Store(&sample)
		s.looks.Add(1)
		select {
		case <-ctx.Done():
		case <-s.Clock.After(every):
		}
	}
}

// beat feeds the watchdog, unless something is stuck, and tells the status when
// it is another one.
func (s *Supervisor) beat(v *vitals, every time.Duration) {
	signs := []Sign{{Name: "the supervisor's look at warden", Mark: strconv.FormatUint(s.looks.Load(), 10), Within: max(lookWithin, 3*every)}}
	line := ""
	if sample := s.sample.Load(); sample != nil {
		signs, line = append(signs, sample.Signs...), sample.Status
	}
	stuck := describe(v.look(s.Clock.Read().Mono, signs))
	s.tell(func() []string {
		var out []string
		switch stuck {
		case "":
			if s.stuck != "" {
				s.Logger.Info("everything moves again")
			}
			if s.Notifier.Watchdog() > 0 {
				out = append(out, "WATCHDOG=1")
			}
		default:
			line = "stuck: " + stuck
			if s.stuck == "" {
				s.Logger.Error("warden is stuck: systemd's watchdog is not fed any more and restarts it; report the goroutines that follow as a bug", zap.String("stuck", stuck))
			}
		}
		s.stuck = stuck
		if line != "" && line != s.told {
			s.told = line
			out = append(out, status(line))
		}
		return out
	})
}

// wind keeps asking for time until the process is gone, or has had what it may
// take: who hangs while stopping is killed when the last extension is over.
func (s *Supervisor) wind(ctx context.Context, every time.Duration) {
	for {
		s.tell(func() []string {
			if s.Clock.Read().Mono >= s.until {
				return nil
			}
			out := []string{extend(3 * every)}
			if s.Notifier.Watchdog() > 0 {
				out = append(out, "WATCHDOG=1")
			}
			return out
		})
		select {
		case <-ctx.Done():
			return
		case <-s.Clock.After(every):
		}
	}
}

// Stopping says that the process stops, which may take up to within: for so
// long more time is asked for, however short TimeoutStopSec= is. The line says
// what it waits for. Only the first call counts.
func (s *Supervisor) Stopping(within time.Duration, line string) {
	if s.Notifier == nil {
		return
	}
	s.tell(func() []string {
		if s.until > 0 {
			return nil
		}
		s.until = s.Clock.Read().Mono + within
		close(s.stopped)
		return []string{"STOPPING=1", status(line)}
	})
}

// Reloading says that the config is being reloaded, until the function that it
// returns is called. Reloads may overlap.
func (s *Supervisor) Reloading() (done func()) {
	if s.Notifier == nil {
		return func() {}
	}
	begun := false
	s.tell(func() []string {
		if !s.ready || s.until > 0 {
			return nil
		}
		begun = true
		s.reloads++
		return []string{"RELOADING=1", monotonic()}
	})
	return func() {
		s.tell(func() []string {
			if begun {
				s.reloads--
			}
			if !begun || s.reloads > 0 || s.until > 0 {
				return nil
			}
			return []string{"READY=1"}
		})
	}
}

// tell sends what f returns. It is under the lock, so that messages go out in
// the order in which things happened.
func (s *Supervisor) tell(f func() []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := f()
	if len(out) == 0 {
		return
	}
	err := s.Notifier.send(out...)
	if err != nil && !s.deafness {
		s.Logger.Warn("systemd can't be told how warden is; it restarts a service that it doesn't hear from", zap.Error(err))
	}
	if s.deafness = err != nil; s.deafness {
		s.told = "" // it may have been in it
	}
}
