package cluster

import "crypto/tls"

// Peer is one member of the cluster as the config lists it.
type Peer struct {
	// Name is the node's name: what its certificate is made out to, and what
	// its server id begins with.
	Name string
	// Address is where it listens for its peers, as HOST:PORT.
	Address string
}

// Credentials are this node's key and the authority that its peers' keys are
// signed by. Each call gives the newest that was read, so that certificates are
// replaced without a restart. The cluster sets NextProtos, and checks which of
// its peers a verified certificate is made out to.
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

// The timings that can be configured. Measured over kill -9 of the leader:
// docs/benchmarks.md.
const (
	// TimingDefault is for several voters on ordinary disks and networks:
	// heartbeat and election 300 ms, lease 200 ms.
	TimingDefault Timing = "default"
	// TimingLAN is for voters on one network with fast disks: heartbeat and
	// election 150 ms, lease 100 ms.
	TimingLAN Timing = "lan"
)
