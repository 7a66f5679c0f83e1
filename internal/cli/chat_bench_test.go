package cli

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

// TestChatFigures measures, on three real daemons with Socket Mode, from the
// judgement that asks to its message in Slack, and from
// the click that says no to the decision on all nodes. It measures only when WARDEN_BENCH_CHAT says how often, and
// asserts nothing about time: `make bench-chat`.
func TestChatFigures(t *testing.T) {
	t.Parallel()
	runs, err := strconv.Atoi(os.Getenv("WARDEN_BENCH_CHAT"))
	if err != nil || runs < 1 {
		runs = 1 // so that it is known to work
	}
	c := newChatTrio(t)
	leader, _ := c.leader(theThree()...)
	nodes := c.connections()
	var seen, decided []time.Duration
	for i := range runs {
		host := remedy.HostName(fmt.Sprintf("web-%d", i%4+1)) // of the pool: one that is in none is gone at once
		begun := time.Now()
		id, m := c.poses(leader, question{host: host}, theThree()...)
		seen = append(seen, time.Since(begun))
		n := nodes[i%len(nodes)]
		c.opens(fakeslack.Alice, n, m) // a yes would act, and this balancer can't be reached
		begun = time.Now()
		c.says(fakeslack.Alice, n)
		c.answered(id, theThree()...)
		decided = append(decided, time.Since(begun))
	}
	for what, all := range map[string][]time.Duration{"judgement to question in Slack": seen, "click to decision on all nodes": decided} {
		slices.Sort(all)
		t.Logf("%s: median %s, worst %s of %d", what, all[len(all)/2].Round(time.Millisecond), all[len(all)-1].Round(time.Millisecond), len(all))
	}
}
