package haproxy_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warden/actions"
	"warden/actions/haproxy"
	"warden/internal/remedy"
)

func onBoth(a, b string) map[string]map[string]string {
	return map[string]map[string]string{"/a": {"h1": a, "h2": "ready"}, "/b": {"h1": b, "h2": "ready"}}
}

// What two load balancers say of a host becomes one observation: in if any
// sends it traffic, as wanted only where both say so, and nothing where one
// doesn't list it.
func TestBalancersAreMerged(t *testing.T) {
	type want struct {
		state   remedy.ServiceState
		admin   string
		wanted  remedy.Fact[bool]
		partial bool
		halfOut bool
	}
	no := ""
	for name, tt := range map[string]struct {
		a, b string
		want want
	}{
		"in on both":                {"ready", "ready", want{remedy.ServiceIn, "ready", remedy.Known(false), false, false}},
		"out on both":               {"drain", "drain", want{remedy.ServiceOut, "drain", remedy.Known(true), false, false}},
		"out on the first":          {"drain", "ready", want{remedy.ServiceIn, "drain on /a, ready on /b", remedy.Known(false), true, true}},
		"out on the second":         {"ready", "drain", want{remedy.ServiceIn, "ready on /a, drain on /b", remedy.Known(false), true, true}},
		"out for another reason":    {"drain", "maint", want{remedy.ServiceOut, "drain on /a, maint on /b", remedy.Known(false), true, false}},
		"in, and not listed":        {"ready", no, want{remedy.ServiceIn, "ready", remedy.Known(false), false, true}},
		"out, and not listed":       {no, "drain", want{remedy.ServiceUnknown, "drain", remedy.Fact[bool]{}, false, false}},
		"out on one, not as wanted": {"maint", "ready", want{remedy.ServiceIn, "maint on /a, ready on /b", remedy.Known(false), false, true}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFarm(onBoth(tt.a, tt.b))
			for address, state := range map[string]string{"/a": tt.a, "/b": tt.b} {
				if state == no {
					delete(f.lbs[address].states, "h1")
				}
			}
			seen, err := f.action(t, nil).Observe(t.Context(), "web", nil)
			if err != nil {
				t.Fatal(err)
			}
			o := seen["h1"]
			wanted, known := o.AsWanted.Get()
			got := want{o.State, o.Admin, remedy.Fact[bool]{}, o.Partial(), o.HalfOut()}
			if known {
				got.wanted = remedy.Known(wanted)
			}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if len(o.Balancers) != 2 || o.Balancers[0].Name != "/a" || o.Balancers[1].Name != "/b" {
				t.Errorf("balancers %+v", o.Balancers)
			}
			if n, known := o.Sessions.Get(); known != (tt.a != no && tt.b != no) || known && n != 2 {
				t.Errorf("%d sessions, known %v", n, known)
			}
			if o := seen["h2"]; o.State != remedy.ServiceIn || o.HalfOut() {
				t.Errorf("the host beside it: %+v", o)
			}
		})
	}
}

// One load balancer that can't be asked leaves nothing known: it may be
// sending traffic.
func TestNothingIsKnownWhileOneBalancerIsSilent(t *testing.T) {
	f := newFarm(onBoth("drain", "drain"))
	f.lbs["/b"].down = true
	a := f.action(t, nil)
	seen, err := a.Observe(t.Context(), "web", nil)
	if seen != nil || !errors.Is(err, actions.ErrBackend) || !strings.Contains(err.Error(), "load balancer /b") {
		t.Errorf("got %v, %v", seen, err)
	}
	if _, err := a.Plan(t.Context(), "web", "h1"); !errors.Is(err, actions.ErrBackend) {
		t.Errorf("plan: %v", err)
	}
	if r, err := a.Apply(t.Context(), actions.Job{Pool: "web", Host: "h1"}); !errors.Is(err, actions.ErrBackend) || r.Prior != "" {
		t.Errorf("apply: %+v, %v", r, err)
	}
	if err := a.Check(t.Context(), "web"); !errors.Is(err, actions.ErrBackend) {
		t.Errorf("check: %v", err)
	}
	if sent := f.sent(); len(sent) > 0 {
		t.Errorf("sent %v", sent)
	}
}

