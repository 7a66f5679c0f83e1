package unit

import (
	"fmt"
	"strings"
	"time"

	"warden/internal/chat"
	"warden/internal/config"
	"warden/internal/engine"
	"warden/internal/remedy"
)

// why says what warden makes of a host: what each detector says of it with the
// arithmetic, and of each open case which guardrails stand in its way.
func (c *check) why(host remedy.HostName) []string {
	var out []string
	v := c.engine.View()
	defer v.Release()
	for _, pool := range c.poolsOf(host) {
		for _, j := range v.Judgements(pool) {
			i, ok := j.Of(host)
			if !ok {
				continue
			}
			f := j.Finding(i)
			out = append(out, fmt.Sprintf("%s: %s says %s at %s: %s", host, j.Detector, f.Verdict, c.time(f.At), strings.TrimPrefix(chat.FindingSentence(f), "unknown: ")))
			if f.Verdict != remedy.VerdictOut {
				out = append(out, c.arithmetic(j, host)...)
			}
		}
	}
	if len(out) == 0 {
		out = append(out, fmt.Sprintf("%s: no detector judges it", host))
	}
	found := false
	for _, x := range c.cases {
		if x.Host != host {
			continue
		}
		found = true
		level := "not decided"
		if d := x.Decision; d != nil {
			level = "level " + d.Level.String()
			if d.BlockedBy != "" {
				level = "blocked by " + d.BlockedBy
			}
		}
		out = append(out, fmt.Sprintf("  %s: %s, %s, open since %s", named(x), x.Stage, level, c.time(x.OpenedAt)))
		if x.Decision == nil {
			continue
		}
		for _, a := range x.Decision.Answers {
			if a.Effect != remedy.EffectAllow && a.Effect != remedy.EffectNotBind {
				out = append(out, fmt.Sprintf("    %s: %s", a.Guardrail, chat.AnswerWords(a)))
			}
		}
	}
	if !found {
		out = append(out, "  no case is open")
	}
	return out
}

// time is an instant as the test counts.
func (c *check) time(t time.Time) string {
	if t.Before(c.test.start) {
		return "-" + config.Duration(c.test.start.Sub(t)).String()
	}
	return config.Duration(t.Sub(c.test.start)).String()
}

// arithmetic is what a detector saw of the host at each instant it looked at,
// those of one state in a row together.
func (c *check) arithmetic(j remedy.Judgement, host remedy.HostName) []string {
	t, err := engine.Try(c.ctx, c.config, engine.TrialQuery{Detector: j.Detector, Pool: j.Pool, Host: host, At: j.At}, c.clock.Now(), func(h remedy.HostName) remedy.ServiceState {
		if c.lb.out()[place{j.Pool, h}] {
			return remedy.ServiceOut
		}
		return remedy.ServiceIn
	})
	if err != nil {
		return []string{"  " + err.Error()}
	}
	var out []string
	if t.Failed != "" {
		out = append(out, "  not believed: "+t.Failed)
	}
	for i := 0; i < len(t.Steps); {
		k := i
		for k+1 < len(t.Steps) && t.Steps[k+1].State == t.Steps[i].State {
			k++
		}
		at := c.time(t.Steps[k].At)
		if k > i {
			at = c.time(t.Steps[i].At) + " to " + at
		}
		out = append(out, fmt.Sprintf("  %s at %s: %s", t.Steps[k].State, at, t.Steps[k].Text))
		i = k + 1
	}
	return out
}
