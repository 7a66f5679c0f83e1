package cli

import (
	"errors"
	"testing"
	"time"

	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// floorRig is the way into the log of a cluster of one, which knows the newest
// version, before raft.
type floorRig struct {
	*testing.T
	floor
	index uint64
}

func newFloorRig(t *testing.T) *floorRig {
	t.Helper()
	r := &floorRig{T: t, floor: floor{ledger: ledger.New()}}
	r.apply(r.entry(&ledger.ClusterInit{ClusterID: "c", Voters: []remedy.NodeID{"n1"}}))
	r.apply(r.entry(&ledger.NodeReport{Node: "n1", MaxVersion: ledger.Version, ConfigHash: "x"}))
	return r
}

func (r *floorRig) entry(b ledger.Body) ledger.Entry {
	r.Helper()
	e, err := ledger.NewEntry(time.Date(2026, 11, 20, 3, 12, 0, 0, time.UTC), remedy.Actor{Name: "alice", Person: true}, "n1", b)
	if err != nil {
		r.Fatal(err)
	}
	return e
}

// apply is what raft would do with an entry.
func (r *floorRig) apply(e ledger.Entry) {
	r.Helper()
	data, err := e.Encode()
	if err != nil {
		r.Fatal(err)
	}
	r.index++
	switch got := r.ledger.Apply(r.index, 1, data).(type) {
	case ledger.Applied:
		if len(got.Results) != 1 || !got.Results[0].OK {
			r.Fatalf("%s: %+v", data, got)
		}
	default:
		r.Fatalf("%s: %v", data, got)
	}
}

// admitted lets an entry in, and returns what says that it has been proposed.
func (r *floorRig) admitted(e ledger.Entry) (done func()) {
	r.Helper()
	done, err := r.admit(e)
	if err != nil {
		r.Fatal(err)
	}
	return done
}

// A new voter and an entry that it can't read never pass each other: whichever
// is let in first is committed before the other is looked at.
func TestVoterAndNewerEntryDoNotPass(t *testing.T) {
	t.Parallel()
	newer, add := &ledger.NodeWaive{Node: "n2", Reason: "x"}, &ledger.VoterAdd{Node: "n2", MaxVersion: ledger.Version}

	t.Run("the newer entry first", func(t *testing.T) {
		t.Parallel()
		r := newFloorRig(t)
		one, two := r.admitted(r.entry(newer)), r.admitted(r.entry(newer)) // these don't wait for each other
		one()
		if r.mu.TryLock() {
			t.Fatal("a voter may be added while a newer entry is on its way")
		}
		r.admitted(r.entry(&ledger.FreezeSet{Reason: "x"}))() // what everybody reads waits for nobody
		two()
		r.admitted(r.entry(add))() // its turn
	})

	t.Run("the voter first", func(t *testing.T) {
		t.Parallel()
		r := newFloorRig(t)
		done := r.admitted(r.entry(add))
		if r.mu.TryRLock() {
			t.Fatal("a newer entry may be judged while a voter is on its way")
		}
		r.admitted(r.entry(&ledger.FreezeSet{Reason: "x"}))()
		verdict := make(chan error, 1)
		late := r.entry(newer)
		go func() {
			done, err := r.admit(late)
			if err == nil {
				done()
			}
			verdict <- err
		}()
		r.apply(r.entry(add))
		done()
		refusal, ok := errors.AsType[*engine.Refusal](<-verdict)
		if !ok || refusal.Code != ledger.RefusedVersion {
			t.Errorf("the new voter has not reported, and the newer entry is let in with %v", refusal)
		}
		if !r.mu.TryLock() {
			t.Fatal("a refusal keeps voters out for good")
		}
		r.mu.Unlock()
	})
}
