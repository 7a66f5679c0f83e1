package fleet_test

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warden/actions"
	"warden/actions/haproxy"
	"warden/internal/remedy"
	"warden/simulate/fleet"
)

// The action and the fleet's HAProxy fit together, and the fleet's record of
// what was changed is exact.
func TestTheActionDrivesTheBalancer(t *testing.T) {
	f, clk := start(t, nil)
	for _, address := range []string{f.HAProxyAddress(), f.HAProxyTCP()} {
		a, err := haproxy.New(haproxy.Options{Name: "drain", Address: address, State: haproxy.StateDrain, Clock: clk})
		if err != nil {
			t.Fatal(err)
		}
		ctx, pool := t.Context(), remedy.PoolName("web")
		if err := a.Check(ctx, pool); err != nil {
			t.Fatal(err)
		}
		begin := clk.Now()
		clk.Advance(5 * time.Second)
		report, err := a.Apply(ctx, actions.Job{Pool: pool, Host: "web-2"})
		if err != nil || report.Prior != "ready" {
			t.Fatalf("%+v, %v", report, err)
		}
		clk.Advance(10 * time.Second)
		observe := func() remedy.Observation {
			seen, err := a.Observe(ctx, pool, nil)
			if err != nil || len(seen) != 3 || seen["web-1"].State != remedy.ServiceIn {
				t.Fatalf("%+v, %v", seen, err)
			}
			return seen["web-2"]
		}
		o := observe()
		if n, _ := o.Sessions.Get(); o.Admin != "drain" || o.State != remedy.ServiceOut || n != 6 {
			t.Errorf("half drained: %+v", o)
		}
		if at, known := o.LastChange.Get(); !known || at.Before(begin) {
			t.Errorf("last change %v (known %v), begin %v", at, known, begin)
		}
		clk.Advance(10 * time.Second)
		if took, known := observe().Took.Get(); !took || !known {
			t.Errorf("drained: %+v", observe())
		}
		if _, err := a.Undo(ctx, actions.Job{Pool: pool, Host: "web-2", Prior: report.Prior}); err != nil {
			t.Fatal(err)
		}
		if o := observe(); o.State != remedy.ServiceIn || o.Admin != "ready" {
			t.Errorf("undone: %+v", o)
		}
		if _, err := a.Apply(ctx, actions.Job{Pool: pool, Host: "web-9"}); !errors.Is(err, actions.ErrHostUnknown) {
			t.Errorf("unknown host: %v", err)
		}
	}
	var log []string
	for _, c := range f.Changes() {
		log = append(log, c.Command+": "+c.From+" to "+c.To)
	}
	want := []string{"set server web/web-2 state drain: ready to drain", "set server web/web-2 state ready: drain to ready"}
	if d := cmp.Diff(append(want, want...), log); d != "" {
		t.Error(d)
	}
	f.ReloadBalancer()
	if got := f.Servers()["web-2"]; got.Admin != fleet.Ready || !got.LastChange.Equal(clk.Now()) {
		t.Errorf("after a reload: %+v", got)
	}
}

func TestBrokenBalancer(t *testing.T) {
	f, clk := start(t, nil)
	a, err := haproxy.New(haproxy.Options{
		Name: "drain", Address: f.HAProxyAddress(), State: haproxy.StateDrain, Clock: clk, ReplyTimeout: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []fleet.BalancerMode{fleet.BalancerHangs, fleet.BalancerCloses, fleet.BalancerMute} {
		f.BreakBalancer(mode)
		if seen, err := a.Observe(t.Context(), "web", nil); seen != nil || !errors.Is(err, actions.ErrBackend) {
			t.Errorf("mode %d: %v, %v", mode, seen, err)
		}
	}
	f.BreakBalancer(fleet.BalancerDenies)
	if _, err := a.Apply(t.Context(), actions.Job{Pool: "web", Host: "web-1"}); err == nil || !strings.Contains(err.Error(), "level admin") {
		t.Errorf("denied: %v", err)
	}
	if got := f.Changes(); len(got) != 0 {
		t.Errorf("something changed: %v", got)
	}
	f.Heal()
	if err := f.SetDown("web-1", true); err != nil {
		t.Fatal(err)
	}
	if err := f.HoldSessions("web-1", 2); err != nil {
		t.Fatal(err)
	}
	clk.Advance(time.Minute)
	seen, err := a.Observe(t.Context(), "web", nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := seen["web-1"].Sessions.Get(); seen["web-1"].State != remedy.ServiceOut || seen["web-1"].Admin != "ready" || n != 2 {
		t.Errorf("down: %+v", seen["web-1"])
	}
	// A command whose reply is lost is carried out all the same.
	f.BreakBalancer(fleet.BalancerMute)
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.HAProxyTCP(), "tcp://"))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "set server web/web-3 state maint\n")
	if text, err := io.ReadAll(conn); len(text) != 0 || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	_ = conn.Close()
	if f.Servers()["web-3"].Admin != fleet.Maint {
		t.Error("the command was not carried out")
	}
}

// TestLateBalancer keeps the answer to a change that it has carried out, for as
// long as it is late, and answers what only reads.
func TestLateBalancer(t *testing.T) {
	t.Parallel()
	f, err := fleet.New(fleet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	dial := func(command string) net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", strings.TrimPrefix(f.HAProxyTCP(), "tcp://"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, command+"\n"); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	f.BreakBalancer(fleet.BalancerLate)
	waits, leaves := dial("set server web/web-1 state drain"), dial("set server web/web-2 state maint")
	for end := time.Now().Add(30 * time.Second); len(f.Changes()) < 2; {
		if time.Now().After(end) {
			t.Fatal("it does not carry them out")
		}
		<-time.After(time.Millisecond)
	}
	if out, err := io.ReadAll(dial("show version")); err != nil || len(out) == 0 {
		t.Errorf("it does not answer what only reads: %q, %v", out, err)
	}
	if err := leaves.Close(); err != nil {
		t.Fatal(err)
	}
	if err := waits.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := waits.Read(make([]byte, 9)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("it answered: %d, %v", n, err)
	}
	if err := waits.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	f.BreakBalancer(fleet.BalancerWorks)
	if out, err := io.ReadAll(waits); err != nil || string(out) != "\n" {
		t.Errorf("the late answer is %q, %v", out, err)
	}
	if n := len(f.Changes()); n != 2 {
		t.Errorf("%d changes, want 2", n)
	}
}
