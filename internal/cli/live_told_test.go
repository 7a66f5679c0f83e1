package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"warden/simulate/fakeslack"
)

// metric is the value of a series of a running daemon, named as on /metrics but
// for "warden_"; -1 where there is none.
func (l *live) metric(series string) float64 {
	l.t.Helper()
	all, err := l.d.Registry.Gather()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, f := range all {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, p := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", p.GetName(), p.GetValue()))
			}
			if name := strings.TrimPrefix(f.GetName(), "warden_"); name == series || name+"{"+strings.Join(labels, ",")+"}" == series {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return -1
}

// slackSection has a config tell people in a Slack.
func slackSection(t *testing.T, fake *fakeslack.Server, more string) string {
	t.Helper()
	dir := t.TempDir()
	for name, token := range map[string]string{"bot": "xoxb-fake", "app": "xapp-fake", "signing": "shhh"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return fmt.Sprintf("\n[chat.slack]\nenabled = true\nbot_token_file = %q\napp_token_file = %q\nsigning_secret_file = %q\nchannel = \"#ops\"\napi_url = %q\n%s\n",
		filepath.Join(dir, "bot"), filepath.Join(dir, "app"), filepath.Join(dir, "signing"), fake.URL()+"/api/", more)
}

// TestLiveDeliveriesAreCounted has Slack and a webhook fail on a running daemon,
// and looks at what its metrics say before, meanwhile and afterwards.
func TestLiveDeliveriesAreCounted(t *testing.T) {
	t.Parallel()
	fake, err := fakeslack.New(fakeslack.Options{Unlimited: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := fake.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	var away atomic.Bool
	status := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if away.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(status.Close)
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("0123456789abcdef0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := newLive(t)
	l.write(liveConfig + slackSection(t, fake, "") + fmt.Sprintf("\n[[webhooks]]\nname = \"status\"\nurl = %q\nsecret_file = %q\nkinds = [\"stop\"]\n", status.URL, key))
	if code, out, talk := l.run("reload"); code != ExitOK {
		t.Fatalf("%d %s %s", code, out, talk)
	}
	places := []string{"slack", "webhook/status"}
	l.eventually("both are owed what comes", func() bool { return l.metric(`outbox_messages{integration="webhook/status"}`) >= 0 })
	n := 0
	hold := func() {
		n++
		l.eventually("a hold is taken", func() bool { // once a round has told which hosts there are
			code, _, _ := l.run("hold", "web-1", "1h", "--reason", fmt.Sprintf("try %d", n))
			return code == ExitOK
		})
	}
	of := func(format, place string) float64 { return l.metric(fmt.Sprintf(format, place)) }
	const total, failed, retried, owed, oldest = `notifications_total{integration=%q}`, `notifications_failed_total{integration=%q,reason="trouble"}`,
		`notifications_retried_total{integration=%q}`, `outbox_messages{integration=%q}`, `outbox_oldest_seconds{integration=%q}`
	all := func(what string, ok func(place string) bool) {
		t.Helper()
		l.eventually(what, func() bool { return ok(places[0]) && ok(places[1]) })
	}
	hold()
	all("what gets through is counted", func(p string) bool { return of(total, p) > 0 && of(owed, p) == 0 && of(oldest, p) == 0 })
	for _, p := range places {
		if of(failed, p) != 0 || of(retried, p) != 0 {
			t.Errorf("%s: %v failed, %v retried", p, of(failed, p), of(retried, p))
		}
	}
	fake.Fail("chat.postMessage", fakeslack.Status(503), -1)
	away.Store(true)
	hold()
	all("what fails is counted, and is owed", func(p string) bool { return of(failed, p) > 0 && of(owed, p) > 0 && of(oldest, p) > 0 })
	if of(owed, "console") != 0 {
		t.Errorf("the console is owed %v", of(owed, "console"))
	}
	all("it is tried again", func(p string) bool { return of(retried, p) > 0 })
	fake.Heal()
	away.Store(false)
	all("all of it is told", func(p string) bool { return of(owed, p) == 0 && of(oldest, p) == 0 && of(total, p) > of(failed, p) })
}
