package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// self says how warden itself fares: nodes, who led, configs, what it could not
// see, and what holds it back.
func (w *morning) self() chat.MorningPart {
	p := chat.MorningPart{Name: chat.MorningSelf, Title: "Me"}
	add := func(at time.Time, bad string, format string, args ...any) {
		i := chat.MorningItem{At: at}
		say(&i, format, args...)
		if bad != "" {
			stress(&i, "%s", bad)
			w.trouble = true
		}
		p.Items = append(p.Items, i)
	}
	lacking := ""
	if n, known := w.now.Answering.Get(); known && n < len(w.night.Voters) {
		lacking = fmt.Sprintf("%d did not answer", len(w.night.Voters)-n)
	}
	add(time.Time{}, lacking, "%s", w.nodes())
	for _, x := range w.night.Waivers {
		add(time.Time{}, "its word on levels doesn't count", "%s is waived", short(x.Node))
	}
	if same, differ := w.configs(); same != "" {
		add(time.Time{}, differ, "%s", same)
	}
	for _, t := range w.tenures() {
		w.trouble = true
		p.Items = append(p.Items, t)
	}
	for _, h := range w.night.Happenings {
		if h.Kind == ledger.HappenedBlind && h.At.Before(w.to) && (h.Until.IsZero() || h.Until.After(w.from)) {
			add(time.Time{}, "hands off while it was so", "%s could not be believed %s", short(h.Source), w.span(h.At, h.Until))
		}
	}
	for _, pool := range w.night.Pools {
		for _, s := range pool.Storms {
			if s.StartedAt.Before(w.to) && (s.On || s.EndedAt.After(w.from)) && !s.StartedAt.IsZero() {
				until := s.EndedAt
				if s.On {
					until = time.Time{}
				}
				add(time.Time{}, "hands off while it was so", "common mode in %s %s", short(pool.Name), w.span(s.StartedAt, until))
			}
		}
		if pool.Blocked != "" {
			add(time.Time{}, chat.Fit(chat.Clean(pool.Blocked), 120), "inventory of %s is blocked", short(pool.Name))
		}
	}
	if f := w.night.Freeze; f != nil {
		add(f.Since, "nothing is done until `warden unfreeze`", "frozen by %s%s", short(f.By.Name), reason(f.Reason))
	}
	for _, l := range w.night.Latches {
		where := "everywhere"
		if l.Pool != "" {
			where = "in " + short(l.Pool)
		}
		add(l.Since, "nothing starts by itself until a person resets it", "the breaker is latched %s%s", where, reason(l.Detail))
	}
	return p
}

// nodes says how many nodes there are, and how many answer where that is known.
func (w *morning) nodes() string {
	n := len(w.night.Voters)
	answering, known := w.now.Answering.Get()
	switch {
	case n < 2:
		return "1 node"
	case !known:
		return plural(n, "node")
	case answering == n:
		return fmt.Sprintf("%d of %d nodes fine", answering, n)
	}
	return fmt.Sprintf("%d of %d nodes answer", answering, n)
}

// configs says whether all nodes have one config.
func (w *morning) configs() (same, differ string) {
	hashes := map[string][]string{}
	silent := 0
	for _, v := range w.night.Voters {
		i := slices.IndexFunc(w.night.Reports, func(r ledger.NodeReport) bool { return r.Node == v })
		if i < 0 {
			silent++
			continue
		}
		h := w.night.Reports[i].ConfigHash
		hashes[h] = append(hashes[h], short(v))
	}
	switch {
	case silent > 0:
		return "config", fmt.Sprintf("%s told nothing of theirs", plural(silent, "node"))
	case len(hashes) < 2 && len(w.night.Voters) < 2:
		return "", ""
	case len(hashes) < 2:
		return "config same everywhere", ""
	}
	var parts []string
	for h, nodes := range hashes {
		parts = append(parts, strings.Join(nodes, " and ")+" "+chat.Fit(chat.Clean(h), 12))
	}
	slices.Sort(parts)
	return "configs differ", strings.Join(parts, ", ")
}

// tenures are the changes of leader in what is covered.
func (w *morning) tenures() []chat.MorningItem {
	var out []chat.MorningItem
	before := remedy.NodeID("")
	for _, h := range w.night.Happenings {
		if h.Kind != ledger.HappenedLead {
			continue
		}
		if w.in(h.At) && before != "" {
			i := chat.MorningItem{At: h.At}
			if h.Node == before {
				say(&i, "%s began to lead again", short(h.Node))
			} else {
				say(&i, "failover: %s leads, and %s did before", short(h.Node), short(before))
			}
			out = append(out, i)
		}
		before = h.Node
	}
	return out
}

