//go:build integration && failpoints

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/web"
)

// TestCrashAcrossNodes has the leader of three die, or stand still, at a step of
// an execution: another one ends it, from what is committed and what the load
// balancer says, and nothing is done twice.
func TestCrashAcrossNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, follow := range map[string]func(*relay){
		"effect done": (*relay).effectDone, "effect not begun": (*relay).effectNotBegun, "stands still": (*relay).standsStill,
		"nobody can tell": (*relay).nobodyCanTell,
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); follow(w.relay(t)) })
	}
}

// relay is an execution that one node begins and another one ends.
type relay struct {
	*crew
	host string
}

func (w *world) relay(t *testing.T) *relay {
	t.Helper()
	return &relay{crew: w.newCrew(t, "auto", 10, func(s *settings) { s.StartWithin, s.Timeout = "2s", "2s" })}
}

// starts starts the nodes, and waits until HAProxy's servers have not changed
// for long enough that a change of one shows.
func (r *relay) starts() *agent {
	r.t.Helper()
	r.host = r.fleet.hosts[3]
	for _, a := range r.nodes {
		a.launch("WARDEN_FAILPOINT_FILE="+r.points(a), "WARDEN_FAILPOINT_LOG="+r.points(a)+".log")
	}
	leader, _ := r.agreed(3, 3)
	eventually(r.t, "all have reported, and all hosts are good", func() error {
		s, err := leader.client.Status(r.t.Context())
		if err == nil && (len(s.Nodes) != 3 || !s.Warm || len(s.Pools) == 0 || s.Pools[0].Verdicts["good"] != len(r.fleet.hosts)) {
			err = fmt.Errorf("%+v, warm %v", s.Pools, s.Warm)
		}
		return err
	})
	(&cell{agent: leader, balancer: r.balancer, host: r.host}).unchangedFor(9)
	return leader
}

// points is the file by which a node is armed.
func (r *relay) points(a *agent) string { return filepath.Join(a.dir, "points") }

