//go:build integration && failpoints

package main_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"syscall"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/web"
)

// crashPoint is a place in an execution at which the process dies, with
// nothing said or written afterwards.
type crashPoint struct {
	name string
	// started says that START was committed, effect that the command had
	// reached HAProxy, and finished that FINISHED was committed.
	started, effect, finished bool
}

// crashPoints are the steps of design's protocol: between every two of them
// the process is killed once.
var crashPoints = []crashPoint{
	{name: "before-start"},
	{name: "after-start", started: true},
	{name: "before-observe", started: true},
	{name: "before-gate", started: true},
	{name: "before-effect", started: true},
	{name: "after-effect", started: true, effect: true},
	{name: "before-finish", started: true, effect: true},
	{name: "after-finish", started: true, effect: true, finished: true},
}

const (
	// lastWrite is how many writes of the log a story has, and a few more.
	lastWrite = 14
	// randomKills is how many stories are killed at moments nobody chose.
	randomKills = 10
)

// TestCrashMatrix kills the daemon at every step of every kind of execution
// and starts it again: nothing is lost, nothing is repeated, and every
// execution ends in a verdict or with a person.
func TestCrashMatrix(t *testing.T) {
	w := newWorld(t)
	f := w.fleet("crash", 3, false)
	f.fall(0, 2)
	for _, p := range crashPoints {
		t.Run("auto/"+p.name, func(t *testing.T) { t.Parallel(); w.cell(t, f, "auto").actAtAuto(p) })
		t.Run("confirm/"+p.name, func(t *testing.T) { t.Parallel(); w.cell(t, f, "confirm").actAtConfirm(p) })
		t.Run("undo/"+p.name, func(t *testing.T) { t.Parallel(); w.cell(t, f, "auto").undo(p) })
	}
	for n := 1; n <= lastWrite; n++ {
		point := "cluster.store.before:" + strconv.Itoa(n)
		if n%2 == 0 {
			point = "cluster.store.after:" + strconv.Itoa(n)
		}
		t.Run("log/"+point, func(t *testing.T) { t.Parallel(); w.cell(t, f, "auto").dieWriting(point) })
	}
	for i := range randomKills {
		t.Run(fmt.Sprintf("random/%d", i), func(t *testing.T) { t.Parallel(); w.cell(t, f, "auto").dieAtRandom() })
	}
	t.Run("nobody_can_tell", func(t *testing.T) { t.Parallel(); w.cell(t, f, "auto").nobodyCanTell() })
}

// cell is one story that is killed.
type cell struct {
	*agent
	balancer *balancer
	host     string
}

// cell prepares a daemon of its own over the shared fleet. Its HAProxy has
// been up for long enough that a change of a server shows as one.
func (w *world) cell(t *testing.T, f *fleet, level string) *cell {
	t.Helper()
	b := newBalancer(t, f)
	s := w.settings(t, level, f, b)
	s.StartWithin, s.Timeout = "2s", "2s"
	c := &cell{agent: newAgent(t, s), balancer: b, host: f.hosts[2]}
	c.unchangedFor(7)
	return c
}

// unchangedFor waits until HAProxy last changed the host so many seconds ago.
func (c *cell) unchangedFor(seconds int) {
	c.t.Helper()
	eventually(c.t, "HAProxy's servers are old", func() error {
		ago, err := strconv.Atoi(c.balancer.Stat()[c.host]["lastchg"])
		if err == nil && ago < seconds {
			err = fmt.Errorf("%d seconds", ago)
		}
		return err
	})
}

// armed is the environment of a daemon that dies at a point.
func armed(point string) string { return "WARDEN_FAILPOINT=" + point }

// dies waits until the daemon has killed itself.
func (c *cell) dies() {
	c.t.Helper()
	state := c.wait()
	if ws, ok := state.Sys().(syscall.WaitStatus); !ok || ws.Signal() != syscall.SIGKILL {
		c.t.Fatalf("the daemon did not die at its point: %v", state)
	}
}