// span words from when to when something was.
func (w *morning) span(from, until time.Time) string {
	if until.IsZero() {
		return "since " + w.when(from)
	}
	return "from " + w.when(from) + " to " + w.when(until)
}

// trust says of every action and pool how right warden was and what the gate for
// the next rung says: what a person should do something about first.
func (w *morning) trust() chat.MorningPart {
	p := chat.MorningPart{Name: chat.MorningTrust, Title: "Trust"}
	type line struct {
		urgency int
		item    chat.MorningItem
	}
	var lines []line
	for _, e := range w.night.Trust {
		a := trust.Assess(e, w.present())
		i := chat.MorningItem{Pool: chat.Clean(string(e.Pool)), Action: chat.Clean(string(e.Action))}
		urgency, text := 3, fmt.Sprintf("%s on %s at %s", short(e.Action), short(e.Pool), e.Effective)
		if d := a.Weakest(a.Next); d != nil && d.Window.Labelled() > 0 {
			text += fmt.Sprintf(": %d of %d right, at least %.1f%%", d.Window.Right, d.Window.Labelled(), 100*d.Window.Low)
		} else if d != nil && d.Window.Episodes == 0 {
			urgency = 4
		}
		switch {
		case a.Demotion != nil:
			urgency = 0
			stress(&i, "moved back to %s: %s", a.Demotion.To, a.Demotion.Because())
			w.trouble = w.trouble || w.in(a.Demotion.Newest())
		case a.Stance == trust.StancePromote && a.Next != nil && len(a.Next.Checks) > 0:
			urgency = 1
			stress(&i, "gate for %s is met", a.Next.To)
			if command := quoted("`warden promote %s --pool %s`", string(e.Action), string(e.Pool)); command != "" {
				text += "; " + command
			}
		case a.Stance == trust.StanceLower:
			urgency = 2
			stress(&i, "the gate of its level is not met any more")
		case a.Next != nil && len(a.Next.Checks) > 0:
			text += fmt.Sprintf("; gate for %s: %s", a.Next.To, a.Next.Brief())
		}
		say(&i, "%s", text)
		lines = append(lines, line{urgency, i})
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.urgency, b.urgency) })
	quiet := 0
	for _, l := range lines {
		if l.urgency == 4 {
			quiet++
			continue
		}
		p.Items = append(p.Items, l.item)
	}
	if quiet > 0 && len(p.Items) > 0 {
		p.More = fmt.Sprintf("%d more had nothing to go by", quiet)
	}
	return p
}

// chartDays is how many days the chart has.
const chartDays = 14

// chart is what warden wanted and did a day, by when it first wanted it. It is
// drawn from the evidence, which is kept for longer than cases are.
func (w *morning) chart() *chat.MorningChart {
	day := func(t time.Time) string { return t.In(w.o.Zone).Format(time.DateOnly) }
	y, m, d := w.to.In(w.o.Zone).Date()
	c := &chat.MorningChart{Title: fmt.Sprintf("Acts and wishes, %d days", chartDays)}
	at := map[string]int{}
	for n := range chartDays {
		// Noon is on the day whatever clocks do, and days are counted on the calendar.
		name := time.Date(y, m, d-chartDays+1+n, 12, 0, 0, 0, time.UTC).Format(time.DateOnly)
		c.Days, at[name] = append(c.Days, name), n
	}
	names := []string{"would have acted", "acted", "approved", "wrong"}
	values := [4][]int{}
	for i := range values {
		values[i] = make([]int, chartDays)
	}
	some, first, folded := false, "", time.Time{}
	for _, e := range w.night.Trust {
		for _, records := range [][]trust.Record{e.Older, e.Current} {
			for _, r := range records {
				if s := day(r.Since); first == "" || s < first {
					first = s
				}
				if r.Folded.Until.After(folded) {
					folded = r.Folded.Until
				}
			}
		}
	}
	for _, s := range w.samples {
		n, ok := at[day(s.At)]
		if !ok || !s.At.Before(w.to) {
			continue
		}
		some = true
		switch {
		case s.Acted && s.Approved:
			values[2][n]++
		case s.Acted:
			values[1][n]++
		default:
			values[0][n]++
		}
		if s.Label() == trust.Wrong {
			values[3][n]++
		}
	}
	if !some {
		return nil
	}
	for i, name := range names {
		c.Series = append(c.Series, chat.MorningSeries{Name: name, Values: values[i]})
	}
	if first > c.Days[0] {
		c.Since = first
	}
	if !folded.IsZero() && day(folded) >= max(c.Days[0], c.Since) {
		c.Since = day(folded.AddDate(0, 0, 1))
	}
	return c
}
