// Package failpoint marks the places where a crash test kills the process.
//
// A binary built with the tag `failpoints` reads WARDEN_FAILPOINT once, at the
// first hit: a comma-separated list of "name", or "name:N" for the Nth hit of
// that name. Reaching such a point is kill -9 at exactly that instruction. In
// every other binary Hit is empty and costs nothing.
package failpoint
