package cli

import (
	"slices"
	"sync"

	"warden/internal/engine"
	"warden/internal/ledger"
)

// log is the one way into the log. What only the leader may commit is handed on
// to it.
func (d *daemon) log() raftLog {
	return raftLog{node: d.node, floor: &d.floor, relay: d.peers.Relay, powered: d.Machine.Powered}
}

// floor keeps entries out of the log that some voter can't read: there they
// would stop that node for good.
type floor struct {
	ledger *ledger.Ledger
	// mu keeps a new voter and an entry that it may not be able to read from
	// passing each other between the look and the commit.
	mu sync.RWMutex
}

// admit reports why the entry may not be proposed, or returns what to call once
// it has been.
func (f *floor) admit(e ledger.Entry) (done func(), err error) {
	if e.V > 1 {
		f.mu.RLock()
		if err := f.ledger.Admits(e); err != nil {
			f.mu.RUnlock()
			return nil, &engine.Refusal{Code: ledger.RefusedVersion, Reason: err.Error()}
		}
		return f.mu.RUnlock, nil
	}
	if slices.ContainsFunc(e.Ops, func(op ledger.Op) bool { return op.Kind == ledger.KindVoterAdd }) {
		f.mu.Lock()
		return f.mu.Unlock, nil
	}
	return func() {}, nil
}

// adopts reports why a saved ledger that needs this version may not become the
// cluster's, or returns what to call once it has. It is asked within the restore,
// while the members stand still: an addition takes mu below the members' lock,
// too.
func (f *floor) adopts(needs int) (done func(), err error) {
	f.mu.Lock()
	if err := f.ledger.AdmitsState(needs); err != nil {
		f.mu.Unlock()
		return nil, &engine.Refusal{Code: ledger.RefusedVersion, Reason: err.Error()}
	}
	return f.mu.Unlock, nil
}
