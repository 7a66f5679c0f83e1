package chat

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"warden/internal/ledger"
)

// told is an Announcer that answers what it is given.
type told struct{ err error }

func (a *told) Announce(context.Context, Message) error { return a.err }

// brings is a Courier that answers what it is given.
type brings struct {
	got Delivery
	err error
}

func (*brings) Surface() ledger.Surface                           { return ledger.SurfaceSlack }
func (b *brings) Deliver(context.Context, Owed) (Delivery, error) { return b.got, b.err }

// classed is an error that knows its class.
type classed string

func (c classed) Error() string  { return "no: " + string(c) }
func (c classed) Reason() string { return string(c) }

// counted is what a registry holds, but for what is 0.
func counted(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range all {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			if v := m.GetCounter().GetValue(); v != 0 {
				out[strings.TrimSuffix(strings.TrimPrefix(f.GetName(), "warden_notifications_"), "total")+" "+strings.Join(labels, " ")] = v
			}
		}
	}
	return out
}

// series is how many series a registry has.
func series(t *testing.T, reg *prometheus.Registry) (n int) {
	t.Helper()
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		n += len(f.GetMetric())
	}
	return n
}

func newDeliveries(t *testing.T) (*Deliveries, *prometheus.Registry) {
	t.Helper()
	reg := prometheus.NewRegistry()
	d, err := NewDeliveries(reg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewDeliveries(reg); err == nil {
		t.Error("two of them on one registry")
	}
	return d, reg
}

func TestAnnouncementsAreCounted(t *testing.T) {
	t.Parallel()
	d, reg := newDeliveries(t)
	next := &told{}
	a := d.Announcer(next, "console")
	if n := series(t, reg); n != 1+1+len(Reasons())+3 {
		t.Errorf("%d series at 0 before the first", n)
	}
	for _, next.err = range []error{nil, errors.New("no"), fmt.Errorf("wrapped: %w", context.DeadlineExceeded), nil} {
		if err := a.Announce(t.Context(), Message{}); !errors.Is(err, next.err) {
			t.Errorf("%v came out as %v", next.err, err)
		}
	}
	want := map[string]float64{" console": 4, "failed_ console error": 1, "failed_ console timeout": 1, "retried_ console": 2}
	if diff := cmp.Diff(want, counted(t, reg)); diff != "" {
		t.Error(diff)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	next.err = context.Canceled
	if err := a.Announce(ctx, Message{}); err == nil {
		t.Error("what was called off is said to be delivered")
	}
	if diff := cmp.Diff(want, counted(t, reg)); diff != "" {
		t.Errorf("what was called off was counted: %s", diff)
	}
}

func TestDeliveriesAreCounted(t *testing.T) {
	t.Parallel()
	want := map[string]float64{}
	d, reg := newDeliveries(t)
	next := &brings{}
	deliver := func(what string, got Delivery, err error, add map[string]float64, owed ...Message) {
		t.Helper()
		next.got, next.err = got, err
		c := d.Courier(next) // a reload makes another one
		if have, failed := c.Deliver(t.Context(), Owed{Messages: owed}); !cmp.Equal(have, got) || !errors.Is(failed, err) {
			t.Errorf("%s: %+v, %v", what, have, failed)
		}
		for k, v := range add {
			want[k] += v
		}
		if diff := cmp.Diff(want, counted(t, reg)); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	deliver("nothing to do", Delivery{}, nil, nil)
	deliver("it waits its turn", Delivery{Wait: time.Second}, nil, nil)
	deliver("three messages for five notices", Delivery{Seqs: []uint64{1, 2, 3, 4, 5}, Sent: 3, Merged: 1, Unwanted: 1}, nil,
		map[string]float64{" slack": 3, "suppressed_ slack merged": 1, "suppressed_ slack unwanted": 1})
	deliver("an edit alone", Delivery{Sent: 1}, nil, map[string]float64{" slack": 1})
	deliver("half of it", Delivery{Sent: 2}, classed("rate_limited"), map[string]float64{" slack": 3, "failed_ slack rate_limited": 1})
	deliver("it is left alone meanwhile", Delivery{Wait: time.Second}, nil, nil)
	deliver("it fails again", Delivery{}, fmt.Errorf("slack: %w", errors.Join(errors.New("one"), classed("trouble"))),
		map[string]float64{" slack": 1, "failed_ slack trouble": 1, "retried_ slack": 1})
	deliver("a class of its own making", Delivery{}, classed("of my own"), map[string]float64{" slack": 1, "failed_ slack error": 1, "retried_ slack": 1})
	deliver("it is back", Delivery{Sent: 1}, nil, map[string]float64{" slack": 1, "retried_ slack": 1})
	deliver("and stays", Delivery{Sent: 1}, nil, map[string]float64{" slack": 1})
	deliver("two that it will never take", Delivery{Seqs: []uint64{1}, Refused: 2, Dropped: 1}, nil,
		map[string]float64{" slack": 2, "failed_ slack refused": 2, "suppressed_ slack dropped": 1})
}

// TestWhatAFullOutboxLosesIsCounted has the ledger drop the oldest of what a
// surface that is down is owed.
func TestWhatAFullOutboxLosesIsCounted(t *testing.T) {
	t.Parallel()
	d, reg := newDeliveries(t)
	next := &brings{err: classed("unreachable")}
	c := d.Courier(next)
	notices := func(from, to uint64) (o Owed) {
		for seq := from; seq <= to; seq++ {
			o.Messages = append(o.Messages, Message{Notice: ledger.Notice{Seq: seq}})
		}
		return o
	}
	for _, x := range []struct {
		from, to uint64
		told     []uint64
		dropped  float64
	}{
		{from: 1, to: 900},
		{from: 11, to: 901}, // fewer than the ledger keeps: another leader told them
		{from: 11, to: 10 + ledger.MaxNotices},
		{from: 18, to: 17 + ledger.MaxNotices, told: []uint64{18}, dropped: 7},
		{from: 20, to: 19 + ledger.MaxNotices, dropped: 8}, // 18 was told, 19 was lost
	} {
		next.got = Delivery{Seqs: x.told}
		if _, err := c.Deliver(t.Context(), notices(x.from, x.to)); err == nil {
			t.Error("it is down")
		}
		if got := counted(t, reg)["suppressed_ slack dropped"]; got != x.dropped {
			t.Errorf("from %d: %v dropped, want %v", x.from, got, x.dropped)
		}
	}
}
