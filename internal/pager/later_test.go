package pager

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// rounds lets so much time pass, with a delivery every 15 seconds.
func (r *room) rounds(d time.Duration) {
	r.t.Helper()
	for range int(d / (15 * time.Second)) {
		r.clk.Advance(15 * time.Second)
		r.must()
	}
}

// TestAQuestionGetsOntoALaterIncident: warden asks at 03:12, the monitor pages at
// 03:14, and whoever is woken finds the question on the incident: once, whichever
// node writes it and whatever becomes of receipts.
func TestAQuestionGetsOntoALaterIncident(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	c := r.bad(1042, "ingest-17")
	r.state.Cases = []*ledger.Case{c}
	r.notice(ledger.NoticeQuestion, c)
	r.must()
	r.rounds(2 * time.Minute)
	id := r.raise("ingest-17")
	r.failover()
	r.loseReceipts = true
	if _, err := r.deliver(); err != nil {
		t.Fatal(err)
	}
	r.loseReceipts = false
	r.failover()
	r.rounds(10 * time.Minute)
	got := r.notesOn(id)
	if len(got) != 1 || !strings.Contains(got[0], "wants to drain ingest-17") || !strings.HasSuffix(got[0], "[warden W-1042/1]") {
		t.Fatalf("%q", got)
	}
	if p := r.posts["incident/W-1042"]; p.ID != id {
		t.Errorf("Slack's card has no way to it: %+v", p)
	}
	if p, ok := r.posts["later/W-1042"]; ok {
		t.Errorf("it is still looked for: %+v", p)
	}
	done := r.drained(c, sam())
	r.state.Cases = []*ledger.Case{done}
	r.notice(ledger.NoticeOutcome, done)
	r.must()
	if got := r.notesOn(id); len(got) != 2 || !strings.Contains(got[1], "drained ingest-17") {
		t.Errorf("%q", got)
	}
}

// TestOnlyTheNewestMilestoneIsTold: what the case was before the incident opened is no
// news to whoever it wakes. The incident is left open: what began after the proof
// isn't ended by it.
func TestOnlyTheNewestMilestoneIsTold(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.set.Resolve = true
	r.reload()
	c := r.bad(1042, "ingest-17")
	r.state.Cases = []*ledger.Case{c}
	r.notice(ledger.NoticeQuestion, c)
	r.must()
	done := r.drained(c, sam())
	r.state.Cases = []*ledger.Case{done}
	r.notice(ledger.NoticeOutcome, done)
	r.must()
	id := r.raise("ingest-17")
	r.rounds(2 * time.Minute)
	got := r.notesOn(id)
	if len(got) != 1 || !strings.Contains(got[0], "drained ingest-17") || !strings.Contains(got[0], "left open for you") {
		t.Errorf("%q", got)
	}
	for _, inc := range r.pd.Incidents() {
		if inc.Status != "triggered" {
			t.Errorf("%+v", inc)
		}
	}
}

// TestAQuestionThatIsOverIsNoNews: nobody is told to approve what was denied.
func TestAQuestionThatIsOverIsNoNews(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	c := r.bad(1042, "ingest-17")
	r.notice(ledger.NoticeQuestion, c)
	r.must()
	denied := *c
	denied.Stage, denied.Outcome, denied.Answer = remedy.StageClosed, remedy.OutcomeDenied, &ledger.CaseReply{By: sam(), At: r.clk.Now()}
	r.state.Cases = []*ledger.Case{&denied}
	id := r.raise("ingest-17")
	r.rounds(5 * time.Minute)
	if got := r.notesOn(id); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// TestLookingForIncidentsHasBounds: once a minute for all cases together, and no
// longer than somebody may be paged about them.
func TestLookingForIncidentsHasBounds(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	for i := range 30 {
		c := r.bad(remedy.CaseID(1000+i), fmt.Sprintf("ingest-%d", i))
		c.Ask.ExpiresAt = began.Add(72 * time.Hour)
		r.state.Cases = append(r.state.Cases, c)
		r.notice(ledger.NoticeQuestion, c)
	}
	r.must()
	calls := func(d time.Duration) int {
		before := len(r.pd.Requests())
		r.rounds(d)
		return len(r.pd.Requests()) - before
	}
	if n := calls(time.Hour); n < 30 || n > 61 {
		t.Errorf("%d calls in an hour in which 30 cases wait", n)
	}
	for i, c := range r.state.Cases {
		done := r.drained(c, sam())
		r.state.Cases[i] = done
		r.notice(ledger.NoticeOutcome, done)
	}
	r.must()
	if n := calls(laterFor); n < 30 || n > 61 {
		t.Errorf("%d calls in the hour after they are done", n)
	}
	if n := calls(time.Hour); n != 0 {
		t.Errorf("%d calls in the hour after that", n)
	}
	c := r.bad(2000, "ingest-99")
	c.Ask.ExpiresAt = r.clk.Now().Add(72 * time.Hour)
	r.state.Cases = []*ledger.Case{c}
	r.notice(ledger.NoticeQuestion, c)
	r.must()
	r.clk.Advance(keepFor + time.Minute)
	if n := calls(10 * time.Minute); n != 0 {
		t.Errorf("%d calls about a question of yesterday", n)
	}
}

// TestALateNoteThatIsRefusedIsGivenUp, as one that is refused when it is told.
func TestALateNoteThatIsRefusedIsGivenUp(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	c := r.bad(1042, "ingest-17")
	c.Ask.ExpiresAt = began.Add(3 * time.Hour)
	r.state.Cases = []*ledger.Case{c}
	r.notice(ledger.NoticeQuestion, c)
	r.must()
	r.raise("ingest-17")
	calls := 0
	r.c.pager.http.Transport = watcher{counting{&calls}}
	r.rounds(time.Hour)
	if _, ok := r.posts["later/W-1042"]; ok || calls == 0 || calls > 5 {
		t.Errorf("%d calls in an hour, and it is still looked for: %t", calls, ok)
	}
}
