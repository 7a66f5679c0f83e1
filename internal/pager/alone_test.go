package pager

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakepager"
)

// TestTheGateOpensInAQuietCluster: what is committed stands still where nothing
// happens, and an alert that met one error is sent all the same.
func TestTheGateOpensInAQuietCluster(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.state.Latches = []ledger.Latch{{Why: ledger.LatchGuarantee, Since: r.clk.Now()}}
	committed := r.clk.Now()
	deliver := func() error {
		got, err := r.c.Deliver(t.Context(), chat.Owed{
			Messages: slices.Clone(r.owed), Now: committed, Post: func(k string) (ledger.Post, bool) { p, ok := r.posts[k]; return p, ok },
		})
		for _, p := range got.Posts {
			committed = r.clk.Now() // a receipt is an entry
			p.At = committed
			r.posts[p.Key] = p
		}
		return err
	}
	_ = deliver() // it is put on record
	r.pd.Trip(fakepager.Fault{Trouble: fakepager.Unavailable, Path: "/v2/enqueue"})
	if deliver() == nil {
		t.Fatal("there was no trouble")
	}
	r.pd.Mend()
	for range 4 { // a minute of rounds
		r.clk.Advance(15 * time.Second)
		_ = deliver()
	}
	if got := r.paged(); len(got) != 1 {
		t.Errorf("a minute after one 503: %q", got)
	}
}

// oneIncident answers in its own way to whatever is asked of one incident's notes.
type oneIncident struct {
	id     string
	status int
}

func (o oneIncident) RoundTrip(q *http.Request) (*http.Response, error) {
	if strings.Contains(q.URL.Path, o.id+"/notes") {
		return &http.Response{
			StatusCode: o.status, Header: http.Header{"Content-Type": {"application/json"}}, Request: q,
			Body: io.NopCloser(strings.NewReader(`{"error":{"message":"Access Denied","code":2010}}`)),
		}, nil
	}
	return http.DefaultTransport.RoundTrip(q)
}

// TestOneIncidentHoldsUpNoOther: what one incident's notes meet is nothing to the
// notes of another, whichever is older.
func TestOneIncidentHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusForbidden, http.StatusInternalServerError} {
		r := newRoom(t)
		bad, good := r.raise("ingest-17"), r.raise("ingest-18")
		r.c.pager.http.Transport = watcher{oneIncident{bad, status}}
		r.notice(ledger.NoticeQuestion, r.bad(1042, "ingest-17"))
		r.notice(ledger.NoticeQuestion, r.bad(1043, "ingest-18"))
		for range 4 {
			_, _ = r.deliver()
			r.clk.Advance(15 * time.Second)
		}
		if got := r.notesOn(good); len(got) != 1 || len(r.owed) != 1 {
			t.Errorf("%d on %s: the other incident has %q, and %d are owed", status, bad, got, len(r.owed))
		}
		if calls := len(r.pd.Requests()); calls > 40 {
			t.Errorf("%d: %d calls in a minute", status, calls)
		}
	}
}

// alertsFailOnce loses one list of alerts.
type alertsFailOnce struct{ n, fails *int }

func (o alertsFailOnce) RoundTrip(q *http.Request) (*http.Response, error) {
	if strings.HasSuffix(q.URL.Path, "/alerts") {
		if *o.n++; *o.n == *o.fails {
			return &http.Response{StatusCode: http.StatusInternalServerError, Header: http.Header{}, Request: q, Body: io.NopCloser(strings.NewReader("x"))}, nil
		}
	}
	return http.DefaultTransport.RoundTrip(q)
}

// TestAnIncidentIsResolvedAsItsNoteSays: where a note says that the incident is left
// open, it is, however often the note is found again.
func TestAnIncidentIsResolvedAsItsNoteSays(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.set.Resolve = true
	id := r.raise("ingest-17")
	r.reload()
	n, fails := 0, 2 // the second is asked for to see whether all is about the host
	r.c.pager.http.Transport = watcher{alertsFailOnce{&n, &fails}}
	r.notice(ledger.NoticeOutcome, r.drained(r.bad(1042, "ingest-17"), remedy.Warden()))
	r.loseReceipts = true
	_, _ = r.deliver()
	r.loseReceipts = false
	_, _ = r.deliver()
	notes := r.notesOn(id)
	if len(notes) != 1 || !strings.Contains(notes[0], "left open") {
		t.Fatalf("%q", notes)
	}
	for _, inc := range r.pd.Incidents() {
		if inc.ID == id && inc.Status == "resolved" {
			t.Errorf("it is resolved, and its note says %q", notes[0])
		}
	}
}

// TestANoteThatIsRefusedIsLeftAlone: what PagerDuty refuses for good isn't written
// again in every round.
func TestANoteThatIsRefusedIsLeftAlone(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.raise("ingest-17")
	c := r.bad(1042, "ingest-17")
	n, d := *c, *c.Decision
	d.Level, d.BlockedBy, d.Answers = remedy.LevelBlocked, "max_out", []remedy.Answer{{Guardrail: "max_out", Effect: remedy.EffectBlock, Observed: "x", Limit: "l"}}
	n.Stage, n.Ask, n.Decision = remedy.StageDetected, nil, &d
	r.state.Cases = []*ledger.Case{&n}
	r.clk.Advance(2 * holdBack)
	calls := 0
	r.c.pager.http.Transport = watcher{counting{&calls}}
	for range 240 { // an hour
		_, _ = r.deliver()
		r.clk.Advance(15 * time.Second)
	}
	if calls > 150 { // a list of incidents a minute, and a try every five
		t.Errorf("%d calls in an hour", calls)
	}
}

// counting counts calls, and refuses notes.
type counting struct{ n *int }

func (c counting) RoundTrip(q *http.Request) (*http.Response, error) {
	*c.n++
	return refusesNotes{}.RoundTrip(q)
}
