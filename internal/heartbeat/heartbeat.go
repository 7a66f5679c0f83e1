// Package heartbeat tells a watcher outside that warden works, for nothing that
// runs beside it can tell that everything there is gone.
//
// It says so only while that is true: this node has just been confirmed as the
// leader by a majority, and its loop has completed an evaluation lately. All
// else is silence, and silence is what the watcher alerts on. It is one
// goroutine that nothing else waits for.
package heartbeat

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"warden/internal/clock"
)

const (
	// verifyWithin and askWithin bound one confirmation by the others and one
	// request, in real time. Neither is longer than the interval.
	verifyWithin = 10 * time.Second
	askWithin    = 10 * time.Second
	// missed is how many intervals may pass without a completed evaluation.
	missed = 2
)

// The reasons why a heartbeat is withheld: the label reason of
// warden_heartbeat_withheld_total.
const (
	notLeading   = "not_leading"   // this node does not believe that it leads
	notConfirmed = "not_confirmed" // it does, and no majority confirmed it in time
	notEvaluated = "not_evaluated" // the loop has completed no evaluation lately
)

// Settings say whom to tell and how often. They are read anew at each interval,
// so that a reload is followed.
type Settings struct {
	// URL reads the address to ask, which is a credential: whoever has it can
	// keep the watcher quiet. Nil turns the heartbeat off.
	URL func() (string, error)
	// Interval is the time between two heartbeats, at least 1 s.
	Interval time.Duration
	// Round is the time between two evaluations.
	Round time.Duration
}

// Options are what a heartbeat is made of.
type Options struct {
	// Settings is called at each interval.
	Settings func() Settings
	// Leading reports whether this node believes that it leads: cheap, and no
	// proof.
	Leading func() bool
	// Verify returns nil once a majority has confirmed, after the call, that
	// this node leads.
	Verify func(ctx context.Context) error
	// Evaluation tells the newest completed evaluation from those before it: it
	// is another number after each, and 0 while there is none.
	Evaluation func() int64
	// Registry gets the metrics.
	Registry prometheus.Registerer
	// Clock paces the heartbeats. Sockets live in real time.
	Clock clock.Clock
	// Logger is told when the watcher stops answering and when it answers
	// again, not in between.
	Logger *zap.Logger
	// Transport sends; nil means one of its own, which heeds HTTPS_PROXY. For
	// tests.
	Transport http.RoundTripper
}

// Heartbeat asks the watcher's address at every interval. Make one with New,
// and run it once.
type Heartbeat struct {
	Options
	client *http.Client
	meters meters

	seen   int64         // the newest evaluation that was noticed
	seenAt time.Duration // when it was, on the clock's monotonic scale
	failed bool
}

// New makes a heartbeat and registers its metrics.
func New(o Options) (*Heartbeat, error) {
	if o.Transport == nil {
		o.Transport = newTransport()
	}
	h := &Heartbeat{Options: o, client: newClient(o.Transport)}
	var err error
	if h.meters, err = newMeters(o.Registry); err != nil {
		return nil, err
	}
	return h, nil
}

// Run tells at every interval until ctx ends, and returns within an instant of
// that, whatever the watcher does.
func (h *Heartbeat) Run(ctx context.Context) {
	defer h.client.CloseIdleConnections()
	for {
		s := h.settings()
		h.meters.every(s)
		if clock.Sleep(ctx, h.Clock, s.Interval) != nil {
			return
		}
		s = h.settings()
		h.meters.every(s)
		// Looked at in any case, so that what was done before this node led, or
		// before the heartbeat was turned on, is not taken for new.
		evaluated := h.evaluated(s)
		if s.URL == nil {
			h.failed = false
			continue
		}
		h.beat(ctx, s, evaluated)
	}
}

func (h *Heartbeat) settings() Settings {
	s := h.Settings()
	s.Interval = max(s.Interval, time.Second)
	return s
}

