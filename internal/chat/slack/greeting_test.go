package slack_test

import (
	"strings"
	"testing"

	"warden/internal/chat"
	"warden/internal/chat/slack"
)

// TestGreetingOfASummary words the greeting: the facts behind it, the lock screen
// and what follows stay as they are, and a greeting that doesn't fit, or would
// greet over a mistake, is warden's own.
func TestGreetingOfASummary(t *testing.T) {
	t.Parallel()
	const facts = " Did 1, wanted 1, 1 for you to answer, 2 still out."
	for _, x := range []struct {
		name, text, want string
		change           func(*chat.Morning)
		logged           int
	}{
		{name: "worded", text: `{{ if .Quiet }}Quiet{{ else }}Hello ops, it is {{ .Weekday }}, {{ .Date }} in {{ .Zone }}:{{ end }}`, want: "Hello ops, it is Friday, 2026-11-20 in Europe/Dublin:" + facts},
		{name: "empty", text: ` `, want: chat.MorningGreeting + facts},
		{name: "hostile", text: `<!channel> *up* <https://x.example|here>`, want: "&lt;!channel&gt; *up* &lt;https://x.example|here&gt;" + facts},
		{name: "too long", text: `{{ if .Date }}` + strings.Repeat("x", 61) + `{{ end }}`, want: chat.MorningGreeting + facts, logged: 1},
		{name: "a mistake", text: `What a night!`, want: chat.MorningGreeting + facts, change: func(m *chat.Morning) { m.Mistakes = 1 }},
		{name: "asked for", text: `What a night!`, want: "So far, for kim: did 1.", change: func(m *chat.Morning) { m.By, m.Title = "kim", "So far, for kim: did 1." }},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			w := quick(t)
			w.set.Templates = parsed(t, `{{ define "warden.summary.greeting" }}`+x.text+`{{ end }}`)
			m := morning()
			if x.change != nil {
				x.change(m)
			}
			got := w.tell(m)
			head, _, _ := strings.Cut(unescaped(got.Blocks), `"type":"context"`)
			if !strings.Contains(head, strings.TrimSuffix(x.want, ".")) {
				t.Errorf("the header is %s, want %q", head, x.want)
			}
			if own := m.Title; got.Text != own {
				t.Errorf("the lock screen says %q, want %q", got.Text, own)
			}
			if n := w.logs.FilterMessageSnippet("template failed").Len(); n != x.logged {
				t.Errorf("%d failures were logged, want %d", n, x.logged)
			}
			w.clean()
		})
	}
	for text, want := range map[string]string{
		`{{ .Host }}`:                     "there is no field .Host: use one of Date, Weekday, Zone, Quiet",
		`{{ if gt .Quiet 1 }}x{{ end }}`:  "on a sample: ",
		`{{ match "(" .Zone }}`:           "on a sample: ",
		`{{ range 9 }}x{{ end }}`:         "can't be used here",
		`{{ len .Date | toUpper }} today`: "on a sample: ",
	} {
		got, errs := slack.ParseTemplates([]slack.TemplateFile{{Name: "x", Text: `{{ define "warden.summary.greeting" }}` + text + `{{ end }}`}})
		if got != nil || len(errs) != 1 || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("%s: %v, want %q", text, errs, want)
		}
	}
}

func TestPreviewOfTheSummary(t *testing.T) {
	t.Parallel()
	words := parsed(t, `{{ define "warden.summary.greeting" }}Morning, all.{{ end }}`)
	got, err := slack.Previews(slack.Settings{Channel: "#ops", Summary: "#mornings", Templates: words}, "summary")
	if err != nil || len(got) != 1 || len(got[0].Problems) > 0 || got[0].Channel != "#mornings" {
		t.Fatalf("%+v, %v", got, err)
	}
	lines := strings.Join(got[0].Lines(), "\n")
	for _, want := range []string{"Morning, all. Did 1, wanted 1", "drained web-04 by itself, verified", "[Put web-04 back]", "Still out because of me"} {
		if !strings.Contains(lines, want) {
			t.Errorf("%q is missing in\n%s", want, lines)
		}
	}
	if text, n := got[0].LockScreen(); !strings.HasPrefix(text, chat.MorningGreeting) || n > chat.MaxHeadline {
		t.Errorf("the lock screen, %d characters: %q", n, text)
	}
}
