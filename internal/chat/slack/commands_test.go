package slack_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"warden/internal/chat"
	"warden/internal/chat/slack"
	"warden/internal/ledger"
	"warden/simulate/fakeslack"
)

func TestSlashCommandsAreAnsweredWhereTheyAreSaid(t *testing.T) {
	t.Parallel()
	w, _ := open(t)
	if _, err := w.fake.Slash(fakeslack.Carol, fakeslack.Ops, ""); err != nil {
		t.Fatal(err)
	}
	w.until("an answer", func() bool { return len(w.fake.Messages(fakeslack.Ops)) == 2 })
	// It is a copy that nobody edits: it leads to the question, and can't be tapped.
	if got := unescaped(w.fake.Messages(fakeslack.Ops)[1].Blocks); !strings.Contains(got, "said by carol@example.net") || !strings.Contains(got, "<https://acme.slack.com/archives/C0OPS/p1|") ||
		strings.Contains(got, `"warden.`) || !strings.Contains(got, "warden of cluster `prod`") {
		t.Errorf("the state of things is %s", got)
	}
	if _, err := w.fake.Slash(fakeslack.Carol, fakeslack.Ops, "dran web-07"); err != nil {
		t.Fatal(err)
	}
	if said := w.told(fakeslack.Carol, 1); !strings.Contains(said, "drain") || !strings.Contains(said, "othing was done") {
		t.Errorf("unknown words are answered with %q", said)
	}
	if n := len(w.questions); n != 1 {
		t.Errorf("the desk was asked %d times", n)
	}
	w.clean()
}

func TestDrainIsShownFirstAndAsksForItsReason(t *testing.T) {
	t.Parallel()
	w, _ := open(t)
	if _, err := w.fake.Slash(fakeslack.Alice, fakeslack.Ops, "drain web-09"); err != nil {
		t.Fatal(err)
	}
	w.until("the preview", func() bool { return len(w.fake.Messages(fakeslack.Ops)) == 2 })
	if len(w.asked()) != 0 {
		t.Fatal("it was done before it was shown")
	}
	m := w.fake.Messages(fakeslack.Ops)[1]
	if _, err := w.fake.Click(fakeslack.Alice, fakeslack.Ops, m.TS, "warden.run"); err != nil {
		t.Fatal(err)
	}
	w.until("the dialog", func() bool { _, ok := w.fake.Modal(fakeslack.Alice); return ok })
	if _, err := w.fake.SubmitView(fakeslack.Alice, map[string]string{"reason": "fan is loud"}); err != nil {
		t.Fatal(err)
	}
	w.until("the wish", func() bool { return len(w.asked()) == 1 })
	if got := w.asked()[0]; got.Verb != chat.VerbRun || got.Action != "drain" || got.Host != "web-09" || got.Plan != "abc123" || got.Reason != "fan is loud" {
		t.Errorf("the desk was asked for %+v", got)
	}
	w.clean()
}

func TestMentionsAreAnsweredInTheirThread(t *testing.T) {
	t.Parallel()
	w, m := open(t)
	if _, _, err := w.fake.Mention(fakeslack.Bob, fakeslack.Ops, m.TS, "why W-3"); err != nil {
		t.Fatal(err)
	}
	w.until("an answer", func() bool { return len(w.fake.Thread(fakeslack.Ops, m.TS)) == 2 })
	if got := w.questions[0].Args; strings.Join(got, " ") != "explain W-3" {
		t.Errorf("it was taken for %q", got)
	}
	w.mu.Lock()
	w.answers = func(chat.Command) (slack.Reply, error) {
		return slack.Reply{}, errors.New("only <!channel> may *unfreeze*")
	}
	w.mu.Unlock()
	if _, _, err := w.fake.Mention(fakeslack.Gus, fakeslack.Ops, m.TS, "unfreeze"); err != nil {
		t.Fatal(err)
	}
	if said := w.told(fakeslack.Gus, 1); !strings.Contains(said, "members of this workspace") {
		t.Errorf("a guest is told %q", said)
	}
	if _, _, err := w.fake.Mention(fakeslack.Bob, fakeslack.Ops, m.TS, "unfreeze"); err != nil {
		t.Fatal(err)
	}
	if said := w.told(fakeslack.Bob, 1); strings.Contains(said, "<!") {
		t.Errorf("bob is told %q", said)
	}
	w.clean()
}

