package cli

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"warden/internal/clock"
	"warden/internal/cluster"
	"warden/internal/remedy"
)

// machine is what a node has of its machine where several nodes share one
// process, as in the demo: each its own wires, power and files. The zero value
// is the machine that the process runs on, and what every agent has.
type machine struct {
	// TLSDir has this node's certificate, key and authorities, under the last
	// elements of the paths in the config, which is the same on every node.
	TLSDir string
	// Network carries raft and the nodes' own API; nil for TCP.
	Network cluster.Network
	// Dial connects to load balancers, and to where people are told; nil for the
	// system's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// EngineClock is the engine's clock, of one time with the daemon's; nil for
	// the daemon's.
	EngineClock clock.Clock
	// When is what the daemon's clock showed at an instant of real time; nil where
	// it shows the system's.
	When func(time.Time) time.Time
	// Timing is that of raft instead of the config's; empty for the config's.
	Timing cluster.Timing
	// Powered returns an error from the instant on in which the machine lost
	// its power: nothing enters the log any more. Nil for always.
	Powered func() error
}

// errPowerLost is the cause with which Run's context ends when the node ceases
// as by kill -9: what runs isn't waited for.
var errPowerLost = errors.New("this node was killed")

// tlsFile is where this node has what the config names.
func (m machine) tlsFile(configured string) string {
	if m.TLSDir == "" {
		return configured
	}
	return filepath.Join(m.TLSDir, filepath.Base(configured))
}

// leader is who leads as the node knows, and since when nobody has, on the
// daemon's clock: raft's own is the system's.
func (m machine) leader(node *cluster.Node) (remedy.NodeID, time.Time) {
	id, since := node.Leader()
	if m.When != nil && !since.IsZero() {
		since = m.When(since)
	}
	return id, since
}

func (m machine) engineClock(c clock.Clock) clock.Clock {
	if m.EngineClock == nil {
		return c
	}
	return m.EngineClock
}

// transport makes calls from this machine; nil for the system's.
func (m machine) transport() http.RoundTripper {
	if m.Dial == nil {
		return nil
	}
	return &http.Transport{DialContext: m.Dial}
}
