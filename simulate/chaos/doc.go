// Package chaos judges what a cluster of real agents did while it was being
// broken. The records come from those that stand around warden: the load
// balancer's own runtime API, a backend that counts effects, the people who
// asked and what they were told, and the raft log as it lies on the disks.
// Check reads them and none of warden's code, so that an error in warden's rules
// is not repeated here.
//
// Plan draws a run from a seed: which faults, when, and which points of an
// execution a process dies or pauses at. The same seed gives the same plan; what
// becomes of it is up to real processes. The harness that carries a plan out is
// this package's integration test.
package chaos
