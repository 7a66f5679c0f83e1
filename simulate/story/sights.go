package story

import (
	"fmt"
	"slices"
	"strings"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// admin looks for a host's administrative state at the load balancer.
func admin(host, want string) func(*Run) Sight {
	return func(r *Run) Sight {
		got := r.Fleet.Servers()[host].Admin
		return Sight{OK: got == want, Want: host + " " + want, Seen: host + " " + got}
	}
}

// idle looks for a host without traffic at the load balancer.
func idle(host string) func(*Run) Sight {
	return func(r *Run) Sight {
		s := r.Fleet.Servers()[host]
		return Sight{
			OK: s.Sessions == 0 && s.Rate == 0, Want: host + " without sessions",
			Seen: fmt.Sprintf("%d sessions, %d a second", s.Sessions, s.Rate),
		}
	}
}

// out looks for exactly these hosts being out, in the ledger.
func out(hosts ...string) func(*Run) Sight {
	return func(r *Run) Sight {
		var got []string
		for _, o := range r.Ledger.Pool(r.Pool, r.Clock.Now()).Out {
			got = append(got, string(o.Host))
		}
		return Sight{OK: slices.Equal(got, hosts), Want: fmt.Sprintf("out of service: %v", hosts), Seen: fmt.Sprintf("out of service: %v", got)}
	}
}

// stormy looks for common mode being on or over, in the ledger.
func stormy(on bool) func(*Run) Sight {
	return func(r *Run) Sight {
		s, ok := r.storm()
		seen := "no common mode was ever committed"
		if ok {
			seen = fmt.Sprintf("on %t, began %s, ended %s", s.On, s.StartedAt.Format("15:04:05"), s.EndedAt.Format("15:04:05"))
		}
		return Sight{OK: ok && s.On == on && !s.StartedAt.IsZero(), Want: fmt.Sprintf("common mode on: %t", on), Seen: seen}
	}
}

// calm looks for a common mode that has been over for longer than its cooldown.
func calm(r *Run) Sight {
	s, ok := r.storm()
	var rest string
	for _, d := range r.Engine.Config().Detectors {
		if spec := d.Spec(); spec.Name == r.Detector {
			left := s.EndedAt.Add(spec.StormCooldown).Sub(r.Clock.Now())
			if ok && !s.On && !s.Latched && left <= 0 {
				return Sight{OK: true, Want: "calm", Seen: "calm"}
			}
			rest = left.String()
		}
	}
	return Sight{Want: "common mode over and cooled down", Seen: fmt.Sprintf("on %t, latched %t, %s left", s.On, s.Latched, rest)}
}

func (r *Run) storm() (ledger.StormState, bool) {
	storms := r.Ledger.Pool(r.Pool, r.Clock.Now()).Storms
	i := slices.IndexFunc(storms, func(s ledger.StormState) bool { return s.Detector == r.Detector })
	if i < 0 {
		return ledger.StormState{}, false
	}
	return storms[i], true
}

// blocked looks for an open case on each of the hosts and on no other, decided
// at auto, that one guardrail blocks and no other stands in the way of.
func blocked(hosts []string, by string) func(*Run) Sight {
	return func(r *Run) Sight {
		want := Sight{Want: fmt.Sprintf("%d open cases at auto, each blocked by %s and by nothing else", len(hosts), by)}
		open := r.Open()
		var got []string
		for _, c := range open {
			got = append(got, string(c.Host))
			if wrong := blockedOtherwise(c, by); wrong != "" {
				want.Seen = brief(c) + ": " + wrong
				return want
			}
		}
		slices.Sort(got)
		want.OK = slices.Equal(got, hosts)
		want.Seen = fmt.Sprintf("%d open cases: %s", len(open), strings.Join(got, " "))
		return want
	}
}

const secondOpinion = "second_opinion"

func blockedOtherwise(c *ledger.Case, by string) string {
	switch d := c.Decision; {
	case len(c.Executions) > 0:
		return "it was acted on"
	case c.Stage != remedy.StageDetected:
		return "its stage is " + string(c.Stage)
	case d == nil:
		return "it was not decided"
	case d.Effective != remedy.LevelAuto:
		return "the level is " + d.Effective.String()
	case d.BlockedBy != by:
		return "it is not blocked by " + by
	default:
		for _, a := range d.Answers {
			if a.Guardrail == secondOpinion {
				continue // the others are asked about what nothing else holds back
			}
			if (a.Effect != remedy.EffectAllow) != (a.Guardrail == by) {
				return fmt.Sprintf("%s answers %s: %s (limit %s)", a.Guardrail, a.Effect, a.Observed, a.Limit)
			}
		}
		return ""
	}
}

// closedAs looks for the newest case of each host being closed with an outcome.
func closedAs(hosts []string, o remedy.Outcome) func(*Run) Sight {
	return func(r *Run) Sight {
		s := Sight{OK: true, Want: fmt.Sprintf("%d cases closed as %s", len(hosts), o)}
		for _, h := range hosts {
			cases := r.Ledger.Cases(ledger.CaseFilter{Pool: r.Pool, Host: remedy.HostName(h), Limit: 1})
			if len(cases) == 0 || cases[0].Stage != remedy.StageClosed || cases[0].Outcome != o {
				s.OK, s.Seen = false, h+" has no such case"
				if len(cases) > 0 {
					s.Seen = brief(cases[0])
				}
				return s
			}
		}
		s.Seen = s.Want
		return s
	}
}
