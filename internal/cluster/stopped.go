package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"go.uber.org/zap"

	"warden/internal/remedy"
)

// ErrRunning means that a warden runs on a data directory.
var ErrRunning = errors.New("a warden runs on this data directory")

// Stopped is the data directory of a node that doesn't run, and can't be started
// until Close.
type Stopped struct {
	dir    string
	id     identity
	lock   *dirLock
	stores *stores
}

// Survey is what a stopped node's data directory holds.
type Survey struct {
	Dir       string        `json:"dir"`
	Node      string        `json:"node"`
	ID        remedy.NodeID `json:"id"`
	ClusterID string        `json:"cluster_id"`
	// Term is the newest that the node has heard of.
	Term uint64 `json:"term"`
	// LastIndex and LastTerm are of its last entry: of several nodes, the one
	// with the higher LastTerm, then LastIndex, has everything that was
	// acknowledged, if any has.
	LastIndex uint64 `json:"last_index"`
	LastTerm  uint64 `json:"last_term"`
	// Snapshot is the last entry of the newest snapshot; 0 without one.
	Snapshot uint64 `json:"snapshot_index"`
	// Voters are those of the newest configuration in the log.
	Voters []remedy.NodeID `json:"voters"`
	// Planned is the recovery that waits for the next start; nil without one.
	Planned *Recovery `json:"planned,omitempty"`
}

// OpenStopped opens the data directory of a node that doesn't run. ErrRunning
// means that it does. It must be called as the directory's owner, since what is
// written there is for that user. Close it.
func OpenStopped(dir string) (_ *Stopped, err error) {
	info, err := os.Stat(filepath.Join(dir, identityFile))
	if err != nil {
		return nil, fmt.Errorf("%w: %s is not the data directory of a node: give the one in --storage.path", err, dir)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return nil, fmt.Errorf("%s belongs to user %d and you are %d: run this as that user, such as `sudo -u warden warden operator recover`", dir, st.Uid, os.Geteuid())
	}
	s := &Stopped{dir: dir}
	if s.lock, err = lockDir(dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	b, err := os.ReadFile(filepath.Join(dir, identityFile))
	if err != nil {
		return nil, fmt.Errorf("read this node's identity: %w", err)
	}
	var said identity
	if err := json.Unmarshal(b, &said); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w: restore it from a backup of the data directory", filepath.Join(dir, identityFile), err)
	}
	if s.id, err = loadIdentity(dir, said.Name); err != nil {
		return nil, err
	}
	if !s.id.Founded {
		return nil, fmt.Errorf("%s has never had a log, so there is nothing to recover: look at the other nodes", s.id.ID)
	}
	quiet := newStop(zap.NewNop(), func(int) {})
	s.stores, err = openStores(dir, guard{deadline: time.Minute, stop: quiet}, hclog.NewNullLogger(),
		func(l raft.LogStore) raft.LogStore { return l }, func() error { return nil })
	if err != nil {
		return nil, err
	}
	if _, err := s.stores.inspect(newRecord(dir, s.id)); err != nil {
		return nil, err
	}
	return s, nil
}

// Close lets the node be started again.
func (s *Stopped) Close() error {
	var err error
	if s.stores != nil {
		err = s.stores.wal.Close()
	}
	return errors.Join(err, s.lock.release())
}

// Survey says what is there.
func (s *Stopped) Survey() (Survey, error) {
	out := Survey{Dir: s.dir, Node: s.id.Name, ID: s.id.ID, ClusterID: s.id.ClusterID, Voters: []remedy.NodeID{}}
	at, err := s.stores.end()
	if err != nil {
		return out, fmt.Errorf("%w: check the disk below %s", err, s.dir)
	}
	out.LastIndex, out.LastTerm = at.index, at.term
	if out.Term, err = s.stores.stable.GetUint64(currentTermKey); err != nil {
		return out, fmt.Errorf("read the raft term: %w: check the disk below %s", err, s.dir)
	}
	c, snapshot, err := s.stores.configuration()
	if err != nil {
		return out, fmt.Errorf("%w: check the disk below %s", err, s.dir)
	}
	out.Snapshot = snapshot
	for _, server := range c.Servers {
		if server.Suffrage == raft.Voter {
			out.Voters = append(out.Voters, remedy.NodeID(server.ID))
		}
	}
	slices.Sort(out.Voters)
	out.Planned, err = readRecovery(s.dir)
	return out, err
}

// Plan asks the node's next start for a recovery by that person, and returns it.
// Nothing else is changed.
func (s *Stopped) Plan(by remedy.Actor, at time.Time) (Recovery, error) {
	found, err := s.Survey()
	if err != nil {
		return Recovery{}, err
	}
	cluster, err := mintCluster()
	if err != nil {
		return Recovery{}, err
	}
	r := Recovery{
		Version: recoveryVersion, Node: s.id.ID, LastIndex: found.LastIndex, LastTerm: found.LastTerm,
		ClusterID: cluster, Was: found.ClusterID, Voters: found.Voters, By: by, At: at.UTC().Truncate(time.Millisecond),
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return r, fmt.Errorf("encode the recovery: %w", err)
	}
	if err := replaceFile(s.dir, recoveryFile, append(b, '\n')); err != nil {
		return r, fmt.Errorf("write down the recovery: %w: nothing was changed", err)
	}
	return r, nil
}

// Cancel takes a planned recovery back.
func (s *Stopped) Cancel() error {
	if err := os.Remove(filepath.Join(s.dir, recoveryFile)); err != nil {
		return fmt.Errorf("take the recovery back: %w", err)
	}
	return syncDir(s.dir)
}

// configuration is the newest in the log or, where that has none, of the newest
// snapshot, whose last entry is returned as well.
func (s *stores) configuration() (c raft.Configuration, snapshot uint64, err error) {
	list, err := s.snaps.List()
	if err != nil {
		return c, 0, fmt.Errorf("list the snapshots: %w", err)
	}
	if len(list) > 0 {
		snapshot, c = list[0].Index, list[0].Configuration
	}
	first, err := s.logs.FirstIndex()
	if err != nil {
		return c, snapshot, fmt.Errorf("read the beginning of the raft log: %w", err)
	}
	last, err := s.logs.LastIndex()
	if err != nil {
		return c, snapshot, fmt.Errorf("read the end of the raft log: %w", err)
	}
	for i := last; i >= max(first, snapshot+1) && i > 0; i-- {
		var entry raft.Log
		if err := s.logs.GetLog(i, &entry); err != nil {
			return c, snapshot, fmt.Errorf("read entry %d of the raft log: %w", i, err)
		}
		if entry.Type == raft.LogConfiguration {
			return raft.DecodeConfiguration(entry.Data), snapshot, nil
		}
	}
	return c, snapshot, nil
}
