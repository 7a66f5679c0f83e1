//go:build integration && failpoints

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/web"
	"warden/simulate/fakeslack"
)

// TestKilledBetweenClickAndCommit has the leader of three die by kill -9 while a
// click is on its way: before the click is in its log, and once it is committed
// and hardly acknowledged. Slack delivers the click again to those that are left. It
// is one decision, or none, and then another click decides.
func TestKilledBetweenClickAndCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, point := range []string{"cluster.store.before", "audit.write.before"} {
		t.Run(point, func(t *testing.T) { t.Parallel(); w.clicked(t, point) })
	}
}

func (w *world) clicked(t *testing.T, point string) {
	t.Helper()
	fake, err := fakeslack.New(fakeslack.Options{Unlimited: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := fake.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	dir := t.TempDir()
	for name, token := range map[string]string{"bot": "xoxb-fake", "app": "xapp-fake"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := &relay{crew: w.newCrew(t, "confirm", 10, func(s *settings) {
		s.Approver = "slack:@oncall-ops"
		s.Extra += fmt.Sprintf("\n[chat.slack]\nenabled = true\nbot_token_file = %q\napp_token_file = %q\nchannel = \"#ops\"\ntone = \"plain\"\napi_url = %q\n",
			filepath.Join(dir, "bot"), filepath.Join(dir, "app"), fake.URL()+"/api/")
	})}
	leader := r.starts()
	var ways []int
	eventually(t, "all three take clicks", func() error {
		ways = nil
		for _, k := range fake.Connections() {
			ways = append(ways, k.Number)
		}
		return mustBe("the connections", len(ways), 3)
	})
	r.fleet.fall(0, 3)
	asked := leader.staged(r.host, remedy.StageWaiting)
	var card fakeslack.Message
	eventually(t, "it asks in Slack", func() error {
		for _, m := range fake.Messages(fakeslack.Ops) {
			for _, b := range m.Buttons() {
				if strings.Contains(b.Value, fmt.Sprintf(".approve.%d.", asked.ID)) {
					card = m
					return nil
				}
			}
		}
		return fmt.Errorf("%d messages", len(fake.Messages(fakeslack.Ops)))
	})
	tap, err := fake.Clicked(fakeslack.Alice, fakeslack.Ops, card.TS, "warden.approve")
	if err != nil {
		t.Fatal(err)
	}
	r.arm(leader, point)
	fake.Via(fakeslack.To(ways[0]))
	fake.Deliver(fakeslack.KindInteractive, tap)
	(&cell{agent: leader}).dies()
	next, _ := r.agreed(2, 3)
	var left []int
	eventually(t, "both others take clicks", func() error {
		left = nil
		for _, k := range fake.Connections() {
			left = append(left, k.Number)
		}
		return mustBe("the connections", len(left), 2)
	})
	byLeader := !slices.Contains(left, ways[0])
	for _, n := range left { // nobody knows whether Slack was answered, so it comes again
		fake.Via(fakeslack.To(n))
		fake.Deliver(fakeslack.KindInteractive, tap)
	}
	heard := func() int { return len(fake.Ephemerals(fakeslack.Alice, fakeslack.Ops)) }
	var k *ledger.Case
	eventually(t, "it is decided, or alice is told that it is not", func() error {
		if k = next.show(asked.ID); k.Answer != nil || heard() > 0 {
			return nil
		}
		return fmt.Errorf("%s is %s", k.ID, k.Stage)
	})
	t.Logf("by the leader: %v, answered: %v, alice is told %d things", byLeader, k.Answer, heard())
	if k.Answer == nil && k.Stage == remedy.StageWaiting {
		again, err := fake.Clicked(fakeslack.Alice, fakeslack.Ops, card.TS, "warden.approve")
		if err != nil {
			t.Fatal(err)
		}
		fake.Via(fakeslack.To(left[0]))
		fake.Deliver(fakeslack.KindInteractive, again)
	}
	out := r.leader().await("the host is out", r.host, func(c *web.CaseSummary) error { return mustBe("the stage", c.Stage, remedy.StageOut) })
	k = r.leader().show(out.ID)
	said := 0
	for _, e := range k.Events {
		if strings.HasPrefix(e.What, "approved") {
			said++
		}
	}
	if k.Answer == nil || k.Answer.By.Name != "alice@example.net" || !k.Answer.Approve || said != 1 {
		t.Errorf("%d decisions, %+v: %+v", said, k.Answer, k.Events)
	}
	r.drainedOnce()
}
