package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"warden/internal/chat"
	"warden/internal/remedy"
	"warden/internal/trust"
	"warden/internal/web"
)

// date is a day in the zone of the tables; "-" for none.
func (o *printer) date(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.In(o.zone).Format("2006-01-02")
}

// trustReport is all that is known of one action in one pool.
func (o *printer) trustReport(r *web.TrustRow) {
	level := say("at %s", r.Effective)
	if r.Effective < r.Reported {
		level = say("at %s, while the files say %s", r.Effective, r.Reported)
	}
	o.line(o.paint(bold, say("%s on %s", r.Action, r.Pool)) + "  " + level + "    " + say("evidence %s -> %s", o.date(r.From), o.date(r.At)))
	o.demotion(r)
	for i := range r.Detectors {
		o.detectorEvidence(&r.Detectors[i], &r.Rules)
	}
	o.actionEvidence(r)
	o.wrongOnes(r)
	o.labelNext(r)
	o.olderRecords(r)
	for _, v := range r.AtStake() {
		o.line("")
		o.verdict(r, v)
		if v.To == remedy.LevelAuto {
			o.worst(r)
		}
	}
	o.line("")
	o.line(o.paint(stanceStyle(r.Stance), chat.Clean(r.Advice)))
	for _, l := range r.Limits {
		o.line("  " + o.paint(dim, chat.Clean(l)))
	}
}

// demotion says what lowers the level, and what to do.
func (o *printer) demotion(r *web.TrustRow) {
	if d := r.Demotion; d != nil {
		about := ""
		if d.Case != 0 {
			about = " " + d.Case.String()
		}
		o.line(o.paint(yellow, say("  demoted %s -> %s at %s by %s: %s%s", d.From, d.To, o.stamp(d.At), d.By.Name, joined(": ", demotedBecause(d.Why), d.Reason), about)))
		for _, c := range d.Causes[min(1, len(d.Causes)):] {
			about := ""
			if c.Case != 0 {
				about = " " + c.Case.String()
			}
			o.line(o.paint(yellow, say("  and at %s by %s: %s%s", o.stamp(c.At), c.By.Name, joined(": ", demotedBecause(c.Why), c.Reason), about)))
		}
		o.line(say("  after looking: warden promote %s --pool %s --review --reason TEXT", r.Action, r.Pool))
	}
	if g := r.Grant; g != nil && g.To < r.Reported {
		said := "its verdict is awaited"
		if g.Judged {
			said = "the gate leaves no more: " + g.Said
		}
		o.line(o.paint(yellow, say("  held at %s: %s", g.To, said)))
	}
}

// demotedBecause words why a level was taken.
func demotedBecause(why string) string {
	switch why {
	case trust.WhyWrong:
		return "an action was wrong"
	case trust.WhyRegretted:
		return "an action was undone as was-fine"
	case trust.WhyUnverified:
		return "an action was not seen to take"
	case trust.WhyFailed:
		return "actions failed"
	case trust.WhyPerson:
		return "by hand"
	}
	return why
}

// detectorEvidence is what one detector's record comes to.
func (o *printer) detectorEvidence(d *trust.DetectorAssessment, rules *trust.Rules) {
	n, confidence := d.Window, percent(rules.Confidence)
	o.line("")
	o.line(say("  %s @ %s, as it is since %s", d.Detector, d.Digest, o.date(d.Since)))
	rows := [][]cell{}
	add := func(label, format string, args ...any) { rows = append(rows, []cell{c(label), c(format, args...)}) }
	add("cases", "right %d, wrong %d, unclear %d, unlabelled %d over %s (%s)",
		n.Right, n.Wrong, n.Unclear, n.Unlabelled, count(n.Episodes, "separate episode"), count(n.Cases, "case"))
	if n.Labelled() > 0 {
		add("precision", "%s; with this little data at least %s (%s)", percentOf(n.Precision), percent(n.Low), confidence)
	}
	if open := n.Episodes - n.Labelled(); open > 0 && n.Right > 0 {
		all := ""
		if open > 1 {
			all = "all "
		}
		add("", "if %s%d unclear or unlabelled were wrong: %d of %d, at least %s", all, open, n.Right, n.Episodes, percent(n.StrictLow))
	}
	if d.Whole.Right > 0 {
		add("", "however often that is looked at: %d of %d known to be right, at least %s", d.Whole.Right, d.Whole.Episodes, percent(d.AnyTimeLow))
	}
	if n.Episodes > 0 {
		add("coverage", "%s labelled", percentOf(n.Coverage))
	}
	if len(n.Sources) > 0 {
		add("labels", "%s", sources(n.Sources))
	}
	for _, x := range n.Conflicts {
		add("conflict", "%s %s: %s; %s counts", x.Case, x.Host, differ(x.Said), x.Label)
	}
	if l := n.Lead; l.N > 0 {
		words := fmt.Sprintf("%s before a person acted (median of %d), %s best", lead(l.Median), l.N, lead(l.Most))
		if n.Later > 0 {
			words += fmt.Sprintf(", %d times later than the person", n.Later)
		}
		add("lead time", "%s", words)
	}
	if a := n.Answers; a.N > 0 {
		add("answers", "%s (median of %d), %s at most", chat.Span(a.Median), a.N, chat.Span(a.Most))
	}
	live, ok := d.LiveDays.Get()
	if ok {
		add("live", "%s", count(live, "day"))
	} else {
		add("live", "for how long is not known")
	}
	o.table("    ", nil, rows)
}

