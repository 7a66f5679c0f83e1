package story

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
	"warden/simulate/fleet"
)

// The hosts of the night.
const (
	// EveningHost is how mail earns to be asked about.
	EveningHost = "mail-03"
	// NightHost is drained at auto while everybody sleeps.
	NightHost = "web-33"
	// AskedHost is asked about, and ComplainedHost only complained about.
	AskedHost      = "mail-05"
	ComplainedHost = "edge-04"
)

// The morning summary is due when people come to work, and the night's first host
// is drained at 03:12: it is bad for three minutes by then.
const (
	dueHour, dueMinute = 9, 30
	badHour, badMinute = 3, 9
)

// night is what the story remembers of one.
type night struct {
	began     time.Time
	incidents int
	date      string // of the morning's summary
	person    string
}

// nights is the story of what people see who sleep: what was done and nobody was
// woken for, a question that is answered from a phone, a complaint, and the
// summary in the morning. It needs drain at auto in the large pool, at confirm in
// the file for mail, and at notify for edge.
func nights() []Step {
	return slices.Concat(evening(), dark(), morning(), amends())
}

// bad makes a host of a small pool bad.
func bad(pool remedy.PoolName, host string) func(context.Context, *Run) error {
	return func(_ context.Context, r *Run) error { return r.Sides[pool].Fleet.SetHealth(host, BadHealth) }
}

// evening is mail earning its confirm by one tap on a complaint.
func evening() []Step {
	return []Step{
		{
			Title: "the day ends; the next morning at 09:30 a summary tells of it",
			Do: func(ctx context.Context, r *Run) error {
				due := r.at(dueHour, dueMinute)
				r.Night.date = due.Format(time.DateOnly)
				return r.skip(ctx, due.Add(time.Minute))
			},
			Lines: []Line{
				{Says: "each node has a connection to Slack, and any may get a click", Event: true, Look: sockets(3)},
				{Says: "the day's summary is in #ops, once", Event: true, Look: summary("")},
			},
		},
		{
			Title: EveningHost + " goes bad; the file says confirm for mail, and that isn't earned yet",
			Do:    bad(MailPool, EveningHost),
			Lines: []Line{
				{Says: "it is held at notify, and complains in #team-mail", Within: 10 * time.Minute, Look: in(MailPool, both(level(remedy.LevelNotify), theOnly(EveningHost, remedy.StageProposed)))},
				{Says: "with buttons to say whether it was right", Event: true, Look: both(shows(MailChannel, EveningHost, "not allowed"), offers(MailChannel, "Good call", true))},
			},
		},
		{
			Title: "sam taps “Good call” in Slack, and has the gate judged",
			Do: func(ctx context.Context, r *Run) error {
				if err := r.tap(Approver, MailChannel, "Good call"); err != nil {
					return err
				}
				if err := r.until(ctx, in(MailPool, evidence(1))); err != nil {
					return err
				}
				return r.types(ctx, "promote", string(r.Action), "--pool", string(MailPool), "--review", "--yes", "--reason", "one of one was right")
			},
			Lines: []Line{
				{Says: "that tap is a label, and enough for this demo: mail is at confirm", Event: true, Look: in(MailPool, both(evidence(1), level(remedy.LevelConfirm)))},
				{Says: "now it asks, and touches nobody", Within: 5 * time.Minute, Look: in(MailPool, both(theOnly(EveningHost, remedy.StageWaiting), commanded))},
			},
		},
		{
			Title: EveningHost + " gets well by itself",
			Do:    func(_ context.Context, r *Run) error { return r.Sides[MailPool].Fleet.SetHealth(EveningHost, 1) },
			Lines: []Line{
				{Says: "its case is closed: never mind", Within: 20 * time.Minute, Look: in(MailPool, noOpenCase)},
				{Says: "the question is withdrawn in its message, without a button to drain it", Event: true, Look: both(shows(MailChannel, EveningHost), offers(MailChannel, "Drain "+EveningHost, false))},
			},
		},
	}
}

