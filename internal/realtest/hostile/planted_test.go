package hostile

import "testing"

// TestSeenSees shows that looking for secrets can fail: each form of each is
// found where it is, and what is none is not.
func TestSeenSees(t *testing.T) {
	t.Parallel()
	for _, s := range []Secret{{"a token", "tok-PLANTED/one+two=="}, {"a password", `pw-PLANTED"five\six%<seven>`}, {"a key", "0123456789abcdefPLANTED"}} {
		for _, form := range s.Forms() {
			var seen Seen
			seen.Add("here", "before "+form+" after")
			if len(seen.Leaks([]Secret{s})) == 0 {
				t.Errorf("%q is not found", form)
			}
			if got := seen.Leaks([]Secret{{"another", "another-one"}}); len(got) > 0 {
				t.Error(got)
			}
		}
	}
}
