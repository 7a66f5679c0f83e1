package report_test

import (
	"bytes"
	"flag"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"warden/internal/golden"
	"warden/internal/remedy"
	"warden/internal/report"
	"warden/internal/trust"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var now = time.Date(2026, 11, 20, 3, 12, 4, 0, time.UTC)

// evidence is n episodes of a record that is right but for every wrongEvery-th,
// with names as given: as a ledger has them, where people label what was acted on, and
// warden what it saw.
func evidence(n, wrongEvery int, name string) trust.Evidence {
	r := trust.Record{Key: trust.Key{Action: "drain", Pool: "ingest", Detector: remedy.DetectorName("canary" + name), Digest: "51c0e9a4b8d2"}, Since: now.Add(-time.Duration(n+1) * 9 * time.Hour)}
	for i := range n {
		s := trust.Sample{
			Case: remedy.CaseID(900 + i), Host: remedy.HostName(fmt.Sprintf("ingest-%02d%s", i%40, name)), At: r.Since.Add(time.Duration(i) * 9 * time.Hour),
			Level: remedy.LevelConfirm,
		}
		s.AskedAt = s.At
		label, by := trust.Right, trust.SourcePerson
		wrong := wrongEvery > 0 && i%wrongEvery == wrongEvery-1
		switch {
		case wrong:
			label = trust.Wrong
		case i%13 == 4:
			label = trust.Unclear
		case i%17 == 6:
			label = trust.Unlabelled
		case i%5 == 0:
			by = trust.SourceHand
		case i%3 == 1:
			by = trust.SourceStayed
		}
		if i%5 == 0 && !wrong { // what a hand took out warden had not acted on
			s.HandAt, s.Crowd = s.At.Add(time.Duration(i%31-6)*time.Minute), label == trust.Unlabelled
		}
		who := trust.Statement{Label: label, Source: by, By: "kim" + name, Via: "cli", At: s.At.Add(time.Hour), Note: "looked" + name}
		switch {
		case by != trust.SourcePerson:
			who.By, who.Via, who.Note = remedy.Warden().Name, "", ""
		case s.HandAt.IsZero():
			s.AnsweredAt = s.At.Add(time.Duration(3+(i*7)%29) * time.Minute)
			s.Acted, s.Approved, s.Took = true, true, remedy.Known(true)
		}
		if label != trust.Unlabelled {
			s.Said = []trust.Statement{who}
		}
		if i == 9 {
			s.Said = append(s.Said, trust.Statement{Label: trust.Unclear, Source: by, By: "ben" + name, At: s.At.Add(2 * time.Hour)})
		}
		r.Cases = append(r.Cases, s)
	}
	runs := trust.Runs{RunKey: trust.RunKey{Action: "drain", Pool: "ingest", Target: "9f31c2d0a4b8"}, Since: r.Since}
	for _, s := range r.Cases {
		if s.Acted {
			runs.Runs = append(runs.Runs, trust.Run{Case: s.Case, At: s.AnsweredAt, Outcome: remedy.OutcomeDone, Approved: true, Took: remedy.Known(true)})
		}
	}
	return trust.Evidence{
		Action: "drain", Pool: "ingest", Reported: remedy.LevelConfirm, Effective: remedy.LevelConfirm, Rules: trust.DefaultRules(),
		Current: []trust.Record{r}, Runs: runs, HasUndo: true,
	}
}

func pageOf(all ...trust.Evidence) report.Page {
	p := report.Page{At: now, Node: "n1", Version: "1.4.0", Config: "c0ffee", Cluster: "prod"}
	for _, e := range all {
		row := report.Row{Assessment: trust.Assess(e, now), Worst: "at most 4 an hour, never below 37 of 40 in service", Undone: 3, UndoWorked: 3}
		for i := range e.Current {
			row.Series = append(row.Series, trust.SeriesOf(e.Current[i], e.Rules))
			for _, n := range row.Detectors[i].Window.WrongCases {
				row.Wrong = append(row.Wrong, report.Wrong{Named: n, Statements: e.Current[i].Cases[int(n.Case)-900].Said, Cause: "12 of 40 hosts were bad at once: max_bad_fraction = 0.10 would have kept it away"})
			}
		}
		p.Rows = append(p.Rows, row)
	}
	return p
}

func render(tb interface {
	Helper()
	Fatal(args ...any)
}, p report.Page) string {
	tb.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, p); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func demoted() trust.Evidence {
	e := evidence(24, 8, "")
	e.Pool, e.Current[0].Pool = "edge", "edge"
	e.Effective = remedy.LevelNotify
	e.Demotion = &trust.Demotion{Action: "drain", Pool: "edge", To: remedy.LevelNotify, From: remedy.LevelConfirm, At: now, By: remedy.Warden(), Why: trust.WhyWrong, Case: 907, Reason: "W-907 was wrong"}
	old := e.Current[0]
	old.Digest = "000000000000"
	e.Older = []trust.Record{old}
	return e
}

func TestGolden(t *testing.T) {
	t.Parallel()
	empty := evidence(0, 0, "")
	empty.Effective, empty.Reported = remedy.LevelMetricOnly, remedy.LevelMetricOnly
	for name, p := range map[string]report.Page{"two": pageOf(evidence(106, 53, ""), demoted()), "empty": pageOf(empty), "none": pageOf()} {
		got := render(t, p)
		path := "testdata/" + name + ".golden.html"
		golden.Check(t, *update, path, got)
	}
}

// TestTheFixtureIsPossible: warden's own words are about what nothing was done about,
// and each says what that source can say.
func TestTheFixtureIsPossible(t *testing.T) {
	t.Parallel()
	says := map[trust.Source]trust.Label{trust.SourceRecovered: trust.Wrong, trust.SourceStayed: trust.Right, trust.SourceHand: trust.Right, trust.SourceNoData: trust.Unclear}
	for _, e := range []trust.Evidence{evidence(106, 53, ""), demoted()} {
		for _, s := range e.Current[0].Cases {
			for _, said := range s.Said {
				label, own := says[said.Source]
				if own != (said.By == remedy.Warden().Name) || own && (said.Label != label || s.Acted) {
					t.Errorf("%s of %s: %+v, acted %v", said.Source, s.Case, said, s.Acted)
				}
			}
			if s.Acted && (!s.HandAt.IsZero() || s.AnsweredAt.IsZero()) || s.Crowd && len(s.Said) > 0 {
				t.Errorf("%+v", s)
			}
		}
	}
}

// outside finds what would fetch something, or run.
var outside = regexp.MustCompile(`(?i)<script|<iframe|<object|<embed|<form|\son[a-z]+\s*=|src\s*=|@import|url\((?:[^#]|#[^hd])|href="(?:[^#d]|d[^a])|javascript:|https?://`)

func TestNothingComesFromOutside(t *testing.T) {
	t.Parallel()
	if found := outside.FindString(render(t, pageOf(evidence(106, 53, ""), demoted()))); found != "" {
		t.Errorf("the page has %q", found)
	}
}

// tags are the page's tags, without their text.
var tags = regexp.MustCompile(`<[^<>]*>`)

// shape is a page's tags, by name.
func shape(page string) []string {
	all := tags.FindAllString(page, -1)
	for i := range all {
		all[i], _, _ = strings.Cut(strings.Trim(all[i], "<>"), " ")
	}
	return all
}

// Whatever a name or note is, it stays text: the page has the tags that it has
// for harmless names, and no byte that paints a terminal.
func TestNamesStayText(t *testing.T) {
	t.Parallel()
	harmless := shape(render(t, pageOf(evidence(30, 7, "x"))))
	hostile := []string{"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "'-->", "{{.}}", "</style><b>", "\x1b[31mred", "\u202eback", "a\xff", "javascript:alert(1)", "]]>", "`${1}`", "&lt;b&gt;"}
	check := func(t *rapid.T, name string) {
		page := render(t, pageOf(evidence(30, 7, name+"x")))
		got := shape(page)
		if diff := cmp.Diff(harmless, got); diff != "" {
			t.Fatalf("with %q the page has other tags (-harmless +got):\n%s", name, diff)
		}
		if strings.ContainsAny(page, "\x00\x07\x1b\x7f\u202e") {
			t.Fatalf("with %q the page has what paints a terminal", name)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		if rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
			check(t, rapid.String().Draw(t, "name"))
		} else {
			check(t, rapid.SampledFrom(hostile).Draw(t, "hostile")+rapid.SampledFrom(hostile).Draw(t, "and"))
		}
	})
}

func TestThousandEpisodes(t *testing.T) {
	t.Parallel()
	if n := len(render(t, pageOf(evidence(1000, 200, "")))); n > 400_000 {
		t.Errorf("the page of 1,000 episodes has %d bytes", n)
	}
}

// TestCommandsAreCode holds that what a person types is set as such, and that no
// backtick of ours is left in the text.
func TestCommandsAreCode(t *testing.T) {
	t.Parallel()
	p := pageOf(evidence(106, 53, ""), demoted())
	p.Rows[0].Wrong[0].Cause = "Cause I can see: it was brief. Suggest `for = 15m` <b>"
	page := render(t, p)
	for _, want := range []string{"<code>warden promote drain --pool edge --review --reason TEXT</code>", "Suggest <code>for = 15m</code> &lt;b&gt;"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s", want)
		}
	}
	if i := strings.IndexByte(page, '`'); i >= 0 {
		t.Errorf("a backtick is left: %s", page[max(0, i-80):i+80])
	}
}

// TestZoneIsNamed holds that the axis of hours names a zone that a reader
// elsewhere knows.
func TestZoneIsNamed(t *testing.T) {
	t.Parallel()
	dublin, err := time.LoadLocation("Europe/Dublin")
	if err != nil {
		t.Fatal(err)
	}
	for want, zone := range map[string]*time.Location{
		"were asked, UTC; median": time.UTC, "were asked, Europe/Dublin; median": dublin, "were asked, +0100; median": time.FixedZone("", 3600),
	} {
		p := pageOf(evidence(106, 53, ""))
		p.Zone = zone
		if page := render(t, p); !strings.Contains(page, want) {
			_, got, _ := strings.Cut(page, "were asked, ")
			t.Errorf("%s: no %q but %.20q", zone, want, got)
		}
	}
	p := pageOf(evidence(106, 53, ""))
	if p.Zone = time.Local; strings.Contains(render(t, p), "Local") {
		t.Error("a zone is called Local")
	}
}