func TestPlanNamesEachBalancer(t *testing.T) {
	f := newFarm(onBoth("drain", "ready"))
	got, err := f.action(t, func(o *haproxy.Options) { o.Addresses = []string{"/a", "/b"} }).Plan(t.Context(), "web", "h1")
	if err != nil {
		t.Fatal(err)
	}
	want := remedy.Plan{
		Action: "drain", Pool: "web", Host: "h1",
		Steps:      []string{"/a: set server be/h1 state drain", "/b: set server be/h1 state drain"},
		UndoSteps:  []string{"/b: set server be/h1 state ready"},
		Summary:    "drain h1 in HAProxy backend be on 2 load balancers",
		ManualHint: `echo "set server be/h1 state drain" | socat stdio /a && echo "set server be/h1 state drain" | socat stdio /b`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	delete(f.lbs["/b"].states, "h1")
	if _, err := f.action(t, nil).Plan(t.Context(), "web", "h1"); !errors.Is(err, actions.ErrHostUnknown) || !strings.Contains(err.Error(), "/b") {
		t.Errorf("a host that /b doesn't list: %v", err)
	}
}

// Apply and Undo on two load balancers: in order, each read back, ending at the
// first that doesn't get there, and touching only what they have to.
func TestChangesOnTwoBalancers(t *testing.T) {
	const drain, ready = "set server be/h1 state drain", "set server be/h1 state ready"
	type states = map[string]string
	both := func(a, b string) []remedy.BalancerState {
		return []remedy.BalancerState{{Name: "/a", Admin: a}, {Name: "/b", Admin: b}}
	}
	for name, tt := range map[string]struct {
		a, b   string
		spoil  func(f *farm)
		undo   bool
		job    actions.Job
		after  states
		sent   map[string][]string
		prior  string
		output string
		is     error
		not    error
		says   string
	}{
		"both": {a: "ready", b: "ready", after: states{"/a": "drain", "/b": "drain"}, sent: map[string][]string{"/a": {drain}, "/b": {drain}},
			prior: "ready", output: "/a: drain now\n/b: drain now"},
		"one is out already": {a: "drain", b: "ready", after: states{"/a": "drain", "/b": "drain"}, sent: map[string][]string{"/b": {drain}},
			prior: "drain on /a, ready on /b", output: "/a: already drain: nothing was sent\n/b: drain now"},
		"the first refuses": {a: "ready", b: "ready", spoil: func(f *farm) { f.lbs["/a"].refuse = "Permission denied" },
			after: states{"/a": "ready", "/b": "ready"}, prior: "ready", output: "/a: Permission denied", is: actions.ErrBackend, says: "load balancer 1 of 2, /a"},
		"the second refuses": {a: "ready", b: "ready", spoil: func(f *farm) { f.lbs["/b"].refuse = "Permission denied" },
			after: states{"/a": "drain", "/b": "ready"}, sent: map[string][]string{"/a": {drain}}, prior: "ready",
			output: "/a: drain now\n/b: Permission denied", is: actions.ErrBackend, says: "load balancer 2 of 2, /b"},
		"the second loses it in between": {a: "ready", b: "ready", spoil: func(f *farm) { f.lbs["/b"].refuse = "No such server." },
			after: states{"/a": "drain", "/b": "ready"}, sent: map[string][]string{"/a": {drain}}, prior: "ready", is: actions.ErrBackend, not: actions.ErrHostUnknown, says: "2 of 2"},
		"the first lies": {a: "ready", b: "ready", spoil: func(f *farm) { f.lbs["/a"].deaf = "h1" },
			after: states{"/a": "ready", "/b": "ready"}, sent: map[string][]string{"/a": {drain}}, prior: "ready", is: actions.ErrBackend, says: "still ready"},
		"maintenance on the second": {a: "ready", b: "maint", after: states{"/a": "ready", "/b": "maint"}, prior: "ready on /a, maint on /b",
			is: haproxy.ErrChanged, says: "be/h1 on /b is in maintenance"},
		"not listed by the second": {a: "ready", b: "ready", spoil: func(f *farm) { delete(f.lbs["/b"].states, "h1") },
			after: states{"/a": "ready"}, is: actions.ErrHostUnknown, says: "/b"},
		"only the second": {a: "ready", b: "ready", job: actions.Job{Balancers: both("ready", "ready")[1:]},
			after: states{"/a": "ready", "/b": "drain"}, sent: map[string][]string{"/b": {drain}}, prior: "ready"},

		"undo": {undo: true, a: "drain", b: "drain", job: actions.Job{Balancers: both("ready", "ready")}, after: states{"/a": "ready", "/b": "ready"},
			sent: map[string][]string{"/a": {ready}, "/b": {ready}}, prior: "drain", output: "/a: ready now\n/b: ready now"},
		"undo what was done": {undo: true, a: "drain", b: "drain", job: actions.Job{Balancers: both("drain", "ready")}, after: states{"/a": "drain", "/b": "ready"},
			sent: map[string][]string{"/b": {ready}}, prior: "drain", output: "/a: already drain: nothing was sent\n/b: ready now"},
		"undo of a half": {undo: true, a: "drain", b: "ready", job: actions.Job{Balancers: both("ready", "ready")}, after: states{"/a": "ready", "/b": "ready"},
			sent: map[string][]string{"/a": {ready}}, prior: "drain on /a, ready on /b", output: "/a: ready now\n/b: already ready: nothing was sent"},
		"undo without their names": {undo: true, a: "drain", b: "drain", job: actions.Job{Prior: "ready"}, after: states{"/a": "ready", "/b": "ready"},
			sent: map[string][]string{"/a": {ready}, "/b": {ready}}, prior: "drain", output: "/a: ready now\n/b: ready now"},
		"undo of another's work": {undo: true, a: "drain", b: "maint", job: actions.Job{Balancers: both("ready", "ready")}, after: states{"/a": "drain", "/b": "maint"},
			prior: "drain on /a, maint on /b", is: haproxy.ErrChanged, says: "be/h1 on /b is maint now"},
		"undo where the pool moved away": {undo: true, a: "drain", b: "drain", job: actions.Job{Balancers: []remedy.BalancerState{{Name: "/c", Admin: "ready"}}},
			after: states{"/a": "drain", "/b": "drain"}, is: haproxy.ErrChanged, says: "no longer has the load balancer /c"},
		"undo to nonsense": {undo: true, a: "drain", b: "drain", job: actions.Job{Balancers: both("ready", "gone")}, after: states{"/a": "drain", "/b": "drain"}, says: "by hand"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFarm(onBoth(tt.a, tt.b))
			if tt.spoil != nil {
				tt.spoil(f)
			}
			a := f.action(t, nil)
			tt.job.Pool, tt.job.Host = "web", "h1"
			do := a.Apply
			if tt.undo {
				do = a.Undo
			}
			got, err := do(t.Context(), tt.job)
			if (err != nil) != (tt.is != nil || tt.says != "") || tt.is != nil && !errors.Is(err, tt.is) || tt.not != nil && errors.Is(err, tt.not) || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v, want %v that says %q", err, tt.is, tt.says)
			}
			if got.Prior != tt.prior || tt.output != "" && got.Output != tt.output {
				t.Errorf("report %+v", got)
			}
			if d := cmp.Diff(tt.after, f.states("h1")); d != "" {
				t.Errorf("states (-want +got):\n%s", d)
			}
			for _, lb := range []string{"/a", "/b"} {
				if err == nil && (tt.job.Balancers == nil || len(tt.job.Balancers) > 1) && slices.Contains(got.Unchanged, lb) != (len(tt.sent[lb]) == 0) {
					t.Errorf("%v were reported unchanged, and %v was sent", got.Unchanged, tt.sent)
				}
			}
			if name == "the second refuses" && len(got.Unchanged) != 0 || name == "the first refuses" && !slices.Equal(got.Unchanged, []string{"/b"}) {
				t.Errorf("%v were reported unchanged", got.Unchanged)
			}
			want := tt.sent
			if want == nil {
				want = map[string][]string{}
			}
			if d := cmp.Diff(want, f.sent()); d != "" {
				t.Errorf("sent (-want +got):\n%s", d)
			}
		})
	}
}

