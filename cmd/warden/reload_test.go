//go:build integration && !failpoints

package main_test

import (
	"fmt"
	"testing"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// forgets is what becomes of a drain when HAProxy, which forgets it, is reloaded
// as systemctl reload does it.
func (w *world) forgets(t *testing.T) {
	t.Parallel()
	for name, follow := range map[string]func(*story){
		"put back once": (*story).putBack, "in mid-drain": (*story).midDrain, "readied by hand and then reloaded": (*story).leftAlone,
		"frozen": (*story).notWhileFrozen,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			follow(w.begin(t, "auto", 10, nil))
		})
	}
}

// reasserted counts the case's executions that put it back.
func reasserted(k *ledger.Case) int {
	n := 0
	for _, x := range k.Executions {
		if x.Kind == remedy.KindReassert {
			n++
		}
	}
	return n
}

// sentExactly asserts which commands HAProxy was sent through the gate.
func (s *story) sentExactly(states ...string) {
	s.t.Helper()
	var want []string
	for _, state := range states {
		want = append(want, s.balancer.set(s.host, state))
	}
	got := s.balancer.gate.sent()
	same := len(got) == len(want)
	for i := range min(len(got), len(want)) {
		same = same && got[i] == want[i]
	}
	if !same {
		s.t.Errorf("HAProxy was sent %q, want %q", got, want)
	}
}

// putBack: HAProxy is reloaded and forgets the drain: it is put back exactly
// once, told, counted and shown, and an undo still restores what was before.
func (s *story) putBack() {
	s.fleet.fall(0, s.index)
	c := s.staged(s.host, remedy.StageOut)
	s.rounds(2)
	s.balancer.Reload()
	s.backAgain(c.ID)
	s.rounds(8)
	s.sentExactly("drain", "drain")
	if k := s.show(c.ID); reasserted(k) != 1 {
		s.t.Errorf("put back %d times: %+v", reasserted(k), k.Executions)
	}
	if got := s.series(`warden_actions_total{action="drain",pool="web",result="done",trigger="reassert"}`); got != "1" {
		s.t.Errorf("warden_actions_total counts %q", got)
	}
	s.said("started", c.ID.String(), s.host, "forgotten at a reload")
	// Within the hour it is not done again, and that is told.
	s.balancer.Reload()
	s.said("forgotten", c.ID.String(), s.host, "once an hour")
	s.sentExactly("drain", "drain")
	if got := s.balancer.status(s.t, s.host); got != up {
		s.t.Errorf("show stat has %s as %q", s.host, got)
	}
}

// backAgain waits until the host is drained once more and that was verified.
func (s *story) backAgain(id remedy.CaseID) {
	s.t.Helper()
	eventually(s.t, "it is put back", func() error {
		k := s.show(id)
		return mustBe("where it stands", fmt.Sprint(k.Stage, " ", k.Outcome, " ", reasserted(k)), "out done 1")
	})
	if got := s.balancer.status(s.t, s.host); got != drained {
		s.t.Errorf("show stat has %s as %q", s.host, got)
	}
}

// midDrain: the reload comes while the host still has sessions.
func (s *story) midDrain() {
	s.balancer.Hold(2 * len(s.balancer.hosts)) // round robin: two a host
	s.fleet.fall(0, s.index)
	c := s.staged(s.host, remedy.StageVerifying)
	s.balancer.Reload()
	eventually(s.t, "it is put back", func() error {
		return mustBe("how often", reasserted(s.show(c.ID)), 1)
	})
	s.balancer.ReleaseHeld()
	s.backAgain(c.ID)
	s.rounds(4)
	s.sentExactly("drain", "drain")
}

// leftAlone: somebody readied the host by hand, and HAProxy was reloaded later:
// that is a person's reversal, and it is kept.
func (s *story) leftAlone() {
	s.fleet.fall(0, s.index)
	c := s.staged(s.host, remedy.StageOut)
	s.rounds(2)
	s.balancer.Command(s.balancer.set(s.host, "ready"))
	eventually(s.t, "the reversal is seen", func() error {
		k := s.show(c.ID)
		return mustBe("where it stands", fmt.Sprint(k.Stage, " ", k.Outcome), "closed returned")
	})
	s.balancer.Reload()
	s.rounds(6)
	s.sentExactly("drain")
	if got := s.balancer.status(s.t, s.host); got != up {
		s.t.Errorf("show stat has %s as %q", s.host, got)
	}
	if k := s.show(c.ID); reasserted(k) != 0 {
		s.t.Errorf("put back: %+v", k.Executions)
	}
}

// notWhileFrozen: a freeze holds for what was forgotten, and that is told.
func (s *story) notWhileFrozen() {
	s.fleet.fall(0, s.index)
	c := s.staged(s.host, remedy.StageOut)
	s.rounds(2)
	s.must(exitOK, "freeze", "--reason", "deploy")
	s.balancer.Reload()
	s.said("forgotten", c.ID.String(), s.host, "freeze")
	s.rounds(3)
	s.sentExactly("drain")
	s.must(exitOK, "unfreeze")
	s.backAgain(c.ID)
	s.sentExactly("drain", "drain")
}
