package cli

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/web"
)

// backslashed is what a backslash makes text of, by
// https://spec.commonmark.org/0.31.2/#backslash-escapes.
var backslashed = regexp.MustCompile("\\\\[!-/:-@\\[-`{-~]")

// bareAddress is what GitHub makes a link of, by
// https://github.github.com/gfm/#autolinks-extension-.
var bareAddress = regexp.MustCompile(`(?i)www\.|://|mailto:|xmpp:`)

// nasty are texts that try to be more than text, wherever they are shown.
var nasty = []string{
	"a|b", "[x](y)", "![x](https://evil.example/x.png)", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "`a`", "a\nb", "a\r\n# b", "\x1b[31m", "\x1b]8;;https://evil.example\x07x\x1b]8;;\x07",
	"**a**", "__a__", `\|`, "# a", "~~a~~", "https://evil.example/", "http://a", "WWW.evil.example", "wwwwww.x", "mailto:a@example.net", "xmpp:a@b.c", "sam@example.net", "@acme/oncall", "#12", "acme/app#12",
	"&lt;b&gt;", "&#64;sam", "&commat;sam", ":fire:", ":+1:", ":100:", "03:12:07", "$a$", "[^1]", "[x]: y", "\x00", "\u2028", "\u202egnp", "a\u200bb", "\xff\xfe", "- x", "1. x", "<!channel>", "javascript:alert(1)",
}

// FuzzMarkdown has names and reasons be anything: what is pasted in a review is
// text in its cell, for Markdown's parser and for what GitHub does after it.
func FuzzMarkdown(f *testing.F) {
	for _, s := range append(nasty, strings.Repeat("@a|<b> ", 1500)) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := md(s)
		bare := backslashed.ReplaceAllString(got, "\x01")
		if strings.ContainsAny(bare, "\\`*_[]<>|~&$@#") || bareAddress.MatchString(bare) {
			t.Errorf("%q is %q", s, got)
		}
		shown := regexp.MustCompile("\\\\([!-/:-@\\[-`{-~])").ReplaceAllString(got, "$1")
		if strings.ContainsAny(shown, "@#") || strings.Contains(shown, ":fire:") || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q is shown as %q", s, shown)
		}
	})
}

// FuzzMarkdownLink has an address be anything: it leads to a page or nowhere, and
// ends neither its link nor its line.
func FuzzMarkdownLink(f *testing.F) {
	for _, s := range append(nasty, "https://acme.pagerduty.com/incidents/Q1", "https://x/)[a](b", "https://x/<b>", "data:text/html,x", "https://sam:pw@x", "//x", "https:x", "https://x/`a` `b`") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l := mdLink(s)
		if l == "" {
			return
		}
		u, err := url.Parse(l)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || strings.ContainsAny(l, "()<>[]\\\"'`|*_~$ ") || strings.ContainsFunc(l, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			t.Errorf("%q is the link %q", s, l)
		}
	})
}

// FuzzTimeline has all that people and inventories say in a timeline be anything:
// it has the lines, cells and headings that it would have with plain words.
func FuzzTimeline(f *testing.F) {
	for _, s := range nasty {
		f.Add(s, s)
	}
	f.Add(strings.Repeat("|", 10_000), "x")
	f.Fuzz(func(t *testing.T, name, said string) {
		lines, want := markdown(timelineOf(name, said)), markdown(timelineOf("web", "known work"))
		if len(lines) != len(want) {
			t.Fatalf("%d lines and not %d: %q", len(lines), len(want), lines)
		}
		for i, l := range lines {
			bare := backslashed.ReplaceAllString(l, "")
			if strings.ContainsAny(l, "\r\n\x00\x1b") || strings.Count(bare, "|") != strings.Count(want[i], "|") || strings.HasPrefix(l, "#") != strings.HasPrefix(want[i], "#") || strings.ContainsAny(bare, "<@") {
				t.Errorf("%q, and with plain words %q", l, want[i])
			}
		}
	})
}

// timelineOf is a timeline in which everything is named so and said so.
func timelineOf(name, said string) *web.Timeline {
	at := time.Date(2026, 11, 20, 3, 12, 0, 0, time.UTC)
	by, pool, host := remedy.Actor{Name: name, Person: true}, remedy.PoolName(name), remedy.HostName(name)
	denied := &ledger.Case{
		ID: 3, Pool: pool, Host: host, Action: remedy.ActionName(name), Detector: remedy.DetectorName(name), Stage: remedy.StageClosed, Outcome: remedy.OutcomeDenied, Note: said,
		OpenedAt: at, ChangedAt: at, ClosedAt: at, Answer: &ledger.CaseReply{By: by, At: at, Reason: said},
		Opened:   &remedy.Finding{Detector: remedy.DetectorName(name), Pool: pool, Host: host, At: at, BadSince: at, Verdict: remedy.VerdictBad, Value: remedy.Known(0.1), Term: remedy.Term{Unit: said}},
		Decision: &remedy.Decision{Level: remedy.LevelConfirm, Answers: []remedy.Answer{{Guardrail: name, Effect: remedy.EffectCap, Observed: said, Limit: said}}},
		Events:   []ledger.Event{{At: at, What: "opened"}, {At: at, What: "blocked by " + name, By: name}, {At: at, What: "denied", By: name}},
	}
	ran := *denied
	ran.ID, ran.Stage, ran.Outcome, ran.Answer = 4, remedy.StageOut, remedy.OutcomeDone, nil
	ran.Executions = []ledger.Execution{{Kind: remedy.KindAct, By: by, StartedAt: at, FinishedAt: at, Outcome: remedy.OutcomeDone, Note: said, Output: said}}
	return &web.Timeline{
		Cluster: name, From: at.Add(-time.Hour), To: at.Add(time.Hour), ServedAt: at, Hosts: []remedy.HostName{host, host}, Incident: "Q" + name, Link: "https://acme.pagerduty.com/incidents/Q1",
		Cases: []*ledger.Case{denied, &ran}, Nearby: []*ledger.Case{denied},
	}
}