// actAtAuto dies in the execution that follows from a finding.
func (c *cell) actAtAuto(p crashPoint) {
	c.launch(armed(p.name))
	c.dies()
	c.diedActing(p)
	c.start()
	c.endsOut(p)
}

// actAtConfirm dies in the execution that a person approved.
func (c *cell) actAtConfirm(p crashPoint) {
	c.start(armed(p.name))
	asked := c.staged(c.host, remedy.StageWaiting)
	c.run("approve", asked.ID.String(), "--plan-hash", asked.PlanHash)
	c.dies()
	c.diedActing(p)
	c.start()
	k := c.show(asked.ID)
	if k.Answer == nil || !k.Answer.Approve || k.Answer.By.Name != c.settings.Approver {
		c.t.Errorf("the approval is lost: %+v", k.Answer)
	}
	c.endsOut(p)
	if n := events(c.show(asked.ID), "asked"); n != 1 {
		c.t.Errorf("it asked %d times", n)
	}
}

// diedActing asserts what HAProxy had heard when the process died.
func (c *cell) diedActing(p crashPoint) {
	c.t.Helper()
	want := 0
	if p.effect {
		want = 1
	}
	if sent := c.balancer.gate.sent(); len(sent) != want {
		c.t.Errorf("%s: HAProxy had heard %q", p.name, sent)
	}
}

// endsOut asserts that the one case ends with its host out, having sent one
// command to HAProxy over all lives of the daemon.
func (c *cell) endsOut(p crashPoint) {
	c.t.Helper()
	found := c.staged(c.host, remedy.StageOut)
	c.rounds(3)
	if all := c.cases(); len(all) != 1 {
		c.t.Errorf("%d cases: %+v", len(all), all)
	}
	k := c.show(found.ID)
	if k.Outcome != remedy.OutcomeDone {
		c.t.Errorf("%s is %s: %s", k.ID, k.Outcome, k.Note)
	}
	c.oneEffect(k, p)
	c.balancer.onlyChanged(c.t, map[string][]string{c.host: {up, drained}}, c.balancer.set(c.host, "drain"))
}

// oneEffect asserts that of the case's executions the last did it, or was
// found to have done it, and that all before it were called off.
func (c *cell) oneEffect(k *ledger.Case, p crashPoint) {
	c.t.Helper()
	last := len(k.Executions) - 1
	for i, x := range k.Executions {
		want := remedy.OutcomeAborted
		if i == last {
			want = remedy.OutcomeDone
		}
		if x.Outcome != want {
			c.t.Errorf("execution %d of %d is %s: %s", i+1, last+1, x.Outcome, x.Note)
		}
	}
	if took, known := k.Executions[last].Took.Get(); !took || !known {
		c.t.Errorf("nobody verified that it took: %+v", k.Executions[last])
	}
	switch {
	case p.started && !p.effect && last == 0:
		c.t.Errorf("the execution that died before its effect is %+v", k.Executions[0])
	case p.effect && last != 0:
		c.t.Errorf("it was done and yet tried again: %+v", k.Executions)
	}
}

// undo dies while it puts a host back.
func (c *cell) undo(p crashPoint) {
	c.start()
	k := c.staged(c.host, remedy.StageOut)
	c.unchangedFor(7)
	c.terminate()
	c.start(armed(p.name))
	c.rounds(1)
	undo := []string{"undo", k.ID.String(), "--reason", "test", "--confirm", c.host}
	if r := c.run(undo...); r.code == exitOK && !p.started {
		c.t.Errorf("the command says that it was done:\n%s%s", r.out, r.err)
	}
	c.dies()
	c.start()
	if !p.effect {
		// Nothing happened, and warden puts no host back by itself: the person
		// is told, and asks again.
		c.await("the undo is called off", c.host, func(now *web.CaseSummary) error {
			aborted := len(c.show(k.ID).Executions) == 2 && c.show(k.ID).Executions[1].Outcome == remedy.OutcomeAborted
			if now.Stage != remedy.StageOut || aborted != p.started {
				return fmt.Errorf("it is %s: %s", now.Stage, now.Note)
			}
			return nil
		})
		c.rounds(3)
		c.balancer.onlyChanged(c.t, map[string][]string{c.host: {up, drained}}, c.balancer.set(c.host, "drain"))
		c.must(exitOK, undo...)
	}
	c.endsUndone(k.ID)
}

