package trust

import (
	"fmt"
	"slices"
	"strings"

	"warden/internal/remedy"
)

// enoughToRefuse is how many labelled episodes it takes to say that a detector
// isn't good enough, and coinToss the precision up to which the best reading of
// them is little better than chance.
const (
	enoughToRefuse = 8
	coinToss       = 0.65
)

// advise says what a person should do about the level, and says "don't" as
// readily as "do".
func advise(a *Assessment) (Stance, string) {
	if d := a.Demotion; d != nil {
		return StanceReview, fmt.Sprintf("It was moved back to %s on %s%s. Look at that first; it stays there until a person reviews it: `warden promote %s --pool %s --review --reason TEXT`.",
			d.To, d.At.UTC().Format("2 Jan 15:04"), because(d), a.Action, a.Pool)
	}
	held := a.Rung(a.Reported)
	if g := a.Grant; g != nil && g.Judged && g.To < a.Reported {
		return heldBack(a, g, held)
	}
	if a.Next == nil {
		if held == nil || held.Met {
			return StanceStay, "It is at auto, and the gate for auto still holds."
		}
		return StanceLower, fmt.Sprintf("It is at auto, and would not reach it again: %s. Lower it, or find out why.", missing(held))
	}
	if text, no := refuse(a); no {
		return StanceDont, text
	}
	if held != nil && !held.Met {
		return StanceLower, fmt.Sprintf("It is at %s, whose gate is not met: %s.", a.Reported, missing(held))
	}
	if a.Next.Met {
		if len(a.Next.Checks) == 0 {
			return StancePromote, fmt.Sprintf("Nothing is asked for %s.", a.Next.To)
		}
		return StancePromote, fmt.Sprintf("Gate for %s is met: %s.", a.Next.To, a.Next.Short)
	}
	stance := StanceWait
	if w := a.Weakest(a.Next); w != nil && labelsWouldDo(a.Rules, a.Next.To, w) {
		stance = StanceLabel
	}
	return stance, fmt.Sprintf("Not yet: %s.", missing(a.Next))
}

// heldBack is the advice where an enforced gate leaves less than the files ask
// for: a gate that is met by now raises nothing before a person wants it.
func heldBack(a *Assessment, g *Grant, asked *Verdict) (Stance, string) {
	said := fmt.Sprintf("The files ask for %s, and it is held at %s since %s.", a.Reported, g.To, g.At.UTC().Format("2 Jan 15:04"))
	if a.Allowed > g.To {
		return StancePromote, said + fmt.Sprintf(" The gate for %s is met by now: have it judged again with `warden promote %s --pool %s --review --reason TEXT`.",
			min(a.Allowed, a.Reported), a.Action, a.Pool)
	}
	if asked == nil || asked.Met {
		return StanceWait, said
	}
	return StanceWait, said + fmt.Sprintf(" Not yet: %s.", missing(asked))
}

// refuse says no where even the best reading of a detector's labels is beneath
// what the next rungs with a precision ask for: more of the same won't help.
func refuse(a *Assessment) (string, bool) {
	for i := range a.Detectors {
		d := &a.Detectors[i]
		w := d.Window
		if w.Labelled() < enoughToRefuse {
			continue
		}
		want := a.Rules.GateTo(a.Next.To).MinPrecision
		if want <= 0 {
			// The next rung asks for no precision; the one above it may.
			want = a.Rules.GateTo(remedy.LevelConfirm).MinPrecision
		}
		if want <= 0 || w.High >= want {
			continue
		}
		said := fmt.Sprintf("Don't: %d of %d right. Even the best reading of that, %s, is less than the %s that is asked for.",
			w.Right, w.Labelled(), percent(w.High), percent(want))
		precision, _ := w.Precision.Get()
		switch {
		case precision <= coinToss && precision >= 1-coinToss:
			return said + fmt.Sprintf(" %s is a coin toss: leave %s at metric-only or delete it.", d.Detector, a.Action), true
		case precision < 1-coinToss:
			return said + fmt.Sprintf(" %s is wrong more often than right: leave %s at metric-only or delete it.", d.Detector, a.Action), true
		}
		return said + fmt.Sprintf(" More cases won't change that; a better %s will: look at the wrong ones.", d.Detector), true
	}
	return "", false
}

