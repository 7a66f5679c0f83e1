package ledger

import (
	"fmt"
	"slices"
	"strings"

	"warden/internal/remedy"
)

// maxJoined bounds what a question learns of who is one person since it was asked, beyond
// what the files say now: each edit of a file that is about who was asked adds to it.
const maxJoined = 64

// concerned are those of whom a question has to know whether two are one: who may answer
// it by name, who did, who asked for it by hand, and whoever else is given.
func (c *Case) concerned(also ...remedy.Actor) []remedy.Actor {
	all := slices.Clone(also)
	for _, match := range c.Ask.Approvers {
		if a, named := (remedy.Approver{Match: match}).Actor(); named {
			all = append(all, a)
		}
	}
	for _, a := range c.Approvals {
		all = append(all, a.By)
	}
	if c.Answer != nil {
		all = append(all, c.Answer.By)
	}
	if c.Manual != nil {
		all = append(all, c.Manual.By)
	}
	return all
}

// joined are the aliases of a question with what reports, the voters', say now of who is
// one person, of those concerned: the most that any says, for who turns out to be one
// must not count as two. Nobody is told apart by it who wasn't when it was asked. What a
// file once said stays with the question. What several say of one person counts together:
// those concerned may be one by an alias that names none of them.
func (c *Case) joined(reports []TrustReport, also ...remedy.Actor) []remedy.Alias {
	lists := [][]remedy.Alias{c.Ask.Aliases}
	for _, r := range reports {
		lists = append(lists, r.Aliases)
	}
	kin := remedy.KinOf(c.concerned(also...), lists...)
	known := map[string]bool{}
	for _, one := range c.Ask.Aliases {
		known[aliasKey(one)] = true
	}
	out := slices.Clip(c.Ask.Aliases)
	for _, r := range reports {
		for _, one := range r.Aliases {
			if key := aliasKey(one); kin.Has(one) && !known[key] {
				known[key], one.Joins = true, true
				out = append(out, one)
			}
		}
	}
	return out
}

// aliasKey tells aliases apart by whom they make one.
func aliasKey(one remedy.Alias) string {
	return strings.Join(one.Unix, "\x00") + "\x00\x00" + one.Email
}

// overJoined reports whether a question has learnt more of who is one person than it may
// keep: it is taken back then, and the next one begins with what the files say.
func (m *machine) overJoined(c *Case, aliases []remedy.Alias) bool {
	if len(aliases) <= maxJoined {
		return false
	}
	ask := *c.Ask
	ask.Aliases = slices.DeleteFunc(slices.Clone(ask.Aliases), func(one remedy.Alias) bool { return one.Joins })
	now := *c
	now.Ask = &ask
	return len(aliases) > len(now.joined(m.trustReports))+maxJoined
}

// knowing is the case with what the files say now of somebody who answers its question:
// that they are one with another who did may be said of nobody who was asked by name.
// The case is not edited.
func (m *machine) knowing(c *Case, by remedy.Actor) *Case {
	if c.Ask == nil || c.Stage != remedy.StageWaiting {
		return c
	}
	aliases := c.joined(m.trustReports, by)
	if len(aliases) == len(c.Ask.Aliases) {
		return c
	}
	ask, n := *c.Ask, *c
	ask.Aliases, n.Ask = aliases, &ask
	return &n
}

// wanted is a question about a case with what the voters' files want of it, and why
// nobody could answer it so that it counts; empty where they could, or one yes is enough.
func (m *machine) wanted(c *Case, ask Ask) (_ Ask, why string) {
	n := max(ask.Needed, m.approvals(c.Action, c.Pool))
	if n > 1 {
		ask.Needed = n
		if ask.ByHand {
			ask.Needed = max(n-1, 1) // who asked for it is one of them
		}
	}
	q := *c
	q.Ask, q.Answer, q.Approvals = &ask, nil, nil
	given := ask.Aliases
	ask.Aliases = q.joined(m.trustReports)
	if n < 2 {
		return ask, ""
	}
	needed := ask.NeededYes()
	_, most := q.people(needed)
	if most >= needed {
		return ask, ""
	}
	why = fmt.Sprintf("%d people have to say yes, and %d may", n, most+n-needed)
	return ask, why + m.whoStops(&q, given)
}