// lead is how much earlier warden was; it may have been later.
func lead(d time.Duration) string {
	if d < 0 {
		return "-" + chat.Span(-d)
	}
	return chat.Span(d)
}

// sources says where labels come from, the strongest first.
func sources(all []trust.SourceCount) string {
	parts := make([]string, len(all))
	for i, s := range all {
		parts[i] = fmt.Sprintf("%d by %s", s.Right+s.Wrong+s.Unclear, s.Source.Words())
	}
	return strings.Join(parts, ", ")
}

// differ says who said what.
func differ(said []trust.Statement) string {
	parts := make([]string, len(said))
	for i, s := range said {
		how := map[trust.Source]string{trust.SourceUndo: " by an undo", trust.SourceDeny: " by a denial"}[s.Source]
		parts[i] = s.By + " said " + s.Label.String() + how
	}
	return strings.Join(parts, ", ")
}

// actionEvidence is how reliable the action is, whoever asked for it.
func (o *printer) actionEvidence(r *web.TrustRow) {
	o.line("")
	o.line(say("  the action itself, as it is since %s", o.date(r.RunsSince)))
	runs := "it has not been run"
	if ended := r.Runs.Good + r.Runs.Bad; ended > 0 {
		runs = fmt.Sprintf("ran and took %d of %d, at least %s", r.Runs.Good, ended, percent(r.Runs.Low))
	}
	if r.Runs.Pending > 0 {
		runs += fmt.Sprintf("; %d not known yet", r.Runs.Pending)
	}
	undo := "none: it can never reach auto by the default gate"
	switch {
	case r.HasUndo && r.Undo.Tried == 0:
		undo = "has one, not tried yet"
	case r.HasUndo:
		undo = fmt.Sprintf("tried %s, worked %d", count(r.Undo.Tried, "time"), r.Undo.Worked)
	}
	o.table("    ", nil, [][]cell{
		{c("runs"), c("%s", runs)},
		{c("approved"), c("%d that a person had approved worked", r.Runs.Approved)},
		{c("undo"), c("%s", undo)},
	})
}

// mostWrong is how many wrong cases are told one by one.
const mostWrong = 10

// wrongOnes names the mistakes.
func (o *printer) wrongOnes(r *web.TrustRow) {
	if len(r.Wrong) == 0 {
		return
	}
	o.line("")
	title, unexplained := "  the wrong ones", 0
	if len(r.Wrong) == 1 {
		title = "  the wrong one"
	}
	o.line(o.paint(red, title))
	for i := range r.Wrong[:min(len(r.Wrong), mostWrong)] {
		x := &r.Wrong[i]
		o.line("    " + say("%s  %s  %s  %s", x.Case, o.stamp(x.At), x.Host, o.said(x.Statements)))
		if len(x.Suggestions) == 0 {
			unexplained++
		} else {
			o.line("      " + chat.Clean(x.Cause))
		}
	}
	if unexplained > 0 {
		o.line(say("    nothing in the numbers explains %d of them: no setting would have kept them away without guessing", unexplained))
	}
	if more := len(r.Wrong) - mostWrong; more > 0 {
		o.line(say("    and %d more, with -o json", more))
	}
}

// said is the newest of what was said about a case, with where it comes from.
func (o *printer) said(all []trust.Statement) string {
	i := slices.IndexFunc(all, func(s trust.Statement) bool { return s.Label == trust.Wrong })
	for j := range all {
		if all[j].Label == trust.Wrong {
			i = j
		}
	}
	if i < 0 {
		return "wrong"
	}
	return statement(all[i])
}

