package pager

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakepager"
)

// A leader that dies between a note and its receipt has it written once all the
// same, and so has a lost answer.
func TestNotesAreWrittenOnce(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	id := r.raise("ingest-17")
	c := r.bad(1042, "ingest-17")
	r.notice(ledger.NoticeQuestion, c)
	r.loseReceipts = true
	if _, err := r.deliver(); err != nil {
		t.Fatal(err)
	}
	r.failover()
	r.loseReceipts = false
	r.pd.Trip(fakepager.Fault{Trouble: fakepager.Unavailable, Path: "/incidents/" + id + "/notes", Times: 1})
	if _, err := r.deliver(); err == nil || len(r.owed) != 1 {
		t.Errorf("the notes could not be listed: %v, %d owed", err, len(r.owed))
	}
	r.clk.Advance(gatePauseMax)
	r.must()
	if got := r.notesOn(id); len(got) != 1 {
		t.Errorf("%q", got)
	}
	r.notice(ledger.NoticeOutcome, r.drained(c, sam()))
	r.failover()
	r.must()
	if got := r.notesOn(id); len(got) != 2 {
		t.Errorf("%q", got)
	}
}

// The answer to the note itself is lost after it was written.
func TestNoteWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	id := r.raise("ingest-17")
	r.notice(ledger.NoticeQuestion, r.bad(1042, "ingest-17"))
	r.c.pager.http.Transport = watcher{&answerLost{}}
	if _, err := r.deliver(); err == nil || len(r.owed) != 1 {
		t.Fatalf("%v, %d owed", err, len(r.owed))
	}
	r.failover()
	r.must()
	if got := r.notesOn(id); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

// An hour without PagerDuty, in each way, ends with last states: one note a
// case, what is wrong now, and nothing of what was over meanwhile.
func TestAnHoursOutage(t *testing.T) {
	t.Parallel()
	for _, trouble := range []fakepager.Trouble{fakepager.RateLimited, fakepager.Unavailable, fakepager.Cut, fakepager.HTML, fakepager.Garbled, fakepager.Hollow, fakepager.Gone, fakepager.Revoked} {
		t.Run(string(trouble), func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			id := r.raise("ingest-17")
			c := r.bad(1042, "ingest-17")
			c.Ask.ExpiresAt = began.Add(3 * time.Hour)
			r.pd.Trip(fakepager.Fault{Trouble: trouble, Wait: 20 * time.Second})
			r.notice(ledger.NoticeQuestion, c)
			r.state.Pools = []ledger.PoolStatus{{Name: "ingest", Storms: []ledger.StormState{{Detector: "canary", On: true, StartedAt: began}}}}
			failed := 0
			for range 30 {
				got, err := r.deliver()
				if err == nil && got.Sent == 0 {
					r.clk.Advance(2 * time.Minute) // what can't be sent is left alone
					continue
				}
				if failed++; strings.Contains(err.Error(), r.web.URL) {
					t.Fatalf("%v", err)
				}
				if want := map[fakepager.Trouble]chat.Reason{
					fakepager.RateLimited: chat.ReasonRateLimited, fakepager.Unavailable: chat.ReasonTrouble, fakepager.Cut: chat.ReasonUnreachable,
					fakepager.HTML: chat.ReasonError, fakepager.Garbled: chat.ReasonError, fakepager.Hollow: chat.ReasonError, fakepager.Gone: chat.ReasonCredential, fakepager.Revoked: chat.ReasonCredential,
				}[trouble]; chat.ReasonOf(err) != want || got.Sent != 0 {
					t.Fatalf("%v is %s, want %s; %d sent", err, chat.ReasonOf(err), want, got.Sent)
				}
				if most := map[fakepager.Trouble]time.Duration{fakepager.RateLimited: 20 * time.Second, fakepager.Gone: refusedPause, fakepager.Revoked: refusedPause}[trouble]; got.Wait > max(most, gatePauseMax) {
					t.Fatalf("wait %s, and it asked for %s: %v", got.Wait, most, err)
				}
				r.clk.Advance(2 * time.Minute)
			}
			if failed < 10 {
				t.Errorf("it was tried %d times in an hour", failed)
			}
			done := r.drained(c, remedy.Warden())
			for i := range r.owed {
				r.owed[i].Case = done
			}
			r.notice(ledger.NoticeOutcome, done)
			r.state.Pools[0].Storms[0] = ledger.StormState{Detector: "canary", StartedAt: began, EndedAt: began.Add(20 * time.Minute)}
			latch := ledger.Latch{Pool: "ingest", Why: ledger.LatchStorms, Since: r.clk.Now()}
			r.state.Latches = []ledger.Latch{latch}
			r.clk.Advance(refusedPause)
			if _, err := r.deliver(); err == nil {
				t.Error("it is still down")
			}
			if calls := len(r.pd.Requests()); calls > 200 {
				t.Errorf("%d calls in an hour of trouble", calls)
			}
			r.pd.Mend()
			r.clk.Advance(refusedPause)
			r.must()
			if got := r.notesOn(id); len(got) != 1 || !strings.Contains(got[0], "drained ingest-17") {
				t.Errorf("%q", got)
			}
			if got := r.paged(); len(got) != 1 || got[0] != "warden/prod/breaker_open/ingest/second_common_mode" {
				t.Errorf("%q", got)
			}
			if got := r.pd.Changes(); len(got) != 1 || !got[0].At.Equal(r.clk.Now()) || got[0].Details["approver"] != "auto" {
				t.Errorf("%+v", got)
			}
			for left := 2; ; left-- { // an idle connection that was cut may cost a call a second try
				before := len(r.pd.Requests())
				r.must()
				after := len(r.pd.Requests())
				if after == before {
					break
				}
				if left == 0 {
					t.Errorf("%d calls with nothing to say, again and again", after-before)
					break
				}
			}
		})
	}
}

