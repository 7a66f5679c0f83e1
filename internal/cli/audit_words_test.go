package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"warden/internal/audit"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

func TestAuditLinesSayWhatWasSaid(t *testing.T) {
	t.Parallel()
	ok := ledger.Result{OK: true}
	until := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		want    string
		routine bool
		result  ledger.Result
		body    []ledger.Body
	}{
		{"labelled W-1 wrong: it served", false, ok, []ledger.Body{&ledger.CaseLabel{Case: 1, Label: trust.Wrong, Note: "it served"}}},
		{"labelled W-1 right", false, ok, []ledger.Body{&ledger.CaseLabel{Case: 1, Label: trust.Right}}},
		{"withdrew the label of W-1", false, ok, []ledger.Body{&ledger.CaseLabel{Case: 1, Withdraw: true}}},
		{"lifted what bob said of W-1", false, ok, []ledger.Body{&ledger.CaseLabel{Case: 1, Withdraw: true, Of: "bob"}}},
		{"labelled W-1 wrong; so drain on web was demoted from auto to confirm", false,
			ledger.Result{OK: true, Also: "drain on web was demoted from auto to confirm"}, []ledger.Body{&ledger.CaseLabel{Case: 1, Label: trust.Wrong}}},
		{"demoted drain on web to notify: too many", false, ok, []ledger.Body{&ledger.TrustDemote{Action: "drain", Pool: "web", To: remedy.LevelNotify, Reason: "too many"}}},
		{"reviewed drain on web: read the cases", false, ok, []ledger.Body{&ledger.TrustReview{Action: "drain", Pool: "web", Reason: "read the cases"}}},
		{"approved W-3", false, ok, []ledger.Body{&ledger.CaseAnswer{Case: 3, Approve: true}}},
		{"denied W-4 (known-work)", false, ok, []ledger.Body{&ledger.CaseAnswer{Case: 4, Reason: "known-work"}}},
		{"denied W-4: we look at it", false, ok, []ledger.Body{&ledger.CaseAnswer{Case: 4, Reason: "we look at it"}}},
		{"snoozed W-4 until 2026-11-22 09:00:00 UTC", false, ok, []ledger.Body{&ledger.CaseSnooze{Case: 4, Until: until}}},
		{"resolved W-4 as out: seen", false, ok, []ledger.Body{&ledger.Resolve{Case: 4, Out: true, Reason: "seen"}}},
		{"reset the breaker of everything: mended", false, ok, []ledger.Body{&ledger.BreakerReset{Comment: "mended"}}},
		{"froze until 2026-11-22 09:00:00 UTC: work", false, ok, []ledger.Body{&ledger.FreezeSet{Reason: "work", Until: until}}},
		{"turned away a click in slack by carol@example.net, U0CAROL (approve W-3): somebody else may", false, ok, []ledger.Body{
			&ledger.ClicksRefused{Surface: "slack", Kind: ledger.ClickNotYours, User: "U0CAROL", Name: "carol@example.net", Verb: "approve", Case: 3},
		}},
		{"turned away a word in slack by U0CAROL (unfreeze): somebody else may", false, ok, []ledger.Body{
			&ledger.ClicksRefused{Surface: "slack", Kind: ledger.ClickNotYours, User: "U0CAROL", Word: "unfreeze"},
		}},
		{"turned away a click in slack by U0GUS: its value is none that warden made", false, ok, []ledger.Body{&ledger.ClicksRefused{Surface: "slack", Kind: ledger.ClickForged, User: "U0GUS"}}},
		{"turned away 132 more in slack since 2026-11-22 09:00:00 UTC (120 by U0GUS: its value is none that warden made; 12 by somebody: no member of the workspace)", false, ok, []ledger.Body{
			&ledger.ClicksRefused{Surface: "slack", Since: until, Rest: []ledger.ClickCount{{Kind: ledger.ClickForged, User: "U0GUS", N: 120}, {Kind: ledger.ClickNobody, N: 12}}},
		}},
		{"told people", true, ok, []ledger.Body{&ledger.NoticeReceipt{Upto: 4}}},
		{"told people on slack", true, ok, []ledger.Body{&ledger.NoticeDelivered{Surface: "slack", Seqs: []uint64{4}}}},
		{"has people told on console, slack", false, ok, []ledger.Body{&ledger.SurfacesSet{Surfaces: []ledger.Surface{"console", "slack"}, Asks: "slack"}}},
		{"noted that a summary is due: 2026-11-22", false, ok, []ledger.Body{&ledger.SummaryDue{Date: "2026-11-22", From: until.Add(-time.Hour), To: until}}},
		{"had a summary sent", false, ok, []ledger.Body{&ledger.SummarySend{From: until}}},
		{"began to lead", false, ok, []ledger.Body{&ledger.TenureBegin{}}},
		{"looks again, after nobody did for a while", false, ok, []ledger.Body{&ledger.TenureBegin{Again: true}}},
		{"took up the config of n1", true, ok, []ledger.Body{&ledger.TrustReport{Node: "n1"}}},
		{"judged H1/web for drain W-1", true, ok, []ledger.Body{&ledger.CaseJudge{Pool: "web", Host: "H1", Action: "drain"}}},
		{"saw that W-3 did not help", false, ok, []ledger.Body{&ledger.ExecHelped{Case: 3}}},
		{"saw that W-3 took; so the breaker of pool web latched", false, ledger.Result{OK: true, Also: "the breaker of pool web latched"}, []ledger.Body{&ledger.ExecVerdict{Case: 3, Took: true}}},
		{"closed W-3 expired", false, ok, []ledger.Body{&ledger.NoticeReceipt{Upto: 4}, &ledger.CaseClose{Case: 3, Outcome: remedy.OutcomeExpired}}},
		{"released H1/web; released H2/web; released H3/web; and 1 more", false, ok, []ledger.Body{
			&ledger.HoldRelease{Pool: "web", Host: "H1"}, &ledger.HoldRelease{Pool: "web", Host: "H2"},
			&ledger.HoldRelease{Pool: "web", Host: "H3"}, &ledger.HoldRelease{Pool: "web", Host: "H4"},
		}},
	} {
		e, err := ledger.NewEntry(until, remedy.Warden(), "n1", tt.body...)
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		l := &audit.Line{Type: audit.TypeEntry, Answer: audit.AnswerAllowed, Entry: data}
		for range tt.body {
			l.Results = append(l.Results, tt.result)
		}
		if _, ok := tt.body[0].(*ledger.CaseJudge); ok {
			l.Results[0].Case = 1
		}
		if got := auditWords(l); got != tt.want {
			t.Errorf("said %q, want %q", got, tt.want)
		}
		if got := routine(l); got != tt.routine {
			t.Errorf("%q: routine is %v, want %v", tt.want, got, tt.routine)
		}
		if l.Person = true; routine(l) {
			t.Errorf("%q: what a person did is routine", tt.want)
		}
	}
}

// TestEveryOperationHasWords: of all that the ledger's log of the present version has in
// it, which is of each kind, nothing is said by the name of its kind alone.
func TestEveryOperationHasWords(t *testing.T) {
	t.Parallel()
	log, err := os.ReadFile("../ledger/testdata/log/v3.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	for raw := range bytes.Lines(log) {
		var l struct{ Entry ledger.Entry }
		if err := json.Unmarshal(raw, &l); err != nil {
			t.Fatal(err)
		}
		for _, op := range l.Entry.Ops {
			kinds[op.Kind] = true
			if words := (operation{kind: op.Kind}).words(); words == op.Kind || strings.HasPrefix(words, op.Kind+" ") {
				t.Errorf("%s has no words", op.Kind)
			}
		}
	}
	if len(kinds) < 40 {
		t.Errorf("only %d kinds: %v", len(kinds), kinds)
	}
}