// dark is the night.
func dark() []Step {
	return []Step{
		{
			Title: "everybody sleeps until " + NightHost + " goes bad, some minutes after three; drain is at auto",
			Do: func(ctx context.Context, r *Run) error {
				if err := r.skip(ctx, r.at(badHour, badMinute)); err != nil {
					return err
				}
				r.Night.began, r.Night.incidents, r.Night.person = r.Clock.Now(), len(r.Pager.Incidents()), r.Person.Name
				r.Asked = append(r.Asked, command(NightHost, fleet.Drain))
				return r.Fleet.SetHealth(NightHost, BadHealth)
			},
			Lines: []Line{
				{Says: "it is drained, by exactly one command, and nobody was asked", Within: 15 * time.Minute, Look: both(commanded, admin(NightHost, fleet.Drain))},
				{Says: "it took: no sessions are left, and the host is out", Within: 15 * time.Minute, Look: both(idle(NightHost), out(NightHost), drained(NightHost), asleep)},
				{Says: "#ops reads that it is out and verified; nobody is called", Event: true, Look: both(alone(OpsChannel), shows(OpsChannel, NightHost, "verified", "you were not paged"), offers(OpsChannel, "Undo", true))},
				{Says: "nobody was paged: PagerDuty has a recent change, and no incident", Event: true, Look: both(unpaged, noted(NightHost))},
			},
		},
		{
			Title: AskedHost + " goes bad; drain is at confirm for mail",
			Do:    bad(MailPool, AskedHost),
			Lines: []Line{
				{Says: "it asks, and touches nobody", Within: 15 * time.Minute, Look: both(in(MailPool, askedAbout(AskedHost)), commanded)},
				{Says: "the question is in #team-mail, with buttons; at night it calls nobody", Event: true, Look: both(shows(MailChannel, AskedHost), offers(MailChannel, "Drain "+AskedHost, true), unpaged)},
			},
		},
		{
			Title: "kim taps “Drain " + AskedHost + "”, and may not",
			Do:    func(_ context.Context, r *Run) error { return r.tap(Bystander, MailChannel, "Drain "+AskedHost) },
			Lines: []Line{
				{Says: "kim alone reads why nothing happens", Event: true, Look: whispered(Bystander, MailChannel, "You can still say no")},
				{Says: "the question stands, and nobody is touched", Rounds: 2, Look: in(MailPool, both(askedAbout(AskedHost), commanded, offers(MailChannel, "Drain "+AskedHost, true)))},
			},
		},
		{
			Title: "sam wakes up, and taps it as well",
			Do: func(_ context.Context, r *Run) error {
				r.Asked = append(r.Asked, command(AskedHost, fleet.Drain))
				return r.tap(Approver, MailChannel, "Drain "+AskedHost)
			},
			Lines: []Line{
				{Says: "the ledger of every node knows who said yes, and where", Event: true, Look: approvedInSlack},
				{Says: "the load balancer of mail got exactly one command, and it took", Within: 15 * time.Minute, Look: in(MailPool, both(commanded, idle(AskedHost), out(AskedHost), drained(AskedHost)))},
				{Says: "the same message says so now, and asks nothing any more", Event: true, Look: both(alone(MailChannel), shows(MailChannel, AskedHost+" is out", "verified"), offers(MailChannel, "Drain "+AskedHost, false))},
			},
		},
		{
			Title: ComplainedHost + " goes bad; drain is at notify for edge",
			Do:    bad(EdgePool, ComplainedHost),
			Lines: []Line{
				{Says: "it may only tell", Within: 15 * time.Minute, Look: in(EdgePool, both(theOnly(ComplainedHost, remedy.StageProposed), level(remedy.LevelNotify), commanded))},
				{Says: "it complains in #team-edge that it is not allowed to, and calls nobody", Event: true, Look: both(shows(EdgeChannel, ComplainedHost, "not allowed"), unpaged)},
			},
		},
	}
}

// morning is the summary, which is told once although the leader dies over it.
func morning() []Step {
	return []Step{
		{
			Title: "09:30: the summary is due, Slack answers 503 for a moment, and the leader dies",
			Do: func(ctx context.Context, r *Run) error {
				due := r.at(dueHour, dueMinute)
				r.Night.date = due.Format(time.DateOnly)
				if err := r.skip(ctx, due.Add(-time.Minute)); err != nil {
					return err
				}
				r.Slack.Fail("chat.postMessage", fakeslack.Status(503), -1)
				return nil
			},
			Lines: []Line{
				{Says: "every ledger knows that it is due, and nobody could be told", Within: 5 * time.Minute, Look: both(due, owed)},
			},
		},
		{
			Title: "the leader is killed, and Slack is back",
			Do: func(ctx context.Context, r *Run) error {
				leads := r.turn().Name
				r.Down = append(r.Down, leads)
				if err := r.Cluster.Kill(leads); err != nil {
					return err
				}
				// What the dead one had sent by then has been refused.
				err := r.until(ctx, succeeded)
				r.Slack.Heal()
				return err
			},
			Lines: []Line{
				{Says: "another node leads", Event: true, Look: succeeded},
				{Says: "it says good morning in #ops", Event: true, Look: summary("")},
				{Says: "what was done: " + NightHost + " by itself, " + AskedHost + " on sam's yes", Look: both(summary(NightHost), summary(AskedHost))},
				{Says: "what it wanted and was not allowed to: " + ComplainedHost, Look: summary(ComplainedHost)},
				{Says: "that both hosts are still out, and that one of three nodes is silent", Look: both(summary("Still out"), summary("2 of 3 nodes answer"))},
				{Says: "it said so once, and says it no more", Rounds: 8, Look: both(summary(""), unpaged, commanded)},
			},
		},
		{
			Title: "the dead node is started again in the morning",
			Do:    func(ctx context.Context, r *Run) error { return r.start(ctx) },
			Lines: []Line{
				{Says: "three nodes are up, and each has its connection to Slack", Event: true, Look: both(together(3), sockets(3))},
				{Says: "and one summary still", Rounds: 2, Look: both(summary(""), mannered)},
			},
		},
	}
}