// No answer at all ends with the delivery's time, and is tried again.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	id := r.raise("ingest-17")
	r.pd.Trip(fakepager.Fault{Trouble: fakepager.Silent, Times: 1})
	r.notice(ledger.NoticeQuestion, r.bad(1042, "ingest-17"))
	if _, err := r.deliverWithin(50 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("%v", err)
	}
	r.clk.Advance(gatePauseMax)
	r.must()
	if got := r.notesOn(id); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

// Nobody listens there.
func TestRefused(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.web.Close()
	r.state.Latches = []ledger.Latch{{Why: ledger.LatchGuarantee, Since: began}}
	r.notice(ledger.NoticeQuestion, r.bad(1042, "ingest-17"))
	if got, err := r.deliver(); err == nil || len(got.Posts) != 1 {
		t.Errorf("what is going to be sent is not on record: %+v, %v", got, err)
	}
	r.clk.Advance(gatePauseMax)
	if _, err := r.deliver(); err == nil || strings.Count(err.Error(), "is refused: check the way out") != 2 || len(r.owed) != 1 {
		t.Errorf("%v, %d owed", err, len(r.owed))
	}
}

// What is a day old is no news: it is dropped, and that is said.
func TestOldNoticesAreDropped(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	id := r.raise("ingest-17")
	r.pd.Trip(fakepager.Fault{Trouble: fakepager.Unavailable})
	c := r.bad(1042, "ingest-17")
	c.Ask.ExpiresAt = began.Add(48 * time.Hour)
	r.notice(ledger.NoticeQuestion, c)
	if _, err := r.deliver(); err == nil {
		t.Error("it is down")
	}
	r.clk.Advance(keepFor)
	if _, err := r.deliver(); err == nil || len(r.owed) != 1 {
		t.Errorf("%v, %d owed after a day", err, len(r.owed))
	}
	r.clk.Advance(time.Minute)
	r.notice(ledger.NoticeQuestion, r.bad(1043, "ingest-18"))
	if got, err := r.deliver(); err == nil || len(r.owed) != 1 || r.owed[0].Case.ID != 1043 || got.Dropped != 1 {
		t.Errorf("%+v, %v, %v owed", got, err, r.owed)
	}
	r.pd.Mend()
	r.clk.Advance(gatePauseMax)
	r.must()
	if got := r.notesOn(id); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// What can't succeed is given up and logged with what to do, once; who may not
// is tried again later, for somebody will mend it.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		spoil func(r *room)
		again bool
		says  string
	}{
		{"unknown user", func(r *room) { r.set.From = "nobody@example.net" }, true, "from_email"},
		{"no user", func(r *room) { r.set.From = "" }, true, "from_email"},
		{"another token", func(r *room) { r.set.Token = func() (string, error) { return "PLANTEDother", nil } }, true, "api_token_file"},
		{"the incident is gone", func(r *room) {
			r.posts["incident/W-1042"] = ledger.Post{Key: "incident/W-1042", ID: "QGONE", Case: 1042}
		}, false, "pagerduty.services"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			r.raise("ingest-17")
			tt.spoil(r)
			r.reload()
			r.notice(ledger.NoticeQuestion, r.bad(1042, "ingest-17"))
			got, err := r.deliver()
			switch {
			case tt.again && (err == nil || !strings.Contains(err.Error(), tt.says) || got.Wait != 0 || len(r.owed) != 1):
				t.Errorf("%v, wait %s, %d owed", err, got.Wait, len(r.owed))
			case !tt.again && (err != nil || len(r.owed) != 0):
				t.Errorf("%v, %d owed", err, len(r.owed))
			case !tt.again:
				lines := r.logs.FilterLevelExact(zap.ErrorLevel).All()
				if len(lines) != 1 || !strings.Contains(fmt.Sprint(lines[0].ContextMap()), tt.says) {
					t.Errorf("%v", lines)
				}
			}
			r.checkSecrets(r.logs)
		})
	}
}