// statement is one word on a case, with who said it and through what.
func statement(s trust.Statement) string {
	word := s.Label.String()
	if s.Label == trust.Unlabelled {
		word = "taken back"
	}
	who := s.By
	if s.Source != trust.SourcePerson {
		who += " (" + s.Source.Words() + ")"
	}
	if s.Via != "" {
		who += " via " + s.Via
	}
	return joined(": ", word+" by "+who, s.Note)
}

func (o *printer) labelNext(r *web.TrustRow) {
	if len(r.LabelNext) == 0 {
		return
	}
	o.line("")
	o.line("  label next (30 s)")
	rows := make([][]cell, 0, len(r.LabelNext))
	for _, x := range r.LabelNext {
		rows = append(rows, []cell{c("%s", x.Case), c("%s", o.stamp(x.At)), c("%s", x.Host), c("warden label %s right|wrong|unclear", x.Case)})
	}
	o.table("    ", nil, rows)
}

func (o *printer) olderRecords(r *web.TrustRow) {
	if len(r.Older) == 0 {
		return
	}
	o.line("")
	o.line("  of other settings, which counts for nothing")
	rows := make([][]cell, 0, len(r.Older))
	for _, x := range r.Older {
		rows = append(rows, []cell{
			c("%s @ %s", x.Detector, x.Digest), c("since %s", o.date(x.Since)),
			c("right %d, wrong %d, unclear %d, unlabelled %d", x.Right, x.Wrong, x.Unclear, x.Unlabelled),
		})
	}
	o.table("    ", nil, rows)
}

// verdict shows what a gate says, in the line that is said everywhere, and every
// check of it.
func (o *printer) verdict(r *web.TrustRow, v *trust.Verdict) {
	s := green
	if !v.Met {
		s = red
	}
	o.line("  " + o.paint(s, chat.Clean(r.Line(v.To))))
	rows := make([][]cell, 0, len(v.Checks))
	several := slices.ContainsFunc(v.Checks, func(x trust.Check) bool { return x.Detector != "" && x.Detector != v.Weakest })
	for _, x := range v.Checks {
		m := c("ok").in(green)
		if !x.OK {
			m = c("NO").in(red)
		}
		what := x.What
		if x.Detector != "" && several {
			what = string(x.Detector) + ": " + what
		}
		rows = append(rows, []cell{m, c("%s", what), c("%s", x.Observed), c("%s", joined(" ", "gate", x.Limit)), c("%s", x.Need)})
	}
	o.table("    ", nil, rows)
}

// worst says what acting without asking could do at worst.
func (o *printer) worst(r *web.TrustRow) {
	if r.Worst == nil {
		o.line("  what auto could do at worst is not known: the pool's size or limits are not")
		return
	}
	o.line("  what auto could do: " + chat.Clean(r.Worst.String()))
}

func stanceStyle(s trust.Stance) style {
	switch s {
	case trust.StancePromote, trust.StanceStay:
		return green
	case trust.StanceDont, trust.StanceLower:
		return red
	case trust.StanceReview, trust.StanceWait, trust.StanceLabel:
		return yellow
	}
	return plain
}

// labelRows are what was said of a case, a statement a row, oldest first, and
// what it comes to.
func (o *printer) labelRows(l *web.CaseLabels) [][]cell {
	if l == nil || len(l.Statements) == 0 {
		return nil
	}
	comes := l.Label.String()
	switch {
	case l.Label == trust.Unlabelled:
		comes = "none: what was said is taken back"
	case l.Conflict:
		comes += ", and people differ"
	case l.Source != trust.SourcePerson:
		comes += ", by " + l.Source.Words()
	}
	rows := [][]cell{{c("label"), c("%s", comes)}}
	for _, s := range l.Statements {
		rows = append(rows, []cell{{}, c("%s  %s", o.stamp(s.At), statement(s))})
	}
	return rows
}

// demoted lists the levels that were taken away.
func (o *printer) demoted(s *web.Status) {
	o.section("DEMOTED", len(s.Demotions), yellow)
	rows := make([][]cell, 0, len(s.Demotions))
	for _, d := range s.Demotions {
		why := joined(": ", demotedBecause(d.Why), d.Reason)
		if d.Case != 0 {
			why = d.Case.String() + " " + why
		}
		rows = append(rows, []cell{
			c("%s on %s", d.Action, d.Pool), c("%s -> %s", d.From, d.To), c("%s", ago(s.Now, d.At)), c("%s", why),
			c("warden promote %s --pool %s --review --reason TEXT", d.Action, d.Pool),
		})
	}
	o.table("  ", nil, rows)
}
