package slack_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"warden/internal/chat/slack"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

func templateFile(t *testing.T, name string) slack.TemplateFile {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "templates", name))
	if err != nil {
		t.Fatal(err)
	}
	return slack.TemplateFile{Name: name, Text: string(b)}
}

func parsed(t *testing.T, text string) *slack.Templates {
	t.Helper()
	got, errs := slack.ParseTemplates([]slack.TemplateFile{{Name: "x.tmpl", Text: text}})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return got
}

func TestTemplatesThatAreWrong(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"field.bad.tmpl":     "field.bad.tmpl:2: warden.card.foot: there is no field .Nope: use one of State, ",
		"loop.bad.tmpl":      "loop.bad.tmpl:2: warden.card.foot: {{range 1000000000}}x{{end}} can't be used here",
		"recursion.bad.tmpl": `recursion.bad.tmpl:1: warden.card.foot: {{template "warden.card.foot"}} can't be used here`,
		"printf.bad.tmpl":    "printf.bad.tmpl:1: warden.card.foot: there is no function printf here",
		"piece.bad.tmpl":     `piece.bad.tmpl:1: there is no piece "warden.card.why": define one of `,
		"syntax.bad.tmpl":    "syntax.bad.tmpl:3: missing value for if",
		"outside.bad.tmpl":   "outside.bad.tmpl:1: text outside of {{ define }}",
		"pattern.bad.tmpl":   "pattern.bad.tmpl:1: on a sample: ",
		"repeats.bad.tmpl":   "a pattern repeats too much",
		"safehtml.bad.tmpl":  `safehtml.bad.tmpl:1: function "safeHtml" not defined`,
		"types.bad.tmpl":     "types.bad.tmpl:1: on a sample: ",
		"with.bad.tmpl":      "with.bad.tmpl:1: warden.card.foot: {{with .Host}}{{.}}{{end}} can't be used here",
	} {
		got, errs := slack.ParseTemplates([]slack.TemplateFile{templateFile(t, name)})
		if err := errors.Join(errs...); got != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, and not %q", name, err, want)
		}
	}
	twice := templateFile(t, "good.tmpl")
	if _, errs := slack.ParseTemplates([]slack.TemplateFile{twice, twice}); len(errs) == 0 || !strings.Contains(errs[0].Error(), "already") {
		t.Errorf("a piece that is there twice: %v", errs)
	}
	six := `{{ define "warden.card.foot" }}` + strings.Repeat(`{{ match "a" .Host }}`, 6) + `{{ end }}`
	if _, errs := slack.ParseTemplates([]slack.TemplateFile{{Name: "six", Text: six}}); len(errs) != 1 || !strings.Contains(errs[0].Error(), "at most 5 patterns") {
		t.Errorf("six patterns: %v", errs)
	}
}

func TestTemplatesWordPieces(t *testing.T) {
	t.Parallel()
	words, errs := slack.ParseTemplates([]slack.TemplateFile{templateFile(t, "good.tmpl")})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	all, err := slack.Previews(slack.Settings{Channel: "#ops", Templates: words})
	if err != nil {
		t.Fatal(err)
	}
	own, err := slack.Previews(slack.Settings{Channel: "#ops"})
	if err != nil {
		t.Fatal(err)
	}
	says := map[string]string{}
	for i, p := range all {
		says[p.Kind] = strings.Join(p.Lines(), "\n")
		if len(p.Problems) > 0 {
			t.Errorf("%s: %v", p.Kind, p.Problems)
		}
		if p.Text != own[i].Text {
			t.Errorf("%s: the lock screen says %q, and without templates %q", p.Kind, p.Text, own[i].Text)
		}
	}
	for kind, want := range map[string]string{
		"complaint":       "web-07 needs a hand (9 of 10 in service)\n",
		"question":        "W-3 · canary_missing · level confirm · runbook: https://wiki.example.net/canary_missing (web)",
		"complaint_third": "\nComplaint no. 3\n",
	} {
		if !strings.Contains(says[kind], want) {
			t.Errorf("%s says nothing of %q:\n%s", kind, want, says[kind])
		}
	}
	if !strings.Contains(says["complaint"], "I would DRAIN web-07, and I am not let.") || !strings.Contains(says["complaint_second"], "Still broken.") {
		t.Errorf("jokes: %s\n%s", says["complaint"], says["complaint_second"])
	}
	if strings.Contains(says["frozen"], "runbook") {
		t.Errorf("news has no case: %s", says["frozen"])
	}
	plain, err := slack.Previews(slack.Settings{Channel: "#ops", Tone: "plain", Templates: words}, "complaint")
	if err != nil || strings.Contains(strings.Join(plain[0].Lines(), "\n"), "DRAIN") {
		t.Errorf("a plain tone has a joke: %v %v", plain, err)
	}
}

