//go:build integration

package haproxy_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"warden/actions"
	"warden/actions/haproxy"
	"warden/internal/realtest"
	"warden/internal/remedy"
)

// wait polls until the observation of the host satisfies ok.
func wait(t *testing.T, a *haproxy.Action, host remedy.HostName, what string, ok func(remedy.Observation) bool) remedy.Observation {
	t.Helper()
	end := time.Now().Add(10 * time.Second)
	for {
		seen, err := a.Observe(t.Context(), "web", nil)
		if err != nil {
			t.Fatal(err)
		}
		o, there := seen[host]
		if there && ok(o) {
			return o
		}
		if time.Now().After(end) {
			t.Fatalf("%s: never %s: %+v", host, what, o)
		}
		<-time.After(50 * time.Millisecond)
	}
}

func took(o remedy.Observation) bool { took, known := o.Took.Get(); return took && known }

func realAction(t *testing.T, address, state string) *haproxy.Action {
	t.Helper()
	a, err := haproxy.New(haproxy.Options{Name: "drain", Address: address, Backend: "be", State: state})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// served sends a burst of requests and counts who answered.
func served(h *realtest.HAProxy) map[string]int {
	out := map[string]int{}
	for range 12 {
		out[h.Get()]++
	}
	return out
}

func TestRealDrainUndoByUnixAndTCP(t *testing.T) {
	h := realtest.StartHAProxy(t, realtest.HAProxyOptions{Check: true})
	for _, address := range []string{h.Socket, "unix://" + h.Socket, "tcp://" + h.TCP} {
		for _, state := range []string{haproxy.StateDrain, haproxy.StateMaint} {
			a := realAction(t, address, state)
			if err := a.Check(t.Context(), "web"); err != nil {
				t.Fatal(err)
			}
			before := wait(t, a, "h2", "in", func(o remedy.Observation) bool { return o.State == remedy.ServiceIn })
			if before.Admin != "ready" || took(before) {
				t.Errorf("before: %+v", before)
			}
			plan, err := a.Plan(t.Context(), "web", "h2")
			if err != nil {
				t.Fatal(err)
			}
			report, err := a.Apply(t.Context(), actions.Job{Pool: "web", Host: "h2"})
			if err != nil || report.Prior != "ready" {
				t.Fatalf("%+v, %v", report, err)
			}
			o := wait(t, a, "h2", "taken", took)
			if o.State != remedy.ServiceOut || o.Admin != state {
				t.Errorf("after: %+v", o)
			}
			if got := served(h); got["h2"] != 0 || got["h1"] == 0 {
				t.Errorf("traffic after %s: %v", plan.Steps, got)
			}
			report, err = a.Undo(t.Context(), actions.Job{Pool: "web", Host: "h2", Prior: report.Prior})
			if err != nil || report.Prior != state {
				t.Fatalf("%+v, %v", report, err)
			}
			wait(t, a, "h2", "back", func(o remedy.Observation) bool { return o.State == remedy.ServiceIn && o.Admin == "ready" })
			if got := served(h); got["h2"] == 0 {
				t.Errorf("traffic after the undo: %v", got)
			}
			// What the plan prints works by itself.
			if reply := h.Command(plan.Steps[0]); reply != "\n" {
				t.Errorf("%q: %q", plan.Steps[0], reply)
			}
			if reply := h.Command(plan.UndoSteps[0]); reply != "\n" {
				t.Errorf("%q: %q", plan.UndoSteps[0], reply)
			}
		}
	}
}

func TestRealDrainTakesOnlyWhenSessionsAreGone(t *testing.T) {
	h := realtest.StartHAProxy(t, realtest.HAProxyOptions{})
	a := realAction(t, h.Socket, haproxy.StateDrain)
	h.Hold(4) // round robin: one a server
	if _, err := a.Apply(t.Context(), actions.Job{Pool: "web", Host: "h1"}); err != nil {
		t.Fatal(err)
	}
	o := wait(t, a, "h1", "drained with its rate at 0", func(o remedy.Observation) bool {
		rate, known := o.Rate.Get()
		return known && rate == 0 && o.Admin == "drain"
	})
	if n, _ := o.Sessions.Get(); n != 1 || took(o) {
		t.Errorf("a session is open: %+v", o)
	}
	h.ReleaseHeld()
	wait(t, a, "h1", "taken", took)
}

func TestRealServerThatIsDown(t *testing.T) {
	h := realtest.StartHAProxy(t, realtest.HAProxyOptions{Check: true})
	a := realAction(t, h.Socket, haproxy.StateDrain)
	h.StopServer("h3")
	down := wait(t, a, "h3", "down", func(o remedy.Observation) bool { return o.State == remedy.ServiceOut })
	if wanted, known := down.AsWanted.Get(); down.Admin != "ready" || wanted || !known {
		t.Errorf("a server that fails its check is not drained: %+v", down)
	}
	if _, err := a.Apply(t.Context(), actions.Job{Pool: "web", Host: "h3"}); err != nil {
		t.Fatal(err)
	}
	o := wait(t, a, "h3", "taken", took)
	if o.Admin != "drain" || !strings.Contains(o.Detail, "status DOWN") {
		t.Errorf("%+v", o)
	}
}

// A reload forgets what was set at run time: warden must see that as the
// host's return, and not believe its own record.
func TestRealReloadForgetsADrain(t *testing.T) {
	h := realtest.StartHAProxy(t, realtest.HAProxyOptions{})
	a := realAction(t, h.Socket, haproxy.StateDrain)
	if _, err := a.Apply(t.Context(), actions.Job{Pool: "web", Host: "h1"}); err != nil {
		t.Fatal(err)
	}
	wait(t, a, "h1", "taken", took)
	before := time.Now()
	h.Reload()
	o := wait(t, a, "h1", "forgotten", func(o remedy.Observation) bool { return o.Admin == "ready" })
	if at, known := o.LastChange.Get(); !known || at.Before(before) {
		t.Errorf("last change %v (known %v) is no later than the reload at %v", at, known, before)
	}
}

// LastChange is a proof: whatever was done to a server after an instant, the
// last change is not before that instant. So the engine may conclude from an
// older one that nothing was done. This is what provenVersion rests on.
func TestRealLastChangeNeverHidesAChange(t *testing.T) {
	h := realtest.StartHAProxy(t, realtest.HAProxyOptions{
		Check: true,
		Extra: " server x1 127.0.0.1:1 track be/h4\n server x2 127.0.0.1:1 disabled\n",
	})
	a := realAction(t, h.Socket, haproxy.StateDrain)
	h.StopServer("h3")
	wait(t, a, "h3", "down", func(o remedy.Observation) bool { return o.State == remedy.ServiceOut })
	for _, step := range []struct {
		also  string // done beforehand, to the tracked server
		state []string
	}{
		{state: []string{"drain"}},
		{state: []string{"ready"}},
		{state: []string{"drain", "ready"}},
		{state: []string{"maint", "ready"}},
		{state: []string{"drain", "maint"}},
		{state: []string{"drain"}},
		{state: []string{"maint", "drain"}},
		{state: []string{"maint", "drain", "ready"}},
		{also: "set server be/h4 state maint", state: []string{"drain", "ready"}},
		{also: "set server be/h4 state ready", state: []string{"drain", "ready"}},
		{also: "set server be/h4 state drain", state: []string{"drain", "ready"}},
	} {
		if step.also != "" {
			h.Command(step.also)
		}
		// Ages are whole seconds: only a pause shows that one did not move.
		<-time.After(2100 * time.Millisecond)
		start := time.Now()
		servers := []string{"h1", "h3", "x1", "x2"}
		for _, server := range servers {
			for _, state := range step.state {
				if reply := h.Command("set server be/" + server + " state " + state); reply != "\n" {
					t.Fatalf("%s %s: %q", server, state, reply)
				}
			}
		}
		seen, err := a.Observe(t.Context(), "web", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, server := range servers {
			o := seen[remedy.HostName(server)]
			if at, known := o.LastChange.Get(); known && at.Before(start) {
				t.Errorf("%s after %s and %v: last change %v, which is before %v: %s", server, step.also, step.state, at, start, o.Detail)
			}
		}
		if !seen["h1"].LastChange.IsKnown() {
			t.Errorf("nothing is known of h1: %s", seen["h1"].LastChange.Why)
		}
		// And a server nobody touched has an old one: the proof can succeed.
		if at, known := seen["h2"].LastChange.Get(); !known || !at.Before(start) {
			t.Errorf("h2 was left alone and shows %v (known %v), start %v", at, known, start)
		}
	}
}

func TestRealErrors(t *testing.T) {
	h := realtest.StartHAProxy(t, realtest.HAProxyOptions{})
	ctx := t.Context()
	a := realAction(t, h.Socket, haproxy.StateDrain)
	if _, err := a.Apply(ctx, actions.Job{Pool: "web", Host: "h99"}); !errors.Is(err, actions.ErrHostUnknown) {
		t.Errorf("unknown server: %v", err)
	}
	operator := realAction(t, h.Operator, haproxy.StateDrain)
	if _, err := operator.Observe(ctx, "web", nil); err != nil {
		t.Errorf("an operator may look: %v", err)
	}
	report, err := operator.Apply(ctx, actions.Job{Pool: "web", Host: "h1"})
	if !errors.Is(err, actions.ErrBackend) || !strings.Contains(err.Error(), "level admin") || report.Prior != "ready" {
		t.Errorf("an operator may not drain: %+v, %v", report, err)
	}
	if err := operator.Check(ctx, "web"); err == nil || !strings.Contains(err.Error(), "level admin") {
		t.Errorf("check: %v", err)
	}
	elsewhere, err := haproxy.New(haproxy.Options{Name: "drain", Address: h.Socket, Backend: "nope", State: "drain"})
	if err != nil {
		t.Fatal(err)
	}
	if err := elsewhere.Check(ctx, "web"); !errors.Is(err, actions.ErrBackend) || !strings.Contains(err.Error(), "no backend nope") {
		t.Errorf("check: %v", err)
	}
	if _, err := elsewhere.Observe(ctx, "web", nil); !errors.Is(err, actions.ErrBackend) {
		t.Errorf("observe: %v", err)
	}
	frontend, err := haproxy.New(haproxy.Options{Name: "drain", Address: "tcp://" + strings.TrimPrefix(h.URL, "http://"), Backend: "be", State: "drain"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := frontend.Observe(ctx, "web", nil); !errors.Is(err, actions.ErrBackend) {
		t.Errorf("an address that is no stats socket: %v", err)
	}
	if got := served(h); got["h1"] == 0 {
		t.Errorf("something was drained: %v", got)
	}
}

// A frontend of the backend's name makes `show stat` by name answer for it.
func TestRealFrontendOfTheSameName(t *testing.T) {
	h := realtest.StartHAProxy(t, realtest.HAProxyOptions{
		Backend: "fe",
	})
	a, err := haproxy.New(haproxy.Options{Name: "drain", Address: h.Socket, State: haproxy.StateDrain})
	if err != nil {
		t.Fatal(err)
	}
	seen, err := a.Observe(t.Context(), "fe", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) != 4 || !seen["h1"].Sessions.IsKnown() {
		t.Errorf("%+v", seen)
	}
}
