package slack_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

// expired is W-3 after nobody answered.
func expired() *ledger.Case {
	return copyOf(question(), func(n *ledger.Case) {
		n.Stage, n.Outcome, n.Ask = remedy.StageClosed, remedy.OutcomeExpired, nil
		n.ClosedAt, n.ChangedAt = at(3, 33, 0), at(3, 33, 0)
	})
}

// engine delivers as the engine does: after an error with a pause that doubles, in
// which nothing wakes it. It returns how much time went by.
type engine struct {
	*world
	pause, spent time.Duration
}

func (e *engine) turn() chat.Delivery {
	got, err := e.once()
	wait := got.Wait
	if err == nil {
		e.pause = time.Second
	} else {
		wait, e.pause = max(wait, e.pause), min(2*max(e.pause, time.Second), 30*time.Second)
	}
	e.passes(wait + time.Millisecond)
	return got
}

func (e *engine) passes(d time.Duration) {
	e.spent += d
	e.mu.Lock()
	e.now = e.now.Add(d)
	e.mu.Unlock()
	<-e.clk.After(d)
}

func TestARefusedMessageHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"no_permission", "update_failed", "msg_too_long", "team_access_not_granted", "ekm_access_denied", "a_word_of_tomorrow"} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			w := &engine{world: quick(t)}
			w.put(question(), ledger.NoticeQuestion)
			w.settle()
			w.fake.Fail("chat.update", fakeslack.Says(word), -1)
			w.put(expired(), ledger.NoticeOutcome)
			w.turn()
			for i := range 10 {
				w.put(copyOf(question(), func(n *ledger.Case) { n.ID, n.Host = remedy.CaseID(100+i), remedy.HostName(fmt.Sprintf("web-%02d", i)) }), ledger.NoticeQuestion)
			}
			w.spent = 0
			for len(w.fake.Messages(fakeslack.Ops)) < 11 && w.spent < time.Hour {
				w.turn()
			}
			if w.spent > time.Minute {
				t.Errorf("ten questions took %s to be asked, since an edit of another message is refused", w.spent)
			}
		})
	}
}

// What can't be edited is said in a new message after a few tries: what stands
// asks something that is decided.
func TestARefusedEditIsPostedAnew(t *testing.T) {
	t.Parallel()
	w := &engine{world: quick(t)}
	w.put(question(), ledger.NoticeQuestion)
	w.settle()
	old := w.fake.Messages(fakeslack.Ops)[0]
	w.fake.Fail("chat.update", fakeslack.Says("no_permission"), -1)
	w.put(expired(), ledger.NoticeOutcome)
	w.passes(time.Second) // since the question was posted
	if got := w.turn(); got.Refused != 1 || got.Sent != 0 {
		t.Errorf("the refused edit counts as %+v", got)
	}
	if all := w.slack.Refusals(); len(all) != 1 || !all[0].Edit || all[0].Code != "no_permission" || all[0].N != 1 {
		t.Errorf("what is refused: %+v", all)
	}
	for range 10 {
		w.passes(30 * time.Second)
		w.turn()
	}
	all := w.fake.Messages(fakeslack.Ops)
	if len(all) != 2 || !strings.Contains(string(all[1].Blocks), "p"+strings.ReplaceAll(old.TS, ".", "")) || strings.Contains(string(all[1].Blocks), "warden.approve") {
		t.Fatalf("%d messages; the last is %s", len(all), all[len(all)-1].Blocks)
	}
	if n := w.calls("chat.update"); n > 7 || len(w.owed) != 0 {
		t.Errorf("%d edits were tried, and %d notices are owed", n, len(w.owed))
	}
	if all := w.slack.Refusals(); len(all) != 1 || !all[0].Edit || all[0].N != 1 {
		t.Errorf("the old message still asks: %+v", all)
	}
	w.fake.Heal()
	w.passes(15 * time.Minute)
	w.settle()
	if m := w.fake.Messages(fakeslack.Ops)[0]; m.TS != old.TS || len(m.Buttons()) != 0 || !strings.HasPrefix(m.Text, "Said anew") || !strings.Contains(string(m.Blocks), strings.ReplaceAll(all[1].TS, ".", "")) {
		t.Errorf("once Slack takes edits again, it says %q: %s", m.Text, m.Blocks)
	}
	if all := w.slack.Refusals(); len(all) != 0 {
		t.Errorf("it is told, and yet refused: %+v", all)
	}
}