// endsUndone asserts that the host came back once, for the reason given.
func (c *cell) endsUndone(id remedy.CaseID) {
	c.t.Helper()
	c.await("it is undone", c.host, func(now *web.CaseSummary) error {
		if now.ID != id {
			return fmt.Errorf("%s is another case", now.ID)
		}
		return mustBe("the outcome", now.Outcome, remedy.OutcomeUndone)
	})
	c.rounds(3)
	if k := c.show(id); k.UndoReason != remedy.UndoTest {
		c.t.Errorf("the reason is %q", k.UndoReason)
	}
	c.balancer.onlyChanged(c.t, map[string][]string{c.host: {up, drained, up}},
		c.balancer.set(c.host, "drain"), c.balancer.set(c.host, "ready"))
	c.balancer.settled(c.t, c.host)
}

// dieWriting dies at one write of the log, or lives if there are fewer.
func (c *cell) dieWriting(point string) {
	c.launch(armed(point))
	eventually(c.t, "it dies or is done", func() error {
		if !c.running() {
			return nil
		}
		all, err := c.client.Cases(c.t.Context(), web.CaseQuery{Stage: remedy.StageOut})
		if err == nil && len(all.Cases) == 0 {
			err = fmt.Errorf("no host is out")
		}
		return err
	})
	if c.running() {
		c.t.Logf("it was done before %s", point)
		c.kill()
	} else {
		c.dies()
	}
	c.start()
	c.endsOut(crashPoint{})
}

// dieAtRandom is killed twice at moments nobody chose.
func (c *cell) dieAtRandom() {
	for range 2 {
		after := time.Duration(rand.Int64N(int64(6 * time.Second)))
		c.t.Logf("kill -9 after %v", after)
		c.launch()
		select {
		case <-c.exited:
			c.t.Fatalf("the daemon ended: %v", c.cmd.ProcessState)
		case <-time.After(after):
		}
		c.kill()
	}
	c.start()
	c.endsOut(crashPoint{})
}

// nobodyCanTell dies right after START of an undo that follows so soon on the
// drain that HAProxy's clock can't tell whether it changed in between. Then
// warden guesses nothing: a person looks and says where the host is.
func (c *cell) nobodyCanTell() {
	c.start(armed("after-start:2"))
	k := c.staged(c.host, remedy.StageOut)
	c.run("undo", k.ID.String(), "--reason", "test", "--confirm", c.host)
	c.dies()
	c.start()
	c.await("nobody knows", c.host, func(now *web.CaseSummary) error {
		return mustBe("unknown_execution", now.UnknownExecution, true)
	})
	c.said(k.ID.String(), "resolve")
	if st := c.status(); len(st.Unknown) != 1 {
		c.t.Errorf("status has %+v as unknown", st.Unknown)
	}
	c.must(exitSomething, "status", "--detailed-exitcode")
	c.must(exitRefused, "undo", k.ID.String(), "--reason", "test", "--confirm", c.host)
	c.rounds(3)
	c.balancer.onlyChanged(c.t, map[string][]string{c.host: {up, drained}}, c.balancer.set(c.host, "drain"))
	c.must(exitOK, "resolve", k.ID.String(), "--as", "out", "--reason", "show stat says DRAIN")
	if now := c.show(k.ID); now.Stage != remedy.StageOut {
		c.t.Errorf("resolved as out, and it is %s", now.Stage)
	}
	c.must(exitOK, "undo", k.ID.String(), "--reason", "test", "--confirm", c.host)
	c.endsUndone(k.ID)
}

// events counts the lines of a case's timeline that say this.
func events(k *ledger.Case, what string) int {
	n := 0
	for _, e := range k.Events {
		if e.What == what {
			n++
		}
	}
	return n
}
