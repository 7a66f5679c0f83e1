//go:build !oldcommands

package ledger

// Version is the newest entry version this build writes and understands. An
// entry with a higher version stops the process.
const Version = 2

// newBodySince2 returns an empty body of a kind that came with version 2, or
// nil for any other.
func newBodySince2(kind string) Body {
	switch kind {
	case (*NodeWaive)(nil).kind():
		return new(NodeWaive)
	case (*NodeUnwaive)(nil).kind():
		return new(NodeUnwaive)
	}
	return nil
}
