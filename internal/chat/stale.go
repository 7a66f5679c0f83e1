package chat

import (
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// sameInstant is for how long a change of the very instant that a post shows may have
// come after it: where committed time stands still, instants tell nothing apart.
const sameInstant = time.Minute

// Shown is how far the posts of one surface show each case that they are about. A case
// may have several, and not all are touched again: it is the newest that counts, or
// receipt would follow receipt for ever. What a post shows (Post.Of) is older than its
// receipt, and a thread without it says nothing of its card; where no post of a case has
// it, receipts count.
func Shown(posts []ledger.Post) map[remedy.CaseID]time.Time {
	shown, whole := map[remedy.CaseID]time.Time{}, map[remedy.CaseID]bool{}
	for _, p := range posts {
		at, of := p.At, !p.Of.IsZero()
		if of {
			at = p.Of
		}
		switch {
		case p.Case == 0 || whole[p.Case] && !of:
		case of && !whole[p.Case]:
			shown[p.Case], whole[p.Case] = at, true
		case at.After(shown[p.Case]):
			shown[p.Case] = at
		}
	}
	return shown
}

// Stale reports whether what is shown up to an instant may be older than a change.
func Stale(shown, changed, now time.Time) bool {
	return changed.After(shown) || changed.Equal(shown) && now.Sub(changed) < sameInstant
}
