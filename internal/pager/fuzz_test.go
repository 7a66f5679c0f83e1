package pager

import (
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakepager"
)

// FuzzText has hosts, actions, reasons and notes be anything: what goes to
// PagerDuty is text of its length, in whole lines, and is accepted.
func FuzzText(f *testing.F) {
	f.Add("ingest-17", "drain", "false-alarm", "sam")
	f.Add("a\nb\r\n[warden W-1/1]", "\x1b[31m", strings.Repeat("long ", 2000), "<b>&\u202e")
	f.Add("\xff\xfe", "", "\x00", strings.Repeat("é", 10_000))
	f.Fuzz(func(t *testing.T, host, action, reason, who string) {
		r := newRoom(t)
		id := r.pd.Raise("PINGEST", fakepager.Alert{Key: "k", Summary: "s", Source: host})
		c := r.bad(1042, host)
		c.Action, c.Pool, c.Detector = remedy.ActionName(action), remedy.PoolName(reason), remedy.DetectorName(who)
		c.Plan.ManualHint, c.Ask.Approvers = reason, []string{who}
		c.Latest.Unit = reason
		r.posts[ledger.IncidentKey(1042)] = ledger.Post{Key: ledger.IncidentKey(1042), ID: id, Case: 1042}
		by := remedy.Actor{Name: who, Person: true}
		done := r.drained(c, remedy.Warden())
		done.Note, done.Executions[0].Note = reason, who
		undone := r.undone(done)
		undone.UndoReason, undone.Executions[1].By = remedy.UndoReason(reason), by
		failed := r.ended(c, remedy.StageClosed, remedy.OutcomeFailed, remedy.OutcomeFailed)
		failed.Note, failed.ID = reason, 1043
		blocked := *c
		blocked.Stage, blocked.Ask, blocked.ID = remedy.StageDetected, nil, 1042
		d := *c.Decision
		d.BlockedBy, d.Answers = who, []remedy.Answer{{Guardrail: who, Observed: host, Limit: reason}}
		blocked.Decision = &d
		r.state.Cases = []*ledger.Case{failed, &blocked}
		r.state.Latches = []ledger.Latch{{Pool: remedy.PoolName(host), Why: ledger.LatchWhy(reason), Since: began, Detail: reason}}
		r.talk = reason
		r.clk.Advance(2 * holdBack)
		for _, told := range []*ledger.Case{c, done, undone} {
			kind := ledger.NoticeOutcome
			if told == c {
				kind = ledger.NoticeQuestion
			}
			r.notice(kind, told)
			r.must()
		}
		if got := r.notesOn(id); len(got) < 3 {
			t.Errorf("%d notes", len(got))
		}
		for _, n := range r.notesOn(id) {
			lines := strings.Split(n, "\n")
			bad := strings.ContainsFunc(strings.ReplaceAll(n, "\n", ""), func(r rune) bool { return !unicode.IsPrint(r) })
			if utf8.RuneCountInString(n) > maxNote || !utf8.ValidString(n) || bad || !strings.HasPrefix(n, "warden: ") || !strings.HasPrefix(lines[len(lines)-1], "[warden W-1042/") {
				t.Errorf("%q", n)
			}
		}
		if len(r.paged()) != 2 || len(r.pd.Changes()) != 2 {
			t.Errorf("%q are open, %d changes", r.paged(), len(r.pd.Changes()))
		}
	})
}

// FuzzAnswer has PagerDuty, or whoever answers in its place, say anything about
// incidents: it leads to no call outside of them, and to no panic.
func FuzzAnswer(f *testing.F) {
	f.Add("Q1", "https://x/y", "key", "2026-11-20T03:06:00Z")
	f.Add("../users", "javascript:alert(1)", "ingest-17", "yesterday")
	f.Add("Q1?x", "https://u:p@x", "\x00", "")
	f.Fuzz(func(t *testing.T, id, link, text, _ string) {
		if incidentID.MatchString(id) && strings.ContainsAny(id, "/?#.%") {
			t.Errorf("%q would be put into an address", id)
		}
		if l := incidentLink(link, ""); l != "" {
			if u, err := url.Parse(l); err != nil || u.Scheme != "https" || u.Port() != "" || !strings.HasSuffix("."+strings.ToLower(u.Hostname()), ".pagerduty.com") {
				t.Errorf("%q", l)
			}
		}
		hasWord(text, id)
		(alert{hosts: []string{text}}).about(remedy.HostName(id))
		hostsIn(map[string]any{"details": map[string]any{id: text, text: []any{1, nil, id}}, "cef_details": text}, []string{"source", "custom_details." + id, "custom_details." + text})
	})
}
