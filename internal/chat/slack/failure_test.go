package slack_test

import (
	"context"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

// TestWhyItFailedIsAClass has each way in which Slack fails counted as what it is.
func TestWhyItFailedIsAClass(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name  string
		begin func(*fakeslack.Server)
		want  chat.Reason
	}{
		{"down", func(s *fakeslack.Server) { s.Down(0) }, chat.ReasonUnreachable},
		{"hangs", func(s *fakeslack.Server) { s.Fail("chat.postMessage", fakeslack.Hang(), -1) }, chat.ReasonTimeout},
		{"503", func(s *fakeslack.Server) { s.Fail("chat.postMessage", fakeslack.Status(503), -1) }, chat.ReasonTrouble},
		{"404", func(s *fakeslack.Server) { s.Fail("chat.postMessage", fakeslack.Status(404), -1) }, chat.ReasonRefused},
		{"403", func(s *fakeslack.Server) { s.Fail("chat.postMessage", fakeslack.Status(403), -1) }, chat.ReasonCredential},
		{"a login page", func(s *fakeslack.Server) { s.Fail("chat.postMessage", fakeslack.HTML(), -1) }, chat.ReasonError},
		{"rate limited", func(s *fakeslack.Server) { s.Fail("chat.postMessage", fakeslack.RateLimited(time.Minute), 1) }, chat.ReasonRateLimited},
		{"revoked", func(s *fakeslack.Server) { s.Revoke("xoxb-fake") }, chat.ReasonCredential},
		{"internal_error", func(s *fakeslack.Server) { s.Fail("chat.postMessage", fakeslack.Says("fatal_error"), -1) }, chat.ReasonTrouble},
		{"a channel that is none", func(s *fakeslack.Server) { s.Fail("chat.postMessage", fakeslack.Says("channel_not_found"), -1) }, chat.ReasonRefused},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			w := quick(t)
			x.begin(w.fake)
			w.put(question(), ledger.NoticeQuestion)
			ctx := t.Context()
			if x.want == chat.ReasonTimeout {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 100*time.Millisecond)
				defer cancel()
			}
			got, err := w.slack.Deliver(ctx, w.view())
			if x.name == "a channel that is none" { // it holds up nothing else, and is counted by itself
				if err != nil || got.Refused != 1 || len(got.Seqs) != 0 {
					t.Errorf("%+v, %v", got, err)
				}
				return
			}
			if err == nil || got.Sent != 0 || got.Merged+got.Unwanted+got.Dropped != 0 {
				t.Fatalf("%+v, %v", got, err)
			}
			if class := chat.ReasonOf(err); class != x.want {
				t.Errorf("%v is %s, want %s", err, class, x.want)
			}
		})
	}
}

// TestWhatIsSentAndMergedIsCounted has three notices of one case, a case that only
// counts and an edit without a notice.
func TestWhatIsSentAndMergedIsCounted(t *testing.T) {
	t.Parallel()
	w := quick(t)
	w.put(question(), ledger.NoticeQuestion, ledger.NoticePutOff, ledger.NoticeQuestion)
	w.put(copyOf(complain(4, "web-01"), func(n *ledger.Case) { n.CountedLevel = remedy.LevelMetricOnly }), ledger.NoticeComplaint)
	var all chat.Delivery
	add := func() {
		t.Helper()
		for range 20 {
			got, err := w.once()
			if err != nil {
				t.Fatal(err)
			}
			all.Sent, all.Merged, all.Unwanted = all.Sent+got.Sent, all.Merged+got.Merged, all.Unwanted+got.Unwanted
			if got.Wait == 0 && len(got.Posts) == 0 {
				return
			}
			<-w.clk.After(got.Wait)
		}
	}
	add()
	if n := len(w.fake.Everything()); all.Sent != n || all.Merged != 2 || all.Unwanted != 1 {
		t.Errorf("%+v, with %d messages", all, n)
	}
	before := all
	w.put(copyOf(question(), func(n *ledger.Case) {
		n.Answer = &ledger.CaseReply{Approve: false, By: remedy.Actor{Name: "kim", Via: "cli", Person: true}, At: at(3, 20, 0)}
		n.Stage, n.Outcome, n.Ask, n.ClosedAt, n.ChangedAt = remedy.StageClosed, remedy.OutcomeDenied, nil, at(3, 20, 0), at(3, 20, 0)
	}))
	add()
	if all.Sent == before.Sent || all.Merged != before.Merged || all.Unwanted != before.Unwanted {
		t.Errorf("an edit without a notice: %+v after %+v", all, before)
	}
	w.clean()
}
