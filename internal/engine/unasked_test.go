package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/cron"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// others has both other voters report what their files say of people, where n2's is
// another than this node's.
func (r *rig) others(change func(*ledger.TrustReport)) {
	r.t.Helper()
	b := r.cfg.TrustReport(n2)
	change(b)
	r.commit(b)
	r.commit(r.cfg.TrustReport(n3))
}

// told are the notices of a kind about a case that people heard.
func (r *rig) told(kind ledger.NoticeKind, id remedy.CaseID) (out []chat.Message) {
	r.ear.mu.Lock()
	defer r.ear.mu.Unlock()
	for _, m := range r.ear.heard {
		if m.Notice.Kind == kind && m.Notice.Case == id {
			out = append(out, m)
		}
	}
	return out
}

// TestOfWhatNobodyCanAnswerPeopleAreTold: where the file of another voter, which may be
// dead, has it that nobody could say yes so that it counts, people are told as at notify,
// whose file it is among it, and are asked once it is mended.
func TestOfWhatNobodyCanAnswerPeopleAreTold(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		own   func(*setup)
		other func(*ledger.TrustReport)
		why   string
	}{
		"it says that two are one": {twoOf("fran", "kim"), func(b *ledger.TrustReport) {
			b.Aliases = []remedy.Alias{{Person: "fran", Unix: []string{"fran", "kim"}}}
		}, "2 people have to say yes, and 1 may: the file of n2-bbbb says that fran and kim are one person"},
		"it wants more people": {acting(func(a *Action) { a.Approvals, a.Approvers = 1, []string{"fran"} }), func(b *ledger.TrustReport) {
			for i := range b.Rungs {
				b.Rungs[i].Approvals = 2
			}
		}, "2 people have to say yes, and 1 may (the file of n2-bbbb wants 2)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, func(r *rig) {
				t := r.t
				three(r)
				r.others(x.other)
				r.rounds(5 * time.Minute)
				r.bad(2)
				r.rounds(3 * time.Hour)
				c := r.last(2)
				if c.Stage != remedy.StageProposed || c.Outcome != remedy.OutcomeTold || c.Unasked == nil || c.Unasked.Why != x.why {
					t.Fatalf("%s %s, not asked: %+v", c.Stage, c.Outcome, c.Unasked)
				}
				said := r.told(ledger.NoticeComplaint, c.ID)
				if len(said) != 1 || said[0].Notice.Detail != ledger.NotAsked+x.why {
					t.Fatalf("people were told %d times: %+v", len(said), said)
				}
				if words := strings.Join(chat.Render(said[0], chat.RenderOptions{}).Lines, "\n"); !strings.Contains(words, x.why) || !strings.Contains(words, "warden reload") {
					t.Errorf("people read:\n%s", words)
				}
				r.rounds(90 * time.Minute) // it complains every 4 h
				if n := len(r.told(ledger.NoticeComplaint, c.ID)); n != 2 {
					t.Errorf("after complain_at_most_every people were told %d times", n)
				}
				if n := len(r.told(ledger.NoticeQuestion, c.ID)); n != 0 || r.lb.acts() != 0 {
					t.Errorf("%d questions, %d acts", n, r.lb.acts())
				}
				r.others(func(*ledger.TrustReport) {})
				if c := r.reaches(2, remedy.StageWaiting); c.Unasked != nil || c.Outcome != "" {
					t.Errorf("%s, not asked: %+v", c.Outcome, c.Unasked)
				}
			}, level(remedy.LevelConfirm), x.own)
		})
	}
}

// TestQuietHoursPutOffWhatNobodyCanAnswer: while questions wait for the end of quiet hours,
// nobody is told of one that nobody could answer; who was told before, stays told.
func TestQuietHoursPutOffWhatNobodyCanAnswer(t *testing.T) {
	t.Parallel()
	from, err1 := cron.Parse("0 10 * * *") // the rig's story begins at 09:00
	until, err2 := cron.Parse("0 12 * * *")
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	quiet := func(s *setup) {
		before := s.config
		s.config = func(c *Config) {
			before(c)
			c.Quiet = &QuietHours{Span: cron.Span{From: from, To: until, Zone: time.UTC}, Defer: true}
		}
	}
	story(t, func(r *rig) {
		t := r.t
		r.bad(1)
		early := r.reaches(1, remedy.StageProposed)
		r.rounds(75 * time.Minute)
		r.bad(2)
		late := r.reaches(2, remedy.StageProposed)
		if late.Unasked == nil || late.Unasked.Why != "quiet hours" || len(r.told(ledger.NoticeComplaint, late.ID)) != 0 {
			t.Errorf("in quiet hours: not asked: %+v", late.Unasked)
		}
		c := r.last(1)
		if n := len(r.told(ledger.NoticeComplaint, early.ID)); !c.Unasked.Stuck() || n != 1 {
			t.Errorf("people were told %d times before, not asked: %+v", n, c.Unasked)
		}
		if i := slices.IndexFunc(c.Events, func(e ledger.Event) bool { return strings.Contains(e.What, "quiet hours") }); i >= 0 {
			t.Errorf("%+v", c.Events)
		}
		r.rounds(2 * time.Hour)
		if c := r.last(2); !c.Unasked.Stuck() || len(r.told(ledger.NoticeComplaint, late.ID)) != 1 {
			t.Errorf("after quiet hours: not asked: %+v", c.Unasked)
		}
	}, level(remedy.LevelConfirm), twoOf("fran"), quiet)
}
