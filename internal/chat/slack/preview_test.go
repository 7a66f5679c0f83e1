package slack_test

import (
	"strings"
	"testing"

	"warden/internal/chat"
	"warden/internal/chat/slack"
)

func TestPreviewsKeepTheLimits(t *testing.T) {
	t.Parallel()
	for _, tone := range []chat.Tone{chat.ToneBitter, chat.ToneDry, chat.TonePlain} {
		all, err := slack.Previews(slack.Settings{Channel: "#ops", Tone: tone})
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != len(slack.Samples()) {
			t.Errorf("%d of %d are shown", len(all), len(slack.Samples()))
		}
		for _, p := range all {
			if len(p.Problems) > 0 {
				t.Errorf("%s, %s: %v", p.Kind, tone, p.Problems)
			}
		}
	}
}

func TestPreviewSaysWhatIsTooLong(t *testing.T) {
	t.Parallel()
	for what, got := range map[string][]string{
		"150":       slack.Breaches("fine", slack.Header(strings.Repeat("x", 151))),
		"is empty":  slack.Breaches("fine", slack.Header("")),
		"50 blocks": slack.Breaches("fine", strings.Split(strings.Repeat("x,", 51), ",")[:51]...),
		"12000":     slack.Breaches("fine", strings.Split(strings.Repeat(strings.Repeat("x", 1500)+",", 9), ",")[:9]...),
		"3000":      slack.Breaches("fine", strings.Repeat("x", 3001)),
		"90":        slack.Breaches(strings.Repeat("x", 91), "fine"),
	} {
		if !strings.Contains(strings.Join(got, "\n"), what) {
			t.Errorf("nothing is said of %s: %q", what, got)
		}
	}
	if got := slack.Breaches(strings.Repeat("&amp;", 90), "fine"); len(got) > 0 {
		t.Errorf("entities are counted as what they stand for: %v", got)
	}
}

func TestPreviewOfNoKind(t *testing.T) {
	t.Parallel()
	if _, err := slack.Previews(slack.Settings{}, "no_such"); err == nil || !strings.Contains(err.Error(), "question") {
		t.Errorf("the error names none that there are: %v", err)
	}
}
