package fakepager

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"warden/internal/clock"
)

var (
	began  = time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	keyOne = strings.Repeat("1", routingKeyLen)
	keyTwo = strings.Repeat("2", routingKeyLen)
	ruled  = "R" + strings.Repeat("3", routingKeyLen-1)
)

// desk is a server and somebody who calls it.
type desk struct {
	t   *testing.T
	clk *clock.Stepped
	s   *Server
	url string
	// header is what each call of the REST API sends.
	header map[string]string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, clk: clock.NewStepped(began)}
	d.s = New(Options{
		Clock: d.clk, Token: "may-write", ReadToken: "may-read",
		Users:    []User{{ID: "U1", Name: "Warden", Email: "warden@example.net"}},
		Services: []Service{{ID: "PINGEST", Name: "ingest", Keys: []string{keyOne, keyTwo}}, {ID: "PRULES", Name: "rules", Keys: []string{ruled}}},
	})
	web := httptest.NewServer(d.s)
	t.Cleanup(web.Close)
	d.url = web.URL
	d.header = map[string]string{"Authorization": "Token token=may-write", "Accept": accept, "From": "warden@example.net"}
	return d
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	code   float64
}

func (d *desk) call(method, path, body string) answer {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	if !strings.HasPrefix(path, "/v2/") {
		for k, v := range d.header {
			if v != "" {
				req.Header.Set(k, v)
			}
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header}
	if err := json.Unmarshal(text, &a.body); err != nil {
		d.t.Fatalf("%s %s: %d %q", method, path, resp.StatusCode, text)
	}
	if e, ok := a.body["error"].(map[string]any); ok {
		a.code, _ = e["code"].(float64)
	}
	return a
}

// event is a trigger with changes, sent.
func (d *desk) event(change func(e, payload map[string]any)) answer {
	d.t.Helper()
	payload := map[string]any{"summary": "ingest-17 is bad", "source": "ingest-17", "severity": "critical"}
	e := map[string]any{"routing_key": keyOne, "event_action": "trigger", "dedup_key": "k", "payload": payload}
	change(e, payload)
	text, err := json.Marshal(e)
	if err != nil {
		d.t.Fatal(err)
	}
	return d.call("POST", "/v2/enqueue", string(text))
}

func (d *desk) want(a answer, status int, code float64) {
	d.t.Helper()
	if a.status != status || a.code != code {
		d.t.Errorf("%d with code %v (%v), want %d with %v", a.status, a.code, a.body, status, code)
	}
}

// both sends an event that is right and one that isn't.
func (d *desk) both(right, wrong func(e, p map[string]any)) {
	d.t.Helper()
	d.want(d.event(right), http.StatusAccepted, 0)
	before := len(d.s.Incidents())
	d.want(d.event(wrong), http.StatusBadRequest, 0)
	if len(d.s.Incidents()) != before {
		d.t.Error("what was refused opened an incident")
	}
}

func set(in, key string, v any) func(e, p map[string]any) {
	return func(e, p map[string]any) { map[string]map[string]any{"e": e, "p": p}[in][key] = v }
}

func (d *desk) change(body string) answer { return d.call("POST", "/v2/change/enqueue", body) }

const note = `{"note":{"content":"hello"}}`

// ruleTests has one test a rule, by its name; hookTests has those of webhooks.
var ruleTests = map[string]func(d *desk){
	"event_json": func(d *desk) {
		for _, body := range []string{"", "[]", `"x"`, `{"routing_key":`} {
			d.want(d.call("POST", "/v2/enqueue", body), 400, 0)
		}
	},
	"event_size": func(d *desk) {
		pad := func(n int) func(e, p map[string]any) {
			return set("p", "custom_details", map[string]any{"x": strings.Repeat("x", n)})
		}
		d.both(pad(maxPayload-1000), pad(maxPayload))
	},
	"event_routing_key": func(d *desk) { d.both(set("e", "x", 1), set("e", "routing_key", keyOne[1:])) },
	"event_unknown_key": func(d *desk) { d.both(set("e", "x", 1), set("e", "routing_key", strings.Repeat("9", 32))) },
	"event_action":      func(d *desk) { d.both(set("e", "event_action", "resolve"), set("e", "event_action", "suppress")) },
	"event_required": func(d *desk) {
		for _, key := range []string{"summary", "source", "severity"} {
			d.both(set("p", "x", 1), func(_, p map[string]any) { delete(p, key) })
		}
	},
	"event_severity": func(d *desk) { d.both(set("p", "severity", "warning"), set("p", "severity", "high")) },
	"event_summary": func(d *desk) {
		d.both(set("p", "summary", strings.Repeat("é", 1024)), set("p", "summary", strings.Repeat("é", 1025)))
	},
	"event_dedup_key": func(d *desk) {
		d.both(set("e", "dedup_key", strings.Repeat("k", 255)), set("e", "dedup_key", strings.Repeat("k", 256)))
	},
	"event_links": func(d *desk) {
		d.both(set("e", "links", []any{map[string]any{"href": "https://x"}}), set("e", "links", []any{map[string]any{"text": "x"}}))
		d.both(set("e", "images", []any{map[string]any{"src": "https://x"}}), set("e", "images", []any{map[string]any{"src": "http://x"}}))
	},
	"event_deduplicated": func(d *desk) {
		d.event(set("e", "x", 1))
		d.event(set("p", "summary", "worse"))
		if all := d.s.Incidents(); len(all) != 1 || all[0].Alerts[0].Triggers != 2 || all[0].Alerts[0].Summary != "worse" {
			d.t.Errorf("%+v", all)
		}
	},
	"event_reopens_nothing": func(d *desk) {
		d.event(set("e", "x", 1))
		d.event(set("e", "event_action", "resolve"))
		d.event(set("e", "x", 1))
		if all := d.s.Incidents(); len(all) != 2 || all[0].Status != statusResolved || all[1].Status != statusTriggered {
			d.t.Errorf("%+v", all)
		}
	},
	"event_key_made": func(d *desk) {
		a, b := d.event(set("e", "dedup_key", "")), d.event(set("e", "dedup_key", ""))
		if a.body["dedup_key"] == "" || a.body["dedup_key"] == b.body["dedup_key"] || len(d.s.Incidents()) != 2 {
			d.t.Errorf("%v and %v", a.body, b.body)
		}
	},
	"event_other_key": func(d *desk) {
		d.event(set("e", "x", 1))
		for _, action := range []string{"acknowledge", "resolve"} {
			d.want(d.event(func(e, _ map[string]any) { e["routing_key"], e["event_action"] = keyTwo, action }), 202, 0)
		}
		if all := d.s.Incidents(); all[0].Status != statusTriggered {
			d.t.Errorf("%+v", all)
		}
		d.event(set("e", "event_action", "acknowledge"))
		if all := d.s.Incidents(); all[0].Status != statusAcknowledged {
			d.t.Errorf("by its own key: %+v", all)
		}
	},
	"event_nothing_open": func(d *desk) {
		d.want(d.event(set("e", "event_action", "resolve")), 202, 0)
		if all := d.s.Incidents(); len(all) != 0 {
			d.t.Errorf("%+v", all)
		}
	},
	"event_rate": func(d *desk) {
		for range eventsPerMin {
			d.want(d.event(set("e", "event_action", "resolve")), 202, 0)
		}
		d.want(d.event(set("e", "x", 1)), 429, 0)
		d.want(d.event(set("e", "routing_key", keyTwo)), 202, 0)
		d.clk.Advance(window)
		d.want(d.event(set("e", "x", 1)), 202, 0)
	},
	"change_summary": func(d *desk) {
		body := func(n int) string {
			return fmt.Sprintf(`{"routing_key":%q,"payload":{"summary":%q}}`, keyOne, strings.Repeat("s", n))
		}
		d.want(d.change(body(1024)), 202, 0)
		d.want(d.change(body(1025)), 400, 0)
		d.want(d.change(body(0)), 400, 0)
	},
	"change_links_only": func(d *desk) {
		d.want(d.change(fmt.Sprintf(`{"routing_key":%q,"payload":{"summary":"s"},"links":[{"href":"https://x"}]}`, keyOne)), 202, 0)
		d.want(d.change(fmt.Sprintf(`{"routing_key":%q,"payload":{"summary":"s"},"images":[{"src":"https://x"}]}`, keyOne)), 400, 0)
	},
	"change_quiet": func(d *desk) {
		d.want(d.change(fmt.Sprintf(`{"routing_key":%q,"payload":{"summary":"s","source":"x"}}`, keyOne)), 202, 0)
		if len(d.s.Incidents()) != 0 || len(d.s.Changes()) != 1 || d.s.Changes()[0].Service != "PINGEST" {
			d.t.Errorf("%+v, %+v", d.s.Incidents(), d.s.Changes())
		}
	},
	"change_ruleset_key": func(d *desk) {
		d.want(d.change(fmt.Sprintf(`{"routing_key":%q,"payload":{"summary":"s"}}`, ruled)), 400, 0)
	},
	"rest_token": func(d *desk) {
		for _, h := range []string{"", "Bearer may-write", "Token token=", "Token token=other", "token token=may-write"} {
			d.header["Authorization"] = h
			d.want(d.call("GET", "/incidents", ""), 401, 2006)
		}
	},
	"rest_read_only": func(d *desk) {
		id := d.s.Raise("PINGEST", Alert{Summary: "s"})
		d.header["Authorization"] = "Token token=may-read"
		d.want(d.call("GET", "/incidents/"+id, ""), 200, 0)
		d.want(d.call("POST", "/incidents/"+id+"/notes", note), 403, 2010)
	},
	"rest_accept": func(d *desk) {
		for _, h := range []string{"*/*", "application/json", "application/vnd.pagerduty+json;version=1"} {
			d.header["Accept"] = h
			d.want(d.call("GET", "/incidents", ""), 406, 2002)
		}
	},
	"rest_rate": func(d *desk) {
		for i := range restPerMin {
			a := d.call("GET", "/services/PINGEST", "")
			if got := a.header.Get("ratelimit-remaining"); got != fmt.Sprint(restPerMin-1-i) || a.status != 200 {
				d.t.Fatalf("call %d: %d, %s left", i, a.status, got)
			}
		}
		d.clk.Advance(20 * time.Second)
		a := d.call("GET", "/services/PINGEST", "")
		d.want(a, 429, 2020)
		if a.header.Get("ratelimit-limit") != "960" || a.header.Get("ratelimit-reset") != "40" {
			d.t.Errorf("%v", a.header)
		}
		d.clk.Advance(40 * time.Second)
		d.want(d.call("GET", "/services/PINGEST", ""), 200, 0)
	},
	"rest_page": func(d *desk) {
		for range 30 {
			d.s.Raise("PINGEST", Alert{Summary: "s"})
		}
		for query, n := range map[string]int{"": 25, "?limit=100": 30, "?limit=10&offset=25": 5, "?offset=99": 0} {
			if a := d.call("GET", "/incidents"+query, ""); len(a.body["incidents"].([]any)) != n || a.body["more"] != (query == "") {
				d.t.Errorf("%q: %v", query, a.body)
			}
		}
		d.want(d.call("GET", "/incidents?limit=101", ""), 400, 2001)
	},
	"rest_records": func(d *desk) {
		d.want(d.call("GET", "/incidents?limit=100&offset=9900", ""), 200, 0)
		d.want(d.call("GET", "/incidents?limit=100&offset=9901", ""), 400, 2001)
	},
	"rest_total": func(d *desk) {
		d.s.Raise("PINGEST", Alert{Summary: "s"})
		if a, b := d.call("GET", "/incidents", ""), d.call("GET", "/incidents?total=true", ""); a.body["total"] != nil || b.body["total"] != 1.0 {
			d.t.Errorf("%v and %v", a.body["total"], b.body["total"])
		}
	},
	"incident_statuses": func(d *desk) {
		open := d.s.Raise("PINGEST", Alert{Summary: "s"})
		d.s.Close(d.s.Raise("PINGEST", Alert{Summary: "s"}), "x")
		d.s.Raise("PRULES", Alert{Summary: "s"})
		a := d.call("GET", "/incidents?statuses[]=triggered&statuses[]=acknowledged&service_ids[]=PINGEST", "")
		if got := a.body["incidents"].([]any); len(got) != 1 || got[0].(map[string]any)["id"] != open {
			d.t.Errorf("%v", a.body)
		}
		d.want(d.call("GET", "/incidents?statuses[]=open", ""), 400, 1003)
	},
	"incident_since": func(d *desk) {
		d.s.Raise("PINGEST", Alert{Summary: "s"})
		d.clk.Advance(time.Hour)
		d.s.Raise("PINGEST", Alert{Summary: "s"})
		half := began.Add(30 * time.Minute).Format(time.RFC3339)
		for query, n := range map[string]int{"?since=" + half: 1, "?until=" + half: 1, "": 2} {
			if a := d.call("GET", "/incidents"+query, ""); len(a.body["incidents"].([]any)) != n {
				d.t.Errorf("%q: %v", query, a.body)
			}
		}
		d.want(d.call("GET", "/incidents?since=yesterday", ""), 400, 2004)
	},
	"incident_not_found": func(d *desk) {
		d.want(d.call("GET", "/incidents/Q0", ""), 404, 2100)
		d.want(d.call("GET", "/incidents/Q0/alerts", ""), 404, 2100)
		d.want(d.call("GET", "/incidents/Q0/notes", ""), 404, 2100)
		d.want(d.call("POST", "/incidents/Q0/notes", note), 404, 2100)
		d.want(d.call("PUT", "/incidents", `{"incidents":[{"id":"Q0","type":"incident","status":"resolved"}]}`), 404, 2100)
		d.want(d.call("GET", "/services/P0", ""), 404, 2100)
	},
	"from_missing":   func(d *desk) { d.writes("", 2016) },
	"from_malformed": func(d *desk) { d.writes("Warden", 1028) },
	"from_unknown":   func(d *desk) { d.writes("nobody@example.net", 1008) },
	"note_content": func(d *desk) {
		id := d.s.Raise("PINGEST", Alert{Summary: "s"})
		d.want(d.call("POST", "/incidents/"+id+"/notes", `{"note":{"content":" "}}`), 400, 2001)
		d.want(d.call("POST", "/incidents/"+id+"/notes", note), 200, 0)
		got := d.call("GET", "/incidents/"+id+"/notes", "").body["notes"].([]any)
		if n := got[0].(map[string]any); len(got) != 1 || n["content"] != "hello" || n["user"].(map[string]any)["summary"] != "Warden" {
			d.t.Errorf("%v", got)
		}
	},
	"incident_resolved": func(d *desk) {
		id := d.s.Raise("PINGEST", Alert{Summary: "s"})
		d.s.Group(id, Alert{Summary: "another"})
		body := fmt.Sprintf(`{"incidents":[{"id":%q,"type":"incident","status":"resolved"}]}`, id)
		d.want(d.call("PUT", "/incidents", body), 200, 0)
		d.want(d.call("PUT", "/incidents", body), 400, 1001)
		if inc := d.s.Incidents()[0]; inc.ResolvedBy != "warden@example.net" || inc.Alerts[1].Status != statusResolved {
			d.t.Errorf("%+v", inc)
		}
	},
	"incident_input": func(d *desk) {
		id := d.s.Raise("PINGEST", Alert{Summary: "s"})
		d.want(d.call("PUT", "/incidents", fmt.Sprintf(`{"incidents":[{"id":%q,"status":"resolved"}]}`, id)), 400, 2001)
		d.want(d.call("PUT", "/incidents", `{}`), 400, 2001)
		d.want(d.call("PUT", "/incidents", fmt.Sprintf(`{"incidents":[{"id":%q,"type":"incident","status":"gone"}]}`, id)), 400, 1003)
	},
}

// writes tries both ways to write as somebody.
func (d *desk) writes(from string, code float64) {
	d.t.Helper()
	id := d.s.Raise("PINGEST", Alert{Summary: "s"})
	d.header["From"] = from
	d.want(d.call("POST", "/incidents/"+id+"/notes", note), 400, code)
	d.want(d.call("PUT", "/incidents", fmt.Sprintf(`{"incidents":[{"id":%q,"type":"incident","status":"resolved"}]}`, id)), 400, code)
	if inc := d.s.Incidents()[0]; inc.Status != statusTriggered || len(inc.Notes) != 0 {
		d.t.Errorf("it was written: %+v", inc)
	}
}

// TestRules runs each rule's test; each rule has one, and each test a rule.
func TestRules(t *testing.T) {
	t.Parallel()
	tests, all := map[string]bool{}, maps.Clone(ruleTests)
	maps.Copy(all, hookTests)
	for _, r := range Rules() {
		if r.Says == "" || r.Page == "" {
			t.Errorf("%s says nothing, or not where it is written", r.Name)
		}
		test, ok := all[r.Name]
		if !ok || tests[r.Name] {
			t.Errorf("%s has no test, or stands there twice", r.Name)
			continue
		}
		tests[r.Name] = true
		t.Run(r.Name, func(t *testing.T) { t.Parallel(); test(newDesk(t)) })
	}
	for name := range all {
		if !tests[name] {
			t.Errorf("a test is for %s, which is no rule", name)
		}
	}
}
