package report_test

import (
	"slices"
	"strings"
	"testing"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/report"
)

// opposed is the item of the question that waits in a busy night, with what people say
// against it.
func opposed(t *testing.T, words string) (chat.MorningItem, *chat.Morning) {
	t.Helper()
	night := busy()
	for _, c := range night.Cases {
		if c.ID == 1047 {
			c.Ask.Notice = 77
		}
	}
	if words != "" {
		night.Standing = map[remedy.CaseID]ledger.Standing{1047: {Words: words, Newest: clock(20, 9, 25)}}
	}
	m := report.Morning(night, ledger.Summary{From: clock(19, 9, 30), To: clock(20, 9, 30)}, chat.MorningNow{}, report.MorningOptions{})
	safe(t, m)
	for _, p := range m.Parts {
		for _, i := range p.Items {
			if p.Name == chat.MorningWaiting && i.Case == 1047 {
				return i, m
			}
		}
	}
	t.Fatal("the question doesn't wait")
	return chat.MorningItem{}, nil
}

// A yes in a summary carries what people say against the question, which stands beside
// it; where that is too much for a line there is none.
func TestASummarysYesShowsWhatStandsAgainstIt(t *testing.T) {
	t.Parallel()
	bob := "bob says that the detector is wrong about W-1031"
	const plain = "warden approve W-1047 --plan-hash c1c1e1 --question 77"
	for _, tt := range []struct {
		name, words, shown string
		verb               chat.MorningVerb
		command            string
		seen               bool
	}{
		{"nothing", "", "", chat.OfferApprove, plain, false},
		{"bob", bob, bob + ": look first", chat.OfferApprove, plain + " --seen 2026-11-20T09:25:00Z", true},
		{"too many", strings.Repeat(bob+"; ", 4), "people say that the detector is wrong about it: look first", chat.OfferLook, "warden show W-1047", false},
	} {
		i, m := opposed(t, tt.words)
		if i.LookFirst() != tt.shown || i.Ask.Seen.IsZero() == tt.seen {
			t.Errorf("%s: it shows %q, seen %s", tt.name, i.LookFirst(), i.Ask.Seen)
		}
		if o := i.Offers[0]; o.Verb != tt.verb || o.Command != tt.command {
			t.Errorf("%s: it offers %+v", tt.name, o)
		}
		approves := func(o chat.MorningOffer) bool { return o.Verb == chat.OfferApprove }
		if tt.verb != chat.OfferApprove && slices.ContainsFunc(i.Offers, approves) {
			t.Errorf("%s: a yes that is no use: %+v", tt.name, i.Offers)
		}
		text := chat.MorningText(m).Lines
		n := slices.IndexFunc(text, func(l string) bool { return strings.Contains(l, "W-1047") })
		if !strings.HasSuffix(text[n], tt.shown) || !strings.Contains(text[n+1], "`"+tt.command+"`") {
			t.Errorf("%s: on a terminal %q", tt.name, text[n:n+2])
		}
	}
}
