//go:build integration && !failpoints

package main_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/web"
)

// restart is what a new process knows of what an old one did.
func (w *world) restart(t *testing.T) {
	t.Parallel()
	t.Run("keeps_everything", func(t *testing.T) {
		t.Parallel()
		w.keepsEverything(t)
	})
	t.Run("ready_means_that_it_knows", func(t *testing.T) {
		t.Parallel()
		w.readyMeansThatItKnows(t)
	})
	t.Run("waits_for_the_running_effect", func(t *testing.T) {
		t.Parallel()
		w.waitsForTheEffect(t)
	})
	t.Run("reload_all_or_nothing", func(t *testing.T) {
		t.Parallel()
		w.reload(t)
	})
}

// keepsEverything: cases, counters, the hold, the freeze and the level are
// there after kill -9 and after SIGTERM.
func (w *world) keepsEverything(t *testing.T) {
	t.Helper()
	s := w.begin(t, "confirm", 10, func(s *settings) { s.MaxOut, s.MinInService = 2, 8 })
	hosts := s.fleet.hosts
	s.fleet.fall(0, s.index)
	c := s.staged(s.host, remedy.StageWaiting)
	s.must(exitOK, "approve", c.ID.String(), "--plan-hash", c.PlanHash, "--wait")
	s.must(exitOK, "run", "drain", hosts[8], "--reason", "rehearsal", "--yes", "--wait")
	s.must(exitOK, "undo", "--host", hosts[8], "--reason", "test", "--confirm", hosts[8], "--wait")
	s.must(exitOK, "hold", hosts[0], "2h", "--reason", "being looked at")
	s.must(exitOK, "freeze", "--reason", "we move house", "--for", "3h")
	s.must(exitRefused, "run", "drain", hosts[7], "--reason", "frozen", "--yes")
	s.await("it has helped or not", s.host, func(k *web.CaseSummary) error {
		return mustBe("helped is known", s.show(k.ID).Helped.IsKnown(), true)
	})
	s.rounds(2)

	before := s.memory()
	if before.Freeze == nil || len(before.Holds) != 1 || len(before.Cases) != 2 || before.Level != remedy.LevelConfirm {
		t.Fatalf("before: %+v", before)
	}
	for _, end := range []func(){s.kill, s.terminate} {
		s.hush()
		end()
		s.start()
		s.verdicts("out", 1)
		s.rounds(3)
		if d := cmp.Diff(before, s.memory()); d != "" {
			t.Errorf("after a restart (-before +after):\n%s", d)
		}
		if again := s.messages("W-"); len(again) > 0 {
			t.Errorf("after a restart it tells what it has told: %q", again)
		}
	}
	s.must(exitOK, "unfreeze")
	s.must(exitOK, "release", hosts[0])
	s.balancer.onlyChanged(t, map[string][]string{s.host: {up, drained}, hosts[8]: {up, drained, up}},
		s.balancer.set(s.host, "drain"), s.balancer.set(hosts[8], "drain"), s.balancer.set(hosts[8], "ready"))
}

// readyMeansThatItKnows: from its first answer on, a daemon that was killed
// knows of the freeze, of the host that is out and of what was counted. One
// that doesn't know yet isn't ready, and answers nothing rather than "there is
// no such case".
func (w *world) readyMeansThatItKnows(t *testing.T) {
	t.Helper()
	s := w.begin(t, "notify", 3, nil)
	s.must(exitOK, "run", "drain", s.host, "--reason", "rehearsal", "--yes", "--wait")
	s.must(exitOK, "freeze", "--reason", "we move house")
	before := s.counters()
	s.kill()
	s.launch()
	eventually(t, "the daemon is ready", func() error {
		// Whoever asks too early hears that it is too early.
		if _, err := s.client.Case(t.Context(), 1); err != nil {
			if refused, ok := errors.AsType[*web.APIError](err); ok && refused.Status == http.StatusNotFound {
				t.Error("before it was ready, it said that there is no case W-1")
			}
		}
		if st, err := s.client.Status(t.Context()); err == nil && st.Freeze == nil {
			t.Error("before it was ready, it said that it is not frozen")
		}
		return s.client.Ready(t.Context())
	})
	counters := s.counters()
	st := s.status()
	s.must(exitOK, "show", "W-1")
	if st.Freeze == nil || len(st.Out) != 1 {
		t.Errorf("when it said that it was ready, it knew of the freeze %+v and of these hosts out: %+v", st.Freeze, st.Out)
	}
	if d := cmp.Diff(before, counters); d != "" {
		t.Errorf("when it said that it was ready, the counters were (-before +after):\n%s", d)
	}
}

// memory is what a restart must keep.
type memory struct {
	Cases    []string // in JSON
	Counters map[string]string
	Freeze   *ledger.Freeze
	Holds    []ledger.Hold
	Level    remedy.Level
	Node     remedy.NodeID
	Cluster  string
}

func (s *story) memory() memory {
	s.t.Helper()
	st := s.status()
	m := memory{Counters: s.counters(), Freeze: st.Freeze, Holds: st.Holds, Node: st.Node, Cluster: st.ClusterID}
	if len(st.Levels) == 1 {
		m.Level = st.Levels[0].Effective
	}
	for _, c := range s.cases() {
		shown := s.show(c.ID)
		// Each leader counts anew for how long it has seen a host that is not bad.
		shown.NotBadSince, shown.NotBadFor = time.Time{}, 0
		text, err := json.MarshalIndent(shown, "", " ")
		if err != nil {
			s.t.Fatal(err)
		}
		m.Cases = append(m.Cases, string(text))
	}
	return m
}

