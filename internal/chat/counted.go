package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"warden/internal/ledger"
)

// Reason is why an attempt to tell people failed, by a class of its own: the
// label reason of warden_notifications_failed_total. An error that knows its
// class has a method Reason that returns it as a string, which packages that
// don't know this one can have as well; what has none is ReasonError.
type Reason string

// The reasons.
const (
	ReasonTimeout     Reason = "timeout"      // no answer in time
	ReasonUnreachable Reason = "unreachable"  // no connection: name, network, certificate
	ReasonRateLimited Reason = "rate_limited" // it asked to be left alone for a while
	ReasonCredential  Reason = "credential"   // it does not let warden in, or not do this
	ReasonRefused     Reason = "refused"      // it calls what it was told wrong
	ReasonTrouble     Reason = "trouble"      // it has trouble of its own
	ReasonError       Reason = "error"        // anything else
)

// Reasons lists every Reason.
func Reasons() []Reason {
	return []Reason{ReasonTimeout, ReasonUnreachable, ReasonRateLimited, ReasonCredential, ReasonRefused, ReasonTrouble, ReasonError}
}

// ReasonOf is the class of an error; of several joined ones, that of the first
// that has one.
func ReasonOf(err error) Reason {
	if classed, ok := errors.AsType[interface {
		error
		Reason() string
	}](err); ok && slices.Contains(Reasons(), Reason(classed.Reason())) {
		return Reason(classed.Reason())
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return ReasonTimeout
	}
	return ReasonError
}

// The values of the label reason of warden_notifications_suppressed_total.
const (
	suppressedMerged   = "merged"   // another notice's message told it as well
	suppressedUnwanted = "unwanted" // the surface tells nobody of it
	suppressedDropped  = "dropped"  // it could not be told, and is given up
)

// Deliveries counts what people are told, on all surfaces of a node. It is safe
// for concurrent use, and outlives reloads.
type Deliveries struct {
	total, failed, retried, suppressed *prometheus.CounterVec

	mu    sync.Mutex
	known map[string]*tally
}

// NewDeliveries makes a Deliveries and registers its metrics. The error is for a
// registry that has such metrics already.
func NewDeliveries(reg prometheus.Registerer) (*Deliveries, error) {
	d := &Deliveries{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "warden_notifications_total",
			Help: "Attempts to deliver a message to people, those that failed included.",
		}, []string{"integration"}),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "warden_notifications_failed_total",
			Help: "Attempts to deliver a message to people that failed, by why; it is tried again.",
		}, []string{"integration", "reason"}),
		retried: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "warden_notifications_retried_total",
			Help: "Attempts to deliver to people that followed one that failed.",
		}, []string{"integration"}),
		suppressed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "warden_notifications_suppressed_total",
			Help: "Notices for which no message of their own was sent, by why.",
		}, []string{"integration", "reason"}),
		known: map[string]*tally{},
	}
	for _, c := range []prometheus.Collector{d.total, d.failed, d.retried, d.suppressed} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register the metrics of notifications: %w: make one of them a registry", err)
		}
	}
	return d, nil
}

// tally is what is counted of one surface.
type tally struct {
	d    *Deliveries
	name string

	mu sync.Mutex
	// failing says that the newest attempt failed, and left is what was owed still
	// after it.
	failing bool
	left    map[uint64]bool
}

// of is the tally of an integration, with all its series at 0 from the start.
func (d *Deliveries) of(name string) *tally {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t, ok := d.known[name]; ok {
		return t
	}
	t := &tally{d: d, name: name}
	d.known[name] = t
	d.total.WithLabelValues(name)
	d.retried.WithLabelValues(name)
	for _, r := range Reasons() {
		d.failed.WithLabelValues(name, string(r))
	}
	for _, r := range []string{suppressedMerged, suppressedUnwanted, suppressedDropped} {
		d.suppressed.WithLabelValues(name, r)
	}
	return t
}

// attempt counts one attempt: how many messages got through, how many were
// refused for good, and why it failed, if it did. One that was called off, since
// the tenure ended, says nothing about who delivers.
func (t *tally) attempt(ctx context.Context, got Delivery, err error) {
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		err = nil
	}
	failures := got.Refused + got.Troubled
	if err != nil {
		failures++
		t.d.failed.WithLabelValues(t.name, string(ReasonOf(err))).Inc()
	}
	t.d.failed.WithLabelValues(t.name, string(ReasonRefused)).Add(float64(got.Refused))
	t.d.failed.WithLabelValues(t.name, string(ReasonTrouble)).Add(float64(got.Troubled))
	t.d.total.WithLabelValues(t.name).Add(float64(got.Sent + failures))
	if got.Sent+failures == 0 {
		return // nothing was tried
	}
	if t.failing {
		t.d.retried.WithLabelValues(t.name).Inc()
	}
	t.failing = err != nil
}

func (t *tally) quiet(reason string, n int) {
	t.d.suppressed.WithLabelValues(t.name, reason).Add(float64(max(n, 0)))
}

// Announcer is an Announcer that counts what another one delivers, under the name
// of what delivers: such as "console".
func (d *Deliveries) Announcer(next Announcer, integration string) Announcer {
	return &countedAnnouncer{next: next, tally: d.of(integration)}
}

type countedAnnouncer struct {
	next  Announcer
	tally *tally
}

// Announce implements Announcer.
func (c *countedAnnouncer) Announce(ctx context.Context, m Message) error {
	err := c.next.Announce(ctx, m)
	sent := 0
	if err == nil {
		sent = 1
	}
	c.tally.mu.Lock()
	defer c.tally.mu.Unlock()
	c.tally.attempt(ctx, Delivery{Sent: sent}, err)
	return err
}

// Courier is a Courier that counts what another one delivers, under the name of
// its surface.
func (d *Deliveries) Courier(next Courier) Courier {
	return &countedCourier{Courier: next, tally: d.of(string(next.Surface()))}
}

type countedCourier struct {
	Courier
	tally *tally
}

// Deliver implements Courier.
func (c *countedCourier) Deliver(ctx context.Context, owed Owed) (Delivery, error) {
	c.tally.forgotten(owed)
	got, err := c.Courier.Deliver(ctx, owed)
	c.tally.mu.Lock()
	defer c.tally.mu.Unlock()
	c.tally.attempt(ctx, got, err)
	c.tally.quiet(suppressedMerged, got.Merged)
	c.tally.quiet(suppressedUnwanted, got.Unwanted)
	c.tally.quiet(suppressedDropped, got.Dropped)
	c.tally.left = map[uint64]bool{}
	for _, m := range owed.Messages {
		c.tally.left[m.Notice.Seq] = true
	}
	for _, seq := range got.Seqs {
		delete(c.tally.left, seq)
	}
	return got, err
}

// forgotten counts what was owed after the delivery before and isn't any more,
// while as much waits as the ledger keeps: it has dropped the oldest. With less,
// another leader has told it meanwhile.
func (t *tally) forgotten(owed Owed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(owed.Messages) < ledger.MaxNotices {
		return
	}
	still := 0
	for _, m := range owed.Messages {
		if t.left[m.Notice.Seq] {
			still++
		}
	}
	t.quiet(suppressedDropped, len(t.left)-still)
}