// A pool with load balancers of its own is asked and changed there alone, and
// a pool without any is refused.
func TestPoolsOnBalancersOfTheirOwn(t *testing.T) {
	f := newFarm(map[string]map[string]string{"/a": {"h1": "drain"}, "/b": {"h1": "ready"}})
	a := f.action(t, func(o *haproxy.Options) {
		o.Addresses, o.Address = nil, "/a"
		o.PoolAddresses = map[remedy.PoolName][]string{"api": {"/b"}}
	})
	for pool, want := range map[remedy.PoolName]string{"web": "drain", "api": "ready"} {
		seen, err := a.Observe(t.Context(), pool, nil)
		if err != nil || seen["h1"].Admin != want {
			t.Errorf("%s: %+v, %v", pool, seen["h1"], err)
		}
	}
	if _, err := a.Apply(t.Context(), actions.Job{Pool: "api", Host: "h1"}); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff(map[string][]string{"/b": {"set server be/h1 state drain"}}, f.sent()); d != "" {
		t.Error(d)
	}
	alone := f.action(t, func(o *haproxy.Options) {
		o.Addresses, o.PoolAddresses = nil, map[remedy.PoolName][]string{"api": {"/b"}}
	})
	if _, err := alone.Observe(t.Context(), "web", nil); err == nil || !strings.Contains(err.Error(), "pool_addresses") {
		t.Errorf("a pool without an address: %v", err)
	}
}

