package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/webhook"
)

// A daemon tells a receiver what happens, signed, while another one is down and
// Grafana too.
func TestOutletsOfALiveDaemon(t *testing.T) {
	t.Parallel()
	l := newLive(t)
	const key = "the-key-of-the-status-page"
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	got := map[string]webhook.Event{}
	up := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		signed := r.Header.Get(webhook.HeaderSignature)
		at, err := strconv.ParseInt(regexp.MustCompile(`^t=([0-9]+),`).FindStringSubmatch(signed)[1], 10, 64)
		if want := webhook.Sign(key, time.Unix(at, 0), body); err != nil || signed != want {
			t.Errorf("signed %s, want %s: %v", signed, want, err)
		}
		var e webhook.Event
		if err := json.Unmarshal(body, &e); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if _, twice := got[e.ID]; twice {
			t.Errorf("%s came twice", e.ID)
		}
		got[e.ID] = e
	}))
	defer up.Close()
	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer down.Close()
	hook := func(name, url string) string {
		return fmt.Sprintf("\n[[webhooks]]\nname = %q\nurl = %q\nsecret_file = %q\nkinds = [\"stop\"]\n", name, url, file)
	}
	who, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	quick := strings.NewReplacer(`"sam"`, strconv.Quote(who.Username), `for     = "5m"`, "for = \"5m\"\ninterval = \"1s\"").Replace(liveConfig)
	l.write(quick + hook("down", down.URL) + hook("up", up.URL) +
		fmt.Sprintf("\n[annotations.grafana]\nurl = %q\ntoken_file = %q\n", down.URL, file))
	if code, out, talk := l.run("reload", "--wait"); code != ExitOK {
		t.Fatalf("%d %s %s", code, out, talk)
	}
	l.eventually("the receiver that is up hears of a freeze", func() bool {
		for _, args := range [][]string{{"freeze", "--reason", "deploy", "--for", "5m"}, {"unfreeze"}} {
			if code, out, talk := l.run(args...); code != ExitOK {
				t.Fatalf("%v: %d %s %s", args, code, out, talk)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		return len(got) > 0
	})
	mu.Lock()
	defer mu.Unlock()
	for id, e := range got {
		if e.Kind != ledger.NoticeStop || e.Cluster.Name != "warden" || e.Cluster.ID == "" || !strings.HasPrefix(id, e.Cluster.ID+".") {
			t.Errorf("%s: %+v", id, e)
		}
	}
}