func TestClicksOverHTTPAreSigned(t *testing.T) {
	t.Parallel()
	w, post := overHTTP(t)
	w.put(question(), ledger.NoticeQuestion)
	w.settle()
	m := w.fake.Messages(fakeslack.Ops)[0]
	if _, err := w.fake.Click(fakeslack.Alice, fakeslack.Ops, m.TS, "warden.approve"); err != nil {
		t.Fatal(err)
	}
	w.until("the wish", func() bool { return len(w.asked()) == 1 })
	if _, err := w.fake.Slash(fakeslack.Alice, fakeslack.Ops, "why W-3"); err != nil {
		t.Fatal(err)
	}
	w.until("an answer", func() bool { return len(w.fake.Messages(fakeslack.Ops)) == 2 })
	for name, c := range map[string]struct {
		secret, body string
		ago          int
		want         int
	}{
		"unsigned": {"", "payload={}", 0, 401}, "another's": {"other", "payload={}", 0, 401}, "old": {"shhh", "payload={}", 301, 401}, "early": {"shhh", "payload={}", -301, 401},
		"huge": {"shhh", strings.Repeat("x", 300<<10), 0, 413}, "no payload": {"shhh", "payload=", 0, 400}, "good": {"shhh", "payload={}", 290, 200},
	} {
		if got := post("/slack/interact", c.secret, c.body, c.ago); got != c.want {
			t.Errorf("%s is answered with %d, want %d", name, got, c.want)
		}
	}
	if got := post("/api/v1/freeze", "shhh", "{}", 0); got != 404 {
		t.Errorf("the listener answers more than Slack: %d", got)
	}
	w.clean()
}

// What is said to somebody else is no command, wherever warden is named in it.
func TestOnlyWhatBeginsWithTheBotIsACommand(t *testing.T) {
	t.Parallel()
	bot := "<@" + fakeslack.BotUser + ">"
	for i, tt := range []struct {
		text string
		want string
	}{
		{"<@" + fakeslack.Bob + "> freeze your deploys please, " + bot + " is complaining", ""},
		{"freeze it all, " + bot, ""},
		{"&gt; " + bot + " freeze it", ""},
		{"<@" + fakeslack.BotUser + "X> freeze it", ""},
		{"<@" + fakeslack.BotUser, ""},
		{" " + bot + " why W-3", "explain W-3"},
		{"<@" + fakeslack.BotUser + "|warden> why W-3", "explain W-3"},
	} {
		t.Run(tt.text, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.run()
			w.until("a connection", func() bool { return len(w.fake.Connections()) > 0 })
			ts := fmt.Sprintf("1795317773.0001%02d", i)
			event := map[string]any{"type": "app_mention", "user": fakeslack.Alice, "text": tt.text, "ts": ts, "channel": fakeslack.Ops, "event_ts": ts}
			w.fake.Deliver(fakeslack.KindEvent, map[string]any{"token": "verification", "team_id": "", "api_app_id": fakeslack.AppID, "type": "event_callback", "event": event, "event_id": "Ev1", "event_time": 1})
			if tt.want == "" {
				if said := w.told(fakeslack.Alice, 1); !strings.Contains(said, "begin with my name") {
					t.Errorf("alice is told %q", said)
				}
			} else {
				w.until("a question", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.questions) > 0 })
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			var got []string
			for _, k := range w.questions {
				got = append(got, k.Args...)
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("the desk was asked %q, want %q", got, tt.want)
			}
		})
	}
}

// What failed can be tried again: it is shown first, in the thread, and nothing is
// done before somebody who may says why.
func TestWhatFailedCanBeTriedAgain(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"failed", "expired"} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.run()
			for _, s := range slack.Samples() {
				if s.Name == state {
					w.put(s.Case, ledger.NoticeOutcome)
				}
			}
			w.settle()
			w.until("a connection", func() bool { return len(w.fake.Connections()) > 0 })
			m := w.fake.Messages(fakeslack.Ops)[0]
			if _, err := w.fake.Click(fakeslack.Alice, fakeslack.Ops, m.TS, "warden.preview"); err != nil {
				t.Fatal(err)
			}
			shown := func() []fakeslack.Message {
				var out []fakeslack.Message
				for _, m := range w.fake.Thread(fakeslack.Ops, m.TS) {
					if strings.Contains(string(m.Blocks), "warden.run") {
						out = append(out, m)
					}
				}
				return out
			}
			w.until("what it would do", func() bool { return len(shown()) == 1 })
			if len(w.asked()) != 0 {
				t.Fatal("it was done before it was shown")
			}
			if _, err := w.fake.Click(fakeslack.Alice, fakeslack.Ops, shown()[0].TS, "warden.run"); err != nil {
				t.Fatal(err)
			}
			w.until("the dialog", func() bool { _, ok := w.fake.Modal(fakeslack.Alice); return ok })
			if _, err := w.fake.SubmitView(fakeslack.Alice, map[string]string{"reason": "disk is mended"}); err != nil {
				t.Fatal(err)
			}
			w.until("the wish", func() bool { return len(w.asked()) == 1 })
			if got := w.asked()[0]; got.Verb != chat.VerbRun || got.Action != "drain" || got.Host != "web-07" || got.Reason != "disk is mended" {
				t.Errorf("the desk was asked for %+v", got)
			}
			w.clean()
		})
	}
}
