package report

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"strings"
	"time"

	"warden/internal/remedy"
	"warden/internal/trust"
)

//go:embed page.html
var files embed.FS

// Page is what a report says. All of it may come from outside: nothing is
// trusted to be well-formed.
type Page struct {
	// At is when the evidence was read, Node by which node it was, Version and
	// Config that node's build and the fingerprint of its config.
	At      time.Time
	Node    remedy.NodeID
	Version string
	Config  string
	Cluster string
	Zone    *time.Location // nil is UTC
	Rows    []Row
}

// Row is one action in one pool.
type Row struct {
	trust.Assessment
	// Series are the records of its detectors over time.
	Series []trust.Series
	// Wrong are the mistakes, newest first.
	Wrong []Wrong
	// Worst is in words what acting without asking could do at worst; empty where
	// that is not known.
	Worst string
	// Undone counts undos, UndoWorked those that worked.
	Undone, UndoWorked int
}

// Wrong is one mistake.
type Wrong struct {
	trust.Named
	Statements []trust.Statement
	// Cause is what setting would have kept it away, in words.
	Cause string
}

// Write writes the report.
func Write(w io.Writer, p Page) error {
	if p.Zone == nil {
		p.Zone = time.UTC
	}
	t, err := template.New("page.html").Funcs(p.funcs()).ParseFS(files, "page.html")
	if err != nil {
		return fmt.Errorf("read the report's template: %w; this is a bug, please report it", err)
	}
	if err := t.Execute(w, p); err != nil {
		return fmt.Errorf("write the report: %w; check the disk", err)
	}
	return nil
}

func (p *Page) funcs() template.FuncMap {
	return template.FuncMap{
		"text": func(v any) string { return clean(fmt.Sprint(v)) },
		"day":  func(t time.Time) string { return p.stamp(t, "2 Jan 2006") },
		"time": func(t time.Time) string { return p.stamp(t, "2 Jan 2006 15:04 MST") },
		"pct":  percent,
		"share": func(f remedy.Fact[float64]) string {
			if v, ok := f.Get(); ok {
				return percent(v)
			}
			return "unknown"
		},
		"days": func(f remedy.Fact[int]) string {
			if v, ok := f.Get(); ok {
				return fmt.Sprint(v)
			}
			return "unknown"
		},
		"span":      span,
		"source":    func(s trust.Source) string { return clean(s.Words()) },
		"series":    func(r Row, d trust.DetectorAssessment) *trust.Series { return r.series(d) },
		"weeks":     func(s *trust.Series) template.HTML { return weeks(s, p.Zone) },
		"precision": precision,
		"leads":     leads,
		"answers":   func(s *trust.Series) template.HTML { return answers(s, p.Zone, p.zone()) },
		"prose":     prose,
		"sum":       func(c trust.SourceCount) int { return c.Right + c.Wrong + c.Unclear },
		"anchor":    func(i int) string { return fmt.Sprint("rung-", i+1) },
	}
}

// zone is what the page's times are in, as a person calls it. What the machine
// calls Local is another zone on the reader's.
func (p *Page) zone() string {
	if name := p.Zone.String(); name != "Local" && name != "" {
		return name
	}
	return p.At.In(p.Zone).Format("MST")
}

// written are the commands and settings in a text: what stands in backticks and
// is not a name's own backticks.
var written = regexp.MustCompile("`(warden [^`]*|[a-z][a-z_.]*(?: = [^`]*)?)`")

// prose is text in which commands and settings are shown as code.
func prose(v any) template.HTML {
	escaped := template.HTMLEscapeString(clean(fmt.Sprint(v)))
	return template.HTML(written.ReplaceAllString(escaped, "<code>$1</code>"))
}

func (p *Page) stamp(t time.Time, layout string) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.In(p.Zone).Format(layout)
}

func (r *Row) series(d trust.DetectorAssessment) *trust.Series {
	for i := range r.Series {
		if s := &r.Series[i]; s.Detector == d.Detector && s.Digest == d.Digest {
			return s
		}
	}
	return &trust.Series{Key: trust.Key{Action: r.Action, Pool: r.Pool, Detector: d.Detector, Digest: d.Digest}}
}

// Gate is the precision that the first rung asks for whose checks are shown; 0
// for none.
func (r Row) Gate() float64 {
	if all := r.AtStake(); len(all) > 0 {
		return r.Rules.GateTo(all[0].To).MinPrecision
	}
	return 0
}

// Patch is the line that a promotion would edit; empty where the gate for the
// next rung is not met, or less is in force than the file has already.
func (r Row) Patch() string {
	if r.Next == nil || !r.Next.Met || r.Demotion != nil || r.Effective < r.Reported {
		return ""
	}
	return fmt.Sprintf("[actions.%s.pool_policy] %s = %q", clean(string(r.Action)), clean(string(r.Pool)), r.Next.To)
}

// Hold is what a demotion or a gate takes from the file's level; empty for
// nothing.
func (r Row) Hold() string {
	switch {
	case r.Demotion != nil:
		what := "demoted to " + r.Demotion.To.String() + " by " + r.Demotion.By.Name
		if r.Demotion.Case != 0 {
			what += " over " + r.Demotion.Case.String()
		}
		if r.Demotion.Reason != "" {
			what += ": " + r.Demotion.Reason
		}
		return what + ". It holds until a person reviews it."
	case r.Grant != nil && r.Grant.To < r.Reported:
		return "held at " + r.Grant.To.String() + " by its gate. " + r.Grant.Said
	}
	return ""
}

// Reliability is in words how often the action took, and its undo.
func (r Row) Reliability() string {
	words := "It has not been run as it is."
	if ended := r.Runs.Good + r.Runs.Bad; ended > 0 {
		words = fmt.Sprintf("It ran and took %d of %d times, at least %s; %d of them a person had approved.", r.Runs.Good, ended, percent(r.Runs.Low), r.Runs.Approved)
	}
	if r.Runs.Pending > 0 {
		words += fmt.Sprintf(" Of %d it is not known yet.", r.Runs.Pending)
	}
	switch {
	case !r.HasUndo:
		return words + " It has no undo."
	case r.Undone == 0:
		return words + " Its undo was not tried yet."
	}
	return words + fmt.Sprintf(" Its undo worked %d of %d times.", r.UndoWorked, r.Undone)
}

// percent is a share with one decimal where it has one.
func percent(share float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", share*100), ".0") + "%"
}

// span is a duration in at most two units.
func span(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	switch d = d.Round(time.Second); {
	case d < time.Minute:
		return fmt.Sprintf("%s%d s", sign, int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%s%d min", sign, int(d.Round(time.Minute).Minutes()))
	case d < 48*time.Hour:
		h := d.Round(time.Minute)
		if m := int(h.Minutes()) % 60; m > 0 {
			return fmt.Sprintf("%s%d h %d min", sign, int(h.Hours()), m)
		}
		return fmt.Sprintf("%s%d h", sign, int(h.Hours()))
	}
	return fmt.Sprintf("%s%d days", sign, int(d.Hours()/24+0.5))
}

// clean shows what is not printable, and what turns the direction of text, as
// U+FFFD: a name can't paint a terminal that shows the file, nor reorder a line.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if !printable(r) {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
