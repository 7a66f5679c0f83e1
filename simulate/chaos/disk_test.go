//go:build integration && failpoints

package chaos_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"warden/simulate/chaos"
)

// loseDisk leaves a node an empty disk.
func (r *seedRun) loseDisk(n *node) {
	entries, err := os.ReadDir(n.storage)
	if err != nil {
		r.t.Error(err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(n.storage, e.Name())); err != nil {
			r.t.Error(err)
		}
	}
	r.tell("%s has lost its disk", n.name)
}

var errNoLeader = errors.New("nobody leads, or it was refused")

// rejoin is what people do about it: they remove the node that is gone, and
// have the one that came in its place join.
func (r *seedRun) rejoin(n *node) {
	ask := func(args ...string) error {
		return wait(r.t, backWithin, func() error {
			n.restart()
			m := r.leader()
			if m == nil || m == n {
				return errNoLeader
			}
			if !r.person(m, chaos.Asked{Verb: args[2]}, args...) {
				return errNoLeader
			}
			return nil
		})
	}
	if err := ask("operator", "raft", "remove-peer", n.name, "--confirm", n.name); err != nil {
		r.trouble(chaos.Stuck, "%s, whose disk is lost, can't be removed: %s", n.name, r.lastSaid())
		return
	}
	if err := ask("operator", "raft", "join", n.name); err != nil {
		r.trouble(chaos.Stuck, "%s, whose disk is lost, can't join again: %s", n.name, r.lastSaid())
		return
	}
	r.caughtUp(n)
}

// commitDisk begins a fault of a disk and returns what ends it, or nil where
// it is none.
func (r *seedRun) commitDisk(ctx context.Context, a chaos.Act, n *node) func() {
	switch a.Fault {
	case chaos.FaultFull:
		n.fill()
		return func() { n.unfill(); n.start() }
	case chaos.FaultReadOnly:
		n.kill()
		if err := n.readOnly(true); err != nil {
			r.t.Error(err)
		}
		n.start()
		return func() {
			n.kill()
			if err := n.readOnly(false); err != nil {
				r.t.Error(err)
			}
			n.start()
		}
	case chaos.FaultLost:
		n = r.nodes[len(r.nodes)-1] // the verdict needs the others' logs
		n.kill()
		if !r.othersHaveAll(ctx, n) {
			r.tell("%s is spared: the others don't have all of it", n.name)
			return n.start
		}
		r.loseDisk(n)
		n.start()
		return func() { r.rejoin(n) }
	case chaos.FaultTail, chaos.FaultSnapshot:
		n.kill()
		if !r.othersHaveAll(ctx, n) {
			r.tell("%s is spared: the others don't have all of it", n.name)
			return n.start
		}
		if a.Fault == chaos.FaultTail {
			r.cutTail(n, 40+int(a.For.Milliseconds())%900)
		} else {
			r.flipBit(n, int(a.For.Milliseconds()))
		}
		n.start()
		return func() { r.caughtUp(n) }
	}
	return nil
}

// othersHaveAll waits until all other nodes have applied the same, which is
// what must be so before a disk may lie: a majority is promised to remember.
func (r *seedRun) othersHaveAll(ctx context.Context, n *node) bool {
	if len(r.nodes) == 1 {
		return false
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end) && ctx.Err() == nil; {
		same, index := true, uint64(0)
		for _, m := range r.nodes {
			if m == n {
				continue
			}
			st := r.statusOf(m)
			if st == nil || st.LeaderID == "" || index > 0 && st.Raft.AppliedIndex != index {
				same = false
				break
			}
			index = st.Raft.AppliedIndex
		}
		if same {
			return true
		}
		pause(ctx, 50*time.Millisecond)
	}
	return false
}

// caughtUp waits until a node whose disk lost something is where the others
// are, before anything else may break.
func (r *seedRun) caughtUp(n *node) {
	err := wait(r.t, backWithin, func() error {
		n.restart()
		return n.client.Ready(r.t.Context())
	})
	if err != nil {
		r.trouble(chaos.Stuck, "%s does not come back after its disk lost something: %v", n.name, err)
	}
}

// cutTail zeroes the last bytes that were written to the log, as a disk does
// that lost its cache.
func (r *seedRun) cutTail(n *node, bytes int) {
	segments, err := filepath.Glob(filepath.Join(n.storage, "raft", "wal", "*.wal"))
	if err != nil || len(segments) == 0 {
		r.t.Errorf("%s has no segments: %v", n.name, err)
		return
	}
	path := slices.Max(segments)
	raw, err := os.ReadFile(path)
	if err != nil {
		r.t.Error(err)
		return
	}
	end := len(raw)
	for end > 0 && raw[end-1] == 0 {
		end--
	}
	clear(raw[max(0, end-bytes):end])
	r.tell("%s: the last %d of %d bytes of %s are gone", n.name, min(bytes, end), end, filepath.Base(path))
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		r.t.Error(err)
	}
}

// flipBit damages the newest snapshot. The one before it is what a node falls
// back on; one that has no other refuses to start, which is for people.
func (r *seedRun) flipBit(n *node, at int) {
	states, err := filepath.Glob(filepath.Join(n.storage, "raft", "snapshots", "*", "state.bin"))
	if err != nil || len(states) < 2 {
		r.tell("%s has %d snapshots, and none to fall back on: it is spared", n.name, len(states))
		return
	}
	path := slices.Max(states)
	raw, err := os.ReadFile(path)
	if err != nil || len(raw) == 0 {
		r.t.Errorf("%s: %v", path, err)
		return
	}
	at = at * 7919 % len(raw)
	raw[at] ^= 1 << (at % 8)
	r.tell("%s: bit %d of byte %d of %s is flipped", n.name, at%8, at, filepath.Base(filepath.Dir(path)))
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		r.t.Error(err)
	}
}
