package chat_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// sound checks what holds for the words of every message.
func sound(m chat.Message, got chat.Text) error {
	switch n := utf8.RuneCountInString(got.Headline); {
	case n == 0:
		return fmt.Errorf("%s: no headline", m.Notice.Kind)
	case n > chat.MaxHeadline:
		return fmt.Errorf("the headline has %d characters: %q", n, got.Headline)
	case m.Notice.Case != 0 && !strings.Contains(got.Headline, m.Notice.Case.String()):
		return fmt.Errorf("%q does not name %s", got.Headline, m.Notice.Case)
	case m.Notice.Page != strings.HasPrefix(got.Headline, "PAGE "):
		return fmt.Errorf("page is %v: %q", m.Notice.Page, got.Headline)
	case len(got.Lines) == 0 && slices.Contains(noticeKinds()[:5], m.Notice.Kind):
		return fmt.Errorf("%q has no lines", got.Headline)
	}
	for _, l := range append(slices.Clone(got.Lines), got.Headline) {
		if l == "" || !utf8.ValidString(l) ||
			strings.ContainsFunc(l, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return fmt.Errorf("a line is empty or not printable: %q", l)
		}
	}
	return nil
}

func TestEveryKindOutcomeAndStageHasWords(t *testing.T) {
	executions := []func(*ledger.Case){
		func(*ledger.Case) {},
		ran(remedy.KindAct, remedy.Warden(), remedy.OutcomeDone),
		ran(remedy.KindAct, remedy.Warden(), remedy.OutcomeUnknown),
		ran(remedy.KindUndo, person("fran"), remedy.OutcomeFailed),
	}
	for _, kind := range noticeKinds() {
		for _, outcome := range append(remedy.Outcomes(), "", "novel") {
			for _, stage := range append(remedy.Stages(), "novel") {
				for i, x := range executions {
					m := message(kind, newCase(x, staged(stage, outcome, "a note")))
					got := chat.Render(m, chat.RenderOptions{})
					if strings.Contains(got.Headline+strings.Join(got.Lines, ""), "%!") {
						t.Errorf("a verb of fmt shows: %+v", got)
					}
					if err := sound(m, got); err != nil {
						t.Errorf("kind %q, outcome %q, stage %q, execution %d: %v", kind, outcome, stage, i, err)
					}
				}
			}
		}
	}
}

func TestEveryOutcomeHasWordsOfItsOwn(t *testing.T) {
	said := map[string]remedy.Outcome{}
	for _, o := range remedy.Outcomes() {
		if o == remedy.OutcomeCounted {
			continue // says what told says
		}
		m := message(ledger.NoticeOutcome, newCase(ran(remedy.KindAct, remedy.Warden(), remedy.OutcomeDone), closed(o, "")))
		got := chat.Render(m, chat.RenderOptions{})
		if strings.Contains(got.Headline, "News about") {
			t.Errorf("%s falls through to %q", o, got.Headline)
		}
		if other, twice := said[got.Headline]; twice {
			t.Errorf("%s and %s both read %q", o, other, got.Headline)
		}
		said[got.Headline] = o
	}
}

func TestUnknownKindAndEmptyRecordsHaveWords(t *testing.T) {
	for _, kind := range append(noticeKinds(), "novel\n") {
		for _, c := range []*ledger.Case{nil, {ID: 9, Host: "h"}, {ID: 9, Host: "h", Stage: remedy.StageWaiting, Ask: &ledger.Ask{}, Plan: &remedy.Plan{}}} {
			m := message(kind, c)
			m.Notice.Case = 9
			if err := sound(m, chat.Render(m, chat.RenderOptions{})); err != nil {
				t.Errorf("%q with %v: %v", kind, c, err)
			}
		}
	}
}

// hostile draws text that tries to look like something else.
func hostile() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.StringN(0, 300, -1),
		rapid.SampledFrom([]string{"a\nPAGE Drained everything", "\x1b[2Jgone", "\u202eevil", "\x9b31m", "\xff\xfe", "%s%d", "é\u2028x", "\r\x00"}),
		rapid.StringMatching(`[a-z0-9.-]{80,300}`),
	)
}

func TestHeadlinesFitAndNamesForgeNothing(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		text := func(name string) string { return hostile().Draw(r, name) }
		c := newCase(
			ran(rapid.SampledFrom([]remedy.ExecutionKind{remedy.KindAct, remedy.KindManual, remedy.KindUndo}).Draw(r, "kind"),
				person(text("by")), rapid.SampledFrom(append(remedy.Outcomes(), "")).Draw(r, "of the execution"), output(text("output"))),
			staged(rapid.SampledFrom(remedy.Stages()).Draw(r, "stage"), rapid.SampledFrom(append(remedy.Outcomes(), "")).Draw(r, "outcome"), text("note")),
		)
		c.ID = remedy.CaseID(rapid.Uint64Min(1).Draw(r, "id"))
		c.Host, c.Action = remedy.HostName(text("host")), remedy.ActionName(rapid.OneOf(rapid.Just("drain"), hostile()).Draw(r, "action"))
		c.Plan.Summary, c.Plan.Steps, c.Plan.ManualHint = text("summary"), []string{text("step")}, text("hint")
		c.Latest.Unit, c.Latest.Bad = text("unit"), rapid.Float64().Draw(r, "bad below")
		c.Latest.Value = remedy.Known(rapid.Float64().Draw(r, "value"))
		c.Decision.Answers[1].Observed = text("observed")
		if rapid.Bool().Draw(r, "asked") {
			asked(c)
			c.Ask.Approvers = []string{text("approver")}
		}
		if rapid.Bool().Draw(r, "answered") {
			c.Answer = &ledger.CaseReply{Approve: rapid.Bool().Draw(r, "yes"), By: person(text("who")), At: at(3, 14, 0), Reason: text("reason")}
		}
		m := message(rapid.SampledFrom(noticeKinds()).Draw(r, "notice"), c)
		m.Notice.Case = c.ID
		if slices.Contains(noticeKinds()[5:], m.Notice.Kind) {
			m.Notice.Case = rapid.SampledFrom([]remedy.CaseID{0, c.ID}).Draw(r, "about")
		}
		m.Notice.Pool, m.Notice.Detail = remedy.PoolName(text("pool")), text("detail")
		m.Notice.Page, m.Again = rapid.Bool().Draw(r, "page"), rapid.Bool().Draw(r, "again")
		if err := sound(m, chat.Render(m, chat.RenderOptions{})); err != nil {
			r.Fatal(err)
		}
	})
}

