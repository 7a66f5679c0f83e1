package chat

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// The values of the label reason of warden_notifications_failed_total.
const (
	failedTimeout = "timeout" // it was not delivered in time
	failedError   = "error"   // whoever delivers it said no
)

// Counted is an Announcer that counts what another one delivers. It is safe
// for concurrent use.
type Counted struct {
	next            Announcer
	total           prometheus.Counter
	timeout, failed prometheus.Counter
}

// NewCounted makes a Counted on top of next and registers its metrics, under
// the name of what delivers: such as "console".
func NewCounted(next Announcer, integration string, reg prometheus.Registerer) (*Counted, error) {
	total := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "warden_notifications_total",
		Help: "Attempts to deliver a message to people, those that failed included.",
	}, []string{"integration"})
	failed := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "warden_notifications_failed_total",
		Help: "Attempts to deliver a message to people that failed; it is tried again.",
	}, []string{"integration", "reason"})
	for _, c := range []prometheus.Collector{total, failed} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register the metrics of notifications: %w: make one announcer a registry", err)
		}
	}
	return &Counted{
		next: next, total: total.WithLabelValues(integration),
		timeout: failed.WithLabelValues(integration, failedTimeout), failed: failed.WithLabelValues(integration, failedError),
	}, nil
}

// Announce implements Announcer. An attempt that was called off, since the
// tenure ended, says nothing about who delivers and is not counted.
func (c *Counted) Announce(ctx context.Context, m Message) error {
	err := c.next.Announce(ctx, m)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	c.total.Inc()
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		c.timeout.Inc()
	case err != nil:
		c.failed.Inc()
	}
	return err
}