// waitsForTheEffect: SIGTERM starts nothing new and ends the process only
// when the running effect has ended and is recorded.
func (w *world) waitsForTheEffect(t *testing.T) {
	t.Helper()
	s := w.begin(t, "notify", 10, func(s *settings) { s.Timeout = "20s" })
	s.balancer.gate.close()
	r := s.must(exitOK, "run", "drain", s.host, "--reason", "rehearsal", "--yes")
	<-s.balancer.gate.arrived
	s.signal(syscall.SIGTERM)
	select {
	case <-s.exited:
		t.Error("the daemon left a running effect behind")
	case <-time.After(3 * time.Second):
	}
	s.balancer.gate.open()
	if state := s.wait(); state.ExitCode() != 0 {
		t.Errorf("SIGTERM: %v", state)
	}
	if got := s.balancer.status(t, s.host); got != drained {
		t.Errorf("show stat has %s as %q", s.host, got)
	}
	s.must(exitUnreachable, "status")
	s.start()
	c := s.staged(s.host, remedy.StageOut)
	k := s.show(c.ID)
	if len(k.Executions) != 1 || k.Executions[0].Outcome != remedy.OutcomeDone || strings.Contains(k.Executions[0].Note, "middle") {
		t.Errorf("%s\nexecutions %+v", r.out, k.Executions)
	}
	s.balancer.onlyChanged(t, map[string][]string{s.host: {up, drained}}, s.balancer.set(s.host, "drain"))
}

// reloaded is the metric that says how the newest reload went.
const reloaded = "warden_config_last_reload_successful"

// reload: a file that is wrong changes nothing, in whatever way it is wrong;
// one that is right holds at once, and an open case climbs with it.
func (w *world) reload(t *testing.T) {
	t.Helper()
	s := w.begin(t, "metric-only", 10, nil)
	good := s.settings.text(t)
	hash := s.status().ConfigHash
	for name, text := range map[string]string{
		"a key misspelt":              strings.Replace(good, "min_points", "min_ponits", 1),
		"no TOML":                     good + "\n[",
		"a level there is not":        strings.Replace(good, `"metric-only"`, `"automatic"`, 1),
		"confirm without an approver": strings.Replace(strings.Replace(good, `"metric-only"`, `"confirm"`, 1), "approvers ", "#", 1),
		"nothing":                     "",
	} {
		s.write(text)
		if r := s.must(exitError, "config", "check", s.config); strings.TrimSpace(r.out+r.err) == "" {
			t.Errorf("%s: config check says nothing", name)
		}
		refused := len(s.logged("the config was not reloaded"))
		s.signal(syscall.SIGHUP)
		eventually(t, name+": the reload is refused", func() error {
			return mustBe("refusals", len(s.logged("the config was not reloaded")), refused+1)
		})
		if got := s.series(reloaded); got != "0" {
			t.Errorf("%s: %s is %q", name, reloaded, got)
		}
		if st := s.status(); st.ConfigHash != hash || st.Levels[0].Effective != remedy.LevelMetricOnly {
			t.Errorf("%s: config %s, level %s", name, st.ConfigHash, st.Levels[0].Effective)
		}
	}
	s.write(strings.Replace(good, "min_points", "min_ponits", 1))
	if r := s.must(exitError, "config", "check", s.config); !strings.Contains(r.out+r.err, "min_ponits") || !strings.Contains(r.out+r.err, "min_points") {
		t.Errorf("config check does not name the key and the likely one:\n%s%s", r.out, r.err)
	}
	// It still works, as before.
	s.fleet.fall(0, s.index)
	c := s.await("it is counted", s.host, func(c *web.CaseSummary) error {
		return mustBe("the outcome", c.Outcome, remedy.OutcomeCounted)
	})
	s.balancer.untouched(t)
	// Promotion is an edit of the file, and takes the open case with it.
	promoted := s.settings
	promoted.Level = "confirm"
	s.write(promoted.text(t))
	s.must(exitOK, "config", "check", s.config)
	s.signal(syscall.SIGHUP)
	eventually(t, "the reload is done", func() error { return mustBe(reloaded, s.series(reloaded), "1") })
	if asked := s.staged(s.host, remedy.StageWaiting); asked.ID != c.ID {
		t.Errorf("the promotion opened %s beside %s", asked.ID, c.ID)
	}
	if now := s.status().ConfigHash; now == hash {
		t.Errorf("the config's hash is still %s", now)
	}
	// Demotion holds at once, for what was approved as well.
	demoted := s.settings
	demoted.Level = "notify"
	s.write(demoted.text(t))
	s.signal(syscall.SIGHUP)
	eventually(t, "the level is lower", func() error {
		return mustBe("the level", s.status().Levels[0].Effective, remedy.LevelNotify)
	})
	s.run("approve", c.ID.String(), "--plan-hash", s.show(c.ID).PlanHash)
	s.rounds(4)
	s.balancer.untouched(t)
}

// logged are the lines of the log that hold these words.
func (a *agent) logged(words string) []string {
	var out []string
	for line := range strings.Lines(a.stderr.text()) {
		if strings.Contains(line, words) {
			out = append(out, line)
		}
	}
	return out
}
