package cluster

import (
	"fmt"
	"strconv"

	"github.com/hashicorp/raft"
	"go.uber.org/zap"
)

// A snapshot from elsewhere, of the leader's or a restored one, is durable
// before raft empties the log, and raft does not see to what may be left then:
// nothing, neither at the next start nor in a process that lives on.

// dropOvertaken empties the log when the newest snapshot that can be restored is
// of a later entry than the log's last, or of another one than the log has in
// that place: the process ended between the two. The log holds no gaps, so
// nothing could be appended to it, and what it has may never have been
// committed. A snapshot that can't be restored changes nothing,
// since raft falls back on an older one and the log behind that. Usually it
// looks at two numbers only; else the machine is left with the snapshot's state.
func (s *stores) dropOvertaken(f *fsm, log *zap.Logger) error {
	first, err := s.logs.FirstIndex()
	if err != nil {
		return fmt.Errorf("read the beginning of the raft log: %w", err)
	}
	last, err := s.logs.LastIndex()
	if err != nil {
		return fmt.Errorf("read the end of the raft log: %w", err)
	}
	list, err := s.snaps.List()
	if err != nil {
		return fmt.Errorf("list the snapshots: %w", err)
	}
	for _, snapshot := range list { // the newest first, as raft tries them
		if overtaken, err := s.overtaken(snapshot, first, last); err != nil || !overtaken {
			return err
		}
		if err := s.tryRestore(f, snapshot.ID); err != nil {
			log.Warn("a snapshot can't be restored, and the log is not the one it was made of: it is kept", zap.String("snapshot", snapshot.ID), zap.Error(err))
			continue
		}
		log.Warn("this node ended while it went over to a snapshot: the log from before it is dropped",
			zap.Uint64("snapshot_index", snapshot.Index), zap.Uint64("first_index", first), zap.Uint64("last_index", last))
		if err := s.logs.DeleteRange(first, last); err != nil {
			return fmt.Errorf("drop the raft log from before the snapshot at %d: %w", snapshot.Index, err)
		}
		return nil
	}
	return nil
}

// overtaken reports whether a log from first to last is not the one that the
// snapshot was made of.
func (s *stores) overtaken(snapshot *raft.SnapshotMeta, first, last uint64) (bool, error) {
	if last == 0 || snapshot.Index < first || snapshot.Index > last {
		return last != 0 && snapshot.Index > last, nil
	}
	var entry raft.Log
	if err := s.logs.GetLog(snapshot.Index, &entry); err != nil {
		return false, fmt.Errorf("read entry %d of the raft log: %w", snapshot.Index, err)
	}
	return entry.Term != snapshot.Term, nil
}

func (s *stores) tryRestore(f *fsm, id string) error {
	_, body, err := s.snaps.Open(id)
	if err != nil {
		return err
	}
	err = f.Restore(body)
	if closed := body.Close(); err == nil {
		err = closed
	}
	return err
}

// installLog notices when raft empties the log behind a snapshot that it has
// just restored, which it does in one goroutine, with no entry stored between.
type installLog struct {
	raft.LogStore
	fsm *fsm
	// emptied is called after it, with what came of it.
	emptied func(error)
}

func (l installLog) StoreLog(entry *raft.Log) error {
	l.fsm.takeReplaced()
	return l.LogStore.StoreLog(entry)
}

func (l installLog) StoreLogs(entries []*raft.Log) error {
	l.fsm.takeReplaced()
	return l.LogStore.StoreLogs(entries)
}

func (l installLog) DeleteRange(first, last uint64) error {
	replaced := l.fsm.takeReplaced()
	err := l.LogStore.DeleteRange(first, last)
	if replaced {
		l.emptied(err)
	}
	return err
}

// IsMonotonic passes on whether the log can hold gaps.
func (l installLog) IsMonotonic() bool {
	m, ok := l.LogStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

// takeReplaced reports whether a snapshot was restored since it was last asked.
func (f *fsm) takeReplaced() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	replaced := f.replaced
	f.replaced = false
	return replaced
}

// checkInstalled ends the process when raft has emptied the log for a snapshot
// and still believes in an end at or behind it, which it never takes back: it
// would refuse all that follows the snapshot and be sent the snapshot again,
// for as long as the process lives. Everything is on the disk by then.
func (n *Node) checkInstalled(err error) {
	if !n.up.Load() {
		return
	}
	if err != nil {
		n.stop("the raft log can't be emptied for the snapshot in its place, so this node stops: check the disk (dmesg, smartctl), then start warden again", zap.Error(err))
		return
	}
	if last, err := n.stores.logs.LastIndex(); err != nil || last != 0 {
		return
	}
	stats := n.raft.Stats() // it asks nothing of raft's own goroutine, which this is
	number := func(key string) uint64 {
		v, err := strconv.ParseUint(stats[key], 10, 64)
		if err != nil {
			n.log.Error("raft does not say where its log ends: this is a bug in warden, report it", zap.String("key", key), zap.Error(err))
		}
		return v
	}
	believed, snapshot := place{number("last_log_index"), number("last_log_term")}, place{number("last_snapshot_index"), number("last_snapshot_term")}
	if believed.index < snapshot.index || believed == snapshot {
		return
	}
	n.again("this node was sent a snapshot in place of entries that were never committed, and its raft can't go on from there: the process ends to be started again, with all that was committed",
		zap.Uint64("snapshot_index", snapshot.index), zap.Uint64("snapshot_term", snapshot.term),
		zap.Uint64("last_index", believed.index), zap.Uint64("last_term", believed.term))
}
