package chat_test

import (
	"strings"
	"testing"

	"warden/internal/chat"
	"warden/internal/ledger"
)

func TestSafeLinkLetsThroughNoMarkup(t *testing.T) {
	t.Parallel()
	const good = "https://acme.pagerduty.com/incidents/Q2K5M8XW3T?utm_source=warden&x=%20y#notes"
	for s, want := range map[string]string{
		good:                                                     good,
		"http://acme.pagerduty.com/incidents/Q2":                 "",
		"https://sam:pw@acme.pagerduty.com/":                     "",
		"https:///incidents/Q2":                                  "",
		"https:acme.pagerduty.com":                               "",
		"https://acme.pagerduty.com/?a|<!here>":                  "",
		"https://acme.pagerduty.com/?a>b":                        "",
		"https://acme.pagerduty.com/#x|y":                        "",
		"https://acme.pagerduty.com/ x":                          "",
		"https://acme.pagerduty.com/\n<!channel>":                "",
		"https://acme.pagerduty.com/`x`":                         "",
		"https://ácme.pagerduty.com/":                            "",
		"https://acme.pagerduty.com/" + strings.Repeat("x", 500): "",
		"javascript:alert(1)":                                    "",
		"":                                                       "",
	} {
		if got := chat.SafeLink(s); got != want {
			t.Errorf("SafeLink(%q) = %q, want %q", s, got, want)
		}
	}
}

// The incident stands at the foot of every card of a case, whatever became of it,
// and a question says what becomes of it. News of no case have none.
func TestCardsLeadToTheIncident(t *testing.T) {
	t.Parallel()
	const id, link = "Q2K5M8XW3T", "https://acme.pagerduty.com/incidents/Q2K5M8XW3T"
	for _, kind := range noticeKinds() {
		m := message(kind, newCase(asked))
		m.Incident = &chat.Incident{ID: id, Link: link}
		want := chat.CardLink{Text: "PagerDuty " + id, URL: link}
		if !chat.TellsCase(kind) {
			want = chat.CardLink{}
		}
		if got := chat.CardOf(m, chat.CardOptions{}).Incident; got != want {
			t.Errorf("%s: %+v", kind, got)
		}
	}
	m := message(ledger.NoticeQuestion, newCase(asked))
	said := func(m chat.Message) string { return chat.CardOf(m, chat.CardOptions{}).Facts[2].Text }
	if got := said(m); strings.Contains(got, "PagerDuty") {
		t.Errorf("without an incident: %q", got)
	}
	m.Incident = &chat.Incident{ID: id, Link: "http://elsewhere.example/"}
	if got := said(m); !strings.HasSuffix(got, " PagerDuty "+id+" stays open.") {
		t.Errorf("with one: %q", got)
	}
	if got := chat.CardOf(m, chat.CardOptions{}).Incident; got != (chat.CardLink{Text: "PagerDuty " + id}) {
		t.Errorf("an address that is none leads nowhere: %+v", got)
	}
}
