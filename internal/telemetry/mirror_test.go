package telemetry

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"

	"warden/internal/clock"
)

// carbon is a fake of carbon's line receiver on pipes: a write waits until it
// is read, so one that is stuck holds its writer up at the first byte.
type carbon struct {
	mu      sync.Mutex
	down    bool // refuses connections
	stuck   bool // takes them and reads nothing
	dialled []string
	lines   []string
	conns   []net.Conn
}

func (c *carbon) dial(_ context.Context, address string) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialled = append(c.dialled, address)
	if c.down {
		return nil, errors.New("connection refused")
	}
	ours, theirs := net.Pipe()
	c.conns = append(c.conns, theirs)
	if !c.stuck {
		go c.read(theirs)
	}
	return ours, nil
}

func (c *carbon) read(conn net.Conn) {
	for in := bufio.NewScanner(conn); in.Scan(); {
		c.mu.Lock()
		c.lines = append(c.lines, in.Text())
		c.mu.Unlock()
	}
}

// hangUp closes every connection, as a restart does.
func (c *carbon) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
}

func (c *carbon) set(change func(*carbon)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c)
}

// values lists what carbon has of one path, "value time" each, and forgets all.
func (c *carbon) values(path string) (out []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.lines {
		if rest, ok := strings.CutPrefix(l, path+" "); ok {
			out = append(out, rest)
		}
	}
	c.lines = nil
	return out
}

const acted = "ops.warden.prod.would_have_acted.drain.canary_missing.ingest"

// mirror runs a mirror against the fake until the test ends.
func mirror(t *testing.T, c *carbon, settings func() Settings) *Mirror {
	t.Helper()
	m, err := New(Options{
		Settings: settings, Leading: func() bool { return true }, Node: "n1",
		Registry: registry(t), Clock: clock.System(), Logger: zap.NewNop(), Dial: c.dial,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { m.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); c.hangUp(); <-done })
	return m
}

func every10s() Settings {
	return Settings{Enabled: true, Address: "carbon:2003", Prefix: "ops.warden", Cluster: "prod", Interval: 10 * time.Second}
}

// pass lets time pass. The first instant in a bubble is a whole minute.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestMirrorSendsAtEveryInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &carbon{}
		m := mirror(t, c, every10s)
		pass(25 * time.Second)
		if got := c.values(acted); strings.Join(got, ",") != "3 946684810,3 946684820" {
			t.Errorf("got %q", got)
		}
		if len(c.dialled) != 1 || testutil.ToFloat64(m.dropped) != 0 || testutil.ToFloat64(m.sent) < 10 {
			t.Errorf("%d connections, %v sent, %v dropped", len(c.dialled), testutil.ToFloat64(m.sent), testutil.ToFloat64(m.dropped))
		}
	})
}

func TestMirrorBacksOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &carbon{down: true}
		m := mirror(t, c, every10s)
		pass(10*time.Minute + time.Second)
		// At 10, 20, 40, 80, 160 s, and from then on every 120 s.
		if n := len(c.dialled); n != 8 {
			t.Errorf("%d attempts in ten minutes", n)
		}
		before := testutil.ToFloat64(m.dropped)
		if lines := before / 60; lines < 9 || testutil.ToFloat64(m.sent) != 0 {
			t.Errorf("%v dropped an interval, %v sent", lines, testutil.ToFloat64(m.sent))
		}
		c.set(func(c *carbon) { c.down = false })
		pass(2 * time.Minute)
		if got := c.values(acted); len(got) == 0 {
			t.Error("nothing came after carbon was back")
		}
		after := testutil.ToFloat64(m.dropped)
		pass(time.Minute)
		if got := c.values(acted); len(got) != 6 || testutil.ToFloat64(m.dropped) != after {
			t.Errorf("%d values in a minute, and %v dropped", len(got), testutil.ToFloat64(m.dropped)-after)
		}
	})
}

func TestMirrorSurvivesAStuckCarbon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &carbon{stuck: true}
		m := mirror(t, c, every10s)
		pass(10*time.Second + writeWithin - time.Second)
		if testutil.ToFloat64(m.dropped) != 0 {
			t.Error("gave up early")
		}
		pass(2 * time.Second)
		if testutil.ToFloat64(m.dropped) == 0 || testutil.ToFloat64(m.sent) != 0 {
			t.Error("a batch that nobody read is not counted as dropped")
		}
		c.set(func(c *carbon) { c.stuck = false })
		pass(time.Minute)
		if len(c.values(acted)) < 4 {
			t.Error("nothing came after carbon was back")
		}
	})
}

func TestMirrorEndsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &carbon{stuck: true}
		m, err := New(Options{
			Settings: every10s, Leading: func() bool { return true }, Node: "n1",
			Registry: registry(t), Clock: clock.System(), Logger: zap.NewNop(), Dial: c.dial,
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 11*time.Second) // in the middle of a write
		defer cancel()
		began := time.Now()
		m.Run(ctx)
		if took := time.Since(began); took != 11*time.Second {
			t.Errorf("ended after %v", took)
		}
	})
}

func TestMirrorConnectsAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &carbon{}
		m := mirror(t, c, every10s)
		pass(15 * time.Second)
		c.hangUp()
		pass(10 * time.Second)
		if got := c.values(acted); len(got) != 2 || len(c.dialled) != 2 || testutil.ToFloat64(m.dropped) != 0 {
			t.Errorf("values %q over %d connections, %v dropped", got, len(c.dialled), testutil.ToFloat64(m.dropped))
		}
	})
}

func TestMirrorFollowsAReload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		s := every10s()
		s.Enabled = false
		change := func(f func()) { mu.Lock(); defer mu.Unlock(); f() }
		c := &carbon{}
		mirror(t, c, func() Settings { mu.Lock(); defer mu.Unlock(); return s })
		pass(time.Minute)
		if len(c.dialled) != 0 {
			t.Error("connected though it is off")
		}
		change(func() { s.Enabled = true })
		pass(15 * time.Second)
		change(func() { s.Address, s.Prefix = "other:2003", "x" })
		pass(10 * time.Second)
		if got := c.values("x.prod.frozen"); len(got) != 1 || strings.Join(c.dialled, " ") != "carbon:2003 other:2003" {
			t.Errorf("%q over %q", got, c.dialled)
		}
		change(func() { s.Enabled = false })
		pass(time.Minute)
		if got := c.values("x.prod.frozen"); len(got) != 0 {
			t.Errorf("%q came after it was turned off", got)
		}
	})
}
