package fakeslack

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

// browser is somebody who looks at the page.
type browser struct {
	*testing.T
	*http.Client
	base string
}

func browse(t *testing.T, s *Server) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, &http.Client{Jar: jar}, s.URL()}
}

// get loads a page and demands a status.
func (b *browser) get(path string, want int) string {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, b.base+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	return b.read(r, want)
}

// post sends a form and follows to the page after it.
func (b *browser) post(path string, want int, pairs ...string) string {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, b.base+path, strings.NewReader(form(pairs...).Encode()))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.read(r, want)
}

func (b *browser) read(r *http.Request, want int) string {
	b.Helper()
	resp, err := b.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		b.Fatalf("%s %s: %s, %v\n%s", r.Method, r.URL, resp.Status, err, body)
	}
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		b.Errorf("%s: Content-Security-Policy %q", r.URL, csp)
	}
	return string(body)
}

// plain loads JSON that is not of the page.
func (b *browser) plain(path string) object {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, b.base+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	resp, err := b.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var o object
	if err := json.NewDecoder(resp.Body).Decode(&o); err != nil {
		b.Fatal(err)
	}
	return o
}

var tokenField = regexp.MustCompile(`name="token" value="([0-9a-f]{64})"`)

func (b *browser) token(page string) string {
	b.Helper()
	m := tokenField.FindStringSubmatch(page)
	if m == nil {
		b.Fatalf("the page has no token:\n%s", page)
	}
	return m[1]
}

// fullCard posts a card with all that the page draws.
func fullCard(t *testing.T, s *Server) string {
	t.Helper()
	plain := func(text string) *slack.TextBlockObject {
		return slack.NewTextBlockObject(slack.PlainTextType, text, false, false)
	}
	mark := func(text string) *slack.TextBlockObject {
		return slack.NewTextBlockObject(slack.MarkdownType, text, false, false)
	}
	drain := slack.NewButtonBlockElement("drain", "v1.x", plain("Drain ingest-17")).WithStyle(slack.StylePrimary).
		WithConfirm(slack.NewConfirmationBlockObject(plain("Drain ingest-17 now?"), mark("39 of 40 stay in service. Undo is one tap. You are recorded as the approver."), plain("Drain it"), plain("Go back")))
	details := slack.NewButtonBlockElement("open", "", plain("Details"))
	details.URL = "https://warden.example.net/cases/W-1042"
	blocks := []slack.Block{
		slack.NewHeaderBlock(plain("Drain ingest-17?")),
		slack.NewSectionBlock(mark("*Why*  canary data at *41%* of expected for 6 min (bad below 50%). Pool median 99.8%.\n`9▇▇▇▇▆▂▁▁▁▁`  <!date^1795143600^{time}|03:00> → <!date^1795144320^{time}|03:12>"), nil, nil),
		slack.NewSectionBlock(nil, []*slack.TextBlockObject{
			mark("*If you tap Drain*\n40 → 39 in service (floor 30). Rack r4 only. Load per host +2.6%."),
			mark("*If you do nothing*\nNothing happens. Expires 03:32. PagerDuty #4471 stays open."),
			mark("*How sure*\n57 of 58 right in 90 days; at least 90.9% (95% conf). Drain worked 12 of 12."),
			mark("*Why you might not*\nDeploy `ingest 4.18.2` reached rack r4 at 02:55."),
		}, nil),
		slack.NewActionBlock("decide", drain, slack.NewButtonBlockElement("deny", "v1.y", plain("No, it's fine")), slack.NewButtonBlockElement("snooze", "v1.z", plain("Ask in 30 min")), details),
		slack.NewContextBlock("foot", mark("W-1042 · `canary_missing` · level *confirm* · <https://example.net/graph|graph>"), mark("By hand: `enc remove ingest ingest-17`")),
	}
	_, ts, err := client(s).PostMessageContext(t.Context(), Ops, slack.MsgOptionBlocks(blocks...),
		slack.MsgOptionText("Drain ingest-17? Canary 41% for 6 min, 1 of 40 bad, undo ready. W-1042, expires 03:32", false))
	if err != nil {
		t.Fatal(err)
	}
	return ts
}

