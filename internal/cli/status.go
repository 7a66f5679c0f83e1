package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"warden/internal/chat"
	"warden/internal/remedy"
	"warden/internal/web"
)

func (p *program) newStatusCommand() *cobra.Command {
	var detailed bool
	cmd := &cobra.Command{
		Use: "status", Short: "Say on one screen how things are", GroupID: groupLook, Args: cobra.NoArgs,
		Example: `  warden status
  warden status -o wide
  warden status --detailed-exitcode -q || echo "somebody is needed"`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := p.dial()
			if err != nil {
				return err
			}
			defer client.Close()
			client.Observe = nil // it is said on the screen
			s, err := read(cmd.Context(), p, client.Status)
			if err != nil {
				return err
			}
			if p.printer.asJSON() {
				if err := p.printer.object(s); err != nil {
					return err
				}
			} else {
				p.printer.status(s)
			}
			if detailed && len(s.Waiting)+len(s.Unknown) > 0 {
				return exit(ExitSomething)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit 2 when something waits for a person")
	return cmd
}

func (o *printer) status(s *web.Status) {
	o.line(strings.Join(heading(s), "  "))
	o.line(o.watching(s))
	o.noQuorum(s)
	if f := s.Freeze; f != nil {
		o.line(o.paint(red, say("FROZEN by %s: %s (%s)    lift it: warden unfreeze", f.By.Name, f.Reason, o.ends(s.Now, f.Until))))
	}
	o.latches(s.Latches)
	o.troubles(s)
	for _, x := range s.Sources {
		if x.Why != "" {
			o.line(o.paint(yellow, say("%s", x.Why)))
		}
	}
	o.pools(s)
	o.byHand(s.NoQuorum)
	o.section("NOBODY KNOWS IF IT HAPPENED", len(s.Unknown), red)
	rows := make([][]cell, 0, len(s.Unknown))
	for _, k := range s.Unknown {
		rows = append(rows, []cell{c("%s", k.ID), c("%s %s", k.Action, k.Host), c("%s", k.Note), c("warden resolve %s --as out|in", k.ID)})
	}
	o.table("  ", nil, rows)

	o.section("WAITING FOR YOU", len(s.Waiting), yellow)
	rows = nil
	for _, k := range s.Waiting {
		until, next := waitsFor(k, s.Now)
		rows = append(rows, []cell{c("%s", k.ID), c("%s %s", k.Action, k.Host), c("%s", seen(k, s.Now)), c("%s", until), c("%s", next)})
	}
	o.table("  ", nil, rows)

	o.section("OUT BECAUSE OF WARDEN", len(s.Out), bold)
	rows = nil
	for _, k := range s.Out {
		state := c("%s", verified(k))
		if k.Took != nil && !*k.Took {
			state = state.in(red)
		}
		rows = append(rows, []cell{
			c("%s", k.Host), c("%s", since(s.Now, k.OutSince)), c("%s", k.ID), state, c("warden undo %s", k.ID), c("%s", fitnessOf(k.Probe)),
		})
	}
	o.table("  ", nil, rows)

	o.demoted(s)
	o.section("HELD", len(s.Holds), plain)
	rows = nil
	for _, h := range s.Holds {
		target, release := string(h.Pool)+" (the whole pool)", string(h.Pool)
		if h.Host != "" {
			target, release = string(h.Host)+" ("+string(h.Pool)+")", string(h.Host)
		}
		rows = append(rows, []cell{
			c("%s", target), c("by %s: %s", h.By.Name, h.Reason), c("%s", o.ends(s.Now, h.Until)), c("warden release %s", release),
		})
	}
	o.table("  ", nil, rows)
	o.line("")
	o.line(lastDay(&s.LastDay))
	if s.ToLabel > 0 {
		o.line(fmt.Sprintf("TO LABEL    %s: warden trust ACTION says which, 30 s each", count(s.ToLabel, "case")))
	}
}

// waitsFor says until when a case waits, with how many said yes, and what a
// person can do about it.
func waitsFor(k web.CaseSummary, now time.Time) (when, next string) {
	switch {
	case k.Asked.IsZero() && k.Waits != "": // announced
		return k.Waits, "warden deny " + k.ID.String()
	case k.Answered != "":
		return "expires in " + until(now, k.ExpiresAt), "approved by " + k.Answered + ", not started yet"
	case k.Waits != "":
		return k.Waits, "warden approve " + k.ID.String()
	}
	return "expires in " + until(now, k.ExpiresAt), "warden approve " + k.ID.String()
}

// heading is who answers, and whether it can.
func heading(s *web.Status) []string {
	parts := []string{chat.Clean(s.Cluster)}
	if s.LeaderID == "" {
		parts = append(parts, "NO LEADER")
	} else {
		parts = append(parts, say("leader %s, term %d", s.LeaderID, s.Raft.Term))
	}
	if s.Node != s.LeaderID && s.Node != "" {
		parts = append(parts, say("seen from %s", s.Node))
	}
	if s.NoQuorum == nil {
		parts = append(parts, say("%s, can lose %d", count(len(s.Raft.Voters), "voter"), s.Raft.CanLose))
	} else {
		parts = append(parts, say("%s, no majority of them seen", count(len(s.Raft.Voters), "voter")))
	}
	if s.Raft.Error != "" {
		parts = append(parts, say("(%s)", s.Raft.Error))
	}
	return append(parts, "up "+chat.Span(time.Duration(s.UptimeSec*float64(time.Second))), "version "+chat.Clean(s.Version), "config "+configs(s))
}

// noQuorum says that nobody leads.
func (o *printer) noQuorum(s *web.Status) {
	q := s.NoQuorum
	if q == nil {
		return
	}
	since := ""
	if !q.Since.IsZero() {
		since = " since " + o.stamp(q.Since)
	}
	o.line(o.paint(red, say("NO QUORUM%s: nothing is done and nothing can be approved", since)))
	if s.Behind != nil {
		o.line(o.paint(red, say("NOT UP TO DATE: %s", s.Behind.Text)))
	}
}

// byHand lists what people can do themselves while nobody leads.
func (o *printer) byHand(q *web.NoQuorum) {
	if q == nil {
		return
	}
	o.section("BY HAND", len(q.ByHand), yellow)
	rows := make([][]cell, 0, len(q.ByHand))
	for _, b := range q.ByHand {
		id, stage := "-", "seen by this node alone"
		if b.Case != 0 {
			id, stage = b.Case.String(), string(b.Stage)
		}
		rows = append(rows, []cell{c("%s", id), c("%s %s", b.Action, b.Host), c("%s", stage), orDash(b.Hint)})
	}
	o.table("  ", nil, rows)
}

// configs says whether all nodes have one config.
func configs(s *web.Status) string {
	var other []string
	for _, n := range s.Nodes {
		if n.ConfigHash != s.ConfigHash {
			other = append(other, say("%s on %s", orNone(n.ConfigHash), n.Node))
		}
	}
	switch {
	case len(other) > 0:
		return say("%s, but %s", s.ConfigHash, strings.Join(other, ", "))
	case len(s.Nodes) > 1:
		return say("%s on all nodes", s.ConfigHash)
	default:
		return chat.Clean(s.ConfigHash)
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// watching says how much is watched, and how far the sources can be believed.
func (o *printer) watching(s *web.Status) string {
	n := 0
	for _, pool := range s.Pools {
		n += pool.N
	}
	parts := []string{fmt.Sprintf("watching %s in %s", count(n, "host"), count(len(s.Pools), "pool"))}
	for _, x := range s.Sources {
		name := chat.Clean(string(x.Source))
		switch {
		case x.Fresh == nil:
			parts = append(parts, o.paint(yellow, name+" UNKNOWN"))
		case !*x.Fresh:
			parts = append(parts, o.paint(red, name+" STALE"+age(x)))
		default:
			parts = append(parts, name+" fresh"+age(x))
		}
	}
	switch {
	case s.LastRound.IsZero():
		parts = append(parts, "no round yet")
	case s.Leader && !s.Warm:
		parts = append(parts, "warming up")
	}
	if s.Freeze == nil {
		parts = append(parts, "not frozen")
	}
	return strings.Join(parts, "    ")
}

func age(x web.SourceStatus) string {
	if x.AgeSec == nil {
		return ""
	}
	return " " + chat.Span(time.Duration(*x.AgeSec*float64(time.Second)))
}

// pools shows how the hosts of each pool are judged, more of it when wide, and
// what is the matter with a pool.
func (o *printer) pools(s *web.Status) {
	if o.format == formatWide {
		o.line("")
		rows := make([][]cell, 0, len(s.Pools))
		for i := range s.Pools {
			x := &s.Pools[i]
			rows = append(rows, []cell{
				c("%s", x.Pool), c("%d", x.N), c("%d", x.InService), c("%d", x.MinInService), c("%d", x.OutOfService), c("%d", x.OutByWarden),
				c("%d", x.UnknownService), c("%d", x.OpenCases), verdicts(x),
			})
		}
		o.table("", []string{"POOL", "HOSTS", "IN", "FLOOR", "OUT", "BY WARDEN", "IN OR OUT?", "CASES", "VERDICTS"}, rows)
		rows = nil
		for _, l := range s.Levels {
			rows = append(rows, []cell{c("%s", l.Action), c("%s", l.Pool), c("%s", l.File), c("%s", l.Effective), orDash(strings.Join(l.Approvers, " "))})
		}
		o.line("")
		o.table("", []string{"ACTION", "POOL", "IN THE FILE", "IN FORCE", "APPROVERS"}, rows)
	} else {
		rows := make([][]cell, 0, len(s.Pools))
		for i := range s.Pools {
			x := verdicts(&s.Pools[i])
			x.text = count(s.Pools[i].N, "host") + ": " + x.text
			rows = append(rows, []cell{c("%s", s.Pools[i].Pool), x})
		}
		o.table("  ", nil, rows)
	}
	for i := range s.Pools {
		x := &s.Pools[i]
		if !x.Usable {
			o.line(o.paint(red, say("%s: hands off, its inventory can't be used: %s    if it is right: warden pool accept %s", x.Pool, x.Why, x.Pool)))
		}
		if x.Storm {
			o.line(o.paint(red, say("%s: hands off, common mode: too many bad at once", x.Pool)))
		}
	}
}

// verdicts is how many hosts of a pool have which verdict, as their worst.
func verdicts(p *web.PoolSummary) cell {
	var parts []string
	rest := p.N
	for _, v := range []remedy.Verdict{remedy.VerdictGood, remedy.VerdictBad, remedy.VerdictUnknown, remedy.VerdictOut} {
		if n := p.Verdicts[v.String()]; n > 0 {
			parts, rest = append(parts, fmt.Sprintf("%d %s", n, v)), rest-n
		}
	}
	if rest > 0 {
		parts = append(parts, fmt.Sprintf("%d not judged", rest))
	}
	x := orDash(strings.Join(parts, ", "))
	switch {
	case p.Verdicts[remedy.VerdictBad.String()] > 0:
		return x.in(red)
	case p.Verdicts[remedy.VerdictUnknown.String()] > 0:
		return x.in(yellow)
	}
	return x
}

func (o *printer) section(title string, n int, s style) {
	if n > 0 {
		o.line("")
		o.line(o.paint(s, fmt.Sprintf("%s (%d)", title, n)))
	}
}

// ends says when a stop ends.
func (o *printer) ends(now, end time.Time) string {
	if end.IsZero() {
		return "until lifted"
	}
	return "for " + until(now, end) + ", until " + o.stamp(end)
}

// seen says in short what a case's detector sees.
func seen(k web.CaseSummary, now time.Time) string {
	if k.Detector == "" {
		return "run by hand"
	}
	words := string(k.Detector) + " " + short(k.Value, k.Unit, k.Bad)
	if !k.BadSince.IsZero() {
		words += " for " + since(now, k.BadSince)
	}
	return words
}

func lastDay(d *web.DayCounts) string {
	parts := []string{count(d.Opened, "case"), fmt.Sprintf("%d acted", d.Acted)}
	for _, x := range []struct {
		n    int
		word string
	}{
		{d.Counted, "counted"}, {d.Approved, "approved"}, {d.Denied, "denied"}, {d.Expired, "expired"},
		{d.Recovered, "recovered"}, {d.Undone, "undone"},
	} {
		if x.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", x.n, x.word))
		}
	}
	parts = append(parts, fmt.Sprintf("%d labelled wrong", d.Wrong), fmt.Sprintf("%d failed", d.Failed))
	return "LAST 24 H   " + strings.Join(parts, ", ")
}
