package cli

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"warden/internal/clock"
	"warden/internal/config"
	"warden/internal/web"
)

// The pauses after an address could not be had double from the first to the last;
// how often it is looked whether another one is wanted by now.
const (
	doorPause    = 250 * time.Millisecond
	doorPauseMax = 30 * time.Second
	doorLook     = 250 * time.Millisecond
)

// door is where clicks come in over HTTP. It is opened and closed as the config
// in force says. While its address can't be had, as when something else has it,
// all else goes on, and it is tried again: what people tap there is lost, and
// nothing that is decided.
type door struct {
	wanted func() string // the address; empty for none
	serve  func(ctx context.Context, l net.Listener) error
	clock  clock.Clock // of what is said; connections live in the system's
	logger *zap.Logger

	mu sync.Mutex
	// why it isn't open although it is wanted at address, and since when; empty for
	// nothing.
	why, address string
	since        time.Time
}

// Run serves until ctx ends.
func (d *door) Run(ctx context.Context) {
	pause := doorPause
	for ctx.Err() == nil {
		address := d.wanted()
		if address == "" {
			d.opened()
			pause = doorPause
			_ = clock.Sleep(ctx, clock.System(), doorLook)
			continue
		}
		begun := clock.System().Now()
		err := d.once(ctx, address)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil: // another address is wanted, or none
			pause = doorPause
			continue
		case clock.System().Since(begun) > doorPauseMax:
			pause = doorPause
		}
		d.shut(address, err)
		d.rest(ctx, address, pause)
		pause = min(2*pause, doorPauseMax)
	}
}

// rest waits, unless another address is wanted by then.
func (d *door) rest(ctx context.Context, address string, pause time.Duration) {
	for end := clock.System().Now().Add(pause); ctx.Err() == nil && d.wanted() == address; {
		left := end.Sub(clock.System().Now())
		if left <= 0 {
			return
		}
		_ = clock.Sleep(ctx, clock.System(), min(left, doorLook))
	}
}

// once listens and serves for as long as the address is the one that is wanted.
func (d *door) once(ctx context.Context, address string) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	d.logger.Info("clicks from Slack are taken", zap.Stringer("address", l.Addr()))
	d.opened()
	here, leave := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		for here.Err() == nil && d.wanted() == address {
			_ = clock.Sleep(here, clock.System(), doorLook)
		}
		leave()
	})
	err = d.serve(here, l)
	leave()
	watch.Wait()
	return err
}

// shut notes that it can't be opened. It is logged when it begins, and when the
// reason is another one.
func (d *door) shut(address string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.why == "" {
		d.since = d.clock.Now()
	}
	if d.why != err.Error() {
		d.logger.Error("clicks from Slack can't be taken on this node; all else goes on, and it is tried again", zap.String("address", address), zap.Error(err))
	}
	d.why, d.address = err.Error(), address
}

func (d *door) opened() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.why = ""
}

// Troubles says what is wrong with it.
func (d *door) Troubles() []web.Trouble {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.why == "" {
		return nil
	}
	return []web.Trouble{{
		What: "clicks from Slack can't be taken at " + d.address, Why: d.why, Since: d.since.UTC(),
		Do: "stop what has the address, or change chat.slack.listen_address and reload; answer with warden approve and warden deny meanwhile",
	}}
}

// newDoor makes the door of [chat.slack], and registers its metric.
func (d *daemon) newDoor() (*door, error) {
	o := &door{
		wanted: func() string {
			if s := d.File().Chat.Slack; s.Enabled && s.Mode == config.SlackHTTP {
				return s.ListenAddress
			}
			return ""
		},
		serve: d.slack.Serve, clock: d.Clock, logger: d.Logger.Named("slack"),
	}
	return o, errors.Join(d.Registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "warden_slack_listen_failed",
		Help: "1 while clicks are to come over HTTP and this node can't listen for them, else 0.",
	}, func() float64 { return float64(len(o.Troubles())) })), d.Registry.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "warden_slack_faults_total",
		Help: "What ended with a fault of warden's own at Slack, which the log has with its stack.",
	}, func() float64 { return float64(d.slack.Faults()) })))
}

// serveSlack takes what people tap and say in Slack, over a socket and over HTTP as
// the config in force says, until ctx ends.
func (d *daemon) serveSlack(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() { d.door.Run(ctx) })
	d.slack.Run(ctx)
	both.Wait()
}