// labelsWouldDo reports whether labels alone could make a detector's part of a
// gate met: if every episode that has none turned out right.
func labelsWouldDo(rules Rules, to remedy.Level, d *DetectorAssessment) bool {
	open := d.Window.Unlabelled
	if open == 0 {
		return false
	}
	// The folded ones can't be labelled any more; the window may hold some.
	open = min(open, len(d.Window.ToLabel))
	r := record{name: d.Detector, window: d.Window.Tally, whole: d.Whole, days: d.LiveDays}
	for _, t := range []*Tally{&r.window, &r.whole} {
		t.Right += open
		t.Unlabelled -= open
	}
	for _, c := range rules.GateTo(to).ofDetector(rules, &r) {
		if !c.OK {
			return false
		}
	}
	return true
}

// missing words what a verdict lacks, the first three things of it.
func missing(v *Verdict) string { return lacks(v, 3) }

// lacks words the first things that a verdict lacks, and counts the others.
func lacks(v *Verdict, most int) string {
	var parts []string
	failed := v.Failed()
	for _, c := range failed[:min(most, len(failed))] {
		part := fmt.Sprintf("%s: %s, gate %s", c.What, c.Observed, c.Limit)
		if c.Need != "" {
			part += " (" + c.Need + ")"
		}
		parts = append(parts, part)
	}
	if more := len(failed) - len(parts); more > 0 {
		parts = append(parts, plural(more, "more check"))
	}
	return strings.Join(parts, "; ")
}

func because(d *Demotion) string {
	if d.Why != WhyPerson {
		return " because " + d.Because()
	}
	return " by " + d.By.Name + d.reason()
}

// limits say what the numbers don't.
func limits(a *Assessment) []string {
	out := []string{"Right and wrong are about the cases that warden saw. Bad hosts that it missed are in none of these numbers."}
	for i := range a.Detectors {
		d := &a.Detectors[i]
		w := d.Window
		about := ""
		if len(a.Detectors) > 1 {
			about = string(d.Detector) + ": "
		}
		if w.Episodes == 0 {
			out = append(out, about+"no evidence yet.")
			continue
		}
		if open := w.Unclear + w.Unlabelled; open > 0 {
			out = append(out, fmt.Sprintf("%s%s unclear or unlabelled. If all of them were wrong: %d of %d, at least %s.",
				about, pluralAre(open, "episode"), w.Right, w.Episodes, percent(w.StrictLow)))
		}
		differ, regretted := 0, 0
		for i := range w.Conflicts {
			if c := &w.Conflicts[i]; slices.ContainsFunc(c.Said, func(s Statement) bool { return s.Label > c.Label }) {
				regretted++
			} else {
				differ++
			}
		}
		if differ > 0 {
			out = append(out, fmt.Sprintf("%speople differ on %s; the worse word counts.", about, plural(differ, "case")))
		}
		if regretted > 0 {
			out = append(out, fmt.Sprintf("%sby a denial or an undo %s wrong; a label says otherwise, and counts.", about, pluralAre(regretted, "case")))
		}
		if hand := bySource(w.Sources, SourceHand); hand > 0 && 2*hand > w.Labelled() {
			out = append(out, fmt.Sprintf("%smost labels come from what people did by hand, and they act most on hosts that they see.", about))
		}
		if w.Folded > 0 {
			out = append(out, fmt.Sprintf("%s%s older than what is kept case by case.", about, pluralAre(w.Folded, "episode")))
		}
		if w.Labelled() > 0 && w.Cases >= 3*w.Episodes {
			out = append(out, fmt.Sprintf("%s%d cases are %s: those of one afternoon count once.", about, w.Cases, plural(w.Episodes, "episode")))
		}
	}
	if a.Runs.Good+a.Runs.Bad == 0 {
		out = append(out, "The action has not been run as it is now.")
	}
	return out
}

func bySource(sources []SourceCount, source Source) int {
	for _, s := range sources {
		if s.Source == source {
			return s.Right + s.Wrong + s.Unclear
		}
	}
	return 0
}
