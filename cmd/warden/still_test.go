//go:build integration && !failpoints

package main_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"warden/internal/remedy"
	"warden/internal/web"
)

// holdStill is what must move nobody, at auto.
func (w *world) holdStill(t *testing.T) {
	t.Parallel()
	t.Run("4_of_10_fall_to_a_tenth", func(t *testing.T) {
		t.Parallel()
		w.common(t)
	})
	t.Run("4_of_10_vanish", func(t *testing.T) {
		t.Parallel()
		s := w.begin(t, "auto", 10, nil)
		s.fleet.vanish(1, 2, 3, 4)
		s.verdicts("unknown", 4)
		s.rounds(12) // past every time after which one stopped host would be bad
		s.verdicts("unknown", 4)
		s.nothing()
	})
	t.Run("frozen_data", func(t *testing.T) {
		t.Parallel()
		w.frozen(t, true)
	})
	t.Run("frozen_data_under_a_fresh_heartbeat", func(t *testing.T) {
		t.Parallel()
		w.frozen(t, false)
	})
	t.Run("freeze_file", func(t *testing.T) {
		t.Parallel()
		w.freezeFile(t)
	})
	t.Run("freeze_file_that_can_not_be_looked_for", func(t *testing.T) {
		t.Parallel()
		w.unreadableFreezeFile(t)
	})
	t.Run("prometheus_is_killed", func(t *testing.T) {
		t.Parallel()
		// It is killed, so it is nobody else's.
		newWorld(t).killed(t)
	})
}

// nothing asserts that no case was opened and nothing was done.
func (s *story) nothing() {
	s.t.Helper()
	if all := s.cases(); len(all) != 0 {
		s.t.Errorf("cases %+v", all)
	}
	s.balancer.untouched(s.t)
}

// common: many hosts at once are no host problem. Each gets its case, which
// says so.
func (w *world) common(t *testing.T) {
	t.Helper()
	s := w.begin(t, "auto", 10, nil)
	fallen := []int{1, 2, 3, 4}
	s.fleet.fall(0.1, fallen...)
	for _, i := range fallen {
		c := s.await("a case says common_mode", s.fleet.hosts[i], func(c *web.CaseSummary) error {
			return errors.Join(mustBe("the stage", c.Stage, remedy.StageDetected), mustBe("blocked_by", c.BlockedBy, "common_mode"))
		})
		if k := s.show(c.ID); k.Decision.Level != remedy.LevelBlocked || answer(k, "common_mode").Effect != remedy.EffectBlock {
			t.Errorf("%s: decision %+v", c.ID, k.Decision)
		}
		if r := s.must(exitOK, "explain", c.ID.String()); !strings.Contains(r.out, "common_mode") {
			t.Errorf("explain does not say common_mode:\n%s", r.out)
		}
	}
	s.said("not a host problem")
	s.rounds(4)
	if all := s.cases(); len(all) != len(fallen) {
		t.Errorf("%d cases: %+v", len(all), all)
	}
	// When it is over hands stay off for the storm_cooldown, and the cases end
	// by themselves.
	s.fleet.fall(1, fallen...)
	for _, i := range fallen {
		s.await("it recovered", s.fleet.hosts[i], func(c *web.CaseSummary) error {
			return mustBe("the outcome", c.Outcome, remedy.OutcomeSelfRecovered)
		})
	}
	s.balancer.untouched(t)
}

