package slack_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

// An announcement acts by itself, so whoever can stop it in time has to hear of it:
// it calls those whom a question would call, and says so of nobody else.
func TestWhomAnAnnouncementCalls(t *testing.T) {
	t.Parallel()
	group, fran := remedy.Approver{Match: "slack:@oncall-ops", Role: "oncall"}, remedy.Approver{Match: "fran", Email: "fran@example.net"}
	lost := remedy.Approver{Match: "zoe", Email: "zoe@example.net", Role: "oncall"}
	for name, tt := range map[string]struct {
		mention    remedy.Mention
		who        []remedy.Approver
		want, says string
	}{
		"by day":                 {remedy.MentionApprovers, []remedy.Approver{group, fran}, "<!subteam^S0ONCALL> <@U0FRAN>", ""},
		"in quiet hours":         {remedy.MentionOnCall, []remedy.Approver{group, fran}, "<!subteam^S0ONCALL>", "only on-call is called"},
		"nobody is on call":      {remedy.MentionOnCall, []remedy.Approver{fran}, "", "nobody is called"},
		"on-call is not in here": {remedy.MentionOnCall, []remedy.Approver{lost}, "", "could be found here"},
		"quiet":                  {remedy.MentionNobody, []remedy.Approver{group, fran}, "", "nobody is called"},
		"of an older build":      {remedy.MentionApprovers, nil, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := quick(t)
			w.put(copyOf(question(), func(n *ledger.Case) {
				n.Ask = nil
				n.Veto = &ledger.Veto{Announcement: ledger.Announcement{PlanHash: n.PlanHash, For: 5 * time.Minute, Within: 20 * time.Minute, Mention: tt.mention, Who: tt.who}, AnnouncedAt: at(3, 12, 0)}
			}), ledger.NoticeAnnounced)
			w.settle()
			blocks := unescaped(w.fake.Messages(fakeslack.Ops)[0].Blocks)
			if tt.want != "" && !strings.Contains(blocks, `"`+tt.want+`"`) || tt.want == "" && special.MatchString(blocks) {
				t.Errorf("called is not %q: %s", tt.want, blocks)
			}
			if !strings.Contains(blocks, tt.says) || tt.says == "" && strings.Contains(blocks, "called") {
				t.Errorf("it doesn't say %q: %s", tt.says, blocks)
			}
			if len(tt.who) != 1 || tt.who[0].Match != lost.Match { // who is asked for, and isn't there
				w.clean()
			}
		})
	}
}

// Whom a question calls holds it up neither by how many they are, where each look-up
// fails, nor by one that hangs.
func TestAQuestionIsNotHeldUpByWhomItCalls(t *testing.T) {
	t.Parallel()
	who := []remedy.Approver{}
	for i := range 30 {
		who = append(who, remedy.Approver{Match: fmt.Sprintf("p%d@example.net", i)}, remedy.Approver{Match: fmt.Sprintf("slack:@g%d", i)})
	}
	for name, how := range map[string]fakeslack.Failure{"trouble": fakeslack.Says("internal_error"), "limited": fakeslack.RateLimited(time.Minute), "hangs": fakeslack.Hang()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := quick(t)
			w.fake.Fail("users.lookupByEmail", how, -1)
			w.fake.Fail("usergroups.list", how, -1)
			w.put(copyOf(question(), func(n *ledger.Case) { a := *n.Ask; a.Who = who; n.Ask = &a }), ledger.NoticeQuestion)
			if _, err := w.once(); err != nil || len(w.owed) != 0 {
				t.Errorf("%d notices are owed: %v", len(w.owed), err)
			}
			n := 0
			for _, c := range w.fake.Calls() {
				if c.Method == "users.lookupByEmail" || c.Method == "usergroups.list" {
					n++
				}
			}
			if n > 2 {
				t.Errorf("%d look-ups that fail before one question", n)
			}
			if name == "hangs" {
				return
			}
			// Another round looks again.
			w.fake.Heal()
			<-w.clk.After(2 * time.Minute)
			w.put(copyOf(question(), func(n *ledger.Case) {
				a := *n.Ask
				a.Who = []remedy.Approver{{Match: "fran@example.net"}, {Match: "slack:@oncall-ops"}}
				n.ID, n.Ask = 8, &a
			}), ledger.NoticeQuestion)
			w.settle()
			if all := w.fake.Messages(fakeslack.Ops); !strings.Contains(unescaped(all[len(all)-1].Blocks), "<@U0FRAN> <!subteam^S0ONCALL>") {
				t.Errorf("nobody is called: %s", all[len(all)-1].Blocks)
			}
		})
	}
}
