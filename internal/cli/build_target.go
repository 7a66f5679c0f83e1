package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"warden/internal/config"
)

// targetDigest tells apart what an action acts on and how it is done, observed
// and undone: where two nodes' digests differ, what the one sees says nothing of
// what the other did. Times, levels and words for people are left out, and the
// environment's values, which may be secret.
func targetDigest(a config.Action) string {
	h := sha256.New()
	// fmt writes a map in the order of its keys.
	fmt.Fprintf(h, "%q %q %q %q %q %q %q\n", a.Type, a.Address, a.Addresses, a.PoolAddresses, a.Backend, a.PoolBackend, a.State)
	fmt.Fprintf(h, "%q %q %q %q %q %q\n", a.Run, a.Undo, a.Observe, a.ObserveAll, a.Verify.Command, a.Env)
	fmt.Fprintf(h, "%q %q %t %t", fmt.Sprint(a.HostRegex.Regexp()), a.HostPattern, a.TakesOut, a.Idempotent)
	return hex.EncodeToString(h.Sum(nil)[:6])
}
