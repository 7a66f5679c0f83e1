package fakeslack

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"
)

// got is a request that an app got.
type got struct {
	header http.Header
	body   []byte
}

// endpoint is an app over HTTP that answers as it is told to.
type endpoint struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	body   string
	hang   bool
	seen   []got
}

func listen(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{status: 200}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e.mu.Lock()
		e.seen = append(e.seen, got{r.Header.Clone(), body})
		status, answer, hang := e.status, e.body, e.hang
		e.mu.Unlock()
		if hang {
			<-r.Context().Done()
			return
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) says(status int, body string, hang bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status, e.body, e.hang = status, body, hang
}

func (e *endpoint) all() []got {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.seen
}

const secret = "8f742231b10e8888abcd99yyyzzz85a5"

// TestSign holds the signature to the example of Slack's page.
func TestSign(t *testing.T) {
	t.Parallel()
	body := "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
	const want = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
	if got := Sign(secret, "1531420618", []byte(body)); got != want {
		t.Errorf("signed as %s, want %s", got, want)
	}
}

// TestOverHTTP sends each kind of thing to a request URL.
func TestOverHTTP(t *testing.T) {
	t.Parallel()
	app := listen(t)
	s, _ := stepped(t, Options{RequestURL: app.URL + "/slack", SigningSecret: secret})
	ts := card(t, s)
	acknowledged(t, click(t, s, Alice, ts))
	app.says(200, `{"text":"one moment"}`, false)
	d, err := s.Slash(Alice, Ops, "help")
	if err != nil {
		t.Fatal(err)
	}
	acknowledged(t, d)
	if m := s.Ephemerals(Alice, Ops); len(m) != 1 {
		t.Errorf("alice sees %+v", m)
	}
	app.says(200, "", false)
	if d, _, err = s.Mention(Alice, Ops, "", "why"); err != nil {
		t.Fatal(err)
	}
	acknowledged(t, d)
	for i, r := range app.all() {
		at := r.header.Get("X-Slack-Request-Timestamp")
		if r.header.Get("X-Slack-Signature") != Sign(secret, at, r.body) || at != strconv.FormatInt(night.Unix(), 10) {
			t.Errorf("request %d is not signed: %v", i, r.header)
		}
	}
	form, err := url.ParseQuery(string(app.all()[0].body))
	if err != nil {
		t.Fatal(err)
	}
	r := &http.Request{Form: form, PostForm: form}
	if c, err := slack.InteractionCallbackParse(r); err != nil || c.User.ID != Alice {
		t.Errorf("clicked: %+v, %v", c, err)
	}
	form, _ = url.ParseQuery(string(app.all()[1].body))
	if c, err := slack.SlashCommandParse(&http.Request{Form: form, PostForm: form}); err != nil || c.Text != "help" || c.UserID != Alice {
		t.Errorf("said: %+v, %v", c, err)
	}
	if kind := app.all()[2].header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("an event came as %s", kind)
	}
	if _, _, err := client(s).StartSocketModeContext(t.Context()); err == nil {
		t.Error("an app that is told over HTTP opened a connection")
	}
}

// TestOverHTTPAgain has an app answer badly, then not at all, then well.
func TestOverHTTPAgain(t *testing.T) {
	t.Parallel()
	app := listen(t)
	s, c := stepped(t, Options{RequestURL: app.URL, SigningSecret: secret})
	ts := card(t, s)
	app.says(500, "", false)
	d := click(t, s, Alice, ts)
	eventually(t, "the second attempt failed and a third is planned", func() bool { return len(app.all()) == 2 && c.Waiters() == 1 && d.Attempts()[1].Failed != "" })
	app.says(200, "", true)
	c.Advance(time.Minute)
	eventually(t, "the third attempt hangs", func() bool { return len(app.all()) == 3 })
	app.says(200, "", false)
	c.Advance(3 * time.Second)
	eventually(t, "a fourth attempt is planned", func() bool { return d.Attempts()[2].Failed == "timeout" && c.Waiters() == 1 })
	c.Advance(5 * time.Minute)
	acknowledged(t, d)
	if diff := cmp.Diff([]string{"http_error", "http_error", "timeout", ""}, failures(d)); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
	last := app.all()[3].header
	if last.Get("X-Slack-Retry-Num") != "3" || last.Get("X-Slack-Retry-Reason") != "timeout" {
		t.Errorf("the last attempt says %v", last)
	}
}
