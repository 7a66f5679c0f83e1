package pager

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// answers answers in its own way what it picks, and lets the rest through. It keeps
// what was sent.
type answers struct {
	to     func(q *http.Request, body string) bool
	status int // 0 for an answer that is lost after PagerDuty took the request
	body   string
	sent   []string
}

func (a *answers) RoundTrip(q *http.Request) (*http.Response, error) {
	sent := []byte{}
	if q.Body != nil {
		sent, _ = io.ReadAll(q.Body)
		q = q.Clone(q.Context())
		q.Body = io.NopCloser(strings.NewReader(string(sent)))
	}
	if !a.to(q, string(sent)) {
		return http.DefaultTransport.RoundTrip(q)
	}
	a.sent = append(a.sent, string(sent))
	if a.status == 0 {
		resp, err := http.DefaultTransport.RoundTrip(q)
		if err == nil {
			_ = resp.Body.Close()
		}
		return nil, errors.New("the connection broke")
	}
	return &http.Response{StatusCode: a.status, Header: http.Header{"Content-Type": {"application/json"}}, Request: q, Body: io.NopCloser(strings.NewReader(a.body))}, nil
}

// endure lets so much time pass as rounds does, whatever fails.
func (r *room) endure(d time.Duration) {
	r.t.Helper()
	for range int(d / (15 * time.Second)) {
		r.clk.Advance(15 * time.Second)
		_, _ = r.deliver()
	}
}

// events picks the events that are about one of the hosts.
func events(path string, hosts ...string) func(*http.Request, string) bool {
	return func(q *http.Request, body string) bool {
		return q.URL.Path == path && slices.ContainsFunc(hosts, func(h string) bool { return strings.Contains(body, h) })
	}
}

// TestOneAlertHoldsUpNoOther: what one alert meets each time, or two of them, or the
// end of one, is nothing to the others.
func TestOneAlertHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status int
		body   string
		bad    []string
		open   bool // they are open already, and it is their end that fails
	}{
		{"trouble of its own", http.StatusInternalServerError, `{"status":"error"}`, []string{"ingest-17"}, false},
		{"too slow", http.StatusRequestTimeout, `{"status":"error"}`, []string{"ingest-17"}, false},
		{"an answer that is not PagerDuty's", http.StatusOK, `<html>`, []string{"ingest-17"}, false},
		{"nobody is let in", http.StatusForbidden, `{}`, []string{"ingest-17"}, false},
		{"the connection breaks", 0, "", []string{"ingest-17"}, false},
		{"three of them", http.StatusInternalServerError, `{}`, []string{"ingest-15", "ingest-16", "ingest-17"}, false},
		{"an end", http.StatusInternalServerError, `{}`, []string{"ingest-17"}, true},
		{"three ends", http.StatusInternalServerError, `{}`, []string{"ingest-15", "ingest-16", "ingest-17"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			for i, host := range tt.bad {
				r.state.Cases = append(r.state.Cases, r.ended(r.bad(remedy.CaseID(1000+i), host), remedy.StageClosed, remedy.OutcomeFailed, remedy.OutcomeFailed))
			}
			if tt.open {
				r.must()
				r.state.Cases = nil
			}
			bad := &answers{to: events("/v2/enqueue", tt.bad...), status: tt.status, body: tt.body}
			r.c.pager.http.Transport = watcher{bad}
			r.endure(10 * time.Minute) // it has failed for a while
			good := r.ended(r.bad(1043, "ingest-18"), remedy.StageExecuting, "", remedy.OutcomeUnknown)
			r.state.Cases = append(r.state.Cases, good)
			r.endure(refusedPause + time.Minute) // a 403 closes the half for so long
			const key = "warden/prod/action_unknown/ingest/ingest-18"
			if got := r.paged(); !slices.Contains(got, key) {
				t.Errorf("%d tries, and the other is not there: %q", len(bad.sent), got)
			}
			r.state.Cases = slices.DeleteFunc(r.state.Cases, func(c *ledger.Case) bool { return c == good })
			r.endure(refusedPause + time.Minute)
			if got := r.paged(); slices.Contains(got, key) {
				t.Errorf("%d tries, and the other has not ended: %q", len(bad.sent), got)
			}
			if n := len(bad.sent); n < 3 || n > 60*len(tt.bad) {
				t.Errorf("%d tries in 22 minutes", n)
			}
			r.c.pager.http.Transport = newTransport()
			r.endure(refusedPause + 2*time.Minute)
			if got, want := len(r.paged()), len(r.state.Cases); got != want {
				t.Errorf("when it is over %d are open, want %d", got, want)
			}
		})
	}
}

