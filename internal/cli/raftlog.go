package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"warden/internal/cluster"
	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// raftLog is the engine's log on the cluster's raft. relay, when set, hands an
// entry to the node that leads.
type raftLog struct {
	node  *cluster.Node
	floor *floor
	relay func(ctx context.Context, e ledger.Entry) (ledger.Applied, error)
	// powered returns an error once the node counts as dead: see machine; nil for never.
	powered func() error
}

// Commit proposes an entry and waits until it is applied here. It is the one
// way into the log, and refuses an entry that some voter can't read.
func (l raftLog) Commit(ctx context.Context, e ledger.Entry) (ledger.Applied, error) {
	if l.powered != nil {
		if err := l.powered(); err != nil {
			return ledger.Applied{}, fmt.Errorf("%w: %w", engine.ErrNotCommitted, err)
		}
	}
	pass, err := l.floor.admit(e)
	if err != nil {
		return ledger.Applied{}, err
	}
	defer pass()
	data, err := e.Encode()
	if err != nil {
		return ledger.Applied{}, err
	}
	r, err := l.node.Propose(ctx, data)
	switch {
	case errors.Is(err, cluster.ErrNotLeader), errors.Is(err, cluster.ErrClosed), errors.Is(err, cluster.ErrTooBig):
		return ledger.Applied{}, fmt.Errorf("%w: %w", engine.ErrNotCommitted, err)
	case errors.Is(err, cluster.ErrBusy):
		return ledger.Applied{}, fmt.Errorf("%w: %w", engine.ErrBusy, err)
	case err != nil:
		return ledger.Applied{}, err
	}
	applied, ok := r.Value.(ledger.Applied)
	if !ok {
		return ledger.Applied{}, fmt.Errorf("the ledger answered with %T: this is a bug, please report it", r.Value)
	}
	return applied, nil
}

// Relay commits the entry here, and hands it to the leader when this node is
// certainly not the one that can.
func (l raftLog) Relay(ctx context.Context, e ledger.Entry) (ledger.Applied, error) {
	applied, err := l.Commit(ctx, e)
	if l.relay == nil || !errors.Is(err, cluster.ErrNotLeader) {
		return applied, err
	}
	return l.relay(ctx, e)
}

// Verify confirms leadership and waits until everything committed is applied.
func (l raftLog) Verify(ctx context.Context) error { return l.node.Verify(ctx) }

// found names a new cluster: an empty ledger gets the id that the node minted
// when it founded it, its voter, and whom the founder saw.
func found(ctx context.Context, l raftLog, led *ledger.Ledger, now time.Time) error {
	if led.Status().ClusterID != "" {
		return nil
	}
	id := l.node.ClusterID()
	if id == "" { // founded by a warden that minted it here
		minted := make([]byte, 8)
		if _, err := rand.Read(minted); err != nil {
			return fmt.Errorf("mint a cluster id: %w", err)
		}
		id = hex.EncodeToString(minted)
	}
	e, err := ledger.NewEntry(now, remedy.Warden(), l.node.ID(), &ledger.ClusterInit{
		ClusterID: id, Voters: []remedy.NodeID{l.node.ID()}, Invited: l.node.Invited(),
	})
	if err != nil {
		return err
	}
	if _, err := l.Commit(ctx, e); err != nil {
		return fmt.Errorf("name the cluster: %w", err)
	}
	return nil
}
