package slack_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"warden/simulate/fakeslack"
)

// TestALimitedAddressMutesNoOther: Slack limits the address at which one person is
// answered, and another is answered all the same.
func TestALimitedAddressMutesNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run()
	w.until("a connection", func() bool { return len(w.fake.Connections()) > 0 })
	w.fake.Fail("response_url", fakeslack.RateLimited(10*time.Minute), 1)
	if _, err := w.fake.Slash(fakeslack.Carol, fakeslack.Ops, "help"); err != nil {
		t.Fatal(err)
	}
	w.until("carol's limit", func() bool { return w.logs.FilterMessage("somebody can't be answered").Len() == 1 })
	if _, err := w.fake.Slash(fakeslack.Alice, fakeslack.Ops, "freeze network work"); err != nil {
		t.Fatal(err)
	}
	w.until("alice's freeze", func() bool { return w.logs.FilterMessageSnippet("somebody asked in Slack").Len() == 1 })
	w.until("alice, whose answer carol's limit doesn't hold up", func() bool {
		return slices.ContainsFunc(w.fake.Everything(), func(m fakeslack.Message) bool { return strings.Contains(string(m.Blocks), "said by alice") })
	})
}
