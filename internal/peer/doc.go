// Package peer is the nodes' own API: what one node of a cluster asks another.
// A person's write that reached a node which doesn't lead is forwarded; what
// only the leader may commit for another node is relayed; opinions, clocks and
// state hashes are asked for.
//
// It is JSON over HTTP on connections whose both ends showed a certificate of
// the cluster's authority. The package gets a transport and a handler's place
// from whoever owns those connections, and opens none itself. wire.go holds
// what goes over the wire, allow.go what may be relayed, server.go the one side
// and client.go the other. See DESIGN.md.
package peer
