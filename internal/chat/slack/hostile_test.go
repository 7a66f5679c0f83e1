package slack_test

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// hostile are texts that try to be more than text.
func hostile() *rapid.Generator[string] {
	parts := []string{
		"<!channel>", "<!here|x>", "<@U0ALICE>", "<#C0OPS>", "<https://evil.example|ok>", "*bold*", "_it_", "~gone~", "`code`", "```", "&amp;", "&lt;!channel&gt;", ":fire:", ":+1:",
		"\x1b[31mred\x1b[0m", "\n\n> quote", "\r\n", "<script>alert(1)</script>", "\u202egnp", "\x00", "\xff\xfe", "web-07", " ", "é", "🔥", "@here", "https://evil.example/", "&", "<", ">", strings.Repeat("A", 500),
	}
	return rapid.Custom(func(t *rapid.T) string {
		s := strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 0, 12).Draw(t, "parts"), "")
		if rapid.IntRange(0, 9).Draw(t, "long") == 0 {
			s += strings.Repeat(rapid.SampledFrom(parts).Draw(t, "of"), 700)
		}
		return s
	})
}

// special is what Slack takes for a mention, a link or a broadcast.
var special = regexp.MustCompile(`<[!@#h][^>]*>`)

// unescaped is JSON with the characters of markup as they are: an encoder may have
// written them as escapes.
func unescaped(j []byte) string {
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(j))
}

// toIncident is the beginning of the one link that a card has.
var toIncident = regexp.MustCompile(`<https://acme\.pagerduty\.com/[^|<>" ]*\|`)

func TestNothingFromOutsideIsMoreThanText(t *testing.T) {
	t.Parallel()
	w := quick(t)
	w.set.Budget = 0
	w.set.Channel = "#ops"
	all := states()
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(what string) string { return hostile().Draw(rt, what) }
		k := rapid.SampledFrom(all).Draw(rt, "state")
		if k.c != nil {
			k.incident = &chat.Incident{ID: draw("incident"), Link: "https://acme.pagerduty.com/" + draw("link")}
			k.c = copyOf(k.c, func(n *ledger.Case) {
				n.Host, n.Note, n.Pool, n.Detector = remedy.HostName(draw("host")), draw("note"), remedy.PoolName(draw("pool")), remedy.DetectorName(draw("detector"))
				p := *n.Plan
				p.Host, p.Summary, p.ManualHint, p.UndoHint, p.UndoSteps = n.Host, draw("summary"), draw("hint"), draw("undo hint"), []string{draw("undo")}
				n.Plan = &p
				d := *n.Decision
				d.Answers = append([]remedy.Answer{{Guardrail: draw("guardrail"), Effect: remedy.EffectCap, Observed: draw("observed"), Limit: draw("limit")}}, d.Answers...)
				n.Decision = &d
				for i := range n.Executions {
					n.Executions = append([]ledger.Execution(nil), n.Executions...)
					n.Executions[i].Output, n.Executions[i].Note = draw("output"), draw("x note")
				}
				if n.Answer != nil {
					a := *n.Answer
					a.By.Name, a.Reason = draw("by"), draw("reason")
					n.Answer = &a
				}
			})
		} else {
			k.notice.Detail = draw("detail")
		}
		m := w.show(k)
		shown := toIncident.ReplaceAllString(strings.ReplaceAll(unescaped(m.Blocks), `<!subteam^S0ONCALL>`, ""), "")
		if got := special.FindString(shown); got != "" && got != `<@U0FRAN>` {
			rt.Errorf("Slack would make more than text of %q in %s", got, m.Blocks)
		}
		if got := special.FindString(strings.ReplaceAll(m.Text, `<!subteam^S0ONCALL>`, "")); got != "" {
			rt.Errorf("Slack would make more than text of %q in %q", got, m.Text)
		}
		if len(m.Blocks) == 0 || string(m.Blocks) == "null" {
			rt.Errorf("%s went without its blocks", k.name)
		}
		for _, b := range m.Blocks {
			if b < ' ' && b != '\n' && b != '\t' {
				rt.Errorf("a control character is in the blocks: %q", b)
			}
		}
		if b := w.fake.Breaches(); len(b) > 0 {
			rt.Fatalf("a rule of Slack's was broken: %+v", b)
		}
	})
}
