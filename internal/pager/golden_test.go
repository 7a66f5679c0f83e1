package pager

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// recorded keeps the bodies that PagerDuty took of one path, and wants no other
// answer than that it did.
type recorded struct {
	t    *testing.T
	path string
	mu   sync.Mutex
	took []map[string]any
}

func (k *recorded) RoundTrip(q *http.Request) (*http.Response, error) {
	if q.URL.Path != k.path {
		return http.DefaultTransport.RoundTrip(q)
	}
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return nil, err
	}
	q.Body = io.NopCloser(bytes.NewReader(body))
	resp, err := http.DefaultTransport.RoundTrip(q)
	if err != nil || resp.StatusCode != http.StatusAccepted {
		k.t.Errorf("%v, %v: %s", resp, err, body)
		return resp, err
	}
	var e map[string]any
	if err := json.Unmarshal(body, &e); err != nil {
		k.t.Error(err)
	}
	if e["routing_key"] != key {
		k.t.Errorf("the key is %v", e["routing_key"])
	}
	delete(e, "routing_key")
	k.mu.Lock()
	defer k.mu.Unlock()
	k.took = append(k.took, e)
	return resp, nil
}

// events are what was taken, one after the other, as a person can read it.
func (k *recorded) events() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out strings.Builder
	for _, e := range k.took {
		text, err := json.MarshalIndent(e, "", "  ")
		if err != nil {
			k.t.Error(err)
		}
		out.Write(append(text, '\n'))
	}
	return out.String()
}

// withinLimits holds texts to what PagerDuty cuts or refuses.
func (k *recorded) withinLimits(text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range k.took {
		p, _ := e["payload"].(map[string]any)
		summary, _ := p["summary"].(string)
		if dedup, _ := e["dedup_key"].(string); utf8.RuneCountInString(summary) > 1024 || utf8.RuneCountInString(dedup) > 255 || strings.Contains(summary, "\n") {
			k.t.Errorf("%s: %q, %q", text, dedup, summary)
		}
	}
}

// TestAlertsAreWordedSo has each kind of alert begin and end, as PagerDuty takes it.
func TestAlertsAreWordedSo(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	for _, kind := range alertKinds() {
		r := newRoom(t)
		r.talk = "https://example.slack.com/archives/C1/p1"
		kept := &recorded{t: t, path: "/v2/enqueue"}
		play := func(f func(*room)) {
			f(r)
			r.c.pager.http.Transport = watcher{kept} // some have the settings read anew
			r.must()
		}
		r.clk.Advance(time.Hour)
		play(kind.begin)
		r.clk.Advance(kind.wait)
		play(func(*room) {})
		play(kind.almost)
		play(kind.end)
		if len(kept.took) != 2 {
			t.Errorf("%s: %d events", kind.name, len(kept.took))
		}
		kept.withinLimits(kind.name)
		out.WriteString("# " + kind.name + "\n" + kept.events() + "\n")
	}
	reads(t, "alerts.txt", out.String())
}

// TestChangesAreWordedSo has everything that is a change event sent, and what is none
// not sent.
func TestChangesAreWordedSo(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	for _, tt := range []struct {
		name string
		c    func(r *room) *ledger.Case
		n    int
	}{
		{"by itself", func(r *room) *ledger.Case { return r.drained(r.bad(1042, "ingest-17"), remedy.Warden()) }, 1},
		{"with a yes", func(r *room) *ledger.Case { return r.drained(r.bad(1042, "ingest-17"), sam()) }, 0},
		{"undone", func(r *room) *ledger.Case { return r.undone(r.drained(r.bad(1042, "ingest-17"), remedy.Warden())) }, 2},
		{"undone after a yes", func(r *room) *ledger.Case { return r.undone(r.drained(r.bad(1042, "ingest-17"), sam())) }, 0},
		{"not verified", func(r *room) *ledger.Case {
			return r.ended(r.bad(1042, "ingest-17"), remedy.StageOut, remedy.OutcomeUnverified, remedy.OutcomeDone)
		}, 1},
		{"partial", func(r *room) *ledger.Case {
			return r.ended(r.bad(1042, "ingest-17"), remedy.StageOut, remedy.OutcomePartial, remedy.OutcomePartial)
		}, 1},
		{"nobody knows", func(r *room) *ledger.Case {
			return r.ended(r.bad(1042, "ingest-17"), remedy.StageExecuting, "", remedy.OutcomeUnknown)
		}, 1},
		{"failed", func(r *room) *ledger.Case {
			return r.ended(r.bad(1042, "ingest-17"), remedy.StageClosed, remedy.OutcomeFailed, remedy.OutcomeFailed)
		}, 0},
		{"another action, without an undo", func(r *room) *ledger.Case {
			c := r.bad(1042, "ingest-17")
			c.Action, c.Plan.UndoSteps, c.Plan.UndoHint = "restart_receiver", nil, "start it by hand"
			return r.drained(c, remedy.Warden())
		}, 1},
		{"names without end", func(r *room) *ledger.Case {
			c := r.bad(1042, strings.Repeat("host-", 100))
			c.Plan.UndoSteps, c.Plan.UndoHint = nil, strings.Repeat("by hand ", 1000)
			return r.drained(c, remedy.Warden())
		}, 1},
	} {
		r := newRoom(t)
		r.talk = "https://example.slack.com/archives/C1/p1"
		kept := &recorded{t: t, path: "/v2/change/enqueue"}
		r.c.pager.http.Transport = watcher{kept}
		r.clk.Advance(5 * time.Minute)
		r.notice(ledger.NoticeOutcome, tt.c(r))
		r.must()
		r.must()
		if len(kept.took) != tt.n || len(r.pd.Changes()) != tt.n {
			t.Errorf("%s: %d events", tt.name, len(kept.took))
		}
		kept.withinLimits(tt.name)
		if tt.name != "names without end" {
			out.WriteString("# " + tt.name + "\n" + kept.events() + "\n")
		}
	}
	reads(t, "changes.txt", out.String())
}
