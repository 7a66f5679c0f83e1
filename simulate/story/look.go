package story

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Open are the pool's open cases.
func (r *Run) Open() []*ledger.Case { return r.Ledger.Pool(r.Pool, r.Clock.Now()).Open }

// Findings is what the detector says of each host in the newest round.
func (r *Run) Findings() []remedy.Finding {
	for _, j := range r.Engine.View().Judgements(r.Pool) {
		if j.Detector == r.Detector {
			return j.Findings()
		}
	}
	return nil
}

// The words of verdicts, with a reason where the verdict is unknown.
func word(f remedy.Finding) string {
	if f.Verdict == remedy.VerdictUnknown {
		return "unknown (" + f.Reason + ")"
	}
	return f.Verdict.String()
}

// Verdicts words how many hosts have which verdict: "28 good, 12 unknown
// (stale)".
func Verdicts(findings []remedy.Finding) string {
	n := map[string]int{}
	for _, f := range findings {
		n[word(f)]++
	}
	if len(n) == 0 {
		return "no verdict at all"
	}
	var out []string
	for _, w := range slices.Sorted(maps.Keys(n)) {
		out = append(out, fmt.Sprintf("%d %s", n[w], w))
	}
	return strings.Join(out, ", ")
}

// all looks for one verdict on all hosts.
func all(v remedy.Verdict) func(*Run) Sight {
	return func(r *Run) Sight {
		f := r.Findings()
		ok := len(f) == len(r.Fleet.Hosts()) && !slices.ContainsFunc(f, func(f remedy.Finding) bool { return f.Verdict != v })
		return Sight{OK: ok, Want: fmt.Sprintf("%d %s", len(r.Fleet.Hosts()), v), Seen: Verdicts(f)}
	}
}

// only looks for one verdict on the named hosts, and good on all others.
func only(hosts []string, v remedy.Verdict) func(*Run) Sight {
	return func(r *Run) Sight {
		f := r.Findings()
		ok := len(f) == len(r.Fleet.Hosts())
		for _, x := range f {
			want := remedy.VerdictGood
			if slices.Contains(hosts, string(x.Host)) {
				want = v
			}
			ok = ok && x.Verdict == want
		}
		return Sight{
			OK: ok, Want: fmt.Sprintf("%s on %s, and good on the others", v, strings.Join(hosts, " ")), Seen: Verdicts(f),
		}
	}
}

// both looks at several things at once; the first that is wrong is shown.
func both(looks ...func(*Run) Sight) func(*Run) Sight {
	return func(r *Run) Sight {
		var want, seen []string
		for _, look := range looks {
			s := look(r)
			if !s.OK {
				return s
			}
			want, seen = append(want, s.Want), append(seen, s.Seen)
		}
		return Sight{OK: true, Want: strings.Join(want, "; "), Seen: strings.Join(seen, "; ")}
	}
}

// commanded looks for exactly the commands that people asked for.
func commanded(r *Run) Sight {
	got := r.Commands()
	return Sight{OK: slices.Equal(got, r.Asked), Want: "at the load balancer: " + commands(r.Asked), Seen: commands(got)}
}

// quiet looks for a step in which no case was opened and nothing was done.
func quiet(r *Run) Sight {
	n := len(r.Ledger.Cases(ledger.CaseFilter{})) - r.CasesBefore
	s := Sight{OK: n == 0, Want: "0 new cases", Seen: fmt.Sprintf("%d new cases", n)}
	if !s.OK {
		return s
	}
	return both(func(*Run) Sight { return s }, commanded)(r)
}

// noOpenCase looks for a pool at peace.
func noOpenCase(r *Run) Sight {
	open := r.Open()
	return Sight{OK: len(open) == 0, Want: "no open case", Seen: fmt.Sprintf("%d open cases%s", len(open), ids(open))}
}

func ids(cases []*ledger.Case) string {
	if len(cases) == 0 {
		return ""
	}
	var out []string
	for _, c := range cases {
		out = append(out, fmt.Sprintf("%s %s %s", c.ID, c.Host, c.Stage))
	}
	return ": " + strings.Join(out, ", ")
}

// told looks for a message of a kind about the story's case.
func told(kind ledger.NoticeKind) func(*Run) Sight {
	return func(r *Run) Sight {
		return heard(r, string(kind)+" about "+r.Case.String(), func(m chat.Message) bool {
			return m.Notice.Kind == kind && m.Notice.Case == r.Case
		})
	}
}