// frozen: the remote system stopped renewing its data, and Prometheus goes on
// answering with what it last heard.
func (w *world) frozen(t *testing.T, heartToo bool) {
	t.Helper()
	f := w.fleet(t.Name(), 10, true)
	b := newBalancer(t, f)
	s := &story{agent: startAgent(t, w.settings(t, "auto", f, b)), fleet: f, balancer: b}
	s.verdicts("good", 10)
	s.hush()
	f.freeze(heartToo)
	s.verdicts("unknown", 10)
	s.rounds(12)
	s.verdicts("unknown", 10)
	hosts, err := s.client.Hosts(t.Context(), web.HostQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hosts.Hosts {
		if reason := h.Findings[0].Reason; reason != remedy.ReasonStale && reason != remedy.ReasonSourceStale && (heartToo || reason != remedy.ReasonManyStopped) {
			t.Errorf("%s is unknown for %q", h.Host, reason)
		}
	}
	if heartToo {
		s.said("source prometheus can't be believed")
	}
	s.nothing()
}

// killed: a Prometheus that is gone moves nobody, whatever the hosts do
// meanwhile; when it is back, warden does its job.
func (w *world) killed(t *testing.T) {
	t.Helper()
	s := w.begin(t, "auto", 10, nil)
	s.hush()
	w.prometheus.Stop()
	s.fleet.fall(0, s.index)
	s.said("source prometheus can't be believed")
	s.verdicts("unknown", 10)
	s.rounds(10)
	st := s.status()
	if len(st.Sources) != 1 || st.Sources[0].Fresh != nil && *st.Sources[0].Fresh {
		t.Errorf("sources %+v", st.Sources)
	}
	s.nothing()

	w.prometheus.Start()
	s.said("source prometheus can be believed again")
	s.staged(s.host, remedy.StageOut)
	if n := len(s.messages("can't be believed")); n != 1 {
		t.Errorf("it was told %d times that the source is blind", n)
	}
	s.balancer.onlyChanged(t, map[string][]string{s.host: {up, drained}}, s.balancer.set(s.host, "drain"))
}

// freezeFile: touching one file stops everything, and only a person lifts it.
func (w *world) freezeFile(t *testing.T) {
	t.Helper()
	path := filepath.Join(shortDir(t), "freeze")
	s := w.begin(t, "auto", 10, func(s *settings) { s.FreezeFile = path })
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.fleet.fall(0, s.index)
	s.blocked("freeze")
	if st := s.status(); st.Freeze == nil {
		t.Error("status does not say that it is frozen")
	}
	s.must(exitRefused, "run", "drain", s.fleet.hosts[0], "--reason", "test", "--yes")
	s.must(exitRefused, "unfreeze") // the file is still there
	s.rounds(3)
	s.balancer.untouched(t)

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s.rounds(3)
	s.balancer.untouched(t) // the file's end lifts nothing
	s.must(exitOK, "unfreeze")
	s.staged(s.host, remedy.StageOut)
	s.balancer.onlyChanged(t, map[string][]string{s.host: {up, drained}}, s.balancer.set(s.host, "drain"))
}

// unreadableFreezeFile: when it can't be told whether the off switch is on, it
// is on.
func (w *world) unreadableFreezeFile(t *testing.T) {
	t.Helper()
	dir := filepath.Join(shortDir(t), "run")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := w.begin(t, "auto", 10, func(s *settings) { s.FreezeFile = filepath.Join(dir, "freeze") })
	// A path through a regular file can't be looked up, not even by root.
	if err := errors.Join(os.Remove(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	s.must(exitError, "config", "check", "--files", s.config)
	s.fleet.fall(0, s.index)
	c := s.blocked("freeze_file")
	if a := answer(s.show(c.ID), "freeze_file"); !a.Unreadable {
		t.Errorf("the answer does not say that it could not be read: %+v", a)
	}
	s.must(exitRefused, "run", "drain", s.fleet.hosts[0], "--reason", "test", "--yes")
	s.rounds(3)
	s.balancer.untouched(t)

	if err := errors.Join(os.Remove(dir), os.Mkdir(dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	s.staged(s.host, remedy.StageOut) // nobody froze it: it may go on
	s.balancer.onlyChanged(t, map[string][]string{s.host: {up, drained}}, s.balancer.set(s.host, "drain"))
}

// blocked waits until the victim's case is blocked by this guardrail.
func (s *story) blocked(guardrail string) *web.CaseSummary {
	s.t.Helper()
	return s.await(s.host+" is blocked by "+guardrail, s.host, func(c *web.CaseSummary) error {
		if c.Stage != remedy.StageDetected || c.BlockedBy != guardrail {
			return fmt.Errorf("it is %s, blocked by %q", c.Stage, c.BlockedBy)
		}
		return nil
	})
}