// TestCriticalAlertsGoFirst: before ends, and before what is no more than a warning.
func TestCriticalAlertsGoFirst(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.state.Latches = []ledger.Latch{{Pool: "over", Why: ledger.LatchStorms, Since: began}}
	r.must()
	r.state.Latches = []ledger.Latch{{Pool: "a", Why: ledger.LatchStorms, Since: began}}
	r.state.Cases = []*ledger.Case{r.ended(r.bad(1042, "ingest-17"), remedy.StageExecuting, "", remedy.OutcomeUnknown)}
	all := &answers{to: func(q *http.Request, _ string) bool { return q.URL.Path == "/v2/enqueue" }, status: http.StatusServiceUnavailable}
	r.c.pager.http.Transport = watcher{all}
	_, _ = r.deliver() // they are put on record
	r.clk.Advance(time.Minute)
	all.sent = nil
	_, _ = r.deliver()
	if len(all.sent) == 0 || !strings.Contains(all.sent[0], kindUnknown) {
		t.Errorf("%q", all.sent)
	}
	if len(all.sent) != 2 {
		t.Errorf("%d tries of one round of trouble", len(all.sent))
	}
}

// TestOneIncidentThatIsAnsweredWrongly: an answer about one incident that can't be read
// says nothing of the others.
func TestOneIncidentThatIsAnsweredWrongly(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ method, body string }{{http.MethodGet, "<html>"}, {http.MethodPost, "{}"}} {
		r := newRoom(t)
		one, two := r.raise("ingest-17"), r.raise("ingest-18")
		a, b := r.bad(1042, "ingest-17"), r.bad(1043, "ingest-18")
		r.state.Cases = []*ledger.Case{a, b}
		wrong := &answers{to: func(q *http.Request, _ string) bool {
			return q.Method == tt.method && strings.HasPrefix(q.URL.Path, "/incidents/"+one+"/notes")
		}, status: http.StatusOK, body: tt.body}
		r.c.pager.http.Transport = watcher{wrong}
		r.notice(ledger.NoticeQuestion, a)
		r.endure(5 * time.Minute)
		r.notice(ledger.NoticeQuestion, b)
		r.endure(time.Minute)
		if got := r.notesOn(two); len(got) != 1 || len(r.owed) != 1 {
			t.Errorf("%s: after %d tries the other incident has %q", tt.method, len(wrong.sent), got)
		}
		// What warden holds back from is told meanwhile, too.
		id := r.raise("ingest-19")
		c := r.bad(1044, "ingest-19")
		c.Stage, c.Ask, c.OpenedAt = remedy.StageDetected, nil, r.clk.Now().Add(-2*holdBack)
		c.Decision.Level, c.Decision.BlockedBy = remedy.LevelBlocked, "common_mode"
		r.state.Cases = append(r.state.Cases, c)
		r.endure(3 * time.Minute)
		if got := r.notesOn(id); len(got) != 1 {
			t.Errorf("%s: of holding back %q", tt.method, got)
		}
	}
}

// TestAChangeIsNotSentForEver: PagerDuty drops no double of a change event, so one
// whose answer doesn't say whether it was taken is sent three times at most, and says
// that it may be a repeat; not again when the undo is told either.
func TestAChangeIsNotSentForEver(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status int
		body   string
		tries  int
	}{
		{"words in place of a status", http.StatusAccepted, `{"message":"Change event processed"}`, 1},
		{"nothing", http.StatusAccepted, `{}`, 3},
		{"no JSON", http.StatusAccepted, `<html>`, 3},
		{"the words of somebody else", http.StatusOK, `{"message":"please log in"}`, 3},
		{"another status", http.StatusAccepted, `{"status":"maybe","message":"x"}`, 3},
		{"the answer is lost", 0, "", 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			c := r.drained(r.bad(1042, "ingest-17"), remedy.Warden())
			r.state.Cases = []*ledger.Case{c}
			r.notice(ledger.NoticeOutcome, c)
			a := &answers{to: events("/v2/change/enqueue", "drained ingest-17"), status: tt.status, body: tt.body}
			r.c.pager.http.Transport = watcher{a}
			r.endure(3 * time.Hour)
			if len(a.sent) != tt.tries || len(r.owed) != 0 {
				t.Errorf("sent %d times, %d owed", len(a.sent), len(r.owed))
			}
			for i, sent := range a.sent {
				var e struct{ Payload struct{ Summary string } }
				if err := json.Unmarshal([]byte(sent), &e); err != nil || strings.Contains(e.Payload.Summary, "(may be a repeat)") != (i > 0) {
					t.Errorf("%d: %s", i, sent)
				}
			}
			c = r.undone(c)
			r.state.Cases = []*ledger.Case{c}
			r.notice(ledger.NoticeOutcome, c)
			r.endure(time.Hour)
			back := 0
			for _, e := range r.pd.Changes() {
				if strings.Contains(e.Summary, "put ingest-17 back") {
					back++
				}
			}
			if len(a.sent) != tt.tries || len(r.owed) != 0 || back != 1 {
				t.Errorf("sent %d times, its undo %d times, %d owed", len(a.sent), back, len(r.owed))
			}
		})
	}
}