// whoStops names the voters whose files have it that nobody can answer a question so that
// it counts: by how many people they want, and by whom they say are one, beside what the
// question itself says. How many is not worth a word where every file wants as many and
// one says that two are one.
func (m *machine) whoStops(c *Case, given []remedy.Alias) string {
	joins := m.whoJoins(c, given)
	n := m.approvals(c.Action, c.Pool)
	var want []string
	for i := range m.trustReports {
		if m.trustReports[i].rung(c.Action, c.Pool).Approvals == n {
			want = append(want, string(m.trustReports[i].Node))
		}
	}
	switch last := len(want) - 1; {
	case len(want) == 0 || joins != "" && len(want) == len(m.trustReports):
		return joins
	case last == 0:
		return fmt.Sprintf(" (the file of %s wants %d)", want[0], n) + joins
	default:
		return fmt.Sprintf(" (the files of %s and %s want %d)", strings.Join(want[:last], ", "), want[last], n) + joins
	}
}

// whoJoins names the voters whose files say that people who may answer a question are
// one, beside what the question itself says, each or else together; empty for none.
func (m *machine) whoJoins(c *Case, given []remedy.Alias) string {
	ask, q := *c.Ask, *c
	ask.Aliases, q.Ask = given, &ask
	var say, part []string
	for i, r := range m.trustReports {
		with := q.joined(m.trustReports[i : i+1])
		if who := oneBeside(q.concerned(), given, with); len(who) > 0 {
			say = append(say, fmt.Sprintf("the file of %s says that %s are one person", r.Node, strings.Join(who, " and ")))
		}
	}
	all := q.joined(m.trustReports)
	if who := oneBeside(q.concerned(), given, all); len(say) == 0 && len(who) > 0 {
		for _, r := range m.trustReports {
			if slices.ContainsFunc(r.Aliases, func(one remedy.Alias) bool {
				return slices.ContainsFunc(all[len(given):], func(two remedy.Alias) bool { return aliasKey(one) == aliasKey(two) })
			}) {
				part = append(part, string(r.Node))
			}
		}
		say = []string{fmt.Sprintf("the files of %s together say that %s are one person", strings.Join(part, " and "), strings.Join(who, " and "))}
	}
	if len(say) == 0 {
		return ""
	}
	return ": " + strings.Join(say, ", ")
}

// oneBeside names the first of some people who are one with others of them by some
// aliases, and not by those that were given; none for nobody.
func oneBeside(all []remedy.Actor, given, with []remedy.Alias) []string {
	for i, a := range all {
		who := []string{a.Name}
		for _, b := range all[i+1:] {
			if !slices.Contains(who, b.Name) && remedy.OnePerson(a, b, with) && !remedy.OnePerson(a, b, given) {
				who = append(who, b.Name)
			}
		}
		if len(who) > 1 {
			return who
		}
	}
	return nil
}

// Unanswerable says why nobody could answer a question about an action in a pool so that
// it counts, by what all voters' files together say of how many people have to and of
// who is one person; empty where they could. by is who asks for it by hand, and nil where
// nobody does. The question needs its Approvers, and Needed, Who and Aliases as far as
// the caller's own config says more than the reports.
func (l *Ledger) Unanswerable(action remedy.ActionName, pool remedy.PoolName, ask Ask, by *remedy.Actor) string {
	c := &Case{Action: action, Pool: pool}
	if ask.ByHand = by != nil; by != nil {
		c.Manual = &ManualRun{By: *by}
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	_, why := l.m.wanted(c, ask)
	return why
}
