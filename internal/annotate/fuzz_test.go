package annotate

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// FuzzMark has names and what people say be anything: a mark is text within the
// bounds of graphite-web and Grafana, on its lines, and nothing of it is markup.
func FuzzMark(f *testing.F) {
	for _, s := range []string{
		"web-07", "<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "\x1b[31m", "\x1b]8;;https://evil.example\x07", "a\r\nended: done", "\x00", "\u2028", "\u202egnp", "a\u200bb", "\xff\xfe", "a,b\"c", "é",
		strings.Repeat("<", 10_000), strings.Repeat("é", 10_000),
	} {
		f.Add(s, s)
		f.Add("web-07", s)
	}
	f.Fuzz(func(t *testing.T, name, said string) {
		at := time.Date(2026, 11, 20, 3, 15, 0, 0, time.UTC)
		by := remedy.Actor{Name: name, Person: true}
		c := &ledger.Case{
			ID: 3, Pool: remedy.PoolName(name), Host: remedy.HostName(name), Action: remedy.ActionName(name), Detector: remedy.DetectorName(name), Stage: remedy.StageClosed, Outcome: remedy.OutcomeReturned, ClosedAt: at.Add(time.Hour), Note: said,
			Opened:     &remedy.Finding{Detector: remedy.DetectorName(name), Pool: remedy.PoolName(name), Host: remedy.HostName(name), At: at, Verdict: remedy.VerdictBad, Value: remedy.Known(0.1), Term: remedy.Term{Unit: said}},
			Executions: []ledger.Execution{{Attempt: 1, Kind: remedy.KindAct, By: by, StartedAt: at, FinishedAt: at, Outcome: remedy.OutcomeDone, TakesOut: true, Note: said, Output: said}},
		}
		all := append(ofCase(c, []string{name}, true), ofCase(c, []string{said}, false)...)
		all = append(all, ofNotice(chat.Message{Notice: ledger.Notice{Seq: 1, At: at, Kind: ledger.NoticeStop, Pool: c.Pool, Detail: said}}, []string{name}))
		if len(all) != 4 {
			t.Fatalf("%d marks", len(all))
		}
		for i, m := range all {
			unprintable := func(s string) bool { return strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) }
			if strings.ContainsAny(m.Text+m.Data, "<>") || unprintable(m.Text) || unprintable(strings.Replace(m.Data, "\n", "", 1)) || !utf8.ValidString(m.Text+m.Data) {
				t.Errorf("more than text: %q", m)
			}
			if i == 0 && strings.Count(m.Data, "\n") != 1 || i > 0 && strings.Contains(m.Data, "\n") || len(m.Text) > maxText || len(m.Data) > maxData+len("\nended: returned") {
				t.Errorf("%d: lines or length of %q", i, m)
			}
			for _, tag := range m.Tags {
				if tag == "" || len(tag) > maxTag || strings.ContainsFunc(tag, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ',' || r == '"' }) {
					t.Errorf("the tag %q", tag)
				}
			}
		}
	})
}