func TestTemplateThatFailsAtRunTime(t *testing.T) {
	t.Parallel()
	w := quick(t)
	w.set.Templates = parsed(t, `{{ define "warden.complaint.title" }}all is well{{ if eq .Host "web-01" "web-02" }}, {{ match .Host .Pool }}{{ .Host }}{{ end }}{{ end }}`+
		`{{ define "warden.card.foot" }}{{ if eq .Host "web-01" "web-02" }}{{ if gt .Host 1 }}x{{ end }}{{ end }}{{ end }}`)
	for i, host := range []remedy.HostName{"web-01", "web-02", "web-03"} {
		w.put(complain(remedy.CaseID(4+i), string(host)), ledger.NoticeComplaint)
		w.settle()
	}
	logged := map[string]int{}
	for _, l := range w.logs.FilterMessageSnippet("template failed").All() {
		logged[fmt.Sprint(l.ContextMap()["error"])]++
	}
	if len(logged) != 2 { // the foot, which fails, and the title without the host's name
		t.Errorf("each is logged once: %v", logged)
	}
	for _, m := range w.fake.Messages(fakeslack.Ops) {
		if strings.Contains(string(m.Blocks), "all is well\"") {
			t.Errorf("a title names no host: %s", m.Blocks)
		}
	}
	if n := len(w.posts); n == 0 {
		t.Error("nothing was posted")
	}
	w.clean()
}

func TestNothingOfATemplateIsMoreThanText(t *testing.T) {
	t.Parallel()
	w := quick(t)
	w.set.Budget = 0
	rapid.Check(t, func(rt *rapid.T) {
		text := strings.ReplaceAll(rapid.StringN(0, 300, -1).Draw(rt, "text")+"<!channel> <https://x.example|y> *b*", "{", "(")
		words, errs := slack.ParseTemplates([]slack.TemplateFile{{Name: "x", Text: `{{ define "warden.card.foot" }}` + text + `{{ .Host }}{{ end }}`}})
		if len(errs) > 0 {
			rt.Fatal(errs)
		}
		w.set.Templates = words
		m := w.show(rapid.SampledFrom(states()).Draw(rt, "state"))
		if got := special.FindString(strings.ReplaceAll(string(m.Blocks), `<!subteam^S0ONCALL>`, "")); got != "" && got != `<@U0FRAN>` {
			rt.Errorf("Slack would make more than text of %q in %s", got, m.Blocks)
		}
		if b := w.fake.Breaches(); len(b) > 0 {
			rt.Fatalf("a rule of Slack's was broken: %+v", b)
		}
	})
}

func FuzzTemplates(f *testing.F) {
	for _, s := range []string{`{{ define "warden.card.foot" }}{{ title .Host | toUpper }}{{ end }}`, `{{ define "warden.complaint.first" }}{{ join "," (stringSlice .Host .Pool) }}{{ end }}`, `{{ range 9 }}{{ end }}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words, errs := slack.ParseTemplates([]slack.TemplateFile{{Name: "x", Text: text}})
		if (words == nil) == (len(errs) == 0) {
			t.Fatalf("%v and %v", words, errs)
		}
		if words == nil {
			return
		}
		all, err := slack.Previews(slack.Settings{Channel: "#ops", Templates: words}, "question", "complaint")
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			if len(p.Problems) > 0 {
				t.Errorf("%s: %v", p.Kind, p.Problems)
			}
		}
	})
}
