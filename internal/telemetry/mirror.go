// Package telemetry mirrors warden's metrics to where a team's dashboards are:
// to carbon, by the plaintext protocol.
//
// It is one goroutine that nothing else waits for. Every series is sent whole
// at each interval, and counters only grow, so what could not be sent is a gap
// in a graph and loses no count: nothing is kept for later. What was dropped is
// counted.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"warden/internal/clock"
)

const (
	// maxLines caps what is sent at one instant: no fleet has so many series,
	// for none but hosts that are out has one of its own.
	maxLines = 20_000
	// connectWithin and writeWithin bound one connection attempt and the
	// writing of one batch, in real time.
	connectWithin = 5 * time.Second
	writeWithin   = 5 * time.Second
	// maxBackoff is the longest pause between two attempts to connect.
	maxBackoff = 2 * time.Minute
	// maxFailures keeps the shift that makes the backoff within its type.
	maxFailures = 8
)

// Settings say where to and how often. They are read anew at each interval, so
// that a reload is followed.
type Settings struct {
	// Enabled turns the mirror on; without it nothing is sent.
	Enabled bool
	// Address is carbon's line receiver, host:port.
	Address string
	// Prefix and Cluster begin every path. The dots of Prefix are kept.
	Prefix, Cluster string
	// Interval is the time between two values of a series, at least 1 s.
	Interval time.Duration
}

// Options are what a mirror is made of.
type Options struct {
	// Settings is called at each interval.
	Settings func() Settings
	// Leading reports whether this node leads: what is said of the cluster as a
	// whole is sent by the leader alone.
	Leading func() bool
	// Node names this node in the paths of what it says of itself.
	Node string
	// Registry has the metrics; the mirror registers its own with it.
	Registry *prometheus.Registry
	// Clock stamps the values. Sockets live in real time.
	Clock clock.Clock
	// Logger is told when carbon is lost and when it is back, not in between.
	Logger *zap.Logger
	// Dial connects; nil means TCP. For tests.
	Dial func(ctx context.Context, address string) (net.Conn, error)
}

// Mirror sends metrics to carbon. Make one with New, and run it once.
type Mirror struct {
	Options
	sent, dropped prometheus.Counter

	conn     net.Conn
	gone     chan struct{} // closed when carbon closed its end
	to       string        // the address of conn
	failures int           // in a row
	retryAt  time.Time
}

// New makes a mirror and registers its metrics:
// warden_telemetry_lines_sent_total and warden_telemetry_lines_dropped_total.
func New(o Options) (*Mirror, error) {
	if o.Dial == nil {
		o.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		}
	}
	m := &Mirror{
		Options: o,
		sent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "warden_telemetry_lines_sent_total",
			Help: "Values handed to carbon; the protocol has no receipts.",
		}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "warden_telemetry_lines_dropped_total",
			Help: "Values that could not be handed to carbon. Counters lose nothing by it: the next value holds them.",
		}),
	}
	for _, c := range []prometheus.Collector{m.sent, m.dropped} {
		if err := o.Registry.Register(c); err != nil {
			return nil, fmt.Errorf("register the metrics of telemetry: %w: make one mirror a registry", err)
		}
	}
	return m, nil
}

// Run sends at every whole interval until ctx ends, and returns within an
// instant of that, whatever carbon does.
func (m *Mirror) Run(ctx context.Context) {
	defer m.hangUp()
	for {
		s := m.Settings()
		interval := max(s.Interval, time.Second)
		now := m.Clock.Now()
		at := now.Truncate(interval).Add(interval)
		if err := clock.Sleep(ctx, m.Clock, at.Sub(now)); err != nil {
			return
		}
		if s = m.Settings(); !s.Enabled {
			m.hangUp()
			m.failures = 0
			continue
		}
		m.push(ctx, s, at)
	}
}

// push gathers and sends one batch, or counts it as dropped.
func (m *Mirror) push(ctx context.Context, s Settings, at time.Time) {
	b, err := collect(m.Registry, naming{root: s.Prefix + "." + clean(s.Cluster), node: m.Node, leading: m.Leading()}, at.Unix())
	if err != nil {
		m.Logger.Debug("a metric could not be read and is not mirrored", zap.Error(err))
	}
	m.dropped.Add(float64(b.dropped))
	if b.lines == 0 {
		return
	}
	if m.to != s.Address {
		m.hangUp()
		m.to, m.failures = s.Address, 0
	}
	if m.failures > 0 && at.Before(m.retryAt) {
		m.dropped.Add(float64(b.lines))
		return
	}
	if err := m.send(ctx, b); err != nil {
		m.hangUp()
		m.dropped.Add(float64(b.lines))
		if m.failures == 0 && ctx.Err() == nil {
			m.Logger.Warn("carbon does not take warden's metrics; the graphs have a gap from here", zap.String("address", s.Address),
				zap.Error(err), zap.String("help", "check telemetry.graphite.address, and that carbon runs"))
		}
		m.failures = min(m.failures+1, maxFailures)
		m.retryAt = at.Add(min(max(s.Interval, time.Second)<<(m.failures-1), maxBackoff))
		return
	}
	m.sent.Add(float64(b.lines))
	if m.failures > 0 {
		m.Logger.Info("carbon takes warden's metrics again", zap.String("address", s.Address))
		m.failures = 0
	}
}

// errGone reports that carbon closed the connection.
var errGone = errors.New("the connection was closed")

// send writes the batch, over a connection that is new when the last was lost.
func (m *Mirror) send(ctx context.Context, b *batch) error {
	if m.conn != nil {
		select {
		case <-m.gone:
			m.hangUp() // it was restarted, or closes what is idle: no reason to wait
		default:
		}
	}
	if m.conn == nil {
		ctx, cancel := context.WithTimeout(ctx, connectWithin)
		defer cancel()
		conn, err := m.Dial(ctx, m.to)
		if err != nil {
			return err
		}
		m.conn, m.gone = conn, make(chan struct{})
		go watch(conn, m.gone)
	}
	ctx, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	conn := m.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	_, err := conn.Write(b.text.Bytes())
	switch {
	case !stop() && err == nil:
		return context.Cause(ctx)
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("not written within %v", writeWithin)
	}
	select {
	case <-m.gone:
		return errors.Join(errGone, err)
	default:
		return err
	}
}

// watch reads until the connection ends. Carbon never says anything.
func watch(conn io.Reader, gone chan<- struct{}) {
	_, _ = io.Copy(io.Discard, conn) // why it ended makes no difference
	close(gone)
}

// hangUp closes the connection and waits until its watch has ended.
func (m *Mirror) hangUp() {
	if m.conn == nil {
		return
	}
	_ = m.conn.Close() // it may be closed already
	<-m.gone
	m.conn = nil
}
