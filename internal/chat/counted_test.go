package chat

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// told is an Announcer that answers what it is given.
type told struct{ err error }

func (a *told) Announce(context.Context, Message) error { return a.err }

func TestCounted(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	next := &told{}
	c, err := NewCounted(next, "console", reg)
	if err != nil {
		t.Fatal(err)
	}
	check := func(when, want string) {
		t.Helper()
		if err := testutil.GatherAndCompare(reg, strings.NewReader(want)); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	page := func(total, failed, timeout string) string {
		return `# HELP warden_notifications_failed_total Attempts to deliver a message to people that failed; it is tried again.
# TYPE warden_notifications_failed_total counter
warden_notifications_failed_total{integration="console",reason="error"} ` + failed + `
warden_notifications_failed_total{integration="console",reason="timeout"} ` + timeout + `
# HELP warden_notifications_total Attempts to deliver a message to people, those that failed included.
# TYPE warden_notifications_total counter
warden_notifications_total{integration="console"} ` + total + "\n"
	}
	check("before the first", page("0", "0", "0"))
	for _, next.err = range []error{nil, errors.New("no"), context.DeadlineExceeded} {
		if err := c.Announce(t.Context(), Message{}); !errors.Is(err, next.err) {
			t.Errorf("%v came out as %v", next.err, err)
		}
	}
	check("one of each", page("3", "1", "1"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	next.err = context.Canceled
	if err := c.Announce(ctx, Message{}); err == nil {
		t.Error("what was called off is said to be delivered")
	}
	check("called off", page("3", "1", "1"))
	if _, err := NewCounted(next, "console", reg); err == nil {
		t.Error("two of them on one registry")
	}
}
