package cli

import (
	"strings"
	"testing"
	"time"

	"warden/internal/chat/slack"
)

func TestWhatSlackRefusesIsATroubleWithItsMend(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 11, 20, 3, 12, 0, 0, time.UTC)
	got := refusals([]slack.Refusal{
		{Channel: "#ops", Code: "not_in_channel", N: 1, Since: since},
		{Channel: "C0OPS", Code: "no_permission", Edit: true, N: 3, Since: since},
		{Channel: "C0OPS", Code: "invalid_blocks", Spelled: true, N: 1, Since: since},
	})
	if len(got) != 3 || got[0].What != "Slack refuses to post a message in #ops" || got[0].Why != "it says not_in_channel" || !strings.Contains(got[0].Do, "invite the app") || !got[0].Since.Equal(since) {
		t.Errorf("posts: %+v", got)
	}
	if got[1].What != "Slack refuses to edit 3 messages in C0OPS" || !strings.Contains(got[1].Do, "said anew") {
		t.Errorf("edits: %+v", got)
	}
	if got[2].What != "Slack refuses the blocks of a message in C0OPS" || !strings.Contains(got[2].Do, "commands in the place of its buttons") {
		t.Errorf("blocks: %+v", got)
	}
	if refusals(nil) != nil {
		t.Error("nothing is refused, and it is a trouble")
	}
}
