package cli

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"warden/internal/realtest"
	"warden/simulate/fakeslack"
)

// TestLiveSlackPortTaken starts a daemon whose address for clicks something else
// has: it decides all the same, says what is wrong, and takes clicks once the
// address is free. Another address, and no Slack at all, need no restart.
func TestLiveSlackPortTaken(t *testing.T) {
	t.Parallel()
	fake, err := fakeslack.New(fakeslack.Options{Unlimited: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := fake.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	first, second := realtest.Address(t), realtest.Address(t)
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", first)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	listens := func(address string) string {
		return liveConfig + slackSection(t, fake, fmt.Sprintf("mode = \"http\"\nlisten_address = %q", address))
	}
	l := newLiveOf(t, listens(first))
	const failed = "slack_listen_failed"
	l.eventually("it is known that clicks can't be taken", func() bool { return l.metric(failed) == 1 })
	l.eventually("it still decides", func() bool { // once a round has told which hosts there are
		code, _, _ := l.run("hold", "web-1", "1h", "--reason", "it still decides")
		return code == ExitOK
	})
	if code, out, _ := l.run("status"); code != ExitOK || !strings.Contains(out, ": clicks from Slack can't be taken at "+first) || !strings.Contains(out, "address already in use") ||
		!strings.Contains(out, "stop what has the address, or change chat.slack.listen_address") {
		t.Errorf("%d %s", code, out)
	}
	if code, out, _ := l.run("doctor", "--config", l.config); code == ExitOK || !strings.Contains(out, "clicks from Slack can't be taken at "+first) {
		t.Errorf("%d %s", code, out)
	}
	// answers reports whether something that Slack has signed is answered there.
	answers := func(address string) bool {
		body := []byte(`{"type":"url_verification","challenge":"knock","token":"x"}`)
		at := strconv.FormatInt(time.Now().Unix(), 10)
		r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPost, "http://"+address+"/slack/events", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Close = true
		r.Header = http.Header{"Content-Type": {"application/json"}, "X-Slack-Request-Timestamp": {at}, "X-Slack-Signature": {fakeslack.Sign("shhh", at, body)}}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return false
		}
		return res.Body.Close() == nil && res.StatusCode == http.StatusOK
	}
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	l.eventually("clicks are taken", func() bool { return l.metric(failed) == 0 && answers(first) })
	if _, out, _ := l.run("status"); strings.Contains(out, "can't be taken") {
		t.Error(out)
	}
	reload := func(text string) {
		t.Helper()
		l.write(text)
		if code, out, talk := l.run("reload"); code != ExitOK || strings.Contains(out, "restart") {
			t.Fatalf("%d %s %s", code, out, talk)
		}
	}
	reload(listens(second))
	l.eventually("they are taken elsewhere", func() bool { return answers(second) && !answers(first) })
	reload(liveConfig)
	l.eventually("they are taken nowhere", func() bool { return !answers(second) })
	if l.metric(failed) != 0 {
		t.Error("what isn't wanted is said to have failed")
	}
}