// TestOneChangeHoldsUpNoOther: nor does one that PagerDuty has trouble with.
func TestOneChangeHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	for i, host := range []string{"ingest-15", "ingest-16", "ingest-17", "ingest-18"} {
		if host == "ingest-18" {
			r.endure(5 * time.Minute)
		}
		c := r.drained(r.bad(remedy.CaseID(1042+i), host), remedy.Warden())
		r.state.Cases = append(r.state.Cases, c)
		r.notice(ledger.NoticeOutcome, c)
		r.c.pager.http.Transport = watcher{&answers{to: events("/v2/change/enqueue", "ingest-15", "ingest-16", "ingest-17"), status: http.StatusBadGateway}}
	}
	r.endure(time.Minute)
	if got := r.pd.Changes(); len(got) != 1 || !strings.Contains(got[0].Summary, "ingest-18") {
		t.Errorf("%+v", got)
	}
	r.c.pager.http.Transport = newTransport()
	r.endure(3 * time.Minute)
	if got := r.pd.Changes(); len(got) != 4 || len(r.owed) != 0 {
		t.Errorf("%d owed, %+v", len(r.owed), got)
	}
}

// TestOneIncidentThatCantBeRead: which hosts one incident is about may not be told, and
// it may be gone by the time that its alerts are asked for; that is nothing to the
// others, and loses no note.
func TestOneIncidentThatCantBeRead(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status int
		body   string
	}{
		{"trouble", http.StatusInternalServerError, `{}`},
		{"an answer that is not PagerDuty's", http.StatusOK, `<html>`},
		{"nothing", http.StatusOK, `{}`},
		{"not for warden", http.StatusForbidden, `{"error":{"message":"Access Denied","code":2010}}`},
		{"gone", http.StatusNotFound, `{"error":{"message":"Not Found","code":2100}}`},
		{"refused", http.StatusBadRequest, `{"error":{"message":"Invalid Input Provided","code":2001}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			one, two := r.raise("ingest-17"), r.raise("ingest-18")
			a, b := r.bad(1042, "ingest-17"), r.bad(1043, "ingest-18")
			a.Ask.ExpiresAt, b.Ask.ExpiresAt = began.Add(5*time.Hour), began.Add(5*time.Hour)
			r.state.Cases = []*ledger.Case{a, b}
			wrong := &answers{to: func(q *http.Request, _ string) bool {
				return strings.HasPrefix(q.URL.Path, "/incidents/"+one+"/alerts")
			}, status: tt.status, body: tt.body}
			r.c.pager.http.Transport = watcher{wrong}
			r.notice(ledger.NoticeQuestion, a)
			r.notice(ledger.NoticeQuestion, b)
			r.endure(20 * time.Minute)
			if got := r.notesOn(two); len(got) != 1 || len(r.owed) != 0 {
				t.Errorf("after %d tries the other incident has %q, %d owed", len(wrong.sent), got, len(r.owed))
			}
			if n := len(wrong.sent); n > 30 {
				t.Errorf("%d tries in 20 minutes", n)
			}
			r.c.pager.http.Transport = newTransport()
			r.endure(10 * time.Minute)
			if got := r.notesOn(one); len(got) != 1 || !strings.Contains(got[0], "wants to drain ingest-17") {
				t.Errorf("once it can be read: %q", got)
			}
		})
	}
}

// TestTheOrderAsksForNoMoreLists: the oldest case of all says how far back incidents are
// asked for, whichever goes first.
func TestTheOrderAsksForNoMoreLists(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.raise("ingest-15")
	for i, host := range []string{"ingest-15", "ingest-16", "ingest-17", "ingest-18"} {
		c := r.bad(remedy.CaseID(1042+i), host)
		c.Ask.ExpiresAt = began.Add(5 * time.Hour)
		r.state.Cases = append(r.state.Cases, c)
		r.notice(ledger.NoticeQuestion, c)
		if i == 0 { // it fails, and goes behind the others
			r.c.pager.http.Transport = watcher{&answers{to: func(q *http.Request, _ string) bool { return strings.HasSuffix(q.URL.Path, "/notes") }, status: http.StatusBadGateway}}
			r.endure(time.Minute)
		}
		r.clk.Advance(20 * time.Second)
	}
	held := r.bad(1050, "ingest-19")
	held.Stage, held.Ask, held.OpenedAt = remedy.StageDetected, nil, began.Add(-time.Hour)
	held.Decision.Level, held.Decision.BlockedBy = remedy.LevelBlocked, "common_mode"
	r.state.Cases = append(r.state.Cases, held)
	lists := func() (n int) {
		for _, q := range r.pd.Requests() {
			if q.Path == "/incidents" {
				n++
			}
		}
		return n
	}
	before := lists()
	for range 10 {
		delete(r.posts, ledger.IncidentKey(1042))
		r.endure(time.Minute)
	}
	if n := lists() - before; n > 11 {
		t.Errorf("%d lists in 10 minutes", n)
	}
}
