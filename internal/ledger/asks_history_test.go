package ledger_test

import (
	"bytes"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// askAccount is what a history of one case has said, as its entries and their
// results tell it: the checker never looks at the ledger's own record of it.
type askAccount struct {
	needed   int
	byHand   string // who asked for it; empty for a detector's
	asked    bool
	said     map[string]bool // people who said yes
	expires  time.Time
	ended    bool // denied, cancelled, expired or started
	snoozed  time.Time
	announce time.Duration // 0 while it isn't announced
	told     time.Time     // when the announcement was delivered
	lost     bool
	auto     bool // judged at auto last, and neither asked nor announced
	nth      int  // which of its questions it asks, or asked last
}

// No history of questions, announcements, delays and receipts starts a case
// without enough different people, by whoever asked for it, within its window,
// after a no, or while it is put off.
func TestNoHistoryOfQuestionsBreaksTheRules(t *testing.T) {
	t.Parallel()
	starts := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		r := newRig(t, at(remedy.LevelAuto), limited(func(l *ledger.Limits) { l.MaxOutFraction, l.MaxOut, l.MaxConcurrent = 1, 100, 100 }), hosts(1000))
		// With an announcement that every start needs, no start shows that a delay
		// holds one back that needs nothing else.
		announcing := rapid.Bool().Draw(t, "announcing")
		wanted, window := 0, time.Duration(0) // of people and of time, by the file
		if announcing {
			window = time.Minute
			r.wants(0, window)
		}
		cases := map[remedy.CaseID]*askAccount{}
		// shown are the questions that people have read, by case, with their numbers.
		type reading struct {
			number uint64
			nth    int
		}
		shown := map[remedy.CaseID][]reading{}
		var ids []remedy.CaseID
		one := func() (remedy.CaseID, *askAccount) {
			if len(ids) == 0 {
				return 0, nil
			}
			id := ids[rapid.IntRange(max(0, len(ids)-3), len(ids)-1).Draw(t, "case")]
			return id, cases[id]
		}
		people := []string{"fran", "fran-adm", "kim", "sam", "eve"} // eve is no approver, fran-adm is fran
		who := func() string { return rapid.SampledFrom(people).Draw(t, "who") }
		is := func(name string) string {
			if name == "fran-adm" {
				return "fran"
			}
			return name
		}
		ask := func(p *remedy.Plan, needed int) *ledger.Ask {
			return &ledger.Ask{
				PlanHash: p.Hash(), Approvers: []string{"fran", "fran-adm", "kim", "sam"}, Needed: needed, ExpiresAt: r.now.Add(20 * time.Minute),
				Aliases: []remedy.Alias{{Person: "fran", Unix: []string{"fran", "fran-adm"}}},
			}
		}
		ok := func(by remedy.Actor, b ledger.Body) bool { return r.as(by, b).Results[0].OK }
		open := func(b ledger.Body, by remedy.Actor, c *askAccount) *askAccount {
			res := r.as(by, b).Results[0]
			if !res.OK {
				return nil
			}
			old := cases[res.Case]
			if old == nil {
				ids = append(ids, res.Case)
				cases[res.Case] = c
				return c
			}
			if old.ended {
				return nil
			}
			return old
		}
		for range rapid.IntRange(30, 80).Draw(t, "steps") {
			r.pass(time.Duration(rapid.IntRange(1, 300).Draw(t, "seconds")) * time.Second)
			host := remedy.HostName(rapid.SampledFrom([]string{"h1", "h2", "h3"}).Draw(t, "host"))
			id, c := one()
			switch rapid.IntRange(0, 16).Draw(t, "what") {
			case 16: // the file is edited, and binds what is out
				wanted = rapid.IntRange(0, 2).Draw(t, "approvals")
				if announcing {
					window = time.Duration(rapid.IntRange(1, 10).Draw(t, "window")) * time.Minute
				}
				r.wants(wanted, window)
				for _, k := range cases {
					switch {
					case k.ended:
					case k.asked && k.byHand == "":
						k.needed = max(k.needed, wanted)
					case k.announce > 0:
						k.announce = max(k.announce, window)
					}
				}
			case 0: // asked about, unless it waits or was put off
				b := judge(host, remedy.LevelConfirm)
				needed := rapid.IntRange(1, 2).Draw(t, "needed")
				b.Ask = ask(b.Plan, needed)
				k := open(b, remedy.Warden(), &askAccount{})
				if k != nil {
					k.auto = false
				}
				if k != nil && !k.asked && k.announce == 0 && !r.now.Before(k.snoozed) {
					*k = askAccount{needed: max(needed, wanted), asked: true, said: map[string]bool{}, expires: b.Ask.ExpiresAt, lost: k.lost, nth: k.nth + 1}
				}
			case 1: // announced, unless it waits, was put off or couldn't be delivered
				b := judge(host, remedy.LevelAuto, announced)
				if k := open(b, remedy.Warden(), &askAccount{}); k != nil && !k.asked && k.announce == 0 && !k.lost && !r.now.Before(k.snoozed) {
					k.announce = max(b.Announce.For, window)
				} else if k != nil {
					k.auto = !k.asked && k.announce == 0
				}
			case 11, 12: // to be done at once, unless it waits
				if k := open(judge(host, remedy.LevelAuto), remedy.Warden(), &askAccount{}); k != nil {
					k.auto = !k.asked && k.announce == 0
				}
			case 2: // asked for by hand
				p := plan(host)
				b := &ledger.ManualOpen{Pool: pool, Host: host, Action: drain, Plan: *p, Decision: *decision(remedy.LevelAuto), Ask: ask(p, 2)}
				by := rapid.SampledFrom([]string{"fran", "kim"}).Draw(t, "by")
				if k := open(b, person(by), &askAccount{}); k != nil {
					*k = askAccount{needed: 1, byHand: is(by), asked: true, said: map[string]bool{}, expires: b.Ask.ExpiresAt, nth: k.nth + 1}
				}
			case 3, 4, 5:
				if c == nil {
					continue
				}
				by, yes, read := who(), r.yes(id), reading{}
				if q := r.get(id).Question(); q > 0 && c.asked {
					shown[id] = append(shown[id], reading{q, c.nth})
				}
				if all := shown[id]; len(all) > 0 && rapid.Bool().Draw(t, "says to which") {
					read = rapid.SampledFrom(append(all[:1:1], all...)).Draw(t, "read")
					yes.Question = read.number
				}
				res := r.as(person(by), yes).Results[0]
				if res.Code == ledger.RefusedSuperseded {
					starts["superseded"]++
					if read.nth == c.nth {
						t.Fatalf("%s was asked once, and is superseded: %+v", id, res)
					}
				}
				if !res.OK {
					continue
				}
				switch {
				case read.number > 0 && read.nth != c.nth:
					t.Fatalf("%s took a yes by %s to its %d. question, and asks its %d.", id, by, read.nth, c.nth)
				case !c.asked || c.ended || by == "eve" || !r.now.Before(c.expires):
					t.Fatalf("%s took a yes by %s at %v: %+v", id, by, r.now, c)
				case c.byHand == is(by) || c.said[is(by)]:
					t.Fatalf("%s took a second yes by %s: %+v", id, by, c)
				}
				c.said[is(by)] = true
			case 6:
				if c != nil && rapid.IntRange(0, 3).Draw(t, "deny") == 0 && ok(person(who()), &ledger.CaseAnswer{Case: id, Reason: "not-now"}) {
					c.ended = true
				}
			case 7:
				until := r.now.Add(time.Duration(rapid.IntRange(1, 20).Draw(t, "minutes")) * time.Minute)
				if c != nil && ok(person(who()), &ledger.CaseSnooze{Case: id, Until: until}) {
					if c.ended || c.announce == 0 && (!c.asked || c.byHand != "" || len(c.said) >= c.needed) {
						t.Fatalf("%s was put off: %+v", id, c)
					}
					*c = askAccount{snoozed: until, lost: c.lost, nth: c.nth}
					// Nothing but the delay is in the way of what is at auto then.
					k, _ := r.l.Case(id)
					if r.as(remedy.Warden(), judge(k.Host, remedy.LevelAuto)).Results[0].OK {
						c.auto = true
						starts["tried while put off"]++
					}
					if ok(remedy.Warden(), r.starting(id)) {
						t.Fatalf("%s started while it was put off: %+v", id, c)
					}
				}
			case 8:
				upto := uint64(0)
				for _, n := range r.l.Pending() {
					upto = n.Seq
					if k := cases[n.Case]; n.Kind == ledger.NoticeAnnounced && k != nil && k.announce > 0 && k.told.IsZero() {
						k.told = r.now
					}
				}
				r.ok(&ledger.NoticeReceipt{Upto: upto})
			case 9:
				if c == nil {
					continue
				}
				lost := rapid.Bool().Draw(t, "lost")
				if ok(remedy.Warden(), &ledger.CaseReconsider{Case: id, Undelivered: lost, Why: "x"}) {
					if c.announce == 0 || lost && !c.told.IsZero() {
						t.Fatalf("%s was reconsidered: %+v", id, c)
					}
					*c = askAccount{lost: c.lost || lost, auto: true, nth: c.nth}
				}
				if c.asked && ok(remedy.Warden(), &ledger.CaseExpire{Case: id}) {
					c.ended = true
				}
			case 10, 13, 14, 15:
				if c == nil {
					continue
				}
				kind := remedy.KindAct
				if c.byHand != "" && rapid.IntRange(0, 5).Draw(t, "kind") > 0 {
					kind = remedy.KindManual
				}
				if !ok(remedy.Warden(), r.starting(id, func(b *ledger.ExecStart) { b.Kind = kind })) {
					continue
				}
				switch {
				case c.ended || r.now.Before(c.snoozed):
					t.Fatalf("%s started after its end, or while it was put off: %+v", id, c)
				case c.asked:
					if len(c.said) < c.needed || c.said["eve"] || c.said[c.byHand] || !r.now.Before(c.expires) || (c.byHand != "") != (kind == remedy.KindManual) {
						t.Fatalf("%s started as %s at %v: %+v", id, kind, r.now, c)
					}
					starts["asked"]++
				case c.announce == 0 && !announcing && c.auto && !c.lost:
					starts["at once"]++
				case c.announce == 0 || c.told.IsZero() || r.now.Before(c.told.Add(c.announce)):
					t.Fatalf("%s started at %v, and people had not had their time: %+v", id, r.now, c)
				default:
					starts["announced"]++
				}
				c.ended = true
			}
		}
		again := ledger.New()
		if err := again.Restore(bytes.NewReader(snapshotOf(t, r.l))); err != nil || hashOf(t, again) != hashOf(t, r.l) {
			t.Fatalf("the state doesn't survive a snapshot: %v", err)
		}
	})
	t.Log(starts)
	if starts["asked"] < 5 || starts["announced"] < 5 || starts["at once"] < 2 || starts["tried while put off"] < 5 || starts["superseded"] < 1 {
		t.Errorf("the histories test little: %v", starts)
	}
}
