package fakeslack

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/clock"
)

// world is a server and what its callers got, for the test of one rule.
type world struct {
	*testing.T
	*Server
	clock *clock.Stepped
	rule  ruleID
}

// post calls a method with a form and returns what it answers.
func (w *world) post(method string, values url.Values) (object, *http.Response) {
	w.Helper()
	if !values.Has("token") {
		values.Set("token", w.opts.BotToken)
	}
	return w.send(method, "application/x-www-form-urlencoded", "", []byte(values.Encode()))
}

func (w *world) send(method, kind, bearer string, body []byte) (object, *http.Response) {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), http.MethodPost, w.URL()+"/api/"+method, bytes.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatal(err)
	}
	var o object
	if err := json.Unmarshal(raw, &o); err != nil {
		w.Fatalf("%s: %q", err, raw)
	}
	return o, resp
}

// fine demands that a call works.
func (w *world) fine(method string, pairs ...string) object {
	w.Helper()
	o, _ := w.post(method, form(pairs...))
	if o["ok"] != true {
		w.Fatalf("%s: %v", method, o)
	}
	w.clock.Advance(10 * time.Second)
	return o
}

// refused demands that a call is refused with the rule's word, or another.
func (w *world) refused(word, method string, pairs ...string) object {
	w.Helper()
	o, _ := w.post(method, form(pairs...))
	w.says(o, word)
	return o
}

func (w *world) says(o object, word string) {
	w.Helper()
	if word == "" {
		word = w.rule.rule().Error
	}
	if o["ok"] != false || o["error"] != word {
		w.Errorf("answered %v, want the error %s", o, word)
	}
	breaches := w.Breaches()
	if len(breaches) == 0 || breaches[len(breaches)-1].Rule != w.rule.rule().Name {
		w.Errorf("noted %+v, want %s", breaches, w.rule.rule().Name)
	}
	w.clock.Advance(10 * time.Second)
}

func form(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

// say posts a message and returns its timestamp.
func (w *world) say(text string) string {
	w.Helper()
	return w.fine("chat.postMessage", "channel", Ops, "text", text)["ts"].(string)
}

// blocks posts a message of blocks.
func (w *world) blocks(blocks ...object) object {
	w.Helper()
	o, _ := w.post("chat.postMessage", form("channel", Ops, "text", "x", "blocks", string(encode(blocks))))
	w.clock.Advance(10 * time.Second)
	return o
}

// most demands that a message with n of something is taken up to the limit, and
// refused with one more.
func (w *world) most(limit int, with func(n int) []object) {
	w.Helper()
	if o := w.blocks(with(limit)...); o["ok"] != true {
		w.Errorf("%d: %v", limit, o)
	}
	w.never(with(limit + 1)...)
}

// never demands that blocks are refused, with a pointer to where.
func (w *world) never(blocks ...object) {
	w.Helper()
	o := w.blocks(blocks...)
	w.says(o, "")
	if o["error"] == "invalid_blocks" && !strings.Contains(string(encode(o["response_metadata"])), "[json-pointer:/blocks") {
		w.Errorf("it does not say where: %v", o)
	}
}

func run(n int) string { return strings.Repeat("é", n) }

func plainText(text string) object { return object{"type": "plain_text", "text": text} }
func mrkdwn(text string) object    { return object{"type": "mrkdwn", "text": text} }

func with(o object, pairs ...any) object {
	for i := 0; i < len(pairs); i += 2 {
		o[pairs[i].(string)] = pairs[i+1]
	}
	return o
}

func times[T any](n int, each func(i int) T) []T {
	var out []T
	for i := range n {
		out = append(out, each(i))
	}
	return out
}

func divider(int) object                { return object{"type": "divider"} }
func section(text string) object        { return object{"type": "section", "text": mrkdwn(text)} }
func actions(elements ...object) object { return object{"type": "actions", "elements": elements} }
func aButton(pairs ...any) object {
	return with(object{"type": "button", "text": plainText("Drain")}, pairs...)
}
func confirmed(part string, n int) object {
	c := object{"title": plainText("Sure?"), "text": mrkdwn("39 stay"), "confirm": plainText("Drain"), "deny": plainText("No")}
	if part != "" {
		c[part] = plainText(run(n))
	}
	return actions(aButton("confirm", c))
}
func picture(pairs ...any) object {
	return with(object{"type": "image", "image_url": "https://example.net/a.png", "alt_text": "a"}, pairs...)
}

// lines is a line chart of some series over some categories.
func lines(series, points int) object {
	name := func(i int) string { return "n" + string(rune('a'+i)) }
	data := times(points, func(i int) object { return object{"label": name(i), "value": i} })
	return object{"type": "data_visualization", "title": "Would have acted", "chart": object{
		"type": "line", "axis_config": object{"categories": times(points, name)},
		"series": times(series, func(i int) object { return object{"name": name(i), "data": data} }),
	}}
}

func chartWith(edit func(chart object)) object {
	var b object
	if err := json.Unmarshal(encode(lines(2, 3)), &b); err != nil {
		panic(err)
	}
	edit(b["chart"].(object))
	return b
}

func menu(kind string, n int) object {
	return actions(object{"type": kind, "options": times(n, func(int) object { return object{"text": plainText("a"), "value": "v"} })})
}

// TestEveryRule breaks each rule of the table, and keeps to it just before.
func TestEveryRule(t *testing.T) {
	t.Parallel()
	cases := ruleCases()
	for i, rule := range Rules() {
		id := ruleID(i)
		if rule.Name == "" || rule.What == "" || !strings.HasPrefix(rule.Page, "https://") {
			t.Errorf("rule %d lacks something: %+v", i, rule)
		}
		if cases[id] == nil {
			t.Errorf("no test breaks the rule %s: %s", rule.Name, rule.What)
			continue
		}
		t.Run(rule.Name, func(t *testing.T) {
			t.Parallel()
			s, c := stepped(t, Options{})
			w := &world{T: t, Server: s, clock: c, rule: id}
			cases[id](w)
			if !slices.ContainsFunc(s.Breaches(), func(b Breach) bool { return b.Rule == rule.Name }) {
				t.Errorf("the rule was not broken: %+v", s.Breaches())
			}
		})
	}
}
