//go:build integration

package haproxy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"warden/actions"
	"warden/actions/haproxy"
	"warden/internal/realtest"
	"warden/internal/remedy"
)

// A reload is another life, whether it forgets the drain or not, and until then
// it is one and the same.
func TestRealReloadIsAnotherLife(t *testing.T) {
	for _, keeps := range []bool{false, true} {
		t.Run(fmt.Sprintf("state file %v", keeps), func(t *testing.T) {
			opts := realtest.HAProxyOptions{}
			file := filepath.Join(t.TempDir(), "state")
			if keeps {
				opts.Extra = " load-server-state-from-file local\n server-state-file-name " + file + "\n"
			}
			h := realtest.StartHAProxy(t, opts)
			a := realAction(t, h.Socket, haproxy.StateDrain)
			life := func(o remedy.Observation) string {
				l, known := o.Balancers[0].Life.Get()
				if !known {
					t.Fatalf("no life: %s", o.Balancers[0].Life.Why)
				}
				return l.ID
			}
			if _, err := a.Apply(t.Context(), actions.Job{Pool: "web", Host: "h1"}); err != nil {
				t.Fatal(err)
			}
			before := wait(t, a, "h1", "taken", took)
			if again := wait(t, a, "h1", "taken", took); life(again) != life(before) {
				t.Errorf("%s, then %s", life(before), life(again))
			}
			if err := os.WriteFile(file, []byte(h.Command("show servers state be")), 0o644); err != nil {
				t.Fatal(err)
			}
			h.Reload()
			want := "ready"
			if keeps {
				want = "drain"
			}
			after := wait(t, a, "h1", want, func(o remedy.Observation) bool { return o.Admin == want })
			if life(after) == life(before) {
				t.Errorf("the reload is no other life: %s", life(after))
			}
		})
	}
}

// Two real load balancers: a host is out when both have it out, and a reload
// of one leaves it half out until what that one forgot is done again, there
// alone.
func TestRealTwoBalancers(t *testing.T) {
	one, two := realtest.StartHAProxy(t, realtest.HAProxyOptions{}), realtest.StartHAProxy(t, realtest.HAProxyOptions{})
	a, err := haproxy.New(haproxy.Options{Name: "drain", Addresses: []string{one.Socket, "tcp://" + two.TCP}, Backend: "be", State: haproxy.StateDrain})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Check(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	plan, err := a.Plan(t.Context(), "web", "h2")
	if err != nil || len(plan.Steps) != 2 {
		t.Fatalf("%+v, %v", plan, err)
	}
	if report, err := a.Apply(t.Context(), actions.Job{Pool: "web", Host: "h2"}); err != nil || report.Prior != "ready" {
		t.Fatalf("%+v, %v", report, err)
	}
	o := wait(t, a, "h2", "taken", took)
	if o.State != remedy.ServiceOut || served(one)["h2"]+served(two)["h2"] != 0 {
		t.Errorf("%+v", o)
	}
	states := o.States()
	two.Reload()
	o = wait(t, a, "h2", "half out", remedy.Observation.Partial)
	if !o.HalfOut() || o.State != remedy.ServiceIn {
		t.Errorf("%+v", o)
	}
	if _, err := a.Apply(t.Context(), actions.Job{Pool: "web", Host: "h2", Balancers: states[1:]}); err != nil {
		t.Fatal(err)
	}
	wait(t, a, "h2", "taken", took)
	priors := []remedy.BalancerState{{Name: states[0].Name, Admin: "ready"}, {Name: states[1].Name, Admin: "ready"}}
	if _, err := a.Undo(t.Context(), actions.Job{Pool: "web", Host: "h2", Balancers: priors}); err != nil {
		t.Fatal(err)
	}
	wait(t, a, "h2", "back", func(o remedy.Observation) bool { return o.State == remedy.ServiceIn && !o.HalfOut() })
	if served(one)["h2"] == 0 || served(two)["h2"] == 0 {
		t.Error("no traffic after the undo")
	}
	servers, err := haproxy.NewServers(haproxy.Options{Addresses: []string{one.Socket, two.Socket}, Backend: "be"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := servers.Hosts(t.Context()); err != nil || len(got) != 4 {
		t.Errorf("inventory %v, %v", got, err)
	}
}
