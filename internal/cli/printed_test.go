package cli

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// TestThePrintedYes pastes the command that `warden show` prints too late: it answers
// no newer question about the same plan, and passes over nothing that somebody said
// since. The one that is printed then does.
func TestThePrintedYes(t *testing.T) {
	t.Parallel()
	c := newTrio(t)
	leader, _ := c.leader(theThree()...)
	d := c.nodes[leader].d
	c.eventually("evidence is kept", func() bool { return d.ledger.Status().Needs >= 3 })
	id, _ := c.askAbout(leader, "web-1", leader)
	printed := func() []string {
		t.Helper()
		_, out, talk := c.run(leader, "show", id.String())
		found := regexp.MustCompile(`warden (approve W-\d+ --plan-hash \w+ --question \d+( --seen \S+)?) `).FindStringSubmatch(talk)
		if found == nil {
			t.Fatalf("no command is printed:\n%s%s", out, talk)
		}
		return strings.Fields(found[1])
	}
	fran := remedy.Actor{Name: "fran", Via: "cli", Person: true}
	first := printed()
	if err := d.engine.Snooze(t.Context(), fran, ledger.CaseSnooze{Case: id}, time.Second); err != nil {
		t.Fatal(err)
	}
	k, _ := d.ledger.Case(id)
	c.eventually("its time is over", func() bool {
		return !d.ledger.Status().Time.Before(k.Snooze.Until) || d.Clock.Now().After(k.Snooze.Until.Add(time.Second))
	})
	again, _ := c.askAbout(leader, "web-1", leader)
	if again != id {
		t.Fatalf("%s was asked anew as %s", id, again)
	}
	c.refuses(leader, "superseded", first...)
	second := printed()
	if err := d.engine.Label(t.Context(), fran, ledger.CaseLabel{Case: id, Label: trust.Wrong}); err != nil {
		t.Fatal(err)
	}
	c.refuses(leader, "what you said yes to did not show it", second...)
	third := printed()
	if !strings.Contains(strings.Join(third, " "), "--seen ") {
		t.Errorf("what fran said isn't in %v", third)
	}
	c.must(leader, third...)
}