// toldNow looks for a message of a kind that came after the step began.
func toldNow(kind ledger.NoticeKind) func(*Run) Sight {
	return func(r *Run) Sight {
		before := 0
		return heard(r, "a new notice: "+string(kind), func(m chat.Message) bool {
			before++
			return before > r.ToldBefore && m.Notice.Kind == kind
		})
	}
}

func heard(r *Run, want string, is func(chat.Message) bool) Sight {
	messages := r.Told()
	var kinds []string
	for _, m := range messages {
		kinds = append(kinds, string(m.Notice.Kind))
	}
	return Sight{
		OK: slices.ContainsFunc(messages, is), Want: "on the console: " + want,
		Seen: fmt.Sprintf("%d messages: %s", len(messages), strings.Join(kinds, ", ")),
	}
}

// counts looks for a sum of a counter over the labels that match.
func counts(want uint64, name string, labels ...ledger.Label) func(*Run) Sight {
	return func(r *Run) Sight {
		var sum uint64
		for _, c := range r.Ledger.Counters() {
			if c.Name == name && !slices.ContainsFunc(labels, func(l ledger.Label) bool { return !slices.Contains(c.Labels, l) }) {
				sum += c.Value
			}
		}
		what := []string{name}
		for _, l := range labels {
			what = append(what, l.Name+"="+l.Value)
		}
		return Sight{OK: sum == want, Want: fmt.Sprintf("%s %d", strings.Join(what, " "), want), Seen: fmt.Sprint(sum)}
	}
}

// level looks for the action's effective level.
func level(want remedy.Level) func(*Run) Sight {
	return func(r *Run) Sight {
		got := r.Ledger.Level(r.Action, r.Pool)
		return Sight{OK: got == want, Want: "level " + want.String(), Seen: "level " + got.String()}
	}
}

// theCase looks at the story's case.
func theCase(want string, is func(*ledger.Case) bool) func(*Run) Sight {
	return func(r *Run) Sight {
		c, ok := r.Ledger.Case(r.Case)
		if !ok {
			return Sight{Want: want, Seen: "no case"}
		}
		return Sight{OK: is(c), Want: fmt.Sprintf("%s %s", c.ID, want), Seen: brief(c)}
	}
}

// brief words where a case stands.
func brief(c *ledger.Case) string {
	out := fmt.Sprintf("%s %s %s", c.ID, c.Host, c.Stage)
	if c.Outcome != "" {
		out += ", outcome " + string(c.Outcome)
	}
	if c.Decision != nil {
		out += fmt.Sprintf(", decided %s of %s", c.Decision.Level, c.Decision.Effective)
		if c.Decision.BlockedBy != "" {
			out += ", blocked by " + c.Decision.BlockedBy
		}
	}
	if c.Note != "" {
		out += ", note: " + c.Note
	}
	return out
}

// Describe says what is open, with each guardrail's answer that stands in the
// way, and what was last seen of the fleet: for when a line did not come true.
func Describe(w World) []string {
	r := begin(w)
	r.turn()
	out := []string{"nodes: " + r.nodes(), "verdicts: " + Verdicts(r.Findings()), "balancer: " + commands(r.Commands())}
	for _, f := range r.Findings() {
		if f.Verdict != remedy.VerdictGood {
			value := "no value"
			if v, ok := f.Value.Get(); ok {
				value = fmt.Sprintf("%.2f %s", v, f.Unit)
			}
			out = append(out, fmt.Sprintf("%s: %s, %s, %d points, judged at %s", f.Host, word(f), value, f.Points, f.At.Format("15:04:05")))
		}
	}
	for _, c := range r.Ledger.Cases(ledger.CaseFilter{Limit: 15}) {
		out = append(out, brief(c))
		if c.Decision != nil && c.Open() {
			for _, a := range c.Decision.Answers {
				out = append(out, fmt.Sprintf("  %-16s %-9s %s (limit %s)", a.Guardrail, a.Effect, a.Observed, a.Limit))
			}
		}
		for _, e := range c.Events {
			out = append(out, fmt.Sprintf("  %s %s", e.At.Format("15:04:05"), e.What))
		}
	}
	return out
}
