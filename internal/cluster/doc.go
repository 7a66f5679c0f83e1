// Package cluster replicates warden's ledger with hashicorp/raft: the durable
// log, the snapshots, who leads, and nothing about what is replicated.
//
// Today a node is the only voter of its own cluster, with the same log, the
// same terms and the same rules that three voters will have. The package knows
// the state machine only as Machine. Leadership is treated as a hint
// everywhere: what a caller may rely on is a committed entry, a Verify that
// succeeded, or the end of a tenure's context. Raft, disks and sockets run on
// real time, so this package reads the clock itself. DESIGN.md lists the
// hazards of the libraries underneath and what is done about each.
package cluster
