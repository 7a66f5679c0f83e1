package cli

import (
	"context"
	"strings"
	"testing"

	"warden/actions"
	"warden/internal/config"
	"warden/internal/inventory"
	"warden/internal/remedy"
)

// planner is an action of which only plans are wanted.
type planner struct{ actions.Action }

func (planner) Plan(context.Context, remedy.PoolName, remedy.HostName) (remedy.Plan, error) {
	return remedy.Plan{}, nil
}

// FuzzManualHint renders any manual_hint that config accepts, for any host that
// the inventory accepts: it never fails, and it is the text with the host's and
// the pool's name in it, as they are.
func FuzzManualHint(f *testing.F) {
	for _, text := range []string{
		"ssh {{ .Host }} sudo reboot", "{{.Pool}}/{{.Host}}", "{{/* x */}}{{ .Host }}", "{{ .Host | printf }}", "{{ call .Host }}", "{{", "}}",
		"{{ define \"a\" }}{{ end }}", "{{ template \"a\" }}", "{{- .Host -}}", "{{ .Host }}\n{{ .Pool }}", "{{ $x := .Host }}", "{{ range .Host }}{{ end }}", "{{ \"{{ .Host }}\" }}",
	} {
		f.Add(text, "web-1")
		f.Add(text, "$(id)")
	}
	base := strings.Replace(config.Minimal(), "[actions.drain]", "[actions.drain]\nmanual_hint = HINT", 1)
	f.Fuzz(func(t *testing.T, text, host string) {
		if !inventory.ValidName(host) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfffd }) {
			return
		}
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
		c, report := config.Parse("f", []byte(strings.Replace(base, "HINT", quoted, 1)), config.Options{})
		if c == nil {
			if !strings.Contains(report.String(), "manual_hint") {
				t.Fatalf("%q: %s", text, report)
			}
			return
		}
		act, err := withHints(planner{}, c.Actions["drain"].ManualHint, c.Actions["drain"].ManualHint)
		if err != nil {
			t.Fatalf("%q was accepted: %v", text, err)
		}
		plan, err := act.Plan(t.Context(), "pool", remedy.HostName(host))
		if err != nil {
			t.Fatalf("%q was accepted and does not render: %v", text, err)
		}
		if plan.UndoHint != plan.ManualHint {
			t.Fatalf("%q became %q, and %q", text, plan.ManualHint, plan.UndoHint)
		}
		if !strings.Contains(text, "{{") && plan.ManualHint != text {
			t.Fatalf("%q became %q", text, plan.ManualHint)
		}
		// Whatever is not text is a name: without them, nothing is left that
		// the text does not have.
		rest := strings.NewReplacer(host, "", "pool", "").Replace(plan.ManualHint)
		if len(rest) > len(text) {
			t.Fatalf("%q became %q", text, plan.ManualHint)
		}
	})
}
