package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"

	"warden/internal/failpoint"
)

const (
	raftFolder      = "raft"
	walFolder       = "wal"
	snapshotsFolder = "snapshots" // the file snapshot store's own choice
	// segmentSize is what each file of the log is pre-allocated to.
	segmentSize = 8 << 20
	// snapshotsKept is how many snapshots stay on disk: the newest, and one to
	// fall back on, for which the trailing logs reach back far enough.
	snapshotsKept = 2
)

// currentTermKey is where raft keeps the term in its stable store.
var currentTermKey = []byte("CurrentTerm")

// stores are the durable parts of a node below its data directory.
type stores struct {
	wal    *wal.WAL
	logs   raft.LogStore
	stable raft.StableStore
	snaps  raft.SnapshotStore
}

// openStores opens them. stored is called after each write that makes an entry
// or a snapshot durable, and before raft hears of it.
func openStores(dir string, g guard, log hclog.Logger, wrap func(raft.LogStore) raft.LogStore, stored func() error) (*stores, error) {
	raftDir := filepath.Join(dir, raftFolder)
	walDir := filepath.Join(raftDir, walFolder)
	if err := os.MkdirAll(walDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the raft log's directory: %w: make %s writable for the user warden runs as", err, dir)
	}
	if err := removeTorn(filepath.Join(raftDir, snapshotsFolder)); err != nil {
		return nil, err
	}
	w, err := wal.Open(walDir, wal.WithSegmentSize(segmentSize), wal.WithLogger(log.Named("wal")))
	if err != nil {
		return nil, fmt.Errorf("open the raft log: %w: %s; nothing in it has been changed", err, mend(dir))
	}
	snaps, err := raft.NewFileSnapshotStoreWithLogger(raftDir, snapshotsKept, log.Named("snapshot"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the snapshots: %w: make %s writable for the user warden runs as", err, raftDir), w.Close())
	}
	if err := errors.Join(syncDir(raftDir), syncDir(dir)); err != nil {
		return nil, errors.Join(fmt.Errorf("sync the data directory: %w: check the disk below %s", err, dir), w.Close())
	}
	return &stores{
		wal:    w,
		logs:   guardedLog{LogStore: wrap(w), guard: g, stored: stored},
		stable: guardedStable{StableStore: w, guard: g},
		snaps:  durableSnapshots{SnapshotStore: snaps, dir: filepath.Join(raftDir, snapshotsFolder), stored: stored},
	}, nil
}

// mend says what to do about a data directory that can't be used. A backup is
// for a node that is alone: one of several that came back with an old log would
// vote against what it has promised since.
func mend(dir string) string {
	return "restore " + dir + " from a backup if this node is alone; one of several is never restored: remove it on another node with " +
		"`warden operator raft remove-peer NAME`, move " + dir + " away, start it, and have it join with `warden operator raft join NAME`"
}

// removeTorn deletes snapshots that a crash left half written. Raft would
// never read them, and never delete them either.
func removeTorn(dir string) error {
	torn, err := filepath.Glob(filepath.Join(dir, "*.tmp"))
	if err != nil {
		return fmt.Errorf("look for unfinished snapshots in %s: %w", dir, err)
	}
	for _, path := range torn {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("remove an unfinished snapshot: %w: delete %s by hand", err, path)
		}
	}
	return nil
}

// holdings is what the stores hold, in the numbers that tell a new log from a
// founded one from a lost one.
type holdings struct {
	term      uint64
	last      uint64
	snapshots int
}

func (s *stores) holdings() (holdings, error) {
	var h holdings
	var err error
	if h.term, err = s.stable.GetUint64(currentTermKey); err != nil {
		return h, fmt.Errorf("read the raft term: %w", err)
	}
	if h.last, err = s.logs.LastIndex(); err != nil {
		return h, fmt.Errorf("read the end of the raft log: %w", err)
	}
	list, err := s.snaps.List()
	if err != nil {
		return h, fmt.Errorf("list the snapshots: %w", err)
	}
	h.snapshots = len(list)
	return h, nil
}

// durableSnapshots adds the one fsync the file snapshot store leaves out: of
// the finished snapshot's own directory, before raft drops the log it covers.
type durableSnapshots struct {
	raft.SnapshotStore
	dir    string
	stored func() error
}

func (d durableSnapshots) Create(v raft.SnapshotVersion, index, term uint64, c raft.Configuration, cIndex uint64, t raft.Transport) (raft.SnapshotSink, error) {
	sink, err := d.SnapshotStore.Create(v, index, term, c, cIndex, t)
	if err != nil {
		return nil, err
	}
	return durableSink{SnapshotSink: sink, dir: d.dir, stored: d.stored}, nil
}

type durableSink struct {
	raft.SnapshotSink
	dir    string
	stored func() error
}

func (s durableSink) Close() error {
	failpoint.Hit("cluster.snapshot.before")
	if err := s.SnapshotSink.Close(); err != nil {
		return err
	}
	failpoint.Hit("cluster.snapshot.after")
	if err := syncDir(filepath.Join(s.dir, strings.TrimSuffix(s.ID(), ".tmp"))); err != nil {
		return err
	}
	return s.stored()
}