// TestPageClick presses a button on the page: it asks first, then warden gets
// the click of whom the page is for.
func TestPageClick(t *testing.T) {
	t.Parallel()
	s, _ := stepped(t, Options{})
	a := connect(t, s)
	ts := fullCard(t, s)
	b := browse(t, s)
	page := b.get("/chat?as="+Bob, 200)
	for _, want := range []string{"Drain ingest-17?", "<b>41%</b>", "<code>canary_missing</code>", "No, it&#39;s fine", "As notified", `<option value="U0BOB" selected>`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(page, "style=") || strings.Contains(page, "onclick") || strings.Contains(page, "<script>") {
		t.Error("the page has something inline that its own policy forbids")
	}
	token := b.token(page)
	fields := []string{"as", Bob, "token", token, "ts", ts, "action", "drain"}
	asked := b.post("/chat/"+Ops+"/act", 200, fields...)
	if !strings.Contains(asked, "Drain ingest-17 now?") || !strings.Contains(asked, `name="confirmed" value="1"`) {
		t.Errorf("the page does not ask first:\n%s", asked)
	}
	if n := len(s.sockets.pending); n != 0 {
		t.Errorf("%d clicks were sent before they were confirmed", n)
	}
	after := b.post("/chat/"+Ops+"/act", 200, append(fields, "confirmed", "1")...)
	e := a.next(t, socketmode.EventTypeInteractive)
	if got := e.Data.(slack.InteractionCallback); got.User.ID != Bob || got.ActionCallback.BlockActions[0].Value != "v1.x" {
		t.Errorf("clicked: %+v", got)
	}
	if !strings.Contains(after, "Drain ingest-17: ⏳ sent") {
		t.Error("the page does not show that warden has not answered yet")
	}
	a.ack(t, e)
	eventually(t, "the mark is gone", func() bool { return !strings.Contains(b.get("/chat/"+Ops+"?as="+Bob, 200), "⏳ sent") })
}

// TestPageGuards tries what another site, another user and a stranger's name
// for this address could.
func TestPageGuards(t *testing.T) {
	t.Parallel()
	s, _ := stepped(t, Options{})
	ts := fullCard(t, s)
	b := browse(t, s)
	alice := b.token(b.get("/chat/"+Ops+"?as="+Alice, 200))
	b.post("/chat/"+Ops+"/act", 403, "as", Alice, "ts", ts, "action", "deny")
	b.post("/chat/"+Ops+"/act", 403, "as", Bob, "token", alice, "ts", ts, "action", "deny")
	b.post("/chat/"+Ops+"/say", 403, "as", Alice, "token", "x", "text", "hello")
	b.post("/chat/"+Ops+"/submit", 403, "as", Alice, "token", "x")
	b.get("/chat/"+Secret+"?as="+Bob, 404)
	b.get("/chat/C0NONE?as="+Bob, 404)
	if page := b.get("/chat/"+Secret+"?as="+Alice, 200); strings.Contains(b.get("/chat/"+Ops+"?as="+Bob, 200), "secret") || !strings.Contains(page, "secret") {
		t.Error("a private channel is shown to whom it should not be")
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.base+"/chat/"+Ops, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "evil.example.net"
	b.read(r, 403)
	if page := b.post("/chat/"+Ops+"/act", 200, "as", Alice, "token", alice, "ts", ts, "action", "none"); !strings.Contains(page, "has no button") {
		t.Error("it is not said that the button is gone")
	}
	if len(s.Messages(Ops)) != 1 {
		t.Error("something was said")
	}
}

// TestPageSays writes a command, a mention in a thread and plain words, and
// fills in a modal.
func TestPageSays(t *testing.T) {
	t.Parallel()
	s, c := stepped(t, Options{})
	a := connect(t, s)
	ts := fullCard(t, s)
	b := browse(t, s)
	token := b.token(b.get("/chat/"+Ops+"?as="+Alice, 200))
	say := func(text, thread string) string {
		return b.post("/chat/"+Ops+"/say", 200, "as", Alice, "token", token, "text", text, "thread", thread)
	}
	say("/warden why W-1042", "")
	e := a.next(t, socketmode.EventTypeSlashCommand)
	if cmd := e.Data.(slack.SlashCommand); cmd.Text != "why W-1042" || cmd.UserID != Alice {
		t.Errorf("said %+v", cmd)
	}
	a.ack(t, e)
	view := slack.ModalViewRequest{
		Type: slack.VTModal, Title: slack.NewTextBlockObject(slack.PlainTextType, "Why?", false, false), Submit: slack.NewTextBlockObject(slack.PlainTextType, "Ask", false, false),
		Blocks: slack.Blocks{BlockSet: []slack.Block{slack.NewInputBlock("why", slack.NewTextBlockObject(slack.PlainTextType, "Reason", false, false), nil, slack.NewPlainTextInputBlockElement(nil, "text"))}},
	}
	if _, err := client(s).OpenViewContext(t.Context(), e.Data.(slack.SlashCommand).TriggerID, view); err != nil {
		t.Fatal(err)
	}
	if page := b.get("/chat/"+Ops+"?as="+Alice, 200); !strings.Contains(page, `name="input.why"`) {
		t.Errorf("the modal isn't shown:\n%s", page)
	}
	b.post("/chat/"+Ops+"/submit", 200, "as", Alice, "token", token, "input.why", "kernel upgrade")
	e = a.next(t, socketmode.EventTypeInteractive)
	if got := e.Data.(slack.InteractionCallback).View.State.Values["why"]["text"].Value; got != "kernel upgrade" {
		t.Errorf("submitted %q", got)
	}
	a.ack(t, e)
	say("@warden why", ts)
	e = a.next(t, socketmode.EventTypeEventsAPI)
	a.ack(t, e)
	if page := say("/warden help", ts); !strings.Contains(page, "work in threads") {
		t.Error("a slash command in a thread is not refused")
	}
	c.Advance(time.Second)
	page := say("<b>1 & 2</b>", "")
	if !strings.Contains(page, "&lt;b&gt;1 &amp; 2&lt;/b&gt;") || !strings.Contains(page, "1 reply") {
		t.Errorf("the page shows\n%s", page)
	}
	version := b.get("/chat/"+Ops+"/version", 200)
	s.Delete(Ops, ts)
	if b.get("/chat/"+Ops+"/version", 200) == version {
		t.Error("the version stays although a message went")
	}
	if page := b.get("/chat/"+Ops+"?as="+Alice, 200); !strings.Contains(page, "This message was deleted.") {
		t.Error("a deleted message with replies leaves no trace")
	}
	b.get("/chat.js", 200)
	b.get("/chat.css", 200)
}

// TestPageEscapes posts the worst as every text there is.
func TestPageEscapes(t *testing.T) {
	t.Parallel()
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>&lt;i&gt;`
	s, _ := stepped(t, Options{Unlimited: true})
	w := &world{T: t, Server: s, rule: ruleText}
	s.Change(func(ws *Workspace) { ws.user(Bob).RealName = evil; ws.channel(Elsewhere).Name = evil })
	post := func(blocks ...object) {
		t.Helper()
		o, _ := w.post("chat.postMessage", form("channel", Ops, "text", evil, "blocks", string(encode(blocks))))
		if o["ok"] != true {
			t.Fatal(o)
		}
	}
	post(object{"type": "header", "text": plainText(evil)}, section(evil), object{"type": "section", "fields": []object{mrkdwn(evil), plainText(evil)}},
		object{"type": "context", "elements": []object{mrkdwn(evil), picture("alt_text", evil)}}, picture("alt_text", evil),
		object{"type": "markdown", "text": evil}, object{"type": "rich_text", "elements": []object{{"type": "text", "text": evil}}},
		object{"type": "container", "title": plainText(evil), "child_blocks": []object{section(evil)}},
		actions(aButton("text", plainText(evil), "action_id", evil, "value", evil), aButton("url", "https://example.net/?"+url.QueryEscape(evil))))
	post(with(lines(2, 3), "title", evil[:50]), object{"type": "data_visualization", "title": "x", "chart": object{"type": "pie", "segments": []object{{"label": "<b>", "value": 1}}}})
	s.Post(Bob, Ops, "", evil)
	page := browse(t, s).get("/chat/"+Ops+"?as="+Bob, 200)
	if strings.Contains(page, "<script>") || strings.Contains(page, "<img") || strings.Contains(page, "<i>") {
		t.Errorf("text became markup:\n%s", page)
	}
	if n := strings.Count(page, "&lt;script&gt;"); n < 15 {
		t.Errorf("the text is shown %d times only", n)
	}
}
