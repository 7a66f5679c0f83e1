//go:build failpoints

package cluster

import "testing"

// TestKillAtEveryPoint kills a node at each instruction where something is
// about to be, or has just been, made durable, during its first life and
// during a later one.
func TestKillAtEveryPoint(t *testing.T) {
	for _, point := range []string{
		"cluster.found.before", "cluster.found.written", "cluster.found.after",
		"cluster.store.before:1", "cluster.store.after:1", "cluster.store.before:2", "cluster.store.after:2",
		"cluster.store.before:50", "cluster.store.after:50",
		"cluster.snapshot.before", "cluster.snapshot.after", "cluster.snapshot.before:2", "cluster.snapshot.after:2",
		"cluster.compact.before", "cluster.compact.after",
	} {
		t.Run(point, func(t *testing.T) {
			dir := t.TempDir()
			_, acked := crash(t, dir, -1, "WARDEN_FAILPOINT="+point)
			checkCrashed(t, dir, acked)
			began, more := crash(t, dir, 70)
			if len(acked) > 0 && began <= acked[len(acked)-1] {
				t.Fatalf("%d was acknowledged, and the next run found %d items", acked[len(acked)-1], began)
			}
			checkCrashed(t, dir, append(acked, more...))
		})
	}
}
