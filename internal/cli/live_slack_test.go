package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"warden/simulate/fakeslack"
)

// TestLiveSlack turns Slack on in a running daemon: people are told there, what
// they say there is done as if they had said it at the socket, by who they are,
// and refused in the same words.
func TestLiveSlack(t *testing.T) {
	t.Parallel()
	fake, err := fakeslack.New(fakeslack.Options{Unlimited: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := fake.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	l := newLive(t)
	dir := t.TempDir()
	for name, token := range map[string]string{"bot": "xoxb-fake", "app": "xapp-fake"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l.write(liveConfig + fmt.Sprintf(`
[approvals.people.fran]
email = "fran@example.net"
unix  = ["sam"]

[chat.slack]
enabled        = true
bot_token_file = %q
app_token_file = %q
channel        = "#ops"
api_url        = %q
`, filepath.Join(dir, "bot"), filepath.Join(dir, "app"), fake.URL()+"/api/"))
	if code, out, talk := l.run("reload"); code != ExitOK {
		t.Fatalf("%d %s %s", code, out, talk)
	}
	l.eventually("a connection", func() bool { return len(fake.Connections()) == 1 })
	told := func(words string) func() bool {
		return func() bool {
			for _, m := range fake.Messages(fakeslack.Ops) {
				if strings.Contains(m.Text+string(m.Blocks), words) {
					return true
				}
			}
			return false
		}
	}
	// Slack is owed what comes after the round that first knew of it.
	n := 0
	l.eventually("people are told in Slack", func() bool {
		if n++; n%50 == 1 {
			if code, _, _ := l.run("hold", "web-1", "1h", "--reason", fmt.Sprintf("try %d", n)); code != ExitOK {
				n = 0 // no round has told yet which hosts there are
			}
		}
		return told("hold on web-1")() || told("Hold on web-1")()
	})
	if _, err := fake.Slash(fakeslack.Carol, fakeslack.Ops, "freeze network work"); err != nil {
		t.Fatal(err)
	}
	l.eventually("the freeze is told in Slack", told("Frozen by carol@example.net: network work"))
	if code, out, _ := l.run("status"); code != ExitOK || !strings.Contains(out, "carol@example.net") {
		t.Errorf("%d %s", code, out)
	}
	if _, err := fake.Slash(fakeslack.Carol, fakeslack.Ops, "unfreeze"); err != nil {
		t.Fatal(err)
	}
	l.eventually("carol is refused", func() bool {
		said := fake.Ephemerals(fakeslack.Carol, fakeslack.Ops)
		return len(said) == 1 && strings.Contains(said[0].Text, "sam")
	})
	l.eventually("the audit has it", func() bool {
		code, out, _ := l.run("audit", "tail", "--what", "click.refused")
		return code == ExitOK && strings.Contains(out, "turned away a word in slack by carol@example.net, "+fakeslack.Carol+" (unfreeze): somebody else may")
	})
	if _, err := fake.Slash(fakeslack.Fran, fakeslack.Ops, "unfreeze"); err != nil {
		t.Fatal(err)
	}
	l.eventually("who is sam on the machine lifts it", told("Unfrozen by sam"))
	for _, b := range fake.Breaches() {
		t.Errorf("a rule of Slack's was broken: %+v", b)
	}
}
