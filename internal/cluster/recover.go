package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/zap"

	"warden/internal/failpoint"
	"warden/internal/remedy"
)

const (
	// recoveryFile asks the next start to make this node the only voter.
	recoveryFile = "recover.json"
	// recoveredFile is what it is called once that was done.
	recoveredFile   = "recovered.json"
	recoveryVersion = 1
)

// Recovery makes a node the only voter of a new cluster that goes on from the
// node's own log: the way out when a majority's disks are lost. It is a new
// cluster, with an id of its own, so that a node of the old one that comes back
// is refused and can't overwrite what has been committed since.
type Recovery struct {
	Version int `json:"version"`
	// Node is whose data it is for, and LastIndex and LastTerm where its log
	// ended when a person looked at it.
	Node      remedy.NodeID `json:"node"`
	LastIndex uint64        `json:"last_index"`
	LastTerm  uint64        `json:"last_term"`
	// ClusterID is the new cluster's id, Was the old one's, and Voters are those
	// that voted there.
	ClusterID string          `json:"cluster_id"`
	Was       string          `json:"was"`
	Voters    []remedy.NodeID `json:"voters"`
	// By asked for it, and At when.
	By remedy.Actor `json:"by"`
	At time.Time    `json:"at"`
}

// readRecovery reads dir's recovery file; nil where there is none.
func readRecovery(dir string) (*Recovery, error) {
	path := filepath.Join(dir, recoveryFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the recovery that was asked for: %w: make %s readable for the user warden runs as", err, path)
	}
	var r Recovery
	err = json.Unmarshal(b, &r)
	if err == nil && (r.Version != recoveryVersion || r.ClusterID == "" || !r.By.Person) {
		err = errors.New("it is not one that this warden wrote")
	}
	if err != nil {
		return nil, fmt.Errorf("%s can't be understood: %w: delete it and run `warden operator recover` again", path, err)
	}
	return &r, nil
}

// recoverIfAsked does what `warden operator recover` asked for. Each step may be
// done again after a crash, and only the last one forgets the request.
func (n *Node) recoverIfAsked(o Options, conf *raft.Config, trans raft.Transport) error {
	r, err := readRecovery(o.Dir)
	if r == nil || err != nil {
		return err
	}
	at, err := n.stores.end()
	switch {
	case err != nil:
		return fmt.Errorf("%w: check the disk below %s", err, o.Dir)
	case r.Node != n.id || at.index != r.LastIndex || at.term != r.LastTerm:
		return fmt.Errorf("%s is for %s with a log up to entry %d of term %d, and this is %s with one up to entry %d of term %d: nothing was recovered; delete the file to start as before, or run `warden operator recover` again",
			filepath.Join(o.Dir, recoveryFile), r.Node, r.LastIndex, r.LastTerm, n.id, at.index, at.term)
	case o.Recovered == nil:
		return errors.New("a recovery was asked for, and this program can't do it: this is a bug in warden, report it")
	}
	n.log.Warn("a recovery was asked for: this node becomes the only voter of a new cluster", zap.String("by", r.By.Name),
		zap.String("cluster_id", r.ClusterID), zap.String("was", r.Was), zap.Uint64("last_index", r.LastIndex), zap.Any("voters", r.Voters))
	if err := n.recoverLog(*r, o, conf, trans); err != nil {
		return err
	}
	failpoint.Hit("cluster.recover.log")
	if err := n.record.change(func(id *identity) error {
		id.ClusterID, id.Invited, id.Joining = r.ClusterID, nil, false
		return nil
	}); err != nil {
		return err
	}
	failpoint.Hit("cluster.recover.named")
	if err := os.Rename(filepath.Join(o.Dir, recoveryFile), filepath.Join(o.Dir, recoveredFile)); err != nil {
		return fmt.Errorf("finish the recovery: %w: make %s writable for the user warden runs as", err, o.Dir)
	}
	return syncDir(o.Dir)
}

// recoverLog puts a snapshot in the log's place that holds everything that was
// in it, and this node as the only voter.
func (n *Node) recoverLog(r Recovery, o Options, conf *raft.Config, trans raft.Transport) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the raft log below %s is damaged: %v: restore the data directory from a backup, or recover on another node", o.Dir, p)
		}
	}()
	self := raft.Server{Suffrage: raft.Voter, ID: raft.ServerID(n.id), Address: raft.ServerAddress(n.id)}
	f := recovering{fsm: newFSM(o.Machine, n.stop), state: func() (io.WriterTo, error) { return o.Recovered(r) }}
	if err := raft.RecoverCluster(conf, f, n.stores.logs, n.stores.stable, n.stores.snaps, trans, raft.Configuration{Servers: []raft.Server{self}}); err != nil {
		return fmt.Errorf("recover the log: %w: nothing was recovered; delete %s to start as before", err, filepath.Join(o.Dir, recoveryFile))
	}
	return nil
}

// recovering is the machine while its log is replayed, whose snapshot is what
// the new cluster goes on from.
type recovering struct {
	*fsm
	state func() (io.WriterTo, error)
}

// Snapshot implements raft.FSM.
func (r recovering) Snapshot() (raft.FSMSnapshot, error) {
	if r.isBroken() {
		return nil, errMachineStopped
	}
	body, err := r.state()
	if err != nil {
		return nil, err
	}
	index, term := r.position()
	return fsmSnapshot{index: index, term: term, body: body}, nil
}

// place is an entry's.
type place struct{ index, term uint64 }

// end is the last entry that the stores hold, in the log or under a snapshot.
func (s *stores) end() (place, error) {
	var at place
	list, err := s.snaps.List()
	if err != nil {
		return at, fmt.Errorf("list the snapshots: %w", err)
	}
	if len(list) > 0 {
		at = place{list[0].Index, list[0].Term}
	}
	last, err := s.logs.LastIndex()
	if err != nil {
		return at, fmt.Errorf("read the end of the raft log: %w", err)
	}
	if last <= at.index {
		return at, nil
	}
	var entry raft.Log
	if err := s.logs.GetLog(last, &entry); err != nil {
		return at, fmt.Errorf("read entry %d of the raft log: %w", last, err)
	}
	return place{entry.Index, entry.Term}, nil
}