func TestLongNamesAreCutAndTheCaseIsNot(t *testing.T) {
	c := newCase(asked)
	c.Host = remedy.HostName(strings.Repeat("very-long-name.", 10))
	got := chat.Render(message(ledger.NoticeQuestion, c), chat.RenderOptions{}).Headline
	for _, want := range []string{"Drain very-long-name.", "…", "8% (bad below 50%)", "W-3, expires 03:32"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
}

func TestToneEscalatesThenGivesUpAndIsTheSameEveryTime(t *testing.T) {
	m := level(remedy.LevelNotify, message(ledger.NoticeComplaint, newCase()))
	lines := func(o chat.RenderOptions) string { return strings.Join(chat.Render(m, o).Lines, "\n") }
	if lines(chat.RenderOptions{}) != lines(chat.RenderOptions{Repeat: 1}) {
		t.Error("the first complaint doesn't read as one that nobody counted")
	}
	plain := lines(chat.RenderOptions{Plain: true})
	for repeat, want := range map[int]string{2: "I checked.", 3: "(×3)", 5: "(×5)"} {
		if got := lines(chat.RenderOptions{Repeat: repeat}); !strings.Contains(got, want) {
			t.Errorf("complaint %d lacks %q:\n%s", repeat, want, got)
		}
	}
	if got := lines(chat.RenderOptions{Repeat: 6}); got != plain {
		t.Errorf("the sixth complaint still jokes:\n%s", got)
	}
	if first := lines(chat.RenderOptions{}); strings.Count(first, "\n") != strings.Count(plain, "\n")+1 {
		t.Errorf("tone is not one line:\n%s", first)
	}
}

func TestOnlyComplaintsHaveTone(t *testing.T) {
	for name, list := range examples() {
		for _, e := range list {
			with, without := chat.Render(e.m, chat.RenderOptions{}), chat.Render(e.m, chat.RenderOptions{Plain: true})
			if e.m.Notice.Kind != ledger.NoticeComplaint && !slices.Equal(with.Lines, without.Lines) {
				t.Errorf("%s, %s: has tone", name, e.name)
			}
		}
	}
}

func TestEveryMessageThatMayNeedAHandSaysHow(t *testing.T) {
	quiet := []remedy.Outcome{remedy.OutcomeSelfRecovered, remedy.OutcomeUndone, remedy.OutcomeReturned, remedy.OutcomeSuperseded, remedy.OutcomeGone}
	for name, list := range examples() {
		for _, e := range list {
			c := e.m.Case
			if c == nil || c.Plan == nil || (c.Stage == remedy.StageClosed && (slices.Contains(quiet, c.Outcome) || c.Outcome == remedy.OutcomeDone)) {
				continue
			}
			if e.name == "asked anew since" {
				continue // says where to look
			}
			got := strings.ToLower(strings.Join(chat.Render(e.m, chat.RenderOptions{}).Lines, "\n"))
			if !strings.Contains(got, "by hand: ") {
				t.Errorf("%s, %s: no way by hand:\n%s", name, e.name, got)
			}
		}
	}
}

func TestTimesAreGivenInTheZone(t *testing.T) {
	zone := time.FixedZone("CET", 3600)
	got := chat.Render(message(ledger.NoticeQuestion, newCase(asked)), chat.RenderOptions{Zone: zone})
	if !strings.Contains(got.Headline, "expires 04:32") || !strings.Contains(strings.Join(got.Lines, "\n"), "04:32 CET") {
		t.Errorf("times are not in CET: %+v", got)
	}
}

func TestOutputIsShownFromItsEnd(t *testing.T) {
	long := strings.Repeat("line\n", 50) + "the last line says why"
	m := message(ledger.NoticeOutcome, newCase(ran(remedy.KindAct, remedy.Warden(), remedy.OutcomeFailed, output(long)), closed(remedy.OutcomeFailed, "")))
	got := chat.Render(m, chat.RenderOptions{}).Lines
	shown := slices.DeleteFunc(slices.Clone(got), func(l string) bool { return !strings.HasPrefix(l, "output: ") })
	if len(shown) != 5 || shown[4] != "output: the last line says why" {
		t.Errorf("got %q", shown)
	}
}