// A question that a pool's channel refuses goes to the channel for all at once.
// One that this refuses as well stays owed however long it lasts, and is said to be
// refused.
func TestARefusedQuestionIsNeverGivenUp(t *testing.T) {
	t.Parallel()
	w := &engine{world: quick(t)}
	w.set.Channels = map[remedy.PoolName]string{"edge": "#incident"}
	w.fake.Fail("chat.postMessage", fakeslack.Says("ekm_access_denied"), 1)
	w.put(question(), ledger.NoticeQuestion)
	w.turn()
	if n := len(w.fake.Messages(fakeslack.Ops)); n != 1 {
		t.Fatalf("%d messages in the channel for all", n)
	}
	w.fake.Fail("chat.postMessage", fakeslack.Says("ekm_access_denied"), -1)
	w.put(copyOf(question(), func(n *ledger.Case) { n.ID, n.Host = 8, "web-08" }), ledger.NoticeQuestion)
	w.put(complain(9, "web-09"), ledger.NoticeComplaint)
	before := len(w.fake.Calls())
	for range 3 * 24 * 6 { // three days
		w.turn()
		w.passes(10 * time.Minute)
	}
	if n := len(w.fake.Calls()) - before; n > 2*3*24*4+2*3*24*4+20 {
		t.Errorf("%d calls in three days", n)
	}
	if len(w.owed) != 1 || w.owed[0].Notice.Case != 8 {
		t.Errorf("after three days %+v is owed: want the question, and nothing else", w.owed)
	}
	refused := w.slack.Refusals()
	if len(refused) != 2 || refused[0].Code != "ekm_access_denied" {
		t.Errorf("what is refused: %+v", refused)
	}
	if n := w.logs.FilterMessageSnippet("is given up").Len(); n != 1 {
		t.Errorf("%d messages were given up with a word in the log", n)
	}
	w.fake.Heal()
	for len(w.fake.Messages(fakeslack.Incident)) == 0 {
		w.turn()
		w.passes(time.Minute)
	}
	if m := w.fake.Messages(fakeslack.Incident); !strings.Contains(m[0].Text, "web-08") || len(w.owed) != 0 {
		t.Errorf("%d are owed still; posted was %q", len(w.owed), m[0].Text)
	}
}

// A limit of Slack's is of one method, and of one channel for posts: whoever opens
// their home often enough has no question wait.
func TestALimitHoldsUpItsOwnMethodOnly(t *testing.T) {
	t.Parallel()
	t.Run("homes", func(t *testing.T) {
		t.Parallel()
		w := atHome(t)
		w.run()
		w.fake.Fail("views.publish", fakeslack.RateLimited(10*time.Minute), 1)
		if _, err := w.fake.OpenHome(fakeslack.Carol); err != nil {
			t.Fatal(err)
		}
		shown := func() int { return w.logs.FilterMessage("a home can't be shown").Len() }
		w.until("the limit", func() bool { return shown() == 1 })
		w.put(question(), ledger.NoticeQuestion)
		if got, err := w.once(); len(got.Seqs) == 0 {
			t.Errorf("the question waits for %s: %v", got.Wait, err)
		}
		called := func() (n int) {
			for _, c := range w.fake.Calls() {
				if c.Method == "views.publish" {
					n++
				}
			}
			return n
		}
		before := called()
		if _, err := w.fake.OpenHome(fakeslack.Carol); err != nil {
			t.Fatal(err)
		}
		w.until("the second", func() bool { return shown() == 2 })
		if called() != before {
			t.Error("the method was called while Slack wanted to be left alone with it")
		}
	})
	t.Run("edits", func(t *testing.T) {
		t.Parallel()
		w := &engine{world: quick(t)}
		w.put(question(), ledger.NoticeQuestion)
		w.settle()
		w.fake.Fail("chat.update", fakeslack.RateLimited(10*time.Minute), 1)
		w.put(expired(), ledger.NoticeOutcome)
		w.turn()
		w.put(copyOf(question(), func(n *ledger.Case) { n.ID, n.Host = 8, "web-08" }), ledger.NoticeQuestion)
		for w.spent = 0; len(w.fake.Messages(fakeslack.Ops)) < 2 && w.spent < time.Hour; {
			w.turn()
		}
		if w.spent > 10*time.Second {
			t.Errorf("a limit of edits had a question wait for %s", w.spent)
		}
		for w.spent = 0; len(w.owed) > 0 && w.spent < time.Hour; {
			w.turn()
		}
		if w.spent < 9*time.Minute {
			t.Errorf("the edit waited for %s", w.spent)
		}
	})
	t.Run("channels", func(t *testing.T) {
		t.Parallel()
		w := &engine{world: quick(t)}
		w.set.Channels = map[remedy.PoolName]string{"edge": "#incident"}
		w.fake.Fail("chat.postMessage", fakeslack.RateLimited(10*time.Minute), 1)
		w.put(question(), ledger.NoticeQuestion)
		w.turn()
		w.put(copyOf(question(), func(n *ledger.Case) { n.ID, n.Pool = 8, "ingest" }), ledger.NoticeQuestion)
		for w.spent = 0; len(w.fake.Messages(fakeslack.Ops)) == 0 && w.spent < time.Hour; {
			w.turn()
		}
		if w.spent > 10*time.Second {
			t.Errorf("a limit of one channel had a question in another wait for %s", w.spent)
		}
	})
}