// arm has a node that runs fail at a point, and nobody else.
func (r *relay) arm(a *agent, spec string) {
	r.t.Helper()
	if err := os.WriteFile(r.points(a), []byte(spec), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// falls makes the host bad, and waits until the node has died at its point.
func (r *relay) falls(a *agent) {
	r.t.Helper()
	r.fleet.fall(0, 3)
	(&cell{agent: a}).dies()
}

// ends waits until the host is out, and returns its one case, as a node that
// doesn't lead shows it.
func (r *relay) ends() *ledger.Case {
	r.t.Helper()
	found := r.leader().staged(r.host, remedy.StageOut)
	r.leader().rounds(3)
	for _, a := range r.nodes {
		if a.running() {
			if all := a.cases(); len(all) != 1 {
				r.t.Errorf("%s has %d cases: %+v", a.name, len(all), all)
			}
		}
	}
	return r.leader().show(found.ID)
}

// outcomes are those of a case's executions, in order.
func outcomes(k *ledger.Case) []remedy.Outcome {
	var out []remedy.Outcome
	for _, x := range k.Executions {
		out = append(out, x.Outcome)
	}
	return out
}

func (r *relay) drainedOnce() {
	r.t.Helper()
	r.balancer.onlyChanged(r.t, map[string][]string{r.host: {up, drained}}, r.balancer.set(r.host, "drain"))
}

// effectDone: the leader dies behind the effect. The successor finds it done,
// and finishes it.
func (r *relay) effectDone() {
	leader := r.starts()
	r.arm(leader, "after-effect")
	r.falls(leader)
	r.agreed(2, 3)
	if k := r.ends(); !slices.Equal(outcomes(k), []remedy.Outcome{remedy.OutcomeDone}) {
		r.t.Errorf("executions %+v", k.Executions)
	}
	r.drainedOnce()
	// The one that died comes back, and does nothing about it.
	leader.launch()
	r.agreed(3, 3)
	r.leader().rounds(3)
	r.drainedOnce()
}

// effectNotBegun: the leader dies in front of the effect. It is proved that it
// never was, called off, and decided afresh.
func (r *relay) effectNotBegun() {
	leader := r.starts()
	r.arm(leader, "before-effect")
	r.falls(leader)
	r.agreed(2, 3)
	k := r.ends()
	if got := outcomes(k); len(got) < 2 || got[len(got)-1] != remedy.OutcomeDone || slices.ContainsFunc(got[:len(got)-1], func(o remedy.Outcome) bool { return o != remedy.OutcomeAborted }) {
		r.t.Errorf("executions %+v", k.Executions)
	}
	r.drainedOnce()
}

// standsStill: the leader is stopped between its gate and the effect, another
// one leads and does it, and the first goes on. Its time is over: it does
// nothing, and the host was drained once.
func (r *relay) standsStill() {
	leader := r.starts()
	r.arm(leader, "before-effect=stop")
	r.fleet.fall(0, 3)
	eventually(r.t, "the leader stands still at its point", func() error {
		text, err := os.ReadFile(r.points(leader) + ".log")
		if err == nil && !strings.Contains(string(text), "before-effect stop") {
			err = fmt.Errorf("it passed %q", text)
		}
		return err
	})
	left := r.others(leader)
	var next *agent
	eventually(r.t, "another node leads", func() error {
		for _, a := range left {
			if s, err := a.client.Status(r.t.Context()); err == nil && s.Leader {
				next = a
				return nil
			}
		}
		return fmt.Errorf("nobody does")
	})
	next.staged(r.host, remedy.StageOut)
	r.drainedOnce()
	leader.signal(syscall.SIGCONT)
	r.agreed(3, 3)
	k := r.ends()
	if got := outcomes(k); got[len(got)-1] != remedy.OutcomeDone {
		r.t.Errorf("executions %+v", k.Executions)
	}
	r.drainedOnce()
}

// onceAction runs a command that may not be repeated and that nothing can be
// asked about afterwards but whether it is done.
const onceAction = `type              = "exec"
run               = ["SCRIPT", "run", "{{ .Host }}"]
observe           = ["SCRIPT", "observe", "{{ .Host }}"]
takes_out         = true
idempotent        = false
undo_hint         = "none"
manual_hint       = "reboot {{ .Host }}"
`

// nobodyCanTell: a command that may not be repeated is under way when the
// leader dies. Nobody knows whether it happened: a person is paged, and says so
// at a node that doesn't lead.
func (r *relay) nobodyCanTell() {
	t := r.t
	dir := shortDir(t)
	script, journal := filepath.Join(dir, "once"), filepath.Join(dir, "journal")
	if err := os.WriteFile(script, []byte("#!/bin/sh\ncase $1 in\nrun) echo \"$2\" >>"+journal+";;\nobserve) echo ready; exit 1;;\nesac\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, a := range r.nodes {
		r.edit(a, "type              = \"haproxy\"\n", strings.ReplaceAll(onceAction, "SCRIPT", script))
		r.edit(a, fmt.Sprintf("address           = \"unix:%s\"\nbackend           = %q\n", r.balancer.gate.path, r.balancer.Backend), "")
		r.edit(a, "min_in_service       =", "assume_in_service = true\nmin_in_service       =")
	}
	leader := r.starts()
	r.arm(leader, "after-effect")
	r.fleet.fall(0, 3)
	asked := leader.staged(r.host, remedy.StageWaiting)
	leader.run("approve", asked.ID.String(), "--plan-hash", asked.PlanHash)
	(&cell{agent: leader}).dies()
	next, _ := r.agreed(2, 3)
	follower := r.others(leader, next)[0]
	follower.await("nobody knows", r.host, func(k *web.CaseSummary) error {
		return mustBe("unknown_execution", k.UnknownExecution, true)
	})
	r.tells(asked.ID.String(), "resolve")
	follower.must(exitSomething, "status", "--detailed-exitcode")
	r.leader().rounds(3)
	if text, err := os.ReadFile(journal); err != nil || string(text) != r.host+"\n" {
		t.Errorf("the command ran for %q, %v", text, err)
	}
	follower.must(exitOK, "resolve", asked.ID.String(), "--as", "out", "--reason", "I looked")
	k := r.leader().show(asked.ID)
	if k.Stage != remedy.StageOut {
		t.Errorf("resolved as out, and it is %s %s", k.Stage, k.Outcome)
	}
	if text, err := os.ReadFile(journal); err != nil || string(text) != r.host+"\n" {
		t.Errorf("the command ran for %q, %v", text, err)
	}
}
