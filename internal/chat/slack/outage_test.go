package slack_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

// TestAnHourOfTrouble has Slack fail for an hour in each way while ten questions
// are asked, answered and over. Nothing counts as told that was not, and
// afterwards people get one message a case, with its last state.
func TestAnHourOfTrouble(t *testing.T) {
	t.Parallel()
	const cases = 10
	for _, x := range []struct {
		name  string
		begin func(*fakeslack.Server)
		end   func(*fakeslack.Server)
		// hangs has a delivery given up after a moment, as its tenure would.
		hangs bool
		// lies: Slack says that it posted, so nobody can know better until an edit.
		lies bool
	}{
		{name: "refused", begin: func(s *fakeslack.Server) { s.Down(0) }},
		{name: "hangs", begin: func(s *fakeslack.Server) { s.Fail("", fakeslack.Hang(), -1) }, hangs: true},
		{name: "503", begin: func(s *fakeslack.Server) { s.Fail("", fakeslack.Status(503), -1) }},
		{name: "html", begin: func(s *fakeslack.Server) { s.Fail("", fakeslack.HTML(), -1) }},
		{name: "garbled", begin: func(s *fakeslack.Server) { s.Fail("", fakeslack.Garbled(), -1) }},
		{name: "names no message", begin: func(s *fakeslack.Server) { s.Fail("", fakeslack.LieWithoutTS(), -1) }},
		{name: "names another message", begin: func(s *fakeslack.Server) { s.Fail("", fakeslack.LieAboutAnother(), -1) }},
		{name: "names another channel", begin: func(s *fakeslack.Server) { s.Fail("", fakeslack.LieElsewhere(), -1) }},
		{name: "lies", begin: func(s *fakeslack.Server) { s.Fail("", fakeslack.Lie(), -1) }, lies: true},
		{name: "revoked", begin: func(s *fakeslack.Server) { s.Revoke("xoxb-fake") }, end: func(s *fakeslack.Server) { s.Restore("xoxb-fake") }},
		{name: "banned", begin: func(s *fakeslack.Server) {
			s.Fail("", fakeslack.RateLimited(time.Hour), 1)
			s.Fail("", fakeslack.Says("fatal_error"), -1)
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			w := quick(t)
			w.set.Channel = fakeslack.Ops // by its id: another one can't be right
			// The first message is there before, so that the tokens are known to work.
			w.put(question(), ledger.NoticeQuestion)
			w.settle()
			x.begin(w.fake)
			try := func() {
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if x.hangs {
					ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
				}
				defer cancel()
				got, err := w.slack.Deliver(ctx, w.view())
				if x.lies {
					w.took(got)
					return
				}
				if len(got.Seqs) > 0 || slices.ContainsFunc(got.Posts, func(p ledger.Post) bool { return p.Case >= 100 }) {
					t.Errorf("counts as told: %+v (%v)", got, err)
				}
				if err == nil && got.Wait == 0 && !x.hangs {
					t.Error("nothing got through, and there is neither an error nor a wait")
				}
			}
			of := func(i int, change func(*ledger.Case)) *ledger.Case {
				return copyOf(question(), func(n *ledger.Case) {
					n.ID, n.Host, n.Pool = remedy.CaseID(100+i), remedy.HostName(fmt.Sprintf("web-%d", i)), "edge"
					change(n)
				})
			}
			answered := &ledger.CaseReply{Approve: false, By: remedy.Actor{Name: "kim", Via: "cli", Person: true}, At: at(3, 20, 0)}
			for turn := range 6 { // every ten minutes it is tried
				<-w.clk.After(10 * time.Minute)
				w.mu.Lock()
				w.now = w.now.Add(10 * time.Minute)
				w.mu.Unlock()
				for i := range cases {
					switch turn {
					case 0:
						w.put(of(i, func(*ledger.Case) {}), ledger.NoticeQuestion)
					case 3:
						w.put(of(i, func(n *ledger.Case) {
							n.Answer, n.Stage, n.Outcome, n.Ask = answered, remedy.StageClosed, remedy.OutcomeDenied, nil
							n.ClosedAt, n.ChangedAt = at(3, 20, 0), at(3, 20, 0)
						}), ledger.NoticeOutcome)
					}
				}
				try()
			}
			if n := len(w.fake.Calls()); n > 100 {
				t.Errorf("%d calls in an hour of trouble", n)
			}
			w.fake.Heal()
			if x.end != nil {
				x.end(w.fake)
			}
			before := len(w.fake.Calls())
			w.settle()
			all := w.fake.Messages(fakeslack.Ops)
			if most := 1 + cases + 2; len(all) > most {
				t.Errorf("%d messages for %d cases", len(all), 1+cases)
			}
			if x.lies && len(all) == 1 {
				return // Slack said that all was posted, and nobody can know better
			}
			if len(w.fake.Calls()) == before {
				t.Error("nothing was sent afterwards")
			}
			for i := range cases {
				n := 0
				for _, m := range all {
					if strings.Contains(string(m.Blocks), fmt.Sprintf("W-%d", 100+i)) {
						n++
						for _, b := range m.Buttons() {
							if b.ActionID == "warden.approve" {
								t.Errorf("W-%d still asks: %s", 100+i, m.Blocks)
							}
						}
					}
				}
				if n != 1 && len(all) == 1+cases {
					t.Errorf("W-%d is in %d messages", 100+i, n)
				}
			}
		})
	}
}

// took commits what got through.
func (w *world) took(got chat.Delivery) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range got.Seqs {
		for i, m := range w.owed {
			if m.Notice.Seq == s {
				w.owed = append(w.owed[:i:i], w.owed[i+1:]...)
				break
			}
		}
	}
	for _, p := range got.Posts {
		w.posts[p.Key] = p
	}
}

// Whatever something on the way says, questions don't wait for long, and another
// token waits for nothing that was said to the one before.
func TestBeingToldToWaitIsBounded(t *testing.T) {
	t.Parallel()
	limited := func() *engine {
		w := &engine{world: quick(t)}
		w.fake.Fail("chat.postMessage", fakeslack.RateLimited(365*24*time.Hour), 1)
		w.put(question(), ledger.NoticeQuestion)
		w.turn()
		return w
	}
	w := limited()
	for len(w.owed) > 0 && w.spent < time.Hour {
		w.turn()
	}
	if w.spent < 14*time.Minute || w.spent > 16*time.Minute {
		t.Errorf("Slack was left alone for %s", w.spent)
	}
	w = limited()
	w.mu.Lock()
	w.set.APIURL = strings.TrimSuffix(w.set.APIURL, "/")
	w.mu.Unlock()
	if got, err := w.once(); err != nil || len(got.Seqs) == 0 {
		t.Errorf("another address: told %v, wait %s: %v", got.Seqs, got.Wait, err)
	}
}
