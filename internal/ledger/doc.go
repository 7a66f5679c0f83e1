// Package ledger is warden's replicated state machine: the only truth about
// cases, executions, limits, levels, holds and freezes.
//
// Apply is a pure function of the state, the log index and the entry. The
// package never reads a clock, draws no random numbers, walks no map in its
// own order, logs nothing and performs no I/O. Time arrives with each entry
// and is kept monotonic. What is understood but not allowed is a Result with a
// reason; what can't be understood panics, and so stops the process, because
// skipping an entry would be silent divergence. See DESIGN.md.
package ledger
