package pager

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakepager"
)

// TestWhatWasOnlySaidToBeTaken: an event that is answered by somebody who is not
// PagerDuty, and an incident that an empty list hid, are there once it tells the truth.
func TestWhatWasOnlySaidToBeTaken(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	id := r.raise("ingest-17")
	c := r.bad(1042, "ingest-17")
	r.state.Cases = []*ledger.Case{c}
	r.state.Latches = []ledger.Latch{{Why: ledger.LatchGuarantee, Since: began}}
	r.pd.Trip(fakepager.Fault{Trouble: fakepager.Lies})
	r.notice(ledger.NoticeQuestion, c)
	failed := 0
	for range 20 {
		if _, err := r.deliver(); err != nil {
			failed++
			if !strings.Contains(err.Error(), "not PagerDuty's") {
				t.Fatal(err)
			}
		}
		r.clk.Advance(15 * time.Second)
	}
	if failed == 0 || len(r.paged()) != 0 {
		t.Fatalf("%d failures, %q", failed, r.paged())
	}
	r.pd.Mend()
	r.rounds(2 * time.Minute)
	if got := r.paged(); len(got) != 1 {
		t.Errorf("%q", got)
	}
	if got := r.notesOn(id); len(got) != 1 || !strings.Contains(got[0], "wants to drain") {
		t.Errorf("%q", got)
	}
}

// TestNothingIsTakenForWritten: a note and a resolving that are answered with nothing
// are tried again, and done once.
func TestNothingIsTakenForWritten(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.set.Resolve = true
	id := r.raise("ingest-17")
	r.reload()
	r.notice(ledger.NoticeOutcome, r.drained(r.bad(1042, "ingest-17"), remedy.Warden()))
	for _, method := range []string{"POST", "PUT"} {
		r.c.pager.http.Transport = watcher{hollow(method)}
		if _, err := r.deliver(); err == nil || len(r.owed) != 1 {
			t.Fatalf("%s: %v, %d owed", method, err, len(r.owed))
		}
		r.clk.Advance(gatePauseMax)
	}
	r.c.pager.http.Transport = newTransport()
	r.must()
	if got := r.notesOn(id); len(got) != 1 {
		t.Errorf("%q", got)
	}
	for _, inc := range r.pd.Incidents() {
		if inc.ID == id && inc.Status != "resolved" {
			t.Errorf("%+v", inc)
		}
	}
}

// hollow answers the calls of one method with success and nothing in it. Events go
// through.
type hollow string

func (h hollow) RoundTrip(q *http.Request) (*http.Response, error) {
	if q.Method == string(h) && strings.HasPrefix(q.URL.Path, "/incidents") {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: q, Body: io.NopCloser(strings.NewReader("{}"))}, nil
	}
	return http.DefaultTransport.RoundTrip(q)
}
