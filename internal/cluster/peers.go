package cluster

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"warden/internal/remedy"
)

// Peer is one member of the cluster as the config lists it.
type Peer struct {
	// Name is the node's name: what its certificate is made out to.
	Name string
	// Address is where it listens for its peers, as HOST:PORT.
	Address string
}

// Credentials are this node's key and the authority that its peers' keys are
// signed by. Each call gives the newest that was read, so that certificates are
// replaced without a restart. A handshake that succeeds has verified the other
// side's certificate. The cluster sets NextProtos, and checks which of its peers
// the certificate is made out to.
type Credentials interface {
	// Server is for connections that come in: TLS 1.3, and the other side must
	// show a certificate of the authority.
	Server() *tls.Config
	// Client is for a connection to the peer of that name: TLS 1.3, and the
	// other side must show a certificate of the authority made out to name.
	Client(name string) *tls.Config
}

// Timing names a set of raft's timeouts.
type Timing string

// The timings; the first two can be configured. Measured over kill -9 of the leader:
// docs/benchmarks.md.
const (
	// TimingDefault is for several voters on ordinary disks and networks:
	// heartbeat and election 300 ms, lease 200 ms.
	TimingDefault Timing = "default"
	// TimingLAN is for voters on one network with fast disks: heartbeat and
	// election 150 ms, lease 100 ms.
	TimingLAN Timing = "lan"
	// TimingTogether is for all nodes of a cluster in one process, as in a demo,
	// where they compete for one machine: heartbeat and election 1 s, lease 800 ms,
	// and ten seconds for a leader's write. No config can ask for it.
	TimingTogether Timing = "together"
)

// roster is the peers of the config, and which of them this node is. It never
// changes while the process runs.
type roster struct {
	peers []Peer
	self  Peer
}

// newRoster finds this node among the peers: the one of its name or, where
// there is none, the one whose first label is that of the node's name.
func newRoster(peers []Peer, node string) (*roster, error) {
	r := &roster{peers: slices.Clone(peers)}
	for i, p := range peers {
		if _, _, err := net.SplitHostPort(p.Address); err != nil || p.Name == "" {
			return nil, fmt.Errorf("peer %q has the address %q: write HOST:PORT or NAME=HOST:PORT", p.Name, p.Address)
		}
		if slices.ContainsFunc(peers[:i], func(q Peer) bool { return q.Name == p.Name }) {
			return nil, fmt.Errorf("peer %s is listed twice: give each node a name of its own", p.Name)
		}
	}
	self, ok := r.find(node)
	if !ok {
		return nil, fmt.Errorf("this node is named %q and [cluster] peers lists %s: start it with --node.name set to one of them, or add it to the list",
			node, strings.Join(r.names(), ", "))
	}
	r.self = self
	return r, nil
}

// Self is the peer that the node of that name is: the one of its name or, where
// there is none, the only one whose first label is that of the name. What
// stands in its certificate is the peer's name.
func Self(peers []Peer, node string) (Peer, error) {
	r, err := newRoster(peers, node)
	if err != nil {
		return Peer{}, err
	}
	return r.self, nil
}

// find looks a node's name up, as newRoster says.
func (r *roster) find(node string) (Peer, bool) {
	var near []Peer
	for _, p := range r.peers {
		if p.Name == node {
			return p, true
		}
		if net.ParseIP(p.Name) == nil && firstLabel(p.Name) == firstLabel(node) {
			near = append(near, p)
		}
	}
	if len(near) != 1 {
		return Peer{}, false
	}
	return near[0], true
}

// of is the peer that the server id was minted for.
func (r *roster) of(id remedy.NodeID) (Peer, bool) {
	name, ok := nameOf(id)
	if !ok {
		return Peer{}, false
	}
	return r.find(name)
}

// target is the peer that a person or a program means by a name or a server
// id, and the id where it was one.
func (r *roster) target(nameOrID string) (Peer, remedy.NodeID, bool) {
	for _, p := range r.peers {
		if p.Name == nameOrID {
			return p, "", true
		}
	}
	if p, ok := r.of(remedy.NodeID(nameOrID)); ok {
		return p, remedy.NodeID(nameOrID), true
	}
	p, ok := r.find(nameOrID)
	return p, "", ok
}

// others are all peers but this node.
func (r *roster) others() []Peer {
	return slices.DeleteFunc(slices.Clone(r.peers), func(p Peer) bool { return p.Name == r.self.Name })
}

func (r *roster) names() []string {
	names := make([]string, len(r.peers))
	for i, p := range r.peers {
		names[i] = p.Name
	}
	return names
}

// lowest is the name that founds a cluster.
func (r *roster) lowest() string { return slices.Min(r.names()) }

var errUnknownPeer = errors.New("no such peer")

// verified says which peer a connection's certificate is made out to, the
// handshake having verified it.
func (r *roster) verified(state tls.ConnectionState) (string, error) {
	if len(state.PeerCertificates) == 0 {
		return "", fmt.Errorf("%w: the connection shows no certificate", errUnknownPeer)
	}
	leaf := state.PeerCertificates[0]
	said := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		said = append(said, ip.String())
	}
	var found []string
	for _, p := range r.peers {
		if slices.ContainsFunc(said, func(s string) bool { return strings.EqualFold(s, p.Name) }) {
			found = append(found, p.Name)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", fmt.Errorf("%w: its certificate is made out to %q, and [cluster] peers lists %s: correct the peers' names or issue the certificate anew", errUnknownPeer, said, strings.Join(r.names(), ", "))
	}
	return "", fmt.Errorf("%w: its certificate is made out to several peers, %s, so it can't say which one this is: issue one to each node", errUnknownPeer, strings.Join(found, ", "))
}

func firstLabel(name string) string {
	label, _, _ := strings.Cut(name, ".")
	return label
}

// nameOf takes the minted end off a server id.
func nameOf(id remedy.NodeID) (string, bool) {
	i := strings.LastIndexByte(string(id), '-')
	if i < 1 || !mintedPattern.MatchString(string(id[i+1:])) {
		return "", false
	}
	return string(id[:i]), true
}