// A process is told from the next one by its number and its start; without
// either nobody can say that there was a reload.
func TestLife(t *testing.T) {
	f := newFarm(onBoth("ready", "ready"))
	a := f.action(t, nil)
	life := func() remedy.Fact[remedy.Life] {
		seen, err := a.Observe(t.Context(), "web", nil)
		if err != nil {
			t.Fatal(err)
		}
		return seen["h1"].Balancers[0].Life
	}
	first, known := life().Get()
	if again, _ := life().Get(); !known || again != first {
		t.Errorf("%+v, then %+v", first, again)
	}
	if want := time.Date(2026, 11, 21, 2, 58, 20, 0, time.UTC); !first.Since.Equal(want) {
		t.Errorf("since %v, want %v", first.Since, want)
	}
	f.lbs["/a"].pid = 7
	if second, known := life().Get(); !known || second.ID == first.ID {
		t.Errorf("after a reload %+v, before %+v", second, first)
	}
	s := fixture(t)
	s.replies["show info"] = strings.ReplaceAll(s.replies["show info"], "Start_time_sec", "Start")
	seen, err := newAction(t, s, nil).Observe(t.Context(), "web", nil)
	if err != nil || seen["h1"].Balancers[0].Life.IsKnown() {
		t.Errorf("%+v, %v", seen["h1"].Balancers, err)
	}
}

func TestNewRefusesAddresses(t *testing.T) {
	for name, o := range map[string]haproxy.Options{
		"both":            {Address: "/a", Addresses: []string{"/b"}},
		"none":            {},
		"twice":           {Addresses: []string{"/a", "unix:///a"}},
		"one is wrong":    {Addresses: []string{"/a", "http://b"}},
		"a pool's, wrong": {Address: "/a", PoolAddresses: map[remedy.PoolName][]string{"web": {"b"}}},
	} {
		o.Name, o.State = "drain", "drain"
		if _, err := haproxy.New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
