package cli

import (
	"strings"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// timeline shows what happened and which person did it, the date only where it
// changes. A verdict that came and went is one line.
func (o *printer) timeline(k *ledger.Case) {
	rows := make([][]cell, 0, len(k.Events))
	label, day := c("then"), ""
	for _, e := range folded(k.Events) {
		date := e.At.In(o.zone).Format("2006-01-02")
		shown := ""
		if date != day {
			shown, day = date, date
		}
		by := ""
		if e.By != "" && e.By != remedy.Warden().Name {
			by = "by " + e.By
		}
		rows = append(rows, []cell{label, c("%s", shown), c("%s", o.clockTime(e.At)), c("%s", joined(" ", o.told(e), by))})
		label = cell{}
	}
	o.table("  ", nil, rows)
}

// verdictWord is what the ledger's line about another verdict begins with.
const verdictWord = "verdict "

// fewestFlips is how many lines are worth folding.
const fewestFlips = 4

// flips are lines of a timeline that are shown as one.
type flips struct {
	ledger.Event
	n     int       // how many they are; 1 for a line as it is
	until time.Time // the last one's
	back  string    // the other verdict
}

// folded makes one line of each run of verdicts that goes back and forth between
// the same two.
func folded(events []ledger.Event) []flips {
	out := make([]flips, 0, len(events))
	for i := 0; i < len(events); {
		n := 1
		for i+n < len(events) && isVerdict(events[i]) && isVerdict(events[i+n]) && (n < 2 || events[i+n].What == events[i+n-2].What) {
			n++
		}
		if n < fewestFlips {
			out = append(out, flips{Event: events[i], n: 1})
			i++
			continue
		}
		out = append(out, flips{Event: events[i], n: n, until: events[i+n-1].At, back: events[i+1].What})
		i += n
	}
	return out
}

func isVerdict(e ledger.Event) bool { return strings.HasPrefix(e.What, verdictWord) }

// told words a line, or a run of them: the verdict that came first, the other,
// and which it was in the end.
func (o *printer) told(f flips) string {
	if f.n == 1 {
		return f.What
	}
	one, other := strings.TrimPrefix(f.What, verdictWord), strings.TrimPrefix(f.back, verdictWord)
	last := one
	if f.n%2 == 0 {
		last = other
	}
	until := o.clockTime(f.until)
	if f.until.In(o.zone).Format(time.DateOnly) != f.At.In(o.zone).Format(time.DateOnly) {
		until = o.stamp(f.until)
	}
	return say("verdict %s ↔ %s, %d times until %s, then %s", one, other, f.n, until, last)
}
