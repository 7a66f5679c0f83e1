package policy

// table lists the guardrails in the order in which they answer. Each row says
// how it binds what a detector proposed, what a person runs by hand, and an
// undo. It is never written to.
var table = [...]guardrail{
	{name: "freeze", act: binds, manual: binds, undo: free, check: checkFreeze, doc: docFreeze},
	{name: "freeze_file", act: binds, manual: binds, undo: free, check: checkFreezeFile, doc: docFreezeFile},
	{name: "hold", act: binds, manual: asks, undo: free, check: checkHold, doc: docHold},
	{name: "protected", act: binds, manual: binds, undo: free, check: checkProtected, doc: docProtected},
	{name: "source_fresh", act: binds, manual: free, undo: free, check: checkSourceFresh, doc: docSourceFresh},
	{name: "coverage", act: binds, manual: free, undo: free, check: checkCoverage, doc: docCoverage},
	{name: "common_mode", act: binds, manual: asks, undo: free, check: checkCommonMode, doc: docCommonMode},
	{name: "pool_floor", act: binds, manual: binds, undo: free, check: checkPoolFloor, doc: docPoolFloor},
	{name: "max_out", act: binds, manual: binds, undo: free, check: checkMaxOut, doc: docMaxOut},
	{name: "host_lock", act: binds, manual: binds, undo: binds, check: checkHostLock, doc: docHostLock},
	{name: "concurrency", act: binds, manual: binds, undo: binds, check: checkConcurrency, doc: docConcurrency},
	{name: "rate", act: binds, manual: free, undo: free, check: checkRate, doc: docRate},
	{name: "cooldown", act: binds, manual: free, undo: free, check: checkCooldown, doc: docCooldown},
	{name: "settle", act: binds, manual: free, undo: free, check: checkSettle, doc: docSettle},
	{name: "warm_up", act: binds, manual: free, undo: free, check: checkWarmUp, doc: docWarmUp},
	{name: "in_service_known", act: binds, manual: free, undo: free, check: checkInServiceKnown, doc: docInServiceKnown},
	{name: "clock", act: binds, manual: binds, undo: free, check: checkClock, doc: docClock},
}

// Names lists the guardrails in the order in which they answer. The slice is
// the caller's.
func Names() []string {
	names := make([]string, 0, len(table))
	for _, g := range table {
		names = append(names, g.name)
	}
	return names
}

// Doc says in one sentence what the named guardrail does; empty for a name
// that is not one of Names.
func Doc(name string) string {
	for _, g := range table {
		if g.name == name {
			return g.doc
		}
	}
	return ""
}