// amends is the morning's work: what was taken out is mended, and put back by
// taps.
func amends() []Step {
	back := func(pool remedy.PoolName, host, channel string) Step {
		look := func(f func(*Run) Sight) func(*Run) Sight {
			if pool == "" {
				return f
			}
			return in(pool, f)
		}
		return Step{
			Title: host + " is mended, and sam taps “Undo” on its message",
			Do: func(_ context.Context, r *Run) error {
				f := r.Fleet
				if pool != "" {
					f = r.Sides[pool].Fleet
				}
				if err := f.SetHealth(host, 1); err != nil {
					return err
				}
				cases := r.Ledger.Cases(ledger.CaseFilter{Host: remedy.HostName(host), Open: true})
				if len(cases) != 1 {
					return fmt.Errorf("%s has %d open cases", host, len(cases))
				}
				r.Case = cases[0].ID
				r.Asked = append(r.Asked, command(host, fleet.Ready))
				return r.tap(Approver, channel, "Undo")
			},
			Lines: []Line{
				{Says: "it is ready again, by exactly one more command", Within: 15 * time.Minute, Look: look(both(commanded, admin(host, fleet.Ready)))},
				{Says: "no case is open in its pool, and nobody is out", Within: settle, Look: look(both(noOpenCase, out()))},
			},
		}
	}
	return []Step{
		back("", NightHost, OpsChannel), back(MailPool, AskedHost, MailChannel),
		{
			Title: ComplainedHost + " gets well by itself",
			Do:    func(_ context.Context, r *Run) error { return r.Sides[EdgePool].Fleet.SetHealth(ComplainedHost, 1) },
			Lines: []Line{
				{Says: "its case is closed, and everybody was told everything", Within: 30 * time.Minute, Look: in(EdgePool, noOpenCase)},
				{Says: "in all that, warden broke none of Slack's rules", Event: true, Look: both(allTold, mannered)},
			},
		},
	}
}

// asleep looks at the time at which the night's host was out.
func asleep(r *Run) Sight {
	c, ok := r.Ledger.Case(r.Case)
	s := Sight{Want: "out between 03:10 and 03:30", Seen: "no case"}
	if x := c.Acted(); ok && x != nil {
		at := x.StartedAt.In(r.Zone)
		s.Seen = "begun at " + at.Format("15:04:05")
		s.OK = at.Hour() == badHour && at.Minute() >= badMinute && at.Minute() < badMinute+20
	}
	return s
}

// approvedInSlack looks for the yes of the person who is the story's, given in
// Slack.
func approvedInSlack(r *Run) Sight {
	return theCase("approved by "+r.Person.Name+" in slack", func(c *ledger.Case) bool {
		return c.Answer != nil && c.Answer.Approve && c.Answer.By.Name == r.Person.Name && c.Answer.By.Via == "slack"
	})(r)
}

// due looks for the morning's summary having been due, in the ledger.
func due(r *Run) Sight {
	last, _ := r.Ledger.LastSummary()
	return Sight{OK: last.Date == r.Night.date, Want: "a summary of " + r.Night.date, Seen: "the last is of " + last.Date}
}

// owed looks for Slack not having been told of the summary.
func owed(r *Run) Sight {
	ok := slices.ContainsFunc(r.Ledger.PendingFor(ledger.SurfaceSlack), func(n ledger.Notice) bool {
		return n.Kind == ledger.NoticeSummary && n.Detail == r.Night.date
	})
	return Sight{OK: ok && len(r.mornings()) == 0, Want: "the summary owed to Slack, and not there", Seen: fmt.Sprintf("owed %t, there %d times", ok, len(r.mornings()))}
}

// mornings are the messages in #ops with the summary of the date, but for later
// ones that say of themselves that they may be repeats: a leader that loses its
// office between telling and receipt has the next one tell it again.
func (r *Run) mornings() []fakeslack.Message {
	found := false
	return slices.DeleteFunc(r.Slack.Messages(OpsChannel), func(m fakeslack.Message) bool {
		if key(m) != "summary/"+r.Night.date || found && strings.Contains(reads(m), "may be a repeat") {
			return true
		}
		found = true
		return false
	})
}

// summary looks for exactly one summary of the date, which says some words.
func summary(words string) func(*Run) Sight {
	return func(r *Run) Sight { return oneOf(r.mornings(), "summary of "+r.Night.date+" in #ops", []string{words}) }
}

// until waits, in real time, until something is seen.
func (r *Run) until(ctx context.Context, look func(*Run) Sight) error {
	seen, err := r.line(ctx, Line{Event: true, Look: look})
	if err != nil {
		return err
	}
	if !seen.OK {
		return errors.New(strings.Join([]string{"wanted", seen.Want, "and saw", seen.Seen}, " "))
	}
	return nil
}