// A moment of Slack's trouble loses no line of a thread.
func TestATroubledSlackLosesNoLineOfAThread(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"internal_error", "fatal_error", "service_unavailable", "request_timeout", "account_inactive"} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			w := &engine{world: quick(t)}
			w.put(question(), ledger.NoticeQuestion)
			w.settle()
			w.fake.Fail("chat.postMessage", fakeslack.Says(word), 1)
			w.put(copyOf(expired(), func(n *ledger.Case) {
				n.Events = append(n.Events, ledger.Event{At: at(3, 33, 0), What: "EXPIRED-LINE"})
			}), ledger.NoticeOutcome)
			for range 4 {
				w.turn()
				w.passes(30 * time.Second)
			}
			said := 0
			for _, m := range w.fake.Everything() {
				if m.Thread != "" && strings.Contains(string(m.Blocks), "EXPIRED-LINE") {
					said++
				}
			}
			if said != 1 {
				t.Errorf("the line is said %d times (receipt %s)", said, w.posts["thread/W-3"].Hash)
			}
		})
	}
}

// A post that Slack answered with trouble of its own may be there: by the pages of
// the methods some of it may have succeeded.
func TestAPostThatMayBeThereSaysThatItMayBeARepeat(t *testing.T) {
	t.Parallel()
	for word, repeat := range map[string]bool{"internal_error": true, "fatal_error": true, "request_timeout": true, "invalid_auth": false, "rate_limited": false} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			w := &engine{world: quick(t)}
			w.fake.Fail("chat.postMessage", fakeslack.Says(word), 1)
			w.put(question(), ledger.NoticeQuestion)
			w.turn()
			w.settle()
			if m := w.fake.Messages(fakeslack.Ops)[0]; strings.Contains(string(m.Blocks), "may be a repeat") != repeat {
				t.Errorf("may be a repeat: want %v: %s", repeat, m.Blocks)
			}
		})
	}
}

// What was over is told together; a second telling says that it is one.
func TestTheCatchUpSaysThatItMayBeARepeat(t *testing.T) {
	t.Parallel()
	w := &engine{world: quick(t)}
	for i := range 2 {
		w.put(copyOf(expired(), func(n *ledger.Case) {
			n.ID, n.Host, n.Outcome = remedy.CaseID(5+i), remedy.HostName(fmt.Sprintf("web-0%d", i)), remedy.OutcomeSelfRecovered
		}), ledger.NoticeOutcome)
	}
	w.now = w.now.Add(time.Hour)
	w.fake.Fail("chat.postMessage", fakeslack.Late(), 1)
	if _, err := w.once(); err == nil {
		t.Error("nothing got through, and there is no error")
	}
	w.passes(time.Minute)
	w.settle()
	all := w.fake.Messages(fakeslack.Ops)
	if len(all) != 2 || !strings.Contains(string(all[1].Blocks), "While you could not see me") || !strings.Contains(string(all[1].Blocks), "may be a repeat") {
		t.Errorf("%d messages; the last is %s", len(all), all[len(all)-1].Blocks)
	}
	if len(w.owed) != 0 {
		t.Errorf("%d are owed still", len(w.owed))
	}
}

// What every channel is told, and what an hour shares, is given up like the rest.
func TestWhatManyAreToldIsGivenUpToo(t *testing.T) {
	t.Parallel()
	w := &engine{world: quick(t)}
	w.set.Channels, w.set.Budget = map[remedy.PoolName]string{"ingest": "#incident"}, 1
	w.put(complain(4, "web-04"), ledger.NoticeComplaint)
	w.settle()
	w.fake.Fail("", fakeslack.Says("restricted_action"), -1)
	w.owe(ledger.Notice{Kind: ledger.NoticeStop, Detail: "frozen by kim: network work", At: w.now})
	w.put(complain(5, "web-05"), ledger.NoticeComplaint)
	w.put(complain(6, "web-06"), ledger.NoticeComplaint)
	for range 26 * 4 {
		w.turn()
		w.passes(15 * time.Minute)
	}
	if len(w.owed) != 0 {
		t.Errorf("after a day %+v is owed still", w.owed)
	}
	w.fake.Heal()
	w.settle()
}

// A limit of look-ups has nobody not called who was called before: a call decides
// nothing.
func TestALimitOfLookUpsStillCallsWhoWasSeen(t *testing.T) {
	t.Parallel()
	w := &engine{world: quick(t)}
	w.put(question(), ledger.NoticeQuestion)
	w.settle()
	called := func(m fakeslack.Message) int {
		s := unescaped(m.Blocks)
		return strings.Count(s, "<@U") + strings.Count(s, "<!subteam^")
	}
	want := called(w.fake.Messages(fakeslack.Ops)[0])
	if want == 0 {
		t.Fatal("the question calls nobody")
	}
	w.passes(11 * time.Minute)
	for _, method := range []string{"users.lookupByEmail", "usergroups.list"} {
		w.fake.Fail(method, fakeslack.RateLimited(time.Minute), 1)
	}
	w.put(copyOf(question(), func(n *ledger.Case) { n.ID, n.Host = 8, "web-08" }), ledger.NoticeQuestion)
	w.settle()
	if all := w.fake.Messages(fakeslack.Ops); len(all) != 2 || called(all[1]) != want {
		t.Errorf("%d are called, want %d: %s", called(all[1]), want, all[1].Blocks)
	}
}
