package webhook

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// FuzzEvent has names and what people say be anything: an event always goes out,
// is JSON within its bound that a page can show, and what was said stays here.
func FuzzEvent(f *testing.F) {
	for _, s := range []string{
		"web-07", "<!channel>", "<img src=x onerror=alert(1)>", "\x1b[31m", "\x1b]8;;https://evil.example\x07", "a\r\nb", "\x00", "\u2028\u2029", "\u202egnp", "a\u200bb", "\xff\xfe", "\"},{\"", "&lt;b&gt;",
		strings.Repeat("<", 10_000), strings.Repeat("\x00", 10_000), strings.Repeat("🔥", 10_000),
	} {
		f.Add(s, s, uint8(3))
		f.Add("web-07", s, uint8(0))
	}
	f.Fuzz(func(t *testing.T, name, said string, nth uint8) {
		kinds := []ledger.NoticeKind{ledger.NoticeQuestion, ledger.NoticeOutcome, ledger.NoticeStarted, ledger.NoticeStop, ledger.NoticeStorm, ledger.NoticeConfig, ledger.NoticeComplaint, ledger.NoticeDemoted, ledger.NoticeReviewed}
		kind, by := kinds[int(nth)%len(kinds)], remedy.Actor{Name: name, Person: true}
		c := &ledger.Case{
			ID: 3, Pool: remedy.PoolName(name), Host: remedy.HostName(name), Action: remedy.ActionName(name), Detector: remedy.DetectorName(name), Stage: remedy.StageClosed, Outcome: remedy.OutcomeFailed, Note: said,
			Executions: []ledger.Execution{{Kind: remedy.KindAct, By: by, Outcome: remedy.OutcomeFailed, Note: said, Output: said}},
		}
		for _, m := range []chat.Message{
			{Notice: ledger.Notice{Seq: 1, Kind: kind, Case: 3, Pool: c.Pool, Detail: said}, Case: c},
			{Notice: ledger.Notice{Seq: 1, Kind: kind, Pool: c.Pool, Detail: name + ": " + said}},
		} {
			b, err := newEvent(m, Cluster{Name: name, ID: name}, 1).body()
			if err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			var e Event
			if err := json.Unmarshal(b, &e); err != nil || !utf8.Valid(b) {
				t.Fatalf("%s: %v", b, err)
			}
			if strings.ContainsAny(string(b), "<>&") || strings.ContainsFunc(string(b), func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("a page would make more than text of %s", b)
			}
			texts := []string{e.Headline, e.Cluster.Name, e.Cluster.ID, e.ID, string(e.Pool)}
			if k := e.Case; k != nil {
				texts = append(texts, string(k.Pool), string(k.Host), string(k.Action), string(k.Detector), k.By)
			}
			for i, s := range texts {
				most := maxName
				switch i {
				case 0:
					most = chat.MaxHeadline
				case 3:
					most += 21
				}
				if utf8.RuneCountInString(s) > most || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
					t.Errorf("%q is in %s", s, b)
				}
			}
		}
	})
}
