package chat_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
)

func TestConsoleTellsASummary(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)
	m := &chat.Morning{
		Date: "2026-11-20", From: at.Add(-24 * time.Hour), To: at, Zone: "Europe/Dublin", Title: "Good morning. Did 1.",
		Parts: []chat.MorningPart{{Name: chat.MorningDid, Title: "Did", Count: 2, More: "and 1 more", Items: []chat.MorningItem{
			{Case: 7, At: at.Add(-time.Hour), Text: "drained \x1b[31mh1", Stress: "it was wrong", Earlier: true, Offers: []chat.MorningOffer{{Verb: chat.OfferPutBack, Label: "Put h1 back", Command: "warden undo W-0007"}, {Verb: chat.OfferHold}}},
		}}},
		Chart: &chat.MorningChart{Title: "Acts", Days: []string{"2026-11-19", "2026-11-20"}, Series: []chat.MorningSeries{{Name: "acted", Values: []int{0, 8}}, {Name: "wrong", Values: []int{1, 2}}}, Since: "2026-11-19"},
		Gaps:  []string{"Older cases are forgotten."},
	}
	notice := ledger.Notice{Seq: 3, At: at, Kind: ledger.NoticeSummary, Detail: "2026-11-20"}
	for _, test := range []struct {
		name    string
		message chat.Message
		want    string
	}{
		{"told", chat.Message{Notice: notice, Morning: m}, `2026-11-20 09:30:00 UTC  summary
  Good morning. Did 1.
    Thu 19 Nov 09:30 to Fri 20 Nov 09:30 Europe/Dublin
    Did (2)
      08:30 W-7 drained \x1b[31mh1: it was wrong (from before)
          ` + "`warden undo W-0007`" + `
      and 1 more
    Acts, 2026-11-19 to 2026-11-20
      acted ·█ 8
      wrong ▄█ 3
      known since 2026-11-19 only
    Older cases are forgotten.
`},
		{"skipped", chat.Message{Notice: notice, Morning: &chat.Morning{Quiet: true, Skip: true}}, ""},
		{"not known any more", chat.Message{Notice: notice, Again: true}, `2026-11-20 09:30:00 UTC  summary
  The morning summary of 2026-11-20
    What it covered is not known any more. What it would say now: ` + "`warden summary preview`" + `
    (may be a repeat: warden restarted before it was acknowledged)
`},
	} {
		var out bytes.Buffer
		if err := chat.NewConsole(&out, chat.ConsoleOptions{}).Announce(t.Context(), test.message); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != test.want {
			t.Errorf("%s:\n%s\nwant:\n%s", test.name, got, test.want)
		}
	}
	if got := chat.Sparkline([]int{0, 1, 1000}); got != "·▁█" {
		t.Errorf("a sparkline is %s", got)
	}
	if got := strings.Join((&chat.MorningChart{}).Lines(), ""); got != "" {
		t.Errorf("an empty chart is %q", got)
	}
}
