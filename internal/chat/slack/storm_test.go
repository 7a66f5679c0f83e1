package slack_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

// storm is a Slack that fails in many ways, while cases ask, ask anew and end.
type storm struct {
	*engine
	rnd  *rand.Rand
	open []remedy.CaseID
	// next is the newest case, and note the newest question.
	next remedy.CaseID
	note uint64
}

// fault is one way in which Slack fails.
func (s *storm) fault() fakeslack.Failure {
	switch s.rnd.IntN(6) {
	case 0:
		return fakeslack.RateLimited(time.Duration(1+s.rnd.IntN(100)) * time.Second)
	case 1:
		return fakeslack.Status(500)
	}
	words := []string{"internal_error", "fatal_error", "account_inactive", "request_timeout", "msg_too_long", "invalid_blocks"}
	return fakeslack.Says(words[s.rnd.IntN(len(words))])
}

// asks has a case ask, for the first time or anew.
func (s *storm) asks(id remedy.CaseID, of *ledger.Case) {
	s.note++
	s.put(copyOf(of, func(n *ledger.Case) {
		n.ID, n.Host, n.ChangedAt = id, remedy.HostName(fmt.Sprintf("web-%d", id)), s.now
		a := *n.Ask
		a.AskedAt, a.ExpiresAt, a.Notice = s.now, s.now.Add(5*time.Hour), s.note
		n.Ask = &a
		n.Events = append(n.Events, ledger.Event{At: s.now, What: "asked", By: "warden"})
	}), ledger.NoticeQuestion)
}

// step is one thing that happens, or none.
func (s *storm) step() {
	switch i := s.rnd.IntN(6); {
	case i < 2:
		s.next++
		s.open = append(s.open, s.next)
		s.asks(s.next, question())
	case i == 4:
		method := []string{"chat.postMessage", "chat.update", "", "usergroups.list"}[s.rnd.IntN(4)]
		s.fake.Fail(method, s.fault(), 1+s.rnd.IntN(6))
	case len(s.open) == 0 || i == 5:
	case i == 2:
		id := s.open[s.rnd.IntN(len(s.open))]
		s.asks(id, s.cases[id])
	case i == 3:
		at := s.rnd.IntN(len(s.open))
		id := s.open[at]
		s.open = append(s.open[:at], s.open[at+1:]...)
		s.put(copyOf(s.cases[id], func(n *ledger.Case) {
			n.Stage, n.Outcome, n.Ask = remedy.StageClosed, remedy.OutcomeExpired, nil
			n.ClosedAt, n.ChangedAt = s.now, s.now
			n.Events = append(n.Events, ledger.Event{At: s.now, What: "expired", By: "warden"})
		}), ledger.NoticeOutcome)
	}
}

// asking counts the messages that ask each case's question.
func (s *storm) asking() map[remedy.CaseID]int {
	out := map[remedy.CaseID]int{}
	for _, m := range s.fake.Messages(fakeslack.Ops) {
		for _, b := range m.Buttons() {
			if b.ActionID != "warden.approve" {
				continue
			}
			for id := range s.cases {
				if strings.Contains(b.Value, fmt.Sprintf(".approve.%d.", uint64(id))) {
					out[id]++
				}
			}
		}
	}
	return out
}

// However Slack failed: once it is well again, what asks has one message with its
// button, and what is over has none.
func TestAfterAStormEachQuestionHasOneMessage(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{1, 2, 4, 12} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := &storm{engine: &engine{world: quick(t)}, rnd: rand.New(rand.NewPCG(seed, seed)), next: 100, note: 1000}
			for range 60 {
				s.step()
				for range 1 + s.rnd.IntN(4) {
					s.turn()
				}
				s.passes(time.Duration(s.rnd.IntN(40)) * time.Second)
			}
			s.fake.Heal()
			for s.spent = 0; s.spent < 50*time.Minute; s.passes(20 * time.Second) {
				s.turn()
			}
			if len(s.owed) > 0 {
				t.Errorf("%d are owed, the first %+v; refused: %+v", len(s.owed), s.owed[0].Notice, s.slack.Refusals())
			}
			asking := s.asking()
			for id, c := range s.cases {
				want := 0
				if c.Ask != nil {
					want = 1
				}
				if asking[id] != want {
					t.Errorf("%s: %d messages ask, want %d: %+v", id, asking[id], want, s.posts["case/"+id.String()])
				}
			}
			for k, p := range s.posts {
				if strings.HasPrefix(k, "was/") {
					t.Errorf("an earlier message is not edited: %+v", p)
				}
			}
		})
	}
}
