// Package failpoint marks the places where a crash test stops the process.
//
// A binary built with the tag `failpoints` knows two specs: WARDEN_FAILPOINT,
// read once at the first hit, and the file that WARDEN_FAILPOINT_FILE names, read
// again whenever it changes, so that a test arms a running process. A spec is a
// comma-separated list of "name", "name:N" for the Nth hit of that name, and
// either followed by "=fault":
//
//	kill   kill -9 at exactly that instruction (the default)
//	stop   SIGSTOP at exactly that instruction; SIGCONT goes on from there
//	hang   this goroutine never comes back, and the process lives
//	panic  this goroutine panics
//	error  the step reports that the disk is read-only; for points made by Fail
//
// A point fires once. Each that fires is first added, as "name fault pid", to the
// file that WARDEN_FAILPOINT_LOG names. `WARDEN_FAILPOINT=list warden` prints
// every point there is. In every other binary Hit and Fail are empty and cost
// nothing.
package failpoint