// A secret that can't be read keeps what is owed, and says so.
func TestSecretsThatCantBeRead(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	unreadable := func() (string, error) {
		return "", fmt.Errorf("pagerduty.api_token_file: is a directory: name the file")
	}
	r.set.Token, r.set.RoutingKey = unreadable, unreadable
	r.reload()
	r.state.Latches = []ledger.Latch{{Why: ledger.LatchGuarantee, Since: began}}
	r.notice(ledger.NoticeOutcome, r.drained(r.bad(1042, "ingest-17"), remedy.Warden()))
	if _, err := r.deliver(); err == nil || len(r.owed) != 1 || len(r.pd.Requests()) != 0 {
		t.Errorf("%v, %d owed", err, len(r.owed))
	}
	r.set.Token, r.set.RoutingKey = nil, nil
	r.reload()
	r.must()
}

// Two incidents that may be about a host are none, and that is on record; when
// one of them is over, the other is it.
func TestAmbiguous(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	one, two := r.raise("ingest-17"), r.raise("ingest-17")
	c := r.bad(1042, "ingest-17")
	r.notice(ledger.NoticeQuestion, c)
	r.must()
	if p := r.posts["incident/W-1042"]; p.ID != "ambiguous: 2" || p.Link != "" || len(r.notesOn(one))+len(r.notesOn(two)) != 0 {
		t.Errorf("%+v", p)
	}
	r.pd.Close(two, "sam@example.net")
	r.clk.Advance(freshFor)
	r.notice(ledger.NoticeOutcome, r.drained(c, sam()))
	r.must()
	if p := r.posts["incident/W-1042"]; p.ID != one || len(r.notesOn(one)) != 1 {
		t.Errorf("%+v", p)
	}
}

// Incidents are asked for once a minute, and only where there is something to
// say.
func TestIncidentsAreNotPolled(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	for range 50 {
		r.must()
		r.clk.Advance(10 * time.Second)
	}
	if n := len(r.pd.Requests()); n != 0 {
		t.Errorf("%d calls with nothing to say", n)
	}
	for i := range 40 {
		r.raise(fmt.Sprintf("ingest-%d", 100+i))
	}
	for i := range 40 {
		r.notice(ledger.NoticeQuestion, r.bad(remedy.CaseID(2000+i), fmt.Sprintf("web-%d", i)))
	}
	r.must()
	lists := 0
	for _, q := range r.pd.Requests() {
		if q.Path == "/incidents" {
			lists++
		}
	}
	if lists != 1 || len(r.pd.Requests()) != 41 {
		t.Errorf("%d lists, %d calls", lists, len(r.pd.Requests()))
	}
	r.clk.Advance(freshFor)
	r.notice(ledger.NoticeQuestion, r.bad(3000, "web-99"))
	r.must()
	if n := len(r.pd.Requests()); n != 42 {
		t.Errorf("%d calls: alerts of incidents that did not change are asked for again", n)
	}
}