// evaluated reports whether an evaluation was completed within the last two
// intervals, or the last two rounds where those are longer apart. It goes by
// monotonic time, so that a clock that is set makes no difference.
func (h *Heartbeat) evaluated(s Settings) bool {
	now := h.Clock.Read().Mono
	if e := h.Evaluation(); e != h.seen {
		h.seen, h.seenAt = e, now
	}
	// What is noticed now came within the last interval, so that age is counted
	// from the interval's end: two of them have passed when it is exactly two.
	return h.seen != 0 && now-h.seenAt < missed*max(s.Interval, s.Round)
}

// beat tells the watcher, if what it would be told is true.
func (h *Heartbeat) beat(ctx context.Context, s Settings, evaluated bool) {
	switch {
	case !h.Leading():
		h.meters.withheld.WithLabelValues(notLeading).Inc()
		return
	case !evaluated:
		h.meters.withheld.WithLabelValues(notEvaluated).Inc()
		return
	case h.verify(ctx, s) != nil:
		if ctx.Err() == nil {
			h.meters.withheld.WithLabelValues(notConfirmed).Inc()
		}
		return
	}
	err := h.ask(ctx, s)
	if ctx.Err() != nil {
		return // called off: says nothing about the watcher
	}
	if err != nil {
		h.meters.failed.Inc()
		if !h.failed {
			h.Logger.Warn("the outside watcher does not take the heartbeat; it will say that warden is gone", zap.Error(err))
		}
		h.failed = true
		return
	}
	h.meters.sent.Inc()
	h.meters.last.Set(float64(h.Clock.Now().UnixMilli()) / 1000)
	if h.failed {
		h.Logger.Info("the outside watcher takes the heartbeat again")
		h.failed = false
	}
}

func (h *Heartbeat) verify(ctx context.Context, s Settings) error {
	ctx, cancel := context.WithTimeout(ctx, min(s.Interval, verifyWithin))
	defer cancel()
	return h.Verify(ctx)
}

// ask does one GET. Its errors are words of this package's own: what net/http
// says holds the address.
func (h *Heartbeat) ask(ctx context.Context, s Settings) error {
	address, err := s.URL()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, min(s.Interval, askWithin))
	defer cancel()
	return get(ctx, h.client, address)
}

// meters are the heartbeat's metrics.
type meters struct {
	last, interval prometheus.Gauge
	sent, failed   prometheus.Counter
	withheld       *prometheus.CounterVec
}

func newMeters(reg prometheus.Registerer) (meters, error) {
	m := meters{
		last: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "warden_heartbeat_last_success_timestamp_seconds",
			Help: "When the outside watcher last took a heartbeat of this node; 0 for never.",
		}),
		interval: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "warden_heartbeat_interval_seconds",
			Help: "How often the outside watcher is told; 0 when there is none.",
		}),
		sent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "warden_heartbeat_sent_total",
			Help: "Heartbeats that the outside watcher took.",
		}),
		failed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "warden_heartbeat_failed_total",
			Help: "Heartbeats that the outside watcher did not take.",
		}),
		withheld: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "warden_heartbeat_withheld_total",
			Help: "Heartbeats that were not sent, by why: this node doesn't lead, no majority confirmed that it does, or its loop stands still.",
		}, []string{"reason"}),
	}
	for _, reason := range []string{notLeading, notConfirmed, notEvaluated} {
		m.withheld.WithLabelValues(reason)
	}
	for _, c := range []prometheus.Collector{m.last, m.interval, m.sent, m.failed, m.withheld} {
		if err := reg.Register(c); err != nil {
			return meters{}, fmt.Errorf("register the metrics of the heartbeat: %w: make one heartbeat a registry", err)
		}
	}
	return m, nil
}

// every shows how often the watcher is told.
func (m meters) every(s Settings) {
	if s.URL == nil {
		m.interval.Set(0)
		return
	}
	m.interval.Set(s.Interval.Seconds())
}
