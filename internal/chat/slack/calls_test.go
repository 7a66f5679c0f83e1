package slack_test

import (
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
