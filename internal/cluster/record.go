package cluster

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"warden/internal/failpoint"
	"warden/internal/remedy"
)

// errOtherCluster means that the two ends belong to two clusters.
var errOtherCluster = errors.New("another cluster")

// record is node.json while the node runs: who this node is and how far it has
// come on its way from an empty store to a member. Each step is durable before
// what it allows: the cluster's id before the first entry is stored, and the
// mark that there is a log before anybody hears that an entry was stored.
type record struct {
	dir  string
	node remedy.NodeID // never changes

	mu sync.Mutex
	id identity
}

func newRecord(dir string, id identity) *record { return &record{dir: dir, node: id.ID, id: id} }

// founded reports whether this node has a log. One without gives no vote.
func (r *record) founded() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.id.Founded
}

// cluster is the id of the cluster this node belongs to; empty as long as it
// belongs to none, or can't know.
func (r *record) cluster() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.id.ClusterID
}

func (r *record) invited() []remedy.NodeID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.id.Invited)
}

// change saves what f makes of the identity, and keeps the old one when f or
// the disk fails.
func (r *record) change(f func(id *identity) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.id
	next.Invited = slices.Clone(r.id.Invited)
	if err := f(&next); err != nil {
		return err
	}
	if next.same(r.id) {
		return nil
	}
	if err := next.save(r.dir); err != nil {
		return err
	}
	r.id = next
	return nil
}

// found begins the founding of a cluster by this node. It may be repeated with
// whatever arguments until there is a log: the first ones stay.
func (r *record) found(cluster string, invited []remedy.NodeID) error {
	return r.change(func(id *identity) error {
		switch {
		case id.Joining:
			return fmt.Errorf("%w: this node is being added to cluster %s", errOtherCluster, id.ClusterID)
		case id.ClusterID == "":
			id.ClusterID, id.Invited = cluster, invited
		}
		return nil
	})
}

// meet checks a caller's cluster against this node's. An empty node belongs to
// the cluster of the first peer that calls it by its id, for only that
// cluster's own configuration can have told the peer the id.
func (r *record) meet(cluster string) error {
	defer failpoint.Hit("cluster.join.met")
	return r.change(func(id *identity) error {
		switch {
		case id.ClusterID == cluster && cluster != "":
		case id.Founded && (id.ClusterID == "" || cluster == ""):
			// A log from before clusters were named in node.json: its leader
			// says the name as soon as it knows it.
		case id.ClusterID == "" && cluster != "":
			failpoint.Hit("cluster.join.before")
			id.ClusterID, id.Joining = cluster, true
		default:
			return fmt.Errorf("%w: this node belongs to %q and the caller to %q", errOtherCluster, id.ClusterID, cluster)
		}
		return nil
	})
}

// stored marks that there is a log, after its first entry or snapshot has been
// made durable and before anybody is told.
func (r *record) stored() error {
	if r.founded() {
		return nil
	}
	return r.change(func(id *identity) error {
		if id.Joining {
			failpoint.Hit("cluster.join.stored")
		}
		id.Founded, id.Joining = true, false
		return nil
	})
}

// named keeps the cluster's id, as the ledger says it, for a log from before
// it stood in node.json.
func (r *record) named(cluster string) error {
	return r.change(func(id *identity) error {
		switch id.ClusterID {
		case "":
			id.ClusterID = cluster
		case cluster:
		default:
			return fmt.Errorf("%w: %s says %s and the ledger says %s: restore both from the same backup", errOtherCluster, identityFile, id.ClusterID, cluster)
		}
		return nil
	})
}
