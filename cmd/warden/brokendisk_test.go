//go:build integration && failpoints

package main_test

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// A leader whose disk hangs, or fails, ends by itself, and another leads: raft
// keeps the first in office for ever, and elects the second again and again.
// How long that takes is printed: `make bench-failover` does each ten times.
func TestLeaderWithABrokenDiskIsReplaced(t *testing.T) {
	t.Parallel()
	times := 1
	if n, err := strconv.Atoi(os.Getenv(killsVariable)); err == nil {
		times = max(1, n/5)
	}
	c := newTrio(t, "[log]\nformat = \"json\"\n")
	for _, a := range c.nodes {
		c.armable(a)
	}
	for _, fault := range []string{"hang", "error"} {
		var took []time.Duration
		var more uint64
		for range times {
			leader, status := c.agreed(3, 3)
			// There must be something to write. Nobody gets an answer.
			fired := c.expect(leader, "cluster.disk.append="+fault)
			leader.run("freeze", "--reason", "its disk is broken")
			if state := leader.wait(); state.ExitCode() != exitError {
				t.Fatalf("%s ended with %v", leader.name, state)
			}
			fired.await()
			var term uint64
			eventually(t, "another one leads", func() error {
				for _, s := range c.statuses() {
					if s.Leader {
						term = s.Raft.Term
						return nil
					}
				}
				return errors.New("nobody does")
			})
			took, more = append(took, fired.led(t).Sub(fired.at)), more+term-status.Raft.Term-1
			arm(leader, "")
			c.armable(leader)
		}
		fmt.Printf("disk with the fault %q, %d times; until another node leads: %s; %d terms more than one each\n", fault, times, spread(took), more)
	}
	c.agreed(3, 3)
}
