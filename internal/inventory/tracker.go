package inventory

import "slices"

// staleAfter is how many refreshes must fail in a row for a pool's inventory
// to be stale.
const staleAfter = 3

// State is what is known of a pool's inventory.
type State struct {
	// Hosts is the last good list, sorted by name; nil before the first one.
	// It must not be changed.
	Hosts []Host
	// Failures counts the refreshes that failed since the last good one.
	Failures int
	// Stale reports that three or more failed in a row. The hosts are then for
	// showing to people, not for acting on.
	Stale bool
	// Err is why the last refresh failed; nil when it did not.
	Err error
}

// Usable reports whether there is a list and it is not stale.
func (s State) Usable() bool { return len(s.Hosts) > 0 && !s.Stale }

// Tracker remembers the last good list of one pool and counts the refreshes
// that failed since. It reads no clock: a file that nobody changed is not stale
// however old it is. The zero Tracker is ready. It is not safe for concurrent
// use.
type Tracker struct {
	hosts    []Host
	failures int
	err      error
}

// Update takes the answer of Inventory.Hosts. An empty list without an error
// counts as failed too.
func (t *Tracker) Update(hosts []Host, err error) {
	if err == nil && len(hosts) == 0 {
		err = errEmpty
	}
	if err != nil {
		t.failures++
		t.err = err
		return
	}
	*t = Tracker{hosts: slices.Clone(hosts)}
}

// State returns what is known now.
func (t *Tracker) State() State {
	return State{Hosts: t.hosts, Failures: t.failures, Stale: t.failures >= staleAfter, Err: t.err}
}
