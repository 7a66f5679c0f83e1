package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"warden/internal/remedy"
)

// ClusterInit names the cluster and its voters. It takes effect once.
type ClusterInit struct {
	ClusterID string          `json:"cluster_id"`
	Voters    []remedy.NodeID `json:"voters"`
	// Invited are the other nodes that the founder saw with empty stores: warden
	// itself may add exactly these, each once. Anybody else is added by a person.
	Invited []remedy.NodeID `json:"invited,omitempty"`
}

func (*ClusterInit) kind() string { return "cluster.init" }

func (b *ClusterInit) apply(m *machine, _ step) Result {
	switch {
	case m.clusterID != "":
		return refuse(RefusedDecided, "the cluster is already named %s", m.clusterID)
	case b.ClusterID == "" || len(b.Voters) == 0:
		return refuse(RefusedBad, "a cluster needs an id and at least one voter")
	}
	m.clusterID, m.voters = b.ClusterID, nodes(b.Voters)
	m.invited = slices.DeleteFunc(nodes(b.Invited), func(n remedy.NodeID) bool { return slices.Contains(m.voters, n) })
	m.global++
	return done(0)
}

// nodes is a list of nodes as the ledger keeps one: sorted, each once.
func nodes(of []remedy.NodeID) []remedy.NodeID {
	out := slices.Clone(of)
	slices.Sort(out)
	return slices.Compact(out)
}

// VoterAdd makes a node count: from here on its report binds, and until it has
// one every level is metric-only. It is committed before raft adds the node, so
// that a voter counts for as long as raft counts it. A person adds any node,
// warden itself only those that the founder invited.
type VoterAdd struct {
	Node remedy.NodeID `json:"node"`
	// MaxVersion is the newest entry version that the node said it knows; 0 when
	// it didn't say, which counts as 1.
	MaxVersion int `json:"max_version,omitempty"`
}

// KindVoterAdd is the kind of a VoterAdd.
const KindVoterAdd = "voter.add"

func (*VoterAdd) kind() string { return KindVoterAdd }

func (b *VoterAdd) apply(m *machine, x step) Result {
	i, voter := slices.BinarySearch(m.voters, b.Node)
	switch {
	case m.clusterID == "":
		return refuse(RefusedBad, "the cluster has not been founded: wait until a node leads")
	case b.Node == "":
		return refuse(RefusedBad, "a voter needs a node id")
	case voter:
		return done(0)
	case max(1, b.MaxVersion) < m.needs:
		return refuse(RefusedVersion, "%s knows ledger version %d and this cluster has used version %d: install the newest warden there first", b.Node, max(1, b.MaxVersion), m.needs)
	case !x.by.Person && !slices.Contains(m.invited, b.Node):
		return refuse(RefusedPerson, "%s was not there when the cluster was founded: a person must add it, with `warden operator raft join`", b.Node)
	}
	m.voters = slices.Insert(m.voters, i, b.Node)
	m.allEvidenceMoved() // until it has reported, the defaults count for it
	m.uninvite(b.Node)
	m.global++
	m.notify(Notice{Kind: NoticeConfig, Detail: fmt.Sprintf("%s is a voter now, added by %s: every level is metric-only until it has reported its file", b.Node, x.by.Name)}, x)
	return done(0)
}

// VoterRemove makes a node count no longer: what its file said of levels and
// limits goes with it. It is committed after raft removed the node. Only a
// person removes; an invitation that was never taken up is withdrawn by it.
type VoterRemove struct {
	Node remedy.NodeID `json:"node"`
}

func (*VoterRemove) kind() string { return "voter.remove" }

func (b *VoterRemove) apply(m *machine, x step) Result {
	i, voter := slices.BinarySearch(m.voters, b.Node)
	invited := slices.Contains(m.invited, b.Node)
	switch {
	case !x.by.Person:
		return refuse(RefusedPerson, "only a person may remove a voter")
	case !voter && !invited:
		return refuse(RefusedNothing, "%q is not a voter: %s are", b.Node, m.votersInWords())
	case voter && len(m.voters) == 1:
		return refuse(RefusedBad, "%s is the only voter: a cluster needs one", b.Node)
	}
	m.uninvite(b.Node)
	if !voter {
		return done(0)
	}
	before, asked := m.levels(), m.asked()
	m.voters = slices.Delete(m.voters, i, i+1)
	m.unwaive(b.Node)
	m.reports = slices.DeleteFunc(m.reports, func(r NodeReport) bool { return r.Node == b.Node })
	m.trustReports = slices.DeleteFunc(m.trustReports, func(r TrustReport) bool { return r.Node == b.Node })
	m.global++
	if m.learns() {
		m.named(x)
	}
	m.claim(asked, x)
	m.notify(Notice{Kind: NoticeConfig, Detail: fmt.Sprintf("%s is no longer a voter, removed by %s: its file counts no longer%s",
		b.Node, x.by.Name, m.movedSince(before))}, x)
	return done(0)
}

func (m *machine) uninvite(node remedy.NodeID) {
	m.invited = slices.DeleteFunc(m.invited, func(n remedy.NodeID) bool { return n == node })
}

func (m *machine) votersInWords() string {
	words := make([]string, len(m.voters))
	for i, v := range m.voters {
		words[i] = string(v)
	}
	return cmp.Or(strings.Join(words, ", "), "none")
}

// levelAt is the effective level of one action in one pool.
type levelAt struct {
	action remedy.ActionName
	pool   remedy.PoolName
	level  remedy.Level
}

// levels lists the effective level of everything that any report names, by
// action and pool.
func (m *machine) levels() []levelAt {
	var out []levelAt
	for _, r := range m.reports {
		for _, l := range r.Levels {
			out = append(out, levelAt{action: l.Action, pool: l.Pool})
		}
	}
	order := func(a, b levelAt) int { return cmp.Or(cmp.Compare(a.action, b.action), cmp.Compare(a.pool, b.pool)) }
	slices.SortFunc(out, order)
	out = slices.CompactFunc(out, func(a, b levelAt) bool { return order(a, b) == 0 })
	for i, l := range out {
		out[i].level = m.effective(l.action, l.pool)
	}
	return out
}

// maxMoved bounds how many levels a notice names.
const maxMoved = 10

// movedSince words which effective levels are others than they were, a line
// each; empty when none is.
func (m *machine) movedSince(before []levelAt) string {
	var lines []string
	for _, was := range before {
		if now := m.effective(was.action, was.pool); now != was.level {
			lines = append(lines, fmt.Sprintf("\n%s on %s is %s now, it was %s", was.action, was.pool, now, was.level))
		}
	}
	if more := len(lines) - maxMoved; more > 0 {
		lines = append(lines[:maxMoved], fmt.Sprintf("\nand %d more: `warden policy list`", more))
	}
	return strings.Join(lines, "")
}
