package cluster

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"path/filepath"

	"github.com/hashicorp/raft"

	"warden/internal/failpoint"
	"warden/internal/remedy"
)

// ownerKey is where the stable store keeps the id of the node whose log it is.
var ownerKey = []byte("WardenNode")

// state is what a node has when it is opened.
type state int

const (
	stateEmpty    state = iota // neither a log nor a cluster: to be founded, or added
	stateFounding              // this node began to found a cluster
	stateJoining               // a cluster began to add this node
	stateMember                // there is a log
)

// inspect says how far this node has come, from node.json and from what the
// stores hold. A log that should be there and isn't is refused: a node that
// starts over with an empty ledger forgets which hosts are out.
func (s *stores) inspect(r *record) (state, error) {
	h, err := s.holdings()
	if err != nil {
		return 0, fmt.Errorf("%w: check the disk below %s", err, r.dir)
	}
	raftDir, id := filepath.Join(r.dir, raftFolder), r.id
	owner, err := s.stable.Get(ownerKey)
	if err != nil {
		return 0, fmt.Errorf("read whose raft log this is: %w: check the disk below %s", err, r.dir)
	}
	held := h.last > 0 || h.snapshots > 0
	switch {
	case !id.Founded && !id.Joining && (h.last > 1 || h.snapshots > 0):
		return 0, fmt.Errorf("%s below %s says that this node has no raft log, but %s holds one up to index %d: restore both from the same backup",
			identityFile, r.dir, raftDir, h.last)
	case len(owner) > 0 && remedy.NodeID(owner) != id.ID:
		return 0, fmt.Errorf("the raft log below %s belongs to another node than %s, to %s: restore %s and the log from the same backup", raftDir, id.ID, owner, identityFile)
	case id.Founded && (h.term == 0 || !held):
		return 0, fmt.Errorf("the raft log below %s is empty but this node has had one: %s; or, alone, move it away to start as a new node with an empty ledger", raftDir, mend(r.dir))
	case id.Founded:
		return stateMember, nil
	case id.Joining && held:
		// The crash came between the first entry and the mark.
		return stateMember, r.stored()
	case id.Joining:
		return stateJoining, nil
	case h.last == 1 || id.ClusterID != "":
		return stateFounding, nil
	}
	return stateEmpty, nil
}

// own writes down whose log this is. It is called with an empty log, or with
// one that is known to be this node's.
func (s *stores) own(id remedy.NodeID) error {
	if owner, err := s.stable.Get(ownerKey); err != nil || string(owner) == string(id) {
		return err
	}
	return s.stable.Set(ownerKey, []byte(id))
}

// found makes this node the only voter of a new cluster, and marks that durably
// before anything can be proposed. bootstrap writes the founding entry. A crash
// in between leaves at most that entry, and founding resumes.
func (s *stores) found(r *record, bootstrap func(raft.Configuration) error) error {
	h, err := s.holdings()
	if err != nil {
		return fmt.Errorf("%w: check the disk below %s", err, r.dir)
	}
	if h.last == 0 {
		// A crash after raft set the term and before it wrote the founding
		// entry would make raft refuse to found.
		if err := s.stable.SetUint64(currentTermKey, 0); err != nil {
			return fmt.Errorf("found the cluster: %w: check the disk below %s", err, r.dir)
		}
		failpoint.Hit("cluster.found.before")
		self := raft.Server{Suffrage: raft.Voter, ID: raft.ServerID(r.node), Address: raft.ServerAddress(r.node)}
		if err := bootstrap(raft.Configuration{Servers: []raft.Server{self}}); err != nil {
			return fmt.Errorf("found the cluster: %w: check the disk below %s", err, r.dir)
		}
	}
	failpoint.Hit("cluster.found.written")
	err = r.stored()
	failpoint.Hit("cluster.found.after")
	return err
}

// mintCluster makes a new cluster's id.
func mintCluster() (string, error) {
	var id [8]byte
	if _, err := rand.Read(id[:]); err != nil {
		return "", fmt.Errorf("mint a cluster id: %w: check the system's random source", err)
	}
	return hex.EncodeToString(id[:]), nil
}
