package engine

import "time"

// Pulse counts the steps that rounds, and what is done between them, have taken:
// an inventory read, a load balancer asked, the sources asked, an entry
// committed, a round over. Each has a deadline of its own. So while rounds are
// run it stands still for Config.Standstill at the longest, unless something
// hangs.
func (e *Engine) Pulse() uint64 { return e.pulse.Load() }

// beat says that a step is over.
func (e *Engine) beat() { e.took(0) }

// took says that a step is over that was given so long.
func (e *Engine) took(most time.Duration) {
	e.pulse.Add(1)
	e.silence.step(e.watching(), most)
}

// Standstill is how long Pulse may stand still while rounds are run: the time
// between two rounds and the longest step there is, fetch being how long asking
// the sources may take. What needs no deadline, since it only computes, is not
// in it.
func (c *Config) Standstill(fetch time.Duration) time.Duration {
	step := max(fetch, inventoryTimeout)
	for _, name := range sorted(c.Actions) {
		step = max(step, c.Actions[name].Spec.Timeout)
	}
	return c.interval() + step
}
