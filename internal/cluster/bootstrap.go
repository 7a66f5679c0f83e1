package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/zap"

	"warden/internal/remedy"
)

// beginning is what an empty node is to do, having asked all its peers.
type beginning struct {
	found   bool
	invited []remedy.NodeID // when it founds: the others, sorted
	wait    string          // otherwise: what it waits for, for people
	why     []error         // what came of asking the silent ones
}

// begin decides whether an empty node founds a cluster. It does when every peer
// answered that it is empty too, lists the same peers, and this node's name is
// the lowest of them; in every other case it waits, for a cluster that exists
// must be joined, and a silent peer may belong to one.
func begin(r *roster, answers map[string]sighting) beginning {
	mine := r.names()
	slices.Sort(mine)
	var silent, other []string
	var why []error
	var invited []remedy.NodeID
	for _, name := range slices.Sorted(maps.Keys(answers)) {
		s := answers[name]
		switch {
		case s.err != nil || s.at.IsZero():
			silent, why = append(silent, name), append(why, s.err)
		case s.answer.Founded || s.answer.ClusterID != "":
			return beginning{wait: fmt.Sprintf("%s belongs to cluster %s: this node has no data and waits to be added to it; one that was not there when the cluster was founded is added with `warden operator raft join %s`",
				name, orUnnamed(s.answer.ClusterID), r.self.Name)}
		case !slices.Equal(s.answer.Peers, mine):
			other = append(other, name)
		default:
			invited = append(invited, s.answer.ID)
		}
	}
	slices.Sort(invited)
	switch {
	case len(silent) > 0:
		return beginning{wait: "a cluster is founded only when all peers answer; no answer from " + strings.Join(silent, ", "), why: why}
	case len(other) > 0:
		return beginning{wait: "a cluster is founded only by nodes with the same [cluster] peers; it is another list on " + strings.Join(other, ", ")}
	case r.self.Name != r.lowest():
		return beginning{wait: fmt.Sprintf("all peers are empty, and %s founds the cluster", r.lowest())}
	}
	return beginning{found: true, invited: invited}
}

func orUnnamed(cluster string) string {
	if cluster == "" {
		return "(not named yet)"
	}
	return cluster
}

// sayAgain is how often a node that waits says so.
const sayAgain = time.Minute

// bootstrap asks the peers until this node has founded a cluster or was added
// to one.
func (n *Node) bootstrap() {
	said, at := "", time.Time{}
	for !n.record.founded() {
		if n.record.cluster() == "" {
			b := begin(n.roster(), n.probeAll(n.ring.conns.ctx))
			if b.found {
				if err := n.foundLive(b.invited); err != nil && !n.calls.isClosing() {
					n.stop("this node could not found the cluster, so it stops: check the disk, then start warden again", zap.Error(err))
				}
				return
			}
			n.waits.Store(&b.wait)
			if b.wait != said || time.Since(at) > sayAgain {
				n.log.Info("no cluster yet", zap.String("waiting", b.wait), zap.Errors("errors", b.why))
				said, at = b.wait, time.Now()
			}
		}
		if !n.ring.conns.pause(n.tune.bootstrapEvery) {
			return
		}
	}
}

// foundLive founds the cluster with raft running already, since it has to
// listen while it waits.
func (n *Node) foundLive(invited []remedy.NodeID) error {
	cluster, err := mintCluster()
	if err != nil {
		return err
	}
	if err := n.record.found(cluster, invited); err != nil {
		return err
	}
	n.log.Info("all peers are empty and this node founds the cluster", zap.String("cluster_id", cluster), zap.Any("invited", invited))
	return n.stores.found(n.record, func(c raft.Configuration) error {
		return n.raft.BootstrapCluster(c).Error()
	})
}
