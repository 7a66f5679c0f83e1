//go:build oldcommands

package ledger

// Version is that of the build before: it stands in for one in tests of
// clusters with two versions. Nothing is ever shipped with this tag.
const Version = 1

// newBodySince2 knows nothing of version 2, as the build before.
func newBodySince2(string) Body { return nil }