// Why nothing is done is said once for an incident and a guardrail, after a
// minute, whoever leads.
func TestHoldingBackIsSaidOnce(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	id := r.raise("ingest-17")
	for _, host := range []string{"ingest-18", "ingest-19"} {
		r.pd.Group(id, fakepager.Alert{Key: "x", Source: host})
	}
	for i, host := range []string{"ingest-17", "ingest-18", "ingest-19"} {
		c := r.bad(remedy.CaseID(1042+i), host)
		c.Stage, c.Ask = remedy.StageDetected, nil
		c.Decision.Level, c.Decision.BlockedBy = remedy.LevelBlocked, "common_mode"
		c.Decision.Answers[0] = remedy.Answer{Guardrail: "common_mode", Effect: remedy.EffectBlock, Observed: "9 of 40 bad", Limit: "8 (20 %)"}
		r.state.Cases = append(r.state.Cases, c)
	}
	r.must()
	if got := r.notesOn(id); len(got) != 0 {
		t.Errorf("at once: %q", got)
	}
	for range 5 {
		r.clk.Advance(holdBack)
		r.must()
		r.failover()
	}
	if got := r.notesOn(id); len(got) != 1 || !strings.Contains(got[0], "did NOT act on ingest-17. Why: common mode: 9 of 40 bad") {
		t.Errorf("%q", got)
	}
}

// An incident is resolved only where it is configured, proven, and about nothing
// else; with a note first.
func TestResolve(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		prepare func(r *room, id string, done *ledger.Case)
		want    bool
	}{
		{"proven", func(*room, string, *ledger.Case) {}, true},
		{"two alerts of the host", func(r *room, id string, _ *ledger.Case) {
			r.pd.Group(id, fakepager.Alert{Key: "disk", Source: "ingest-17:9100"})
		}, true},
		{"not configured", func(r *room, _ string, _ *ledger.Case) { r.set.Resolve = false }, false},
		{"not proven", func(_ *room, _ string, c *ledger.Case) { c.Executions[0].Took = remedy.Unknown[bool]("") }, false},
		{"not verified", func(_ *room, _ string, c *ledger.Case) { c.Outcome = remedy.OutcomeUnverified }, false},
		{"about another host, too", func(r *room, id string, _ *ledger.Case) {
			r.pd.Group(id, fakepager.Alert{Key: "x", Source: "ingest-18"})
		}, false},
		{"an alert that names two", func(r *room, id string, _ *ledger.Case) {
			r.pd.Group(id, fakepager.Alert{Key: "x", Source: "ingest-17", Details: map[string]any{"host": "ingest-18"}})
		}, false},
		{"an alert of nobody knows what", func(r *room, id string, _ *ledger.Case) { r.pd.Group(id, fakepager.Alert{Key: "ingest-17 x"}) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			r.set.Resolve = true
			id := r.raise("ingest-17")
			done := r.drained(r.bad(1042, "ingest-17"), remedy.Warden())
			tt.prepare(r, id, done)
			r.reload()
			r.notice(ledger.NoticeOutcome, done)
			// The resolving fails once, after the note: it is tried again, the note isn't.
			if tt.want {
				r.pd.Trip(fakepager.Fault{Trouble: fakepager.Unavailable, Path: "/incidents", Times: 0})
				if _, err := r.deliver(); err == nil {
					t.Error("it is down")
				}
				r.pd.Mend()
				r.clk.Advance(gatePauseMax)
			}
			r.must()
			r.notice(ledger.NoticeOutcome, done) // told twice, as after a lost receipt
			r.owed[0].Notice.Seq--
			r.must()
			inc := r.pd.Incidents()[0]
			if got := inc.Status == "resolved"; got != tt.want || inc.AckedBy != "" || tt.want && inc.ResolvedBy != email {
				t.Errorf("%+v", inc)
			}
			notes := r.notesOn(id)
			if len(notes) != 1 || strings.Contains(notes[0], "is resolved with this") != tt.want {
				t.Errorf("%q", notes)
			}
		})
	}
}
