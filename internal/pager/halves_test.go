package pager

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakepager"
)

// TestOneHalfHoldsUpOnlyItself: notes go by one API with a key of its own, and
// alerts by another. What one refuses, or how long it wants to be left alone, is
// nothing to the other.
func TestOneHalfHoldsUpOnlyItself(t *testing.T) {
	t.Parallel()
	alarm := func(r *room) { r.state.Latches = []ledger.Latch{{Why: ledger.LatchGuarantee, Since: r.clk.Now()}} }
	for _, tt := range []struct {
		name  string
		spoil func(r *room)
	}{
		{"a key that isn't let in", func(r *room) { r.set.Token = func() (string, error) { return "another", nil } }},
		{"too many calls", func(r *room) {
			r.pd.Trip(fakepager.Fault{Trouble: fakepager.RateLimited, Path: "/incidents", Wait: 10 * time.Minute})
		}},
		{"down", func(r *room) { r.pd.Trip(fakepager.Fault{Trouble: fakepager.Unavailable, Path: "/incidents"}) }},
	} {
		t.Run("REST: "+tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			r.raise("ingest-17")
			tt.spoil(r)
			r.reload()
			r.notice(ledger.NoticeQuestion, r.bad(1042, "ingest-17"))
			if got, err := r.deliver(); err == nil || got.Wait != 0 || len(r.owed) != 1 {
				t.Fatalf("%v, and all is left alone for %s; %d owed", err, got.Wait, len(r.owed))
			}
			calls := len(r.pd.Requests())
			alarm(r)
			for range 2 { // it is put on record, and then sent
				if got, err := r.deliver(); err != nil || got.Wait != 0 {
					t.Errorf("%v, wait %s", err, got.Wait)
				}
			}
			if got := r.paged(); len(got) != 1 {
				t.Errorf("in the pause of the notes: %q", got)
			}
			if more := len(r.pd.Requests()) - calls; more != 1 {
				t.Errorf("%d calls in the pause, one of them the alert", more)
			}
		})
	}
	t.Run("events", func(t *testing.T) {
		t.Parallel()
		r := newRoom(t)
		id := r.raise("ingest-17")
		r.pd.Trip(fakepager.Fault{Trouble: fakepager.RateLimited, Path: "/v2/enqueue", Wait: 10 * time.Minute})
		alarm(r)
		_, _ = r.deliver()
		if got, err := r.deliver(); err == nil || got.Wait != 0 {
			t.Fatalf("%v, wait %s", err, got.Wait)
		}
		r.notice(ledger.NoticeQuestion, r.bad(1042, "ingest-17"))
		r.must()
		if got := r.notesOn(id); len(got) != 1 {
			t.Errorf("%q", got)
		}
		r.pd.Mend()
		r.clk.Advance(10 * time.Minute)
		r.must()
		if got := r.paged(); len(got) != 1 {
			t.Errorf("%q", got)
		}
	})
	t.Run("both", func(t *testing.T) {
		t.Parallel()
		r := newRoom(t)
		r.raise("ingest-17")
		r.pd.Trip(fakepager.Fault{Trouble: fakepager.RateLimited, Wait: time.Minute})
		alarm(r)
		r.notice(ledger.NoticeQuestion, r.bad(1042, "ingest-17"))
		_, _ = r.deliver()
		got, err := r.deliver()
		if err == nil || got.Wait != time.Minute {
			t.Errorf("%v, wait %s", err, got.Wait)
		}
		calls := len(r.pd.Requests())
		r.clk.Advance(20 * time.Second)
		if got, err = r.deliver(); err == nil || got.Wait != 40*time.Second || len(r.pd.Requests()) != calls {
			t.Errorf("%v, wait %s, %d calls more", err, got.Wait, len(r.pd.Requests())-calls)
		}
	})
}

// refusesNotes answers 400 to the writing of notes.
type refusesNotes struct{}

func (refusesNotes) RoundTrip(q *http.Request) (*http.Response, error) {
	if q.Method == http.MethodPost && strings.HasSuffix(q.URL.Path, "/notes") {
		return &http.Response{
			StatusCode: http.StatusBadRequest, Header: http.Header{"Content-Type": {"application/json"}}, Request: q,
			Body: io.NopCloser(strings.NewReader(`{"error":{"message":"Invalid Input Provided","code":2001,"errors":["Content is too long"]}}`)),
		}, nil
	}
	return http.DefaultTransport.RoundTrip(q)
}

// TestNothingIsResolvedWithoutItsNote: people find out by the note why their
// incident is over.
func TestNothingIsResolvedWithoutItsNote(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.set.Resolve = true
	id := r.raise("ingest-17")
	r.reload()
	r.c.pager.http.Transport = watcher{refusesNotes{}}
	r.notice(ledger.NoticeOutcome, r.drained(r.bad(1042, "ingest-17"), remedy.Warden()))
	r.must()
	for _, inc := range r.pd.Incidents() {
		if inc.ID == id && (inc.Status == "resolved" || len(inc.Notes) != 0) {
			t.Errorf("%s with %d notes", inc.Status, len(inc.Notes))
		}
	}
}

// TestEachGuardrailIsSaidOnce: an incident is told each reason for which nothing is
// done, once, whichever node says it.
func TestEachGuardrailIsSaidOnce(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	id := r.raise("ingest-17")
	c := r.bad(1042, "ingest-17")
	for _, by := range []string{"common_mode", "max_out", "common_mode", "max_out"} {
		n, d := *c, *c.Decision
		d.Level, d.BlockedBy, d.Answers = remedy.LevelBlocked, by, []remedy.Answer{{Guardrail: by, Effect: remedy.EffectBlock, Observed: "seen by " + by, Limit: "l"}}
		n.Stage, n.Ask, n.Decision = remedy.StageDetected, nil, &d
		r.state.Cases = []*ledger.Case{&n}
		r.clk.Advance(2 * holdBack)
		r.must()
		r.failover()
		if by == "max_out" {
			r.posts = map[string]ledger.Post{} // and where every receipt was lost
		}
		r.must()
	}
	notes := r.notesOn(id)
	if len(notes) != 2 || !strings.Contains(notes[0], "seen by common_mode") || !strings.Contains(notes[1], "seen by max_out") {
		t.Errorf("%q", notes)
	}
}

// TestMoreIncidentsThanAreLookedAt: where there are others at which nobody looked,
// one of them may be about the host, too.
func TestMoreIncidentsThanAreLookedAt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		others int
		notes  int
	}{{"all are looked at", maxIncidents - 1, 1}, {"one more", maxIncidents, 0}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			id := r.raise("ingest-17")
			for i := range tt.others {
				r.raise(fmt.Sprintf("other-%d", i))
			}
			c := r.bad(1042, "ingest-17")
			c.Ask.ExpiresAt = began.Add(3 * time.Hour)
			r.notice(ledger.NoticeQuestion, c)
			for range 20 { // so many calls are more than PagerDuty takes in a minute
				got, err := r.deliver()
				if err == nil && len(r.owed) == 0 {
					break
				}
				r.clk.Advance(max(got.Wait, gatePauseMax))
			}
			if len(r.owed) != 0 {
				t.Fatal("it is still owed")
			}
			if got := r.notesOn(id); len(got) != tt.notes {
				t.Errorf("%q", got)
			}
			i, ok := ledger.AsIncident(r.posts[ledger.IncidentKey(1042)])
			if !ok || (i.ID == "") != (tt.notes == 0) || (i.Several > 0) != (tt.notes == 0) {
				t.Errorf("%+v", i)
			}
		})
	}
}
